//! The engine in this process: all keys in memory, spread over locks by hash.
//!
//! A command locks the shards of the keys it names, in rising order, runs to its end and lets go;
//! changes are told to the feed while the locks are held, so their order is that of the writes. A
//! transaction does the same for all its commands. Clock and feed come in through the constructor.

mod blocking;
#[cfg(test)]
mod check;
mod commands;
mod deadlines;
mod eviction;
mod fences;
mod footprint;
mod index;
mod keyspace;
mod prefetch;
mod shard;
mod table;
#[cfg(test)]
mod tests;
mod transaction;
mod values;
mod watch;
mod whole;

pub use keyspace::Keyspace;
pub use shard::Expiry;

use crate::command::COMMANDS;
use crate::{
    Call, Calls, EventClass, Execution, Feed, Fence, Fenced, Kind, Memory, MemoryLimit, ReplySink, Snapshot,
    Statistics, StreamNodes, Transaction, Unmeasured, Values, Watch, Watched, key_hash,
};
use blocking::WaitingRoom;
use commands::Handler;
use eviction::Room;
use fences::Fences;
use hyrax_types::{Change, Clock, Revision};
use parking_lot::Mutex;
use shard::Shard;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use values::Value;

/// Far more locks than cores, so that two cores rarely meet on one; and small tables, so that none
/// takes long to grow.
const SHARDS: usize = 64;

/// Keys in a shard from which on they do not fit in a core's own cache, and are fetched ahead.
const PREFETCH_FROM: usize = 512;

/// A lock alone on its cache line (two, as they are fetched in pairs).
#[repr(align(128))]
struct Padded(Mutex<Shard>);

impl std::ops::Deref for Padded {
    type Target = Mutex<Shard>;
    fn deref(&self) -> &Mutex<Shard> {
        &self.0
    }
}

/// Live values in the memory of this process.
pub struct Embedded {
    shards: Shards,
    clock: Arc<dyn Clock>,
    feed: Arc<dyn Feed>,
    handlers: Vec<Handler>,
    waiting: Arc<WaitingRoom>,
    room: Room,
    fences: Fences,
    /// Until when keys past their time, though nobody sees them, are not removed, in milliseconds since the
    /// epoch.
    keep_expired_until: AtomicU64,
    /// Entries and bytes of a stream's node. That they change one after the other does no harm.
    stream_nodes: [AtomicU64; 2],
}

/// Shared with whoever has something registered in them.
type Shards = Arc<[Padded]>;

/// The shard of a hash. The table within uses the lowest and the highest bits; these are others.
fn shard_number(hash: u64) -> usize {
    (hash >> 32) as usize & (SHARDS - 1)
}

impl Embedded {
    /// An empty key space whose revisions start at the clock's time. Its memory is not measured, so a
    /// limit to it does nothing.
    pub fn new(clock: Arc<dyn Clock>, feed: Arc<dyn Feed>) -> Self {
        Embedded::with_memory(clock, feed, Arc::new(Unmeasured))
    }

