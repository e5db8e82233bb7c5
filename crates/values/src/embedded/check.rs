//! How the commands' tests run commands: one engine, a clock that stands still, changes recorded.

use super::Embedded;
use crate::{Call, Feed, Reply, Values, command};
use hyrax_types::{Change, ManualClock};
use parking_lot::Mutex;
use std::sync::Arc;

/// Writes down every change as `command key args…`.
#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Feed for Recorder {
    fn wants(&self, _hash: u64, _key: &[u8]) -> bool {
        true
    }

    fn emit(&self, _hash: u64, change: &Change<'_>) {
        let mut line = format!("{} {}", change.command, String::from_utf8_lossy(change.key));
        for arg in change.args {
            line.push(' ');
            line.push_str(&String::from_utf8_lossy(arg));
        }
        self.0.lock().push(line);
    }

    fn settle(&self) {}
}

/// An engine to run commands on.
pub(super) struct Check {
    engine: Embedded,
    pub(super) clock: Arc<ManualClock>,
    recorder: Arc<Recorder>,
}

impl Check {
    /// An empty key space at time 1,000,000 ms.
    pub(super) fn new() -> Self {
        let clock = Arc::new(ManualClock::at_ms(1_000_000));
        let recorder = Arc::new(Recorder::default());
        Check { engine: Embedded::new(clock.clone(), recorder.clone()), clock, recorder }
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
        std::mem::take(&mut *self.recorder.0.lock())
    }

    /// The engine itself.
    pub(super) fn engine(&self) -> &Embedded {
        &self.engine
    }
}

/// A reply as text.
pub(super) fn show(reply: &Reply) -> String {
    let list = |items: &[Reply]| items.iter().map(show).collect::<Vec<_>>().join(" ");
    let pairs = |items: &[(Reply, Reply)]| {
        items.iter().map(|(a, b)| format!("{}={}", show(a), show(b))).collect::<Vec<_>>().join(" ")
    };
    match reply {
        Reply::Status(text) => (*text).to_owned(),
        Reply::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Reply::Integer(value) => value.to_string(),
        Reply::Double(value) => crate::format_double(*value),
        Reply::Null | Reply::NullArray => "nil".to_owned(),
        Reply::Array(items) => format!("[{}]", list(items)),
        Reply::Set(items) => format!("{{{}}}", list(items)),
        Reply::Map(items) => format!("{{{}}}", pairs(items)),
        Reply::Pairs(items) => format!("[{}]", pairs(items)),
        Reply::Error(error) => error.to_string(),
    }
}
