//! How the commands' tests run commands: one engine, a clock that stands still, changes recorded.

pub(super) use crate::conformance::show;

use super::Embedded;
use crate::conformance::{Recorded, Recorder};
use crate::{Call, Calls, Execution, Reply, Transaction, Values, Waiting, Watched, command};
use futures_util::FutureExt;
use hyrax_types::ManualClock;
use std::sync::Arc;

/// An engine to run commands on.
pub(super) struct Check {
    engine: Embedded,
    recorder: Arc<Recorder>,
    clock: Arc<ManualClock>,
}

/// A command that waits.
pub(super) struct Waits(Waiting);

impl Waits {
    /// Compares what it answers as text; `waits` while it does.
    #[track_caller]
    pub(super) fn check(&mut self, expected: &str) {
        let reply = (&mut self.0.reply).now_or_never();
        assert_eq!(reply.as_ref().map_or("waits".to_owned(), show), expected);
    }
}

fn words(line: &str) -> Vec<&[u8]> {
    line.split(' ').map(|word| if word == "''" { &b""[..] } else { word.as_bytes() }).collect()
}

impl Check {
    /// An empty key space at time 1,000,000 ms.
    pub(super) fn new() -> Self {
        let clock = Arc::new(ManualClock::at_ms(1_000_000));
        let recorder = Arc::new(Recorder::default());
        Check { engine: Embedded::new(clock.clone(), recorder.clone()), recorder, clock }
    }

    /// Runs one command given as words separated by single spaces (`''` is the empty word).
    pub(super) fn run(&self, line: &str) -> Reply {
        self.run_words(&words(line))
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

    /// Runs a command that has to wait.
    #[track_caller]
    pub(super) fn wait(&self, line: &str) -> Waits {
        self.wait_as(line, None, false)
    }

    /// Runs a command that has to wait, for somebody, quietly or not.
    #[track_caller]
    pub(super) fn wait_as(&self, line: &str, actor: Option<&[u8]>, quiet: bool) -> Waits {
        let argv = words(line);
        let command = command::lookup(argv[0]).expect("a command");
        let call = Call { command, argv: &argv, actor, quiet };
        let mut waiting = None;
        let reply = Reply::collect(|sink| {
            if let Execution::Waiting(waits) = self.engine.execute(&call, sink) {
                waiting = Some(waits);
            }
        });
        Waits(waiting.unwrap_or_else(|| panic!("{line} answers {} at once", show(&reply))))
    }

    /// Runs commands as one step, unless a watched key has changed; the replies as text, or `aborted`.
    pub(super) fn transaction(&self, watched: &[Watched], lines: &[&str]) -> String {
        let argvs: Vec<Vec<&[u8]>> = lines.iter().map(|line| words(line)).collect();
        let calls: Vec<_> = argvs
            .iter()
            .map(|argv| {
                let command = command::lookup(argv[0]).expect("a command");
                Call { command, argv, actor: None, quiet: false }
            })
            .collect();
        let mut replies = Vec::new();
        let mut body = |run: &mut dyn Calls| {
            replies.extend((0..lines.len()).map(|call| Reply::collect(|sink| run.run(call, sink))));
        };
        match self.engine.transaction(watched, &calls, &mut body) {
            Transaction::Aborted => "aborted".to_owned(),
            _ => replies.iter().map(show).collect::<Vec<_>>().join(" | "),
        }
    }

    /// The changes since the last call.
    pub(super) fn recorded(&self) -> Vec<Recorded> {
        self.recorder.take()
    }

    /// Puts keys under watch.
    pub(super) fn watch(&self, keys: &str) -> Vec<Watched> {
        keys.split(' ').map(|key| self.engine.watch_key(key.as_bytes())).collect()
    }

    /// Lets time pass, without anything being looked at.
    pub(super) fn pass_ms(&self, ms: u64) {
        self.clock.advance_ms(ms);
    }

    /// The engine itself.
    pub(super) fn engine(&self) -> &Embedded {
        &self.engine
    }
}
