//! Counters that threads do not share.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use super::Door;

/// What is counted once, not for each command.
#[derive(Clone, Copy)]
pub(super) enum Counter {
    PushesSent,
    PushesFolded,
    PushesDropped,
    BytesReceived,
    BytesSent,
    ConnectionsRefused,
}

const COUNTERS: usize = 6;

/// Buckets of a latency histogram: the first holds what took up to 256 ns, each further one up to
/// twice as long as the one before, the last everything else. 26 of them reach 4.3 s.
pub(super) const BUCKETS: usize = 26;

const FIRST_BUCKET_BITS: u32 = 8;

/// The longest time that `bucket` holds, in nanoseconds; none for the last.
pub(super) fn bucket_bound(bucket: usize) -> Option<u64> {
    (bucket + 1 < BUCKETS).then(|| 1 << (FIRST_BUCKET_BITS + bucket as u32))
}

fn bucket_of(nanoseconds: u64) -> usize {
    let below_bound = nanoseconds.saturating_sub(1) | ((1 << FIRST_BUCKET_BITS) - 1);
    let bits = u64::BITS - below_bound.leading_zeros();
    ((bits - FIRST_BUCKET_BITS) as usize).min(BUCKETS - 1)
}

/// What one command came to. Every run is in one bucket, so that the runs need no counter of their
/// own; 256 bytes, in whole cache lines.
#[derive(Default)]
#[repr(align(128))]
struct Command {
    buckets: [AtomicU64; BUCKETS],
    nanoseconds: AtomicU64,
    errors: AtomicU64,
}

#[derive(Default)]
#[repr(align(128))]
struct Totals {
    counters: [AtomicU64; COUNTERS],
    opened: [AtomicU64; Door::ALL.len()],
    closed: [AtomicU64; Door::ALL.len()],
}

/// The counters of one thread, or of a few where there are more threads than shards.
pub(super) struct Shard {
    totals: Totals,
    commands: Box<[Command]>,
}

/// The sum over shards for one command.
#[derive(Default)]
pub(super) struct CommandSum {
    pub(super) buckets: [u64; BUCKETS],
    pub(super) nanoseconds: u64,
    pub(super) errors: u64,
}

impl Shard {
    #[inline]
    pub(super) fn command(&self, index: usize, ok: bool, nanoseconds: u64) {
        let Some(command) = self.commands.get(index) else { return };
        command.buckets[bucket_of(nanoseconds)].fetch_add(1, Ordering::Relaxed);
        command.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        if !ok {
            command.errors.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(super) fn add(&self, counter: Counter, amount: u64) {
        if amount > 0 {
            self.totals.counters[counter as usize].fetch_add(amount, Ordering::Relaxed);
        }
    }

    pub(super) fn opened(&self, door: Door) {
        self.totals.opened[door as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn closed(&self, door: Door) {
        self.totals.closed[door as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn total(&self, counter: Counter) -> u64 {
        self.totals.counters[counter as usize].load(Ordering::Relaxed)
    }

    /// How many connections were opened and closed at `door`.
    pub(super) fn connections(&self, door: Door) -> (u64, u64) {
        // Closed first: a connection that opens and closes between the two readings is then counted
        // as one too many, not as one below none.
        let closed = self.totals.closed[door as usize].load(Ordering::Relaxed);
        (self.totals.opened[door as usize].load(Ordering::Relaxed), closed)
    }

    pub(super) fn add_command_to(&self, index: usize, sum: &mut CommandSum) {
        let Some(command) = self.commands.get(index) else { return };
        // Errors before runs, so that the errors shown are never more than the runs shown.
        sum.errors += command.errors.load(Ordering::Relaxed);
        sum.nanoseconds = sum.nanoseconds.wrapping_add(command.nanoseconds.load(Ordering::Relaxed));
        for (sum, bucket) in sum.buckets.iter_mut().zip(&command.buckets) {
            *sum += bucket.load(Ordering::Relaxed);
        }
    }
}

/// As many shards as keep threads that run at once apart.
pub(super) struct Shards(Box<[Shard]>);

/// Each thread's turn, taken when it first counts something.
static NEXT_THREAD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static THREAD: Cell<Option<usize>> = const { Cell::new(None) };
}

impl Shards {
    pub(super) fn new(commands: usize) -> Shards {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        // Two for each core: threads beside the workers then mostly get one of their own. A power of
        // two, so that finding one's shard is a mask and not a division.
        let count = (2 * cores).next_power_of_two();
        let shard = || Shard {
            totals: Totals::default(),
            commands: (0..commands).map(|_| Command::default()).collect(),
        };
        Shards((0..count).map(|_| shard()).collect())
    }

    /// The shard of the thread that asks.
    #[inline]
    pub(super) fn mine(&self) -> &Shard {
        let thread = THREAD.get().unwrap_or_else(|| {
            let turn = NEXT_THREAD.fetch_add(1, Ordering::Relaxed);
            THREAD.set(Some(turn));
            turn
        });
        &self.0[thread & (self.0.len() - 1)]
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Shard> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_falls_in_the_first_bucket_that_reaches_it() {
        for nanoseconds in [0, 1, 255, 256, 257, 512, 513, 1_000, 1_000_000, 1 << 32, (1 << 32) + 1, u64::MAX]
        {
            let bucket = bucket_of(nanoseconds);
            assert!(bucket_bound(bucket).is_none_or(|bound| nanoseconds <= bound), "{nanoseconds}");
            if bucket > 0 {
                assert!(bucket_bound(bucket - 1).is_some_and(|bound| nanoseconds > bound), "{nanoseconds}");
            }
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn a_command_takes_whole_cache_lines() {
        assert_eq!(size_of::<Command>(), 256);
    }
}
