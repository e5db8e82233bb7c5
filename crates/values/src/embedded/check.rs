//! How the commands' tests run commands: one engine, a clock that stands still, changes recorded.

pub(super) use crate::conformance::show;

use super::Embedded;
use crate::conformance::Recorder;
use crate::{Call, Reply, Values, command};
use hyrax_types::ManualClock;
use std::sync::Arc;

/// An engine to run commands on.
pub(super) struct Check {
    engine: Embedded,
    recorder: Arc<Recorder>,
}

impl Check {
    /// An empty key space at time 1,000,000 ms.
    pub(super) fn new() -> Self {
        let clock = Arc::new(ManualClock::at_ms(1_000_000));
        let recorder = Arc::new(Recorder::default());
        Check { engine: Embedded::new(clock, recorder.clone()), recorder }
    }

    /// Runs one command given as words separated by single spaces (`''` is the empty word).
    pub(super) fn run(&self, line: &str) -> Reply {
        let words: Vec<&[u8]> =
            line.split(' ').map(|word| if word == "''" { &b""[..] } else { word.as_bytes() }).collect();
        self.run_words(&words)
    }

    /// Runs one command.
    pub(super) fn run_words(&self, argv: &[&[u8]]) -> Reply {
        let Some(command) = command::lookup(argv[0]) else { return Reply::Error(command::unknown(argv)) };
        let call = Call { command, argv, actor: None, quiet: false };
        Reply::collect(|sink| {
            self.engine.execute(&call, sink);
        })
    }

    /// Runs a command and compares its reply as text: bulks bare, `nil`, errors by their text,
    /// containers in brackets.
    #[track_caller]
    pub(super) fn check(&self, line: &str, expected: &str) {
        assert_eq!(show(&self.run(line)), expected, "{line}");
    }

    /// The changes since the last call, each `command key args…`.
    pub(super) fn changes(&self) -> Vec<String> {
        self.recorder.take().iter().map(ToString::to_string).collect()
    }

    /// The engine itself.
    pub(super) fn engine(&self) -> &Embedded {
        &self.engine
    }
}
