//! What goes when memory is full.
//!
//! Which key was used longest ago, or expires next, is not known but guessed, as Redis does: a few keys
//! are drawn, and the best of all that were drawn lately goes. A command that needs memory evicts some
//! keys before it runs; what is left to do then is done in the background. So a command never waits
//! long, and memory is over its limit by no more than what commands have added in that moment.

use super::shard::{Removed, Shard};
use super::{Embedded, SHARDS, shard_number};
use crate::{Error, EventClass, EvictionPolicy, Memory, MemoryLimit};
use hyrax_types::Change;
use hyrax_types::limits::MAXMEMORY_SAMPLES_MAX;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Keys that one command evicts at most before it runs.
const EVICTIONS_AT_ONCE: usize = 64;

/// Keys that are evicted in the background before others get the processor.
const EVICTIONS_IN_BACKGROUND: usize = 1024;

/// Candidates that are remembered, as in Redis.
const POOL: usize = 16;

/// How much memory may be used, and what to do about it.
pub(super) struct Room {
    /// The limit's bytes once more, to be looked at before each command; or no limit.
    bytes: AtomicU64,
    memory: Arc<dyn Memory>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    limit: MemoryLimit,
    pool: Pool,
}

/// Whether memory can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// No more is used than may be.
    Enough,
    /// More is used, but something went, and more can go.
    Less,
    /// More is used, and nothing can go.
    Full,
}

/// What came of trying to evict a key.
enum Attempt {
    /// It has been taken out.
    Removed(Removed),
    /// There is none, but somebody holds shards in which there may be one.
    Busy,
    /// There is none.
    Nothing,
}

/// No limit.
const UNLIMITED: u64 = u64::MAX;

impl Room {
    pub fn new(memory: Arc<dyn Memory>) -> Self {
        Room { bytes: AtomicU64::new(UNLIMITED), memory, state: Mutex::default() }
    }

    /// Bytes in use, looked at anew.
    pub fn used(&self) -> u64 {
        self.memory.refresh();
        self.memory.used()
    }

    pub fn limit(&self) -> MemoryLimit {
        self.state.lock().limit
    }

    pub fn set_limit(&self, limit: MemoryLimit) {
        let mut state = self.state.lock();
        // What was a candidate by one policy may not be one by another.
        *state = State { limit, pool: Pool::default() };
        self.bytes.store(if limit.bytes == 0 { UNLIMITED } else { limit.bytes }, Ordering::Relaxed);
    }

    fn is_limited(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) != UNLIMITED
    }

    /// Whether more is used than may be.
    fn is_exceeded(&self) -> bool {
        let bytes = self.bytes.load(Ordering::Relaxed);
        bytes != UNLIMITED && self.memory.used() > bytes
    }
}

/// A key that may go.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    hash: u64,
    /// The least goes first: when it was used last, or when it expires.
    turn: u64,
}

/// The best candidates of those drawn lately, the best one last.
#[derive(Debug, Default)]
struct Pool(Vec<Candidate>);

impl Pool {
    fn add(&mut self, candidate: Candidate) {
        if self.0.iter().any(|other| other.hash == candidate.hash) {
            return;
        }
        let at = self.0.partition_point(|other| other.turn > candidate.turn);
        if self.0.len() < POOL {
            self.0.insert(at, candidate);
        } else if let Some(worse) = at.checked_sub(1) {
            self.0[..at].rotate_left(1);
            self.0[worse] = candidate;
        }
    }
}

impl Embedded {
    /// Refuses a command that needs memory where there is none to be had.
    pub(super) fn check_memory(&self) -> Result<(), Error> {
        if self.room.is_exceeded() && self.evict(EVICTIONS_AT_ONCE) == Outcome::Full {
            return Err(Error::OutOfMemory);
        }
        Ok(())
    }

    /// Evicts what commands have left to do; whether there is more.
    pub(super) fn evict_in_background(&self) -> bool {
        if !self.room.is_limited() || self.keeps_expired(self.clock.now_ms()) {
            return false;
        }
        self.room.memory.refresh();
        self.room.is_exceeded() && self.evict(EVICTIONS_IN_BACKGROUND) == Outcome::Less
    }

