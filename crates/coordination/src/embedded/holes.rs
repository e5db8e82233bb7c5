//! Revisions that were lost: they may have been shown, but nobody knows any more what they were.
//!
//! What hangs on a lease that dies with the process is shown before it is synced. If the process dies
//! in between, the revisions after the last one found on disk, up to the ceiling, may have been seen by
//! somebody. They are skipped, and who comes back with one of them is told that it is compacted.

use std::collections::VecDeque;

use hyrax_types::Revision;

/// Each unclean end may leave one until the next compaction; an engine that crashes all day has some
/// hundred. Beyond it the oldest are forgotten by compacting.
const HOLES_MAX: usize = 1_024;

/// The revisions after `last` and before `to`; `to` is the first one that is known again, and has no
/// events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    pub(super) last: Revision,
    pub(super) to: Revision,
}

/// Those that were not compacted yet, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Holes(VecDeque<Hole>);

impl Holes {
    /// Adds one after all others. Answers to which revision must be compacted, as there are too many.
    pub(super) fn push(&mut self, hole: Hole) -> Option<Revision> {
        self.0.push_back(hole);
        (self.0.len() > HOLES_MAX).then(|| self.0[0].to)
    }

    /// Forgets those before `compacted`.
    pub(super) fn forget(&mut self, compacted: Revision) {
        while self.0.front().is_some_and(|hole| hole.to <= compacted) {
            self.0.pop_front();
        }
    }

    /// Whether nobody knows how things were at `revision`.
    pub(super) fn hide(&self, revision: Revision) -> bool {
        self.0.iter().any(|hole| hole.last < revision && revision < hole.to)
    }

    /// Where a watch can start that wanted to at `revision`; `None` when it can start there. Who wants
    /// the revision after the last one known has seen nothing that was lost; who wants a later one may
    /// have, also when it is the one after the hole.
    pub(super) fn first_after(&self, revision: Revision) -> Option<Revision> {
        let lost = |hole: &&Hole| hole.last.next() < revision && revision <= hole.to;
        self.0.iter().find(lost).map(|hole| hole.to.next())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Hole> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_saw_only_what_is_known_goes_on_and_others_start_anew() {
        let mut holes = Holes::default();
        holes.push(Hole { last: Revision(10), to: Revision(100) });
        for (revision, watched, read) in [
            (10, None, false),
            (11, None, true),
            (12, Some(Revision(101)), true),
            (99, Some(Revision(101)), true),
            (100, Some(Revision(101)), false),
            (101, None, false),
        ] {
            assert_eq!(holes.first_after(Revision(revision)), watched, "{revision}");
            assert_eq!(holes.hide(Revision(revision)), read, "{revision}");
        }
        holes.forget(Revision(99));
        assert!(holes.hide(Revision(99)));
        holes.forget(Revision(100));
        assert_eq!(holes, Holes::default());
    }
}
