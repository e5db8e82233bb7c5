//! What may be seen of a store whose journal lags behind, and who waits for more. Knows no store and no
//! disk: positions and revisions go in, the revision that may be shown comes out.
//!
//! Records are seen in their order. One that must last is seen when it is synced. Another (it belongs
//! to this process alone) is seen as soon as all before it are, if a ceiling above its revision is
//! synced: after a crash no revision up to the ceiling is used again.

use std::collections::VecDeque;

use hyrax_journal::Position;
use hyrax_types::Revision;
use tokio::sync::oneshot;

use crate::{LeaseId, Unavailable};

/// How far ahead a ceiling is set. A crash skips that many revisions at most; and one record in half as
/// many is what it costs.
const CEILING_STEP: u64 = 1 << 20;

/// A record of which nobody has seen the effect.
#[derive(Debug)]
struct Unseen {
    position: Position,
    /// The store's after it.
    revision: Revision,
    must_last: bool,
    granted: Option<LeaseId>,
}

/// Somebody who waits until a record, and all before it, may be seen.
#[derive(Debug)]
struct Waiter {
    position: Position,
    seen: oneshot::Sender<Result<(), Unavailable>>,
}

/// To be awaited: whether what was waited for may be seen.
pub(super) type Wait = oneshot::Receiver<Result<(), Unavailable>>;

/// See the module.
#[derive(Debug)]
pub(super) struct Gate {
    unseen: VecDeque<Unseen>,
    /// In the order of their positions.
    waiters: VecDeque<Waiter>,
    synced: Position,
    /// The last one that is synced.
    ceiling: Revision,
    /// The last one appended, and where.
    ceiling_asked: (Position, Revision),
    stopped: Option<Unavailable>,
}

impl Gate {
    /// Everything up to `synced`, a ceiling at `ceiling` included, is on disk.
    pub(super) fn new(synced: Position, ceiling: Revision) -> Gate {
        Gate {
            unseen: VecDeque::new(),
            waiters: VecDeque::new(),
            synced,
            ceiling,
            ceiling_asked: (synced, ceiling),
            stopped: None,
        }
    }

    /// The next ceiling for a store that stands at `revision`; none while the last one is high enough.
    pub(super) fn next_ceiling(&self, revision: Revision) -> Option<Revision> {
        let (_, asked) = self.ceiling_asked;
        (asked.0 < revision.0 + CEILING_STEP / 2).then(|| Gate::ceiling_above(revision))
    }

    /// The ceiling for a store that stands at `revision`.
    pub(super) fn ceiling_above(revision: Revision) -> Revision {
        Revision(revision.0 + CEILING_STEP)
    }

    /// The last ceiling appended.
    pub(super) fn ceiling_asked(&self) -> Revision {
        self.ceiling_asked.1
    }

    /// A record was appended that took the store to `revision`.
    pub(super) fn appended(
        &mut self,
        position: Position,
        revision: Revision,
        must_last: bool,
        granted: Option<LeaseId>,
    ) {
        self.unseen.push_back(Unseen { position, revision, must_last, granted });
    }

    /// A ceiling was appended.
    pub(super) fn ceiling_appended(&mut self, position: Position, ceiling: Revision) {
        self.ceiling_asked = (position, ceiling);
    }

    /// Everything up to `position` is on disk.
    pub(super) fn reach(&mut self, position: Position) {
        self.synced = self.synced.max(position);
        let (asked_at, asked) = self.ceiling_asked;
        if asked_at <= self.synced {
            self.ceiling = asked;
        }
    }

    /// The revision that may be seen now, if that is news.
    pub(super) fn pass(&mut self) -> Option<Revision> {
        let mut seen = None;
        while let Some(first) = self.unseen.front() {
            let synced = first.position <= self.synced;
            let needs_no_sync = !first.must_last && first.revision <= self.ceiling;
            if !synced && !needs_no_sync {
                break;
            }
            seen = Some(first.revision);
            self.unseen.pop_front();
        }
        seen
    }

