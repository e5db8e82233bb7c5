//! Consumer groups: how far each has come, and what its consumers have not yet acknowledged.

use super::Marks;
use super::id::Id;
use crate::embedded::footprint::Footprint;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A consumer group.
#[derive(Clone, Debug)]
pub struct Group {
    /// The last id that was delivered.
    pub last_id: Id,
    /// How many entries were ever read, up to that id, while that is known.
    pub entries_read: Option<i64>,
    pending: BTreeMap<Id, Pending>,
    consumers: BTreeMap<Arc<[u8]>, Consumer>,
}

/// An entry that was delivered and not acknowledged.
#[derive(Clone, Debug)]
pub struct Pending {
    /// To whom.
    pub consumer: Arc<[u8]>,
    /// When, in milliseconds since the epoch.
    pub delivered_at: u64,
    /// How often.
    pub deliveries: u64,
}

/// A consumer of a group.
#[derive(Clone, Debug)]
pub struct Consumer {
    /// When it was last heard of, in milliseconds since the epoch.
    pub seen_at: u64,
    pending: BTreeSet<Id>,
}

impl Footprint for Group {
    fn heap_bytes(&self, _: usize) -> usize {
        // Each entry is told of twice: in the group, and with its consumer.
        let pending = self.pending.len() * (size_of::<(Id, Pending)>() + size_of::<Id>());
        let consumers = self.consumers.keys().map(|name| size_of::<(Arc<[u8]>, Consumer)>() + name.len());
        size_of::<Group>() + pending + consumers.sum::<usize>()
    }
}

impl Consumer {
    /// How many entries it has not acknowledged.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// The entries that it has not acknowledged, from an id on.
    pub fn pending_from(&self, from: Id) -> impl Iterator<Item = Id> {
        self.pending.range(from..).copied()
    }
}

/// What a claim asks for.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Who is to have the entry.
    pub consumer: &'a [u8],
    /// The time of the claim, in milliseconds since the epoch.
    pub now: u64,
    /// How long ago it must have been delivered, in milliseconds.
    pub min_idle: i64,
    /// When it then counts as delivered.
    pub delivered_at: u64,
    /// How often it then counts as delivered.
    pub deliveries: Deliveries,
    /// Whether it is made pending where it is not.
    pub force: bool,
}

/// What becomes of the number of deliveries.
#[derive(Clone, Copy, Debug)]
pub enum Deliveries {
    /// There is one more.
    OneMore,
    /// It stays.
    Keep,
    /// It becomes this.
    Set(u64),
}

impl Group {
    /// A group that has got as far as this id.
    pub fn new(last_id: Id, entries_read: Option<i64>) -> Group {
        Group { last_id, entries_read, pending: BTreeMap::new(), consumers: BTreeMap::new() }
    }

    /// How many entries are pending.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// The entries that are pending, from an id on.
    pub fn pending_from(&self, from: Id) -> impl DoubleEndedIterator<Item = (Id, &Pending)> {
        self.pending.range(from..).map(|(id, pending)| (*id, pending))
    }

    /// An entry that is pending.
    pub fn pending(&self, id: Id) -> Option<&Pending> {
        self.pending.get(&id)
    }

    /// The consumers by name, in order.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = (&[u8], &Consumer)> {
        self.consumers.iter().map(|(name, consumer)| (&name[..], consumer))
    }

    /// A consumer.
    pub fn consumer(&self, name: &[u8]) -> Option<&Consumer> {
        self.consumers.get(name)
    }

    /// Makes a consumer; whether there was none of that name.
    pub fn create_consumer(&mut self, name: &[u8], now: u64) -> bool {
        let is_new = !self.consumers.contains_key(name);
        if is_new {
            self.consumers.insert(name.into(), Consumer { seen_at: now, pending: BTreeSet::new() });
        }
        is_new
    }

    /// Hears of a consumer, and makes it if there is none of that name; whether that was so.
    pub fn meet_consumer(&mut self, name: &[u8], now: u64) -> bool {
        if let Some(consumer) = self.consumers.get_mut(name) {
            consumer.seen_at = now;
            return false;
        }
        self.create_consumer(name, now)
    }

    /// Removes a consumer with all that is pending for it; how much that was.
    pub fn delete_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let consumer = self.consumers.remove(name)?;
        for id in &consumer.pending {
            self.pending.remove(id);
        }
        Some(consumer.pending.len())
    }

    /// Notes that the entry of an id was read, if it is a new one; whether it is.
    pub fn advance(&mut self, id: Id, marks: &Marks) -> bool {
        if id <= self.last_id {
            return false;
        }
        match self.entries_read {
            Some(read) if !marks.has_gap_from(id) => self.entries_read = Some(read.wrapping_add(1)),
            _ if marks.entries_added > 0 => self.entries_read = marks.entries_up_to(id),
            _ => {}
        }
        self.last_id = id;
        true
    }

    /// Delivers entries to a consumer, which is there, for the first time. Whose they were before, if the
    /// group was set back, does not matter.
    pub fn deliver(&mut self, ids: impl Iterator<Item = Id>, consumer: &[u8], now: u64) {
        let Some((name, _)) = self.consumers.get_key_value(consumer) else { return };
        let name = Arc::clone(name);
        for id in ids {
            let pending = Pending { consumer: Arc::clone(&name), delivered_at: now, deliveries: 1 };
            if let Some(before) = self.pending.insert(id, pending) {
                self.release(id, &before.consumer);
            }
            if let Some(consumer) = self.consumers.get_mut(&name) {
                consumer.pending.insert(id);
            }
        }
    }

    /// Notes that a pending entry was delivered once more to whom it was.
    pub fn redeliver(&mut self, id: Id, now: u64) {
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.delivered_at = now;
            pending.deliveries = pending.deliveries.wrapping_add(1);
        }
    }

    /// An entry is no longer pending; what it was.
    pub fn acknowledge(&mut self, id: Id) -> Option<Pending> {
        let pending = self.pending.remove(&id)?;
        self.release(id, &pending.consumer);
        Some(pending)
    }

    fn release(&mut self, id: Id, consumer: &[u8]) {
        if let Some(consumer) = self.consumers.get_mut(consumer) {
            consumer.pending.remove(&id);
        }
    }

    /// Gives a pending entry to a consumer, which is made if it is not there; whether that came to be.
    pub fn claim(&mut self, id: Id, claim: &Claim<'_>) -> bool {
        match self.pending.get(&id) {
            Some(pending) => {
                let idle = (claim.now as i64).wrapping_sub(pending.delivered_at as i64);
                if claim.min_idle > 0 && idle < claim.min_idle {
                    return false;
                }
            }
            None if !claim.force => return false,
            None => {}
        }
        self.meet_consumer(claim.consumer, claim.now);
        let Some((name, _)) = self.consumers.get_key_value(claim.consumer) else { return false };
        let name = Arc::clone(name);
        let new = || Pending { consumer: Arc::clone(&name), delivered_at: claim.now, deliveries: 1 };
        let is_new = !self.pending.contains_key(&id);
        let pending = self.pending.entry(id).or_insert_with(new);
        pending.delivered_at = claim.delivered_at;
        match claim.deliveries {
            Deliveries::OneMore => pending.deliveries = pending.deliveries.wrapping_add(1),
            Deliveries::Keep => {}
            Deliveries::Set(number) => pending.deliveries = number,
        }
        let before = std::mem::replace(&mut pending.consumer, Arc::clone(&name));
        if is_new || before != name {
            self.release(id, &before);
            if let Some(consumer) = self.consumers.get_mut(&name) {
                consumer.pending.insert(id);
            }
        }
        true
    }
}
