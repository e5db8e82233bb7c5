//! The watches that stand, found by key, each with a bounded queue of what it has yet to yield.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use hashbrown::HashMap;
use hyrax_types::Revision;
use hyrax_types::limits::WATCH_QUEUE_EVENTS_MAX;
use parking_lot::Mutex;

use super::interval::IntervalMap;
use crate::{Event, EventKind, Key, KeyRange, WatchRequest};

/// One watch, shared by the registry that feeds it and the stream that empties it.
#[derive(Debug)]
pub(super) struct Watcher {
    id: u64,
    pub(super) request: WatchRequest,
    pub(super) queue: Mutex<Queue>,
}

/// What a watch has yet to yield.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Whole revisions, in order.
    pub(super) events: VecDeque<Event>,
    /// Events from this revision on are not queued: the stream reads them from the history, and
    /// says so by clearing this when it has caught up.
    pub(super) behind_from: Option<Revision>,
    /// Whom to wake.
    pub(super) waker: Option<Waker>,
}

impl Watcher {
    /// Whether the watch is about this event.
    pub(super) fn wants(&self, event: &Event) -> bool {
        self.request.range.contains(&event.kv.key) && self.admits(event)
    }

    /// Whether the watch, being about the event's key, lets it through.
    fn admits(&self, event: &Event) -> bool {
        let filtered = match event.kind {
            EventKind::Put => self.request.no_put,
            EventKind::Delete => self.request.no_delete,
        };
        !filtered && event.kv.mod_revision >= self.request.start_revision
    }

    /// Queues the events of one revision, all or none: a watch that would hold too many reads them
    /// from the history when it gets there.
    fn offer<'a>(
        &self,
        revision: Revision,
        events: impl ExactSizeIterator<Item = &'a Event>,
        woken: &mut Vec<Waker>,
    ) {
        let mut queue = self.queue.lock();
        if queue.behind_from.is_some() {
            return;
        }
        if queue.events.len() + events.len() > WATCH_QUEUE_EVENTS_MAX {
            queue.behind_from = Some(revision);
        } else {
            queue.events.extend(events.map(|event| self.told(event)));
        }
        woken.extend(queue.waker.take());
    }

    /// The event as this watch tells it.
    pub(super) fn told(&self, event: &Event) -> Event {
        let prev_kv = event.prev_kv.as_ref().filter(|_| self.request.prev_kv).cloned();
        Event { kind: event.kind, kv: Arc::clone(&event.kv), prev_kv }
    }
}

/// Every watch.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    by_key: HashMap<Key, Vec<Arc<Watcher>>, foldhash::fast::RandomState>,
    by_range: IntervalMap<Arc<Watcher>>,
    added: u64,
}

impl Watchers {
    /// Adds a watch whose first events are still to be read from the history, if `behind_from` says
    /// so.
    pub(super) fn add(&mut self, request: WatchRequest, behind_from: Option<Revision>) -> Arc<Watcher> {
        self.added += 1;
        let queue = Mutex::new(Queue { behind_from, ..Queue::default() });
        let watcher = Arc::new(Watcher { id: self.added, request, queue });
        let range = &watcher.request.range;
        if range.is_single() {
            self.by_key.entry_ref(&range.key).or_default().push(Arc::clone(&watcher));
        } else {
            self.by_range.insert(range, Arc::clone(&watcher));
        }
        watcher
    }

    pub(super) fn remove(&mut self, watcher: &Watcher) {
        let KeyRange { key, .. } = &watcher.request.range;
        if !watcher.request.range.is_single() {
            self.by_range.remove(&watcher.request.range, |other| other.id == watcher.id);
        } else if let Some(others) = self.by_key.get_mut(key) {
            others.retain(|other| other.id != watcher.id);
            if others.is_empty() {
                self.by_key.remove(key);
            }
        }
    }

    /// Queues what happened where it is watched. `events` are in order and of whole revisions. Whom to
    /// wake, once no lock is held, is added to `woken`.
    pub(super) fn publish<'a>(&self, events: impl Iterator<Item = &'a Event>, woken: &mut Vec<Waker>) {
        let mut events = events.peekable();
        while let Some(event) = events.next() {
            let revision = event.kv.mod_revision;
            if events.peek().is_none_or(|next| next.kv.mod_revision != revision) {
                self.each(event, &mut |watcher| watcher.offer(revision, [event].into_iter(), woken));
                continue;
            }
            let mut matches = Vec::new();
            self.each(event, &mut |watcher| matches.push((watcher, event)));
            while let Some(event) = events.next_if(|next| next.kv.mod_revision == revision) {
                self.each(event, &mut |watcher| matches.push((watcher, event)));
            }
            // Stable: each watch keeps the order of the events.
            matches.sort_by_key(|(watcher, _)| watcher.id);
            for of_one in matches.chunk_by(|(a, _), (b, _)| a.id == b.id) {
                of_one[0].0.offer(revision, of_one.iter().map(|(_, event)| *event), woken);
            }
        }
    }

    fn each<'a>(&'a self, event: &Event, each: &mut impl FnMut(&'a Arc<Watcher>)) {
        let mut admitted = |watcher: &'a Arc<Watcher>| {
            if watcher.admits(event) {
                each(watcher);
            }
        };
        if let Some(watchers) = self.by_key.get(&event.kv.key) {
            watchers.iter().for_each(&mut admitted);
        }
        self.by_range.each_at(&event.kv.key, &mut admitted);
    }
}
