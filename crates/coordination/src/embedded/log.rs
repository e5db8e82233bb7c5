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
        let end = self.start_of(Revision(last.0.saturating_add(1))).max(start);
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

    /// Where the events of `revision` and later begin. Most readers want the last ones: it is looked for from
    /// the back, in steps that double, so that those of long ago are not even touched.
    fn start_of(&self, revision: Revision) -> usize {
        let is_before = |at: usize| self.events[at].kv.mod_revision < revision;
        let (mut low, mut high) = (self.events.len(), self.events.len());
        let mut step = 1;
        while low > 0 {
            low = low.saturating_sub(step);
            if is_before(low) {
                low += 1;
                break;
            }
            high = low;
            step *= 2;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if is_before(middle) { low = middle + 1 } else { high = middle }
        }
        low
    }
}

fn cost(event: &Event) -> usize {
    event.kv.key.len() + event.kv.value.len() + EVENT_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{EventKind, KeyValue};

    #[test]
    fn events_are_found_by_revision_wherever_they_are() {
        let mut log = EventLog::default();
        assert_eq!(log.start_of(Revision(1)), 0);
        // Three of each even revision.
        for revision in (0..60).map(|number| Revision(number / 3 * 2)) {
            let kv = Arc::new(KeyValue { mod_revision: revision, ..KeyValue::default() });
            log.push(Event { kind: EventKind::Put, kv, prev_kv: None });
        }
        for revision in 0..=40 {
            let found = log.start_of(Revision(revision));
            let expected = log.events.partition_point(|event| event.kv.mod_revision.0 < revision);
            assert_eq!(found, expected, "{revision}");
        }
    }
}
