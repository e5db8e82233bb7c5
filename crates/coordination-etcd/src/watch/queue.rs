//! What one watch has seen and its reader has not.

use std::collections::VecDeque;

use hyrax_coordination::{Event, Unavailable, WatchBatch, WatchError};
use hyrax_types::limits::{ETCD_WATCH_QUEUE_BYTES_MAX, WATCH_QUEUE_EVENTS_MAX};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// A queue with one reader. Its end is told after all that is in it.
#[derive(Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    filled: Notify,
}

#[derive(Default)]
struct Inner {
    batches: VecDeque<WatchBatch>,
    events: usize,
    bytes: usize,
    /// Something found no room: nothing comes in until the reader has read all.
    full: bool,
    end: Option<WatchError>,
}

impl Queue {
    /// Adds a batch, if there is room. One batch always has: it can be larger than all the room there is.
    pub(super) fn offer(&self, batch: WatchBatch) -> bool {
        let mut inner = self.inner.lock();
        let events = batch.events.len();
        let bytes = batch.events.iter().map(footprint).sum::<usize>();
        let too_many = inner.events + events > WATCH_QUEUE_EVENTS_MAX
            || inner.bytes + bytes > ETCD_WATCH_QUEUE_BYTES_MAX;
        if inner.full || too_many && inner.events > 0 {
            inner.full = true;
            return false;
        }
        inner.events += events;
        inner.bytes += bytes;
        // A notice of progress says all that the one before it said.
        if events == 0 && inner.batches.back().is_some_and(|last| last.events.is_empty()) {
            inner.batches.pop_back();
        }
        inner.batches.push_back(batch);
        drop(inner);
        self.filled.notify_one();
        true
    }

    /// The watch is over.
    pub(super) fn end(&self, error: WatchError) {
        self.inner.lock().end.get_or_insert(error);
        self.filled.notify_one();
    }

    /// The next batch, and whether it was the last of a queue that was full.
    pub(super) async fn take(&self) -> Result<(WatchBatch, bool), WatchError> {
        loop {
            {
                let mut inner = self.inner.lock();
                if let Some(batch) = inner.batches.pop_front() {
                    inner.events -= batch.events.len();
                    inner.bytes -= batch.events.iter().map(footprint).sum::<usize>();
                    let caught_up = inner.full && inner.batches.is_empty();
                    inner.full &= !caught_up;
                    return Ok((batch, caught_up));
                }
                if let Some(error) = &inner.end {
                    return Err(error.clone());
                }
            }
            self.filled.notified().await;
        }
    }
}

/// The hub is gone, and nothing more will come.
pub(super) const GONE: WatchError = WatchError::Unavailable(Unavailable::Stopped);

fn footprint(event: &Event) -> usize {
    let bytes = |kv: &hyrax_coordination::KeyValue| kv.key.len() + kv.value.len();
    size_of::<Event>() + bytes(&event.kv) + event.prev_kv.as_deref().map_or(0, bytes)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt;
    use hyrax_coordination::{EventKind, KeyValue};
    use hyrax_types::Revision;

    use super::*;

    fn batch(revision: u64, events: usize) -> WatchBatch {
        let kv = Arc::new(KeyValue { mod_revision: Revision(revision), ..KeyValue::default() });
        let event = Event { kind: EventKind::Put, kv, prev_kv: None };
        WatchBatch { revision: Revision(revision), events: vec![event; events] }
    }

    fn taken(queue: &Queue) -> Option<(u64, bool)> {
        let (batch, caught_up) = queue.take().now_or_never()?.unwrap();
        Some((batch.revision.0, caught_up))
    }

    #[test]
    fn a_full_queue_takes_nothing_until_all_is_read() {
        let queue = Queue::default();
        assert!(queue.offer(batch(1, WATCH_QUEUE_EVENTS_MAX * 2)), "alone there is always room");
        assert!(!queue.offer(batch(2, 1)));
        assert!(!queue.offer(batch(3, 0)), "nor for what comes after it");
        assert_eq!(taken(&queue), Some((1, true)));
        assert!(queue.offer(batch(2, 1)) && queue.offer(batch(3, 1)));
        assert_eq!((taken(&queue), taken(&queue), taken(&queue)), (Some((2, false)), Some((3, false)), None));
    }

    #[test]
    fn notices_of_progress_do_not_pile_up() {
        let queue = Queue::default();
        for revision in [1, 2, 3] {
            assert!(queue.offer(batch(revision, 0)));
        }
        assert_eq!((taken(&queue), taken(&queue)), (Some((3, false)), None));
    }

    #[test]
    fn the_end_comes_last_and_stays() {
        let queue = Queue::default();
        assert!(queue.offer(batch(1, 1)));
        queue.end(WatchError::EmptyRange);
        queue.end(GONE);
        assert_eq!(taken(&queue), Some((1, false)));
        for _ in 0..2 {
            assert_eq!(queue.take().now_or_never(), Some(Err(WatchError::EmptyRange)));
        }
    }
}