    /// As [`Embedded::new`], in memory that somebody measures.
    pub fn with_memory(clock: Arc<dyn Clock>, feed: Arc<dyn Feed>, memory: Arc<dyn Memory>) -> Self {
        let start = Revision(clock.now_us());
        let shards = (0..SHARDS).map(|_| Padded(Mutex::new(Shard::new(clock.now_ms(), start)))).collect();
        let handlers = COMMANDS.iter().map(|command| commands::handler(command.id)).collect();
        Embedded {
            shards,
            clock,
            feed,
            handlers,
            waiting: Arc::default(),
            room: Room::new(memory),
            fences: Fences::default(),
            keep_expired_until: AtomicU64::new(0),
            stream_nodes: {
                let nodes = StreamNodes::default();
                [nodes.entries_max, nodes.bytes_max].map(AtomicU64::new)
            },
        }
    }

    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        &self.shards[shard_number(hash)]
    }

    /// How many keys there are, those past their time that nobody met yet included.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().table.len()).sum()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes keys whose time is over and tells their monitors, and answers commands that have waited
    /// for their time, looking at no more than `looks` timers in each shard; and evicts what is too much
    /// for the memory. Answers when to come again, in milliseconds since the epoch, or `None` while
    /// nothing is to expire.
    pub fn expire(&self, looks: usize) -> Option<u64> {
        let now = self.clock.now_ms();
        let next = self.expire_keys(now, looks);
        self.serve_left_behind(now);
        let at_once = self.evict_in_background().then_some(now);
        next.into_iter().chain(self.waiting.end_overdue(now, looks)).chain(at_once).min()
    }

    /// Whether keys past their time are to stay where they are for now.
    fn keeps_expired(&self, now: u64) -> bool {
        now < self.keep_expired_until.load(Ordering::Relaxed)
    }

    fn expire_keys(&self, now: u64, looks: usize) -> Option<u64> {
        if self.keeps_expired(now) {
            return None;
        }
        let mut emitted = false;
        let mut discarded = Vec::new();
        let next = self
            .shards
            .iter()
            .filter_map(|shard| {
                // Who waited here for a long command would keep its thread from others' work. A key past
                // its time is not seen meanwhile either.
                let mut shard = shard.try_lock()?;
                emitted |= self.expire_in(&mut shard, now, looks, &mut discarded);
                let next = shard.next_deadline();
                drop(shard);
                // To free them takes a while, which nobody has to wait for.
                discarded.clear();
                next
            })
            .min();
        if emitted {
            self.feed.settle();
        }
        next
    }

    /// Removes keys of a shard whose time is over; whether anybody was told. Large values are left to the
    /// caller, to be dropped once the shard is let go.
    fn expire_in(&self, shard: &mut Shard, now: u64, mut looks: usize, discarded: &mut Vec<Value>) -> bool {
        let mut emitted = false;
        while let Some((hash, position)) = shard.next_expired(now, &mut looks) {
            emitted |= self.remove_expired(shard, hash, position, discarded);
        }
        emitted
    }

    /// Removes a key whose time is over; whether anybody was told. It is nobody's doing, so no actor
    /// is named, and a quiet command does not silence it. A large value is left to the caller.
    fn remove_expired(
        &self,
        shard: &mut Shard,
        hash: u64,
        position: usize,
        discarded: &mut Vec<Value>,
    ) -> bool {
        let removed = shard.remove_at(hash, position);
        shard.counts.expired += 1;
        let key = removed.key();
        let rev = shard.record_change(hash, key);
        if shard.makes_ready(hash, key) {
            self.waiting.leave_behind(key);
        }
        let wanted = self.feed.wants(hash, key);
        if wanted {
            self.feed.emit(hash, &Change { key, rev, command: "expired", args: &[], actor: None });
        }
        let notified = self.feed.notifies(EventClass::Expired);
        if notified {
            self.feed.notify(EventClass::Expired, "expired", key);
        }
        discarded.extend(shard.large(removed.into_value()));
        wanted || notified
    }
}

impl Values for Embedded {
    fn execute(&self, call: &Call<'_>, reply: &mut dyn ReplySink) -> Execution {
        if let Err(error) = call.command.check_words(call.argv) {
            reply.error(&error);
            return Execution::Done;
        }
        if call.command.grows
            && let Err(error) = self.check_memory()
        {
            reply.error(&error);
            return Execution::Done;
        }
        let mut keys = Keyspace::lock(self, call, self.clock.now_ms());
        let outcome = match self.handlers[call.command.id as usize] {
            Handler::Keyed(run) | Handler::Whole(run) => run(&mut keys, call.argv, reply).map(|()| None),
            Handler::Blocking(blocking) => keys.attempt(blocking, reply),
        };
        keys.finish();
        match outcome {
            Ok(None) => return Execution::Done,
            Ok(Some(waiting)) => return Execution::Waiting(waiting),
            Err(error) => reply.error(&error),
        }
        Execution::Done
    }

