//! A feed that keeps every change.

use crate::Feed;
use hyrax_types::{Change, Revision};
use parking_lot::Mutex;

/// A change that was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The changed key.
    pub key: Vec<u8>,
    /// Where in the key's history it stands.
    pub rev: Revision,
    /// The command, `expired` or `evicted`.
    pub command: String,
    /// Its arguments, as [`Change::args`] has them.
    pub args: Vec<Vec<u8>>,
    /// Who did it.
    pub actor: Option<Vec<u8>>,
}

impl std::fmt::Display for Recorded {
    /// `command key args…`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.command, String::from_utf8_lossy(&self.key))?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", String::from_utf8_lossy(arg)))
    }
}

/// Keeps every change, of whatever key.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    changes: Vec<Recorded>,
    is_settled: bool,
}

impl Recorder {
    /// The changes since the last call, in the order in which they were told.
    pub fn take(&self) -> Vec<Recorded> {
        std::mem::take(&mut self.0.lock().changes)
    }

    /// Whether the engine has let deliver what it told.
    pub(super) fn is_settled(&self) -> bool {
        let kept = self.0.lock();
        kept.changes.is_empty() || kept.is_settled
    }
}

impl Feed for Recorder {
    fn wants(&self, _hash: u64, _key: &[u8]) -> bool {
        true
    }

    fn emit(&self, _hash: u64, change: &Change<'_>) {
        let mut kept = self.0.lock();
        kept.is_settled = false;
        kept.changes.push(Recorded {
            key: change.key.to_vec(),
            rev: change.rev,
            command: change.command.to_owned(),
            args: change.args.iter().map(|arg| arg.to_vec()).collect(),
            actor: change.actor.map(<[u8]>::to_vec),
        });
    }

    fn settle(&self) {
        self.0.lock().is_settled = true;
    }
}
