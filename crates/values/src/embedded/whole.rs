//! How a command sees the whole key space: shard by shard, each locked for as long as it is looked
//! at, unless a transaction holds them all.

use super::SHARDS;
use super::keyspace::{ALL_SHARDS, Held, HeldShards, Keyspace};
use super::shard::{Entry, Shard};
use super::table::{Keyed, Table};
use crate::key_hash;

/// How many timers are looked at before others are let in between.
const LOOKS_AT_ONCE: usize = 1024;

impl Keyspace<'_> {
    /// Runs `look` while a shard is locked. Only for commands that name no keys.
    pub(super) fn visit<R>(&mut self, number: usize, look: impl FnOnce(&mut Self) -> R) -> R {
        if self.holds_all() {
            return look(self);
        }
        self.held = Held::Several(HeldShards::from_iter([(number, self.engine.shards[number].lock())]));
        let seen = look(self);
        self.held = Held::Several(HeldShards::new());
        seen
    }

    /// Runs `look` on a shard once the keys past their time are gone from it, unless they are to stay.
    pub(super) fn visit_unexpired<R>(&mut self, number: usize, mut look: impl FnMut(&Shard) -> R) -> R {
        loop {
            let seen = self.visit(number, |keys| {
                let (engine, now) = (keys.engine, keys.now_ms);
                let shard = keys.shard(number);
                if engine.keeps_expired(now) {
                    return Some(look(shard));
                }
                let mut discarded = Vec::new();
                let emitted = engine.expire_in(shard, now, LOOKS_AT_ONCE, &mut discarded);
                let seen = shard.next_deadline().is_none_or(|next| next > now).then(|| look(shard));
                keys.emitted |= emitted;
                keys.discarded.append(&mut discarded);
                seen
            });
            if let Some(seen) = seen {
                return seen;
            }
        }
    }

    /// A shard that is being visited.
    pub(super) fn shard(&mut self, number: usize) -> &mut Shard {
        match &mut self.held {
            Held::One { shard, .. } => shard,
            Held::Several(shards) => {
                let at = shards.partition_point(|(held, _)| *held < number);
                &mut shards[at].1
            }
        }
    }

    /// Removes all keys, as one step: each is deleted, for whoever is to hear of it. The memory is given
    /// back once the locks are let go, in the background if so asked.
    pub(super) fn remove_all(&mut self, in_background: bool) {
        if !self.holds_all() {
            self.held = Held::Several(self.engine.lock_shards(ALL_SHARDS));
        }
        let is_heard = !self.call.quiet && self.engine.feed.is_heard();
        let mut removed = Removed { tables: Vec::with_capacity(SHARDS), in_background };
        for number in 0..SHARDS {
            let shard = self.shard(number);
            let table = shard.take_all();
            if in_background {
                shard.counts.freed_late += table.len() as u64;
            }
            // To look at every key takes long where there are many.
            if is_heard || !shard.watches.is_empty() || !shard.waiters.is_empty() {
                table.iter().for_each(|entry| self.changed_as(entry.key(), "del", &[]));
            } else if let Some(entry) = table.iter().next() {
                shard.record_change(key_hash(entry.key()), entry.key());
                shard.count_changes(table.len());
            }
            removed.tables.push(table);
        }
        self.engine.feed.emptied();
        self.emitted = true;
        self.removed.push(removed);
    }

    fn holds_all(&self) -> bool {
        matches!(&self.held, Held::Several(shards) if shards.len() == SHARDS)
    }
}

/// Keys that were removed together, whose memory is given back when this is dropped.
pub(super) struct Removed {
    tables: Vec<Table<Entry>>,
    in_background: bool,
}

impl Drop for Removed {
    fn drop(&mut self) {
        if self.in_background {
            let tables = std::mem::take(&mut self.tables);
            // Where there is no thread to be had, they are dropped with what it would have run.
            let _ = std::thread::Builder::new().name("free".to_owned()).spawn(move || drop(tables));
        }
    }
}