    fn execute_fenced(
        &self,
        call: &Call<'_>,
        fence: &Fence<'_>,
        reply: &mut dyn ReplySink,
    ) -> Result<Execution, Fenced> {
        self.run_fenced(call, fence, reply)
    }

    fn transaction(
        &self,
        watched: &[Watched],
        calls: &[Call<'_>],
        body: &mut dyn FnMut(&mut dyn Calls),
    ) -> Transaction {
        self.run_transaction(watched, calls, body)
    }

    fn watch(&self, key: &[u8], _beside: &[Watched]) -> Watch {
        Watch::Begun(self.watch_key(key))
    }

    fn snapshot(
        &self,
        key: &[u8],
        kind: Kind,
        reply: &mut dyn ReplySink,
        joined: &mut dyn FnMut(Revision),
    ) -> Snapshot {
        let now = self.clock.now_ms();
        let hash = key_hash(key);
        let mut shard = self.shard(hash).lock();
        let (mut emitted, mut discarded) = (false, Vec::new());
        let mut found = shard.table.find(hash, key);
        if let Some(position) = found.filter(|&position| shard.is_expired(hash, position, now)) {
            if !self.keeps_expired(now) {
                emitted = self.remove_expired(&mut shard, hash, position, &mut discarded);
            }
            found = None;
        }
        commands::write_snapshot(found.map(|position| &shard.table.at(position).value), kind, reply);
        joined(shard.rev());
        drop(shard);
        if emitted {
            self.feed.settle();
        }
        Snapshot::Done
    }

    fn prefetch(&self, hashes: &[u64]) {
        // A hint is not worth waiting for.
        let shard = |&hash: &u64| self.shard(hash).try_lock().map(|shard| (shard, hash));
        let is_large =
            hashes.first().and_then(shard).is_some_and(|(shard, _)| shard.table.len() > PREFETCH_FROM);
        if !is_large {
            return;
        }
        // Three walks, so that each finds what the one before has had fetched.
        hashes.iter().filter_map(shard).for_each(|(shard, hash)| shard.table.prefetch_index(hash));
        hashes.iter().filter_map(shard).for_each(|(shard, hash)| shard.table.prefetch_entry(hash));
        for (shard, hash) in hashes.iter().filter_map(shard) {
            if let Some(entry) = shard.table.likely(hash) {
                entry.value.prefetch();
            }
        }
    }

    fn len_hint(&self) -> Option<usize> {
        Some(self.len())
    }

    fn limit_memory(&self, limit: MemoryLimit) {
        self.room.set_limit(limit);
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.room.limit()
    }

    fn is_out_of_memory(&self) -> bool {
        self.check_memory().is_err()
    }

    fn limit_stream_nodes(&self, nodes: StreamNodes) {
        let [entries_max, bytes_max] = &self.stream_nodes;
        entries_max.store(nodes.entries_max, Ordering::Relaxed);
        bytes_max.store(nodes.bytes_max, Ordering::Relaxed);
    }

    fn stream_nodes(&self) -> StreamNodes {
        let [entries_max, bytes_max] =
            self.stream_nodes.each_ref().map(|bound| bound.load(Ordering::Relaxed));
        StreamNodes { entries_max, bytes_max }
    }

    fn keep_expired_until(&self, until_ms: u64) {
        self.keep_expired_until.store(until_ms, Ordering::Relaxed);
    }

    fn statistics(&self) -> Statistics {
        let mut sum = Statistics { used_bytes: self.room.used(), ..Statistics::default() };
        for shard in self.shards.iter() {
            shard.lock().add_to(&mut sum);
        }
        sum
    }

    fn reset_statistics(&self) {
        for shard in self.shards.iter() {
            shard.lock().counts = shard::Counts::default();
        }
    }
}
