//! Who waits for which key of a shard.

use super::Waiter;
use crate::embedded::table::{Keyed, Table};
use crate::embedded::values::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What can be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::embedded) enum Awaited {
    /// A list.
    List,
    /// A sorted set.
    SortedSet,
    /// Entries of a stream; and its end, by readers of a group.
    Stream,
}

impl Awaited {
    /// What a value is to those who wait.
    pub fn of(value: &Value) -> Option<Awaited> {
        match value {
            Value::List(_) => Some(Awaited::List),
            Value::SortedSet(_) => Some(Awaited::SortedSet),
            Value::Stream(_) => Some(Awaited::Stream),
            _ => None,
        }
    }
}

/// The queues of a shard's keys.
#[derive(Debug, Default)]
pub(in crate::embedded) struct Waiters(Table<Queue>);

/// Who waits for a key, by the number of their arrival.
type Line = BTreeMap<u64, Arc<Waiter>>;

/// Who waits for a key.
#[derive(Debug)]
pub(super) struct Queue {
    key: Box<[u8]>,
    lists: Line,
    sorted_sets: Line,
    streams: Line,
    /// How many of them change further keys when they are served.
    movers: usize,
    /// The key is to be looked at before the step ends.
    is_ready: bool,
}

impl Keyed for Queue {
    fn key(&self) -> &[u8] {
        &self.key
    }
}

impl Queue {
    fn new(key: &[u8]) -> Queue {
        Queue {
            key: key.into(),
            lists: Line::new(),
            sorted_sets: Line::new(),
            streams: Line::new(),
            movers: 0,
            is_ready: false,
        }
    }

    fn line(&self, awaited: Awaited) -> &Line {
        match awaited {
            Awaited::List => &self.lists,
            Awaited::SortedSet => &self.sorted_sets,
            Awaited::Stream => &self.streams,
        }
    }

    fn line_mut(&mut self, awaited: Awaited) -> &mut Line {
        match awaited {
            Awaited::List => &mut self.lists,
            Awaited::SortedSet => &mut self.sorted_sets,
            Awaited::Stream => &mut self.streams,
        }
    }

    fn len(&self) -> usize {
        self.lists.len() + self.sorted_sets.len() + self.streams.len()
    }

    /// Those who change further keys when they are served; none when there are too many in the queue
    /// to look through.
    pub fn movers(&self, looks: usize) -> Option<impl Iterator<Item = &Arc<Waiter>>> {
        let all = [&self.lists, &self.sorted_sets, &self.streams].into_iter().flat_map(BTreeMap::values);
        (self.movers == 0 || self.len() <= looks).then(|| {
            let looks = if self.movers == 0 { 0 } else { looks };
            all.take(looks).filter(|waiter| waiter.targets().next().is_some())
        })
    }
}

impl Waiters {
    /// Whether nobody waits here.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who waits for a key.
    pub(super) fn get(&self, hash: u64, key: &[u8]) -> Option<&Queue> {
        self.0.find(hash, key).map(|position| self.0.at(position))
    }

    /// Lets somebody wait for a key.
    pub(super) fn add(&mut self, hash: u64, key: &[u8], waiter: Arc<Waiter>) {
        let position = match self.0.find(hash, key) {
            Some(position) => position,
            None => self.0.insert_new(hash, Queue::new(key)),
        };
        let queue = self.0.at_mut(position);
        let moves = waiter.targets().next().is_some();
        let before = queue.line_mut(waiter.command.awaited).insert(waiter.arrival, waiter);
        if moves && before.is_none() {
            queue.movers += 1;
        }
    }

    /// Lets somebody wait for a key no longer.
    pub(super) fn remove(&mut self, hash: u64, key: &[u8], waiter: &Waiter) {
        let Some(position) = self.0.find(hash, key) else { return };
        let queue = self.0.at_mut(position);
        let removed = queue.line_mut(waiter.command.awaited).remove(&waiter.arrival);
        if removed.is_some_and(|removed| removed.targets().next().is_some()) {
            queue.movers -= 1;
        }
        if queue.len() == 0 {
            self.0.remove_at(hash, position);
        }
    }

    /// Notes that a key was changed and holds this now; whether somebody is to be served who was not
    /// before. Readers of a stream's group wait for its end as well, whatever takes its place.
    pub fn make_ready(&mut self, hash: u64, key: &[u8], holds: Option<Awaited>) -> bool {
        let Some(position) = self.0.find(hash, key) else { return false };
        let queue = self.0.at_mut(position);
        let is_awaited = |awaited| !queue.line(awaited).is_empty();
        if queue.is_ready || !(holds.is_some_and(is_awaited) || is_awaited(Awaited::Stream)) {
            return false;
        }
        queue.is_ready = true;
        true
    }

    /// Notes that a key is being looked at.
    pub(super) fn begin(&mut self, hash: u64, key: &[u8]) {
        if let Some(position) = self.0.find(hash, key) {
            self.0.at_mut(position).is_ready = false;
        }
    }

    /// The first who waits for a key and came no earlier than this.
    pub(super) fn next(&self, hash: u64, key: &[u8], awaited: Awaited, from: u64) -> Option<Arc<Waiter>> {
        let line = self.get(hash, key)?.line(awaited);
        line.range(from..).next().map(|(_, waiter)| waiter.clone())
    }
}