    /// Evicts up to so many keys, until there is enough memory. The caller holds no shard.
    fn evict(&self, at_most: usize) -> Outcome {
        // One at a time: others would but wait for the same shards, and evict too much.
        let Some(mut state) = self.room.state.try_lock() else { return Outcome::Less };
        let mut told = false;
        let mut outcome = Outcome::Less;
        for _ in 0..at_most {
            if !self.room.is_exceeded() {
                outcome = Outcome::Enough;
                break;
            }
            match self.evict_one(&mut state, &mut told) {
                // What it held is dropped here, after its shard has been let go: that may take a while.
                Attempt::Removed(removed) => drop(removed),
                Attempt::Busy => break,
                Attempt::Nothing => {
                    outcome = Outcome::Full;
                    break;
                }
            }
        }
        drop(state);
        if told {
            self.feed.settle();
        }
        outcome
    }

    fn evict_one(&self, state: &mut State, told: &mut bool) -> Attempt {
        let State { limit, pool } = state;
        let mut nothing = Attempt::Nothing;
        let mut samples_left = limit.samples.clamp(1, MAXMEMORY_SAMPLES_MAX);
        let start = fastrand::usize(..SHARDS);
        // A sample from each shard, so that the few keys of a small store are compared with each other too.
        for number in (start..SHARDS).chain(0..start) {
            // Who holds a shard for long is not waited for.
            let Some(mut shard) = self.shards[number].try_lock() else {
                nothing = Attempt::Busy;
                continue;
            };
            let Some(position) = draw(&shard, limit.policy) else { continue };
            let hash = shard.hash_at(position);
            match limit.policy {
                EvictionPolicy::NoEviction => return Attempt::Nothing,
                EvictionPolicy::AllKeysRandom | EvictionPolicy::VolatileRandom => {
                    return Attempt::Removed(self.remove_evicted(&mut shard, hash, position, told));
                }
                EvictionPolicy::AllKeysLru | EvictionPolicy::VolatileLru | EvictionPolicy::VolatileTtl => {
                    pool.add(Candidate { hash, turn: turn(&shard, hash, position, limit.policy) });
                }
            }
            // What was drawn may be gone by the time it is taken; then it is tried anew.
            nothing = Attempt::Busy;
            samples_left -= 1;
            if samples_left == 0 {
                break;
            }
        }
        self.evict_best(pool, limit.policy, told).map_or(nothing, Attempt::Removed)
    }

    /// Takes out the best candidate that still is what it was when it was drawn.
    fn evict_best(&self, pool: &mut Pool, policy: EvictionPolicy, told: &mut bool) -> Option<Removed> {
        while let Some(candidate) = pool.0.pop() {
            let hash = candidate.hash;
            let Some(mut shard) = self.shards[shard_number(hash)].try_lock() else { continue };
            let is_same = |position| turn(&shard, hash, position, policy) == candidate.turn;
            let found = shard.table.find_by_hash(hash, |position, _| is_same(position));
            if let Some(position) = found {
                return Some(self.remove_evicted(&mut shard, hash, position, told));
            }
        }
        None
    }

    /// Removes a key that had to go, and tells of it: nobody's doing, so no actor is named.
    fn remove_evicted(&self, shard: &mut Shard, hash: u64, position: usize, told: &mut bool) -> Removed {
        let removed = shard.remove_at(hash, position);
        shard.counts.evicted += 1;
        let key = removed.key();
        let rev = shard.record_change(hash, key);
        if shard.makes_ready(hash, key) {
            self.waiting.leave_behind(key);
        }
        if self.feed.wants(hash, key) {
            self.feed.emit(hash, &Change { key, rev, command: "evicted", args: &[], actor: None });
            *told = true;
        }
        if self.feed.notifies(EventClass::Evicted) {
            self.feed.notify(EventClass::Evicted, "evicted", key);
            *told = true;
        }
        removed
    }
}

/// The position of a random key among those that a policy may take.
fn draw(shard: &Shard, policy: EvictionPolicy) -> Option<usize> {
    if policy.spares_lasting() {
        fastrand::choice(shard.deadlines()).map(|deadline| deadline.position as usize)
    } else {
        let keys = shard.table.len();
        (keys > 0).then(|| fastrand::usize(..keys))
    }
}

/// Whose turn it is to go: the key's with the least.
fn turn(shard: &Shard, hash: u64, position: usize, policy: EvictionPolicy) -> u64 {
    match policy {
        EvictionPolicy::VolatileTtl => shard.expiry(hash, position).unwrap_or(u64::MAX),
        // A key that lasts is not taken, even if it did not when it was drawn.
        EvictionPolicy::VolatileLru if shard.expiry(hash, position).is_none() => u64::MAX,
        _ => shard.table.at(position).last_use().ticks(),
    }
}
