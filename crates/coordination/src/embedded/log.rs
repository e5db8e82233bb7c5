//! Every event since the last compaction, in order: what a watch that starts in the past, or fell
//! behind, reads.

use std::collections::VecDeque;

use hyrax_types::Revision;

use crate::{Event, Key};

/// What an event costs beside its bytes: the version, its place here and among the older ones.
const EVENT_OVERHEAD_BYTES: usize = 192;

/// Events ordered by revision.
#[derive(Debug, Default)]
pub(super) struct EventLog {
    events: VecDeque<Event>,
    bytes: usize,
    pushed: u64,
}

impl EventLog {
    pub(super) fn push(&mut self, event: Event) {
        self.pushed += 1;
        self.bytes += cost(&event);
        self.events.push_back(event);
    }

    /// The events from the revision `first` to `last`, both included.
    pub(super) fn between(&self, first: Revision, last: Revision) -> impl Iterator<Item = &Event> {
        let start = self.start_of(first);
        let end = self.start_of(last.next()).max(start);
        self.events.range(start..end)
    }

    /// How many events ever.
    pub(super) fn pushed(&self) -> u64 {
        self.pushed
    }

    /// The revision to compact to so that the log holds no more than its bounds; none while it does.
    pub(super) fn excess(&self, events_max: usize, bytes_max: usize) -> Option<Revision> {
        let mut surplus = self.events.len().saturating_sub(events_max);
        if surplus == 0 && self.bytes <= bytes_max {
            return None;
        }
        if self.bytes > bytes_max {
            // Half of it: an exact cut would be looked for again at the next event.
            surplus = surplus.max(self.events.len() / 2);
        }
        self.events.get(surplus).or(self.events.back()).map(|event| event.kv.mod_revision)
    }

    /// Takes the oldest event out if it is before `compacted`, and answers its key.
    pub(super) fn pop_before(&mut self, compacted: Revision) -> Option<Key> {
        let oldest = self.events.front()?;
        if oldest.kv.mod_revision >= compacted {
            return None;
        }
        self.bytes -= cost(oldest);
        let event = self.events.pop_front()?;
        Some(event.kv.key.clone())
    }

    /// Whether an event before `compacted` is still here.
    pub(super) fn has_before(&self, compacted: Revision) -> bool {
        self.events.front().is_some_and(|oldest| oldest.kv.mod_revision < compacted)
    }

    fn start_of(&self, revision: Revision) -> usize {
        // Most readers want the last revision, and those who write the last one or few: look there
        // before searching.
        match self.events.back() {
            Some(last) if last.kv.mod_revision < revision => return self.events.len(),
            _ => {}
        }
        let mut near = self.events.len();
        for _ in 0..4 {
            match near.checked_sub(1).map(|before| &self.events[before]) {
                Some(event) if event.kv.mod_revision >= revision => near -= 1,
                _ => return near,
            }
        }
        self.events.partition_point(|event| event.kv.mod_revision < revision)
    }
}

fn cost(event: &Event) -> usize {
    event.kv.key.len() + event.kv.value.len() + EVENT_OVERHEAD_BYTES
}
