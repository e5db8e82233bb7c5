//! Which shards a step has to hold so that it can serve whoever waits for what it changes.
//!
//! Serving may change further keys (`BLMOVE` pushes what it takes), for which others may wait in turn.
//! All of that belongs to the step, and locks are taken in rising order only; so the keys that may be
//! reached are found first, and when some lie in shards that are not held, all is let go and locked anew.

use crate::embedded::keyspace::{ALL_SHARDS, Held, HeldShards, Keyspace};
use crate::embedded::shard_number;
use crate::key_hash;
use std::collections::VecDeque;

/// Waiters of one key that are looked through for the further keys that they change. Beyond it, all is
/// locked, which costs less than looking.
const LOOKS_MAX: usize = 64;

/// Keys that a step may reach before all is locked.
const REACHED_MAX: usize = 64;

impl<'a> Keyspace<'a> {
    /// Whether anybody waits in the shards that are held.
    pub(in crate::embedded) fn has_waiters(&self) -> bool {
        match &self.held {
            Held::One { shard, .. } => !shard.waiters.is_empty(),
            Held::Several(shards) => shards.iter().any(|(_, shard)| !shard.waiters.is_empty()),
        }
    }

    /// Locks whatever serving those who wait for these keys may reach. Nothing must have been done yet.
    #[cold]
    pub(in crate::embedded) fn reach_for_waiters<'b>(&mut self, keys: impl Iterator<Item = &'b [u8]>) {
        let keys: Vec<&[u8]> = keys.filter(|key| self.is_waited_for(key)).collect();
        if !keys.is_empty() {
            self.reach(&keys);
        }
    }

    fn is_waited_for(&mut self, key: &[u8]) -> bool {
        let (hash, shard) = self.locate(key);
        shard.waiters.get(hash, key).is_some()
    }

    /// Holds several shards from now on, and among them those that serving may reach from these keys.
    pub(super) fn reach(&mut self, keys: &[&[u8]]) {
        let engine = self.engine;
        let mut held = match std::mem::replace(&mut self.held, Held::Several(HeldShards::new())) {
            Held::One { shard, hash, .. } => HeldShards::from_iter([(shard_number(hash), shard)]),
            Held::Several(shards) => shards,
        };
        let mut wanted = held.iter().fold(0, |bits, (number, _)| bits | 1 << number);
        loop {
            let reached = reached(&held, keys);
            if reached & !wanted == 0 {
                break;
            }
            wanted |= reached;
            drop(held);
            held = engine.lock_shards(wanted);
        }
        self.held = Held::Several(held);
    }
}

/// The shards that may be reached from these keys, as far as can be seen from those held.
fn reached(held: &HeldShards<'_>, keys: &[&[u8]]) -> u64 {
    let mut bits = 0;
    let mut reached: Vec<&[u8]> = keys.to_vec();
    let mut to_visit: VecDeque<&[u8]> = reached.iter().copied().collect();
    while let Some(key) = to_visit.pop_front() {
        let hash = key_hash(key);
        let number = shard_number(hash);
        bits |= 1 << number;
        let Ok(at) = held.binary_search_by_key(&number, |(number, _)| *number) else { continue };
        let Some(queue) = held[at].1.waiters.get(hash, key) else { continue };
        let Some(movers) = queue.movers(LOOKS_MAX) else { return ALL_SHARDS };
        for target in movers.flat_map(|waiter| waiter.targets()) {
            if !reached.contains(&target) {
                reached.push(target);
                to_visit.push_back(target);
            }
        }
        if reached.len() > keys.len() + REACHED_MAX {
            return ALL_SHARDS;
        }
    }
    bits
}