    /// Those whose wait is over.
    pub(super) fn released(&mut self) -> Released {
        let first_unseen = self.unseen.front().map(|first| first.position);
        let over = |waiter: &Waiter| first_unseen.is_none_or(|unseen| waiter.position < unseen);
        let count = self.waiters.iter().take_while(|waiter| over(waiter)).count();
        Released { waiters: self.waiters.drain(..count).collect(), result: Ok(()) }
    }

    /// Waits until all that was appended may be seen; `None` if it may.
    pub(super) fn wait(&mut self) -> Option<Wait> {
        let position = self.unseen.back()?.position;
        let (seen, wait) = oneshot::channel();
        match &self.stopped {
            Some(why) => _ = seen.send(Err(why.clone())),
            None => self.waiters.push_back(Waiter { position, seen }),
        }
        Some(wait)
    }

    /// Whether a lease was granted that nobody may know of yet.
    pub(super) fn hides(&self, lease: LeaseId) -> bool {
        self.unseen.iter().any(|unseen| unseen.granted == Some(lease))
    }

    /// Nothing more will be synced.
    pub(super) fn stop(&mut self, why: Unavailable) -> Released {
        self.stopped = Some(why.clone());
        Released { waiters: self.waiters.drain(..).collect(), result: Err(why) }
    }

    /// Whether the journal stopped by itself.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }
}

/// Waiters to be told, once no lock is held.
#[must_use]
pub(super) struct Released {
    waiters: Vec<Waiter>,
    result: Result<(), Unavailable>,
}

impl Released {
    pub(super) fn tell(self) {
        for waiter in self.waiters {
            // Whoever does not wait any more has dropped the answer.
            _ = waiter.seen.send(self.result.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        Gate::new(Position(10), Revision(1_000))
    }

    fn appended(gate: &mut Gate, position: u64, must_last: bool) {
        gate.appended(Position(position), Revision(position * 10), must_last, None);
    }

    #[test]
    fn what_must_last_is_seen_when_it_is_synced() {
        let mut gate = gate();
        appended(&mut gate, 11, true);
        appended(&mut gate, 12, true);
        assert_eq!(gate.pass(), None);
        let mut wait = gate.wait().expect("unseen");
        gate.reach(Position(11));
        assert_eq!(gate.pass(), Some(Revision(110)));
        gate.released().tell();
        assert!(wait.try_recv().is_err(), "not yet");
        gate.reach(Position(12));
        assert_eq!(gate.pass(), Some(Revision(120)));
        gate.released().tell();
        assert_eq!(wait.try_recv(), Ok(Ok(())));
        assert!(gate.wait().is_none());
    }

    #[test]
    fn what_dies_with_the_process_is_seen_at_once_but_in_order() {
        let mut gate = gate();
        appended(&mut gate, 11, false);
        assert_eq!(gate.pass(), Some(Revision(110)));
        appended(&mut gate, 12, true);
        appended(&mut gate, 13, false);
        appended(&mut gate, 14, true);
        assert_eq!(gate.pass(), None);
        gate.reach(Position(12));
        assert_eq!(gate.pass(), Some(Revision(130)), "with what it waited for");
    }

    #[test]
    fn above_the_ceiling_everything_waits() {
        let mut gate = Gate::new(Position(10), Revision(125));
        appended(&mut gate, 11, false);
        appended(&mut gate, 12, false);
        appended(&mut gate, 13, false);
        assert_eq!(gate.pass(), Some(Revision(120)));
        gate.ceiling_appended(Position(14), Revision(500));
        assert_eq!(gate.pass(), None, "the new ceiling is not on disk");
        gate.reach(Position(14));
        assert_eq!(gate.pass(), Some(Revision(130)));
    }

    #[test]
    fn who_waits_for_a_journal_that_stopped_is_told() {
        let mut gate = gate();
        appended(&mut gate, 11, true);
        let mut before = gate.wait().expect("unseen");
        gate.stop(Unavailable::because("broken")).tell();
        let mut after = gate.wait().expect("unseen");
        for wait in [&mut before, &mut after] {
            assert_eq!(wait.try_recv(), Ok(Err(Unavailable::because("broken"))));
        }
    }
}
