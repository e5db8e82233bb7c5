//! What must hold over all commands: expiry, and the order of changes among threads.

mod concurrency;
mod eviction;
mod expiry;
mod late;
mod transactions;
mod waiting;
mod watching;

use super::Embedded;
use crate::{Call, Feed, Reply, Values, command};
use hyrax_types::{Change, OwnedChange};
use parking_lot::Mutex;

/// Keeps every change.
#[derive(Default)]
struct Log(Mutex<Vec<OwnedChange>>);

impl Log {
    fn take(&self) -> Vec<OwnedChange> {
        std::mem::take(&mut *self.0.lock())
    }
}

impl Feed for Log {
    fn wants(&self, _hash: u64, _key: &[u8]) -> bool {
        true
    }

    fn emit(&self, _hash: u64, change: &Change<'_>) {
        self.0.lock().push(change.to_owned());
    }

    fn settle(&self) {}
}

/// Runs a command given as words separated by spaces.
fn run(engine: &Embedded, line: &str) -> Reply {
    let argv: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    let command = command::lookup(argv[0]).expect("a command");
    let call = Call { command, argv: &argv, actor: Some(b"tester"), quiet: false };
    Reply::collect(|sink| {
        engine.execute(&call, sink);
    })
}
