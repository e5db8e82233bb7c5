//! Every event since the last compaction, in order: what a watch that starts in the past, or fell
//! behind, reads.

use std::collections::VecDeque;
use std::sync::Arc;

use hyrax_types::Revision;

use crate::{Event, Key};

/// What an event costs beside its bytes: the shared event, the version, its place here.
const EVENT_OVERHEAD_BYTES: usize = 192;

/// Events ordered by revision.
#[derive(Debug, Default)]
pub(super) struct EventLog {
    events: VecDeque<Arc<Event>>,
    bytes: usize,
    pushed: u64,
}

impl EventLog {
    pub(super) fn push(&mut self, event: Event) {
        self.pushed += 1;
        self.bytes += cost(&event);
        self.events.push_back(Arc::new(event));
    }

    /// The events of `revision` and later.
    pub(super) fn from(&self, revision: Revision) -> impl Iterator<Item = &Arc<Event>> {
        self.events.range(self.start_of(revision)..)
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

    fn start_of(&self, revision: Revision) -> usize {
        // Most readers want the last revision: look there before searching.
        match self.events.back() {
            Some(last) if last.kv.mod_revision < revision => self.events.len(),
            _ => self.events.partition_point(|event| event.kv.mod_revision < revision),
        }
    }
}

fn cost(event: &Event) -> usize {
    event.kv.key.len() + event.kv.value.len() + EVENT_OVERHEAD_BYTES
}
