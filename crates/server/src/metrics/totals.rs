//! What was counted, in numbers, for whoever shows it in another form than Prometheus'.

use super::shard::{BUCKETS, CommandSum, Counter, bucket_bound};
use super::{Door, Metrics, process};
use std::time::Duration;

/// Sums over everything, since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Connections opened.
    pub opened: u64,
    /// Connections that are open.
    pub open: u64,
    /// Connections refused.
    pub refused: u64,
    /// Bytes read from clients.
    pub received: u64,
    /// Bytes written to clients.
    pub sent: u64,
    /// Commands run.
    pub commands: u64,
    /// Those of them that were answered with an error.
    pub errors: u64,
}

/// What was counted of one command, since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct CommandTotal {
    /// How often it was run.
    pub calls: u64,
    /// How often it was answered with an error.
    pub errors: u64,
    /// How long it ran, in nanoseconds.
    pub nanoseconds: u64,
    /// How often it took up to [`CommandTotal::bound`] of each place.
    pub buckets: [u64; BUCKETS],
}

impl CommandTotal {
    /// The longest time that a bucket counts, in nanoseconds; none for the last.
    pub fn bound(bucket: usize) -> Option<u64> {
        bucket_bound(bucket)
    }

    /// What was counted since `before`.
    pub fn since(&self, before: &CommandTotal) -> CommandTotal {
        let mut buckets = self.buckets;
        buckets.iter_mut().zip(before.buckets).for_each(|(now, before)| *now = now.saturating_sub(before));
        CommandTotal {
            calls: self.calls.saturating_sub(before.calls),
            errors: self.errors.saturating_sub(before.errors),
            nanoseconds: self.nanoseconds.saturating_sub(before.nanoseconds),
            buckets,
        }
    }

    /// The time, in nanoseconds, within which this share of the calls (0 to 1) were answered: the bound of
    /// the bucket that the last of them fell into.
    pub fn percentile(&self, share: f64) -> u64 {
        let wanted = (share * self.calls as f64).ceil() as u64;
        let mut calls = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            calls += count;
            if calls >= wanted {
                return bucket_bound(bucket).unwrap_or(u64::MAX);
            }
        }
        0
    }
}

impl Metrics {
    /// The sums over everything.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals {
            refused: self.sum(Counter::ConnectionsRefused),
            received: self.sum(Counter::BytesReceived),
            sent: self.sum(Counter::BytesSent),
            ..Totals::default()
        };
        for shard in self.shards() {
            for door in Door::ALL {
                let (opened, closed) = shard.connections(door);
                // One that changed its door was opened and closed at the first.
                totals.open = totals.open.wrapping_add(opened).wrapping_sub(closed);
                totals.opened += if door == Door::Undecided { opened } else { 0 };
            }
        }
        for number in 0..self.command_names.len() {
            let command = self.command_total(number);
            totals.commands += command.calls;
            totals.errors += command.errors;
        }
        totals
    }

    /// What was counted of the command in this place.
    pub fn command_total(&self, number: usize) -> CommandTotal {
        let mut sum = CommandSum::default();
        self.shards().for_each(|shard| shard.add_command_to(number, &mut sum));
        CommandTotal {
            calls: sum.buckets.iter().sum(),
            errors: sum.errors,
            nanoseconds: sum.nanoseconds,
            buckets: sum.buckets,
        }
    }

    /// The names of the commands, in their places.
    pub fn command_names(&self) -> &[&'static str] {
        &self.command_names
    }

    /// Bytes of memory that the process uses, and how long it ran in its own code and in the kernel's, where
    /// the system says so.
    pub fn process() -> Option<(u64, Duration, Duration)> {
        process::usage().map(|usage| (usage.resident_bytes, usage.user_time, usage.system_time))
    }

    fn sum(&self, counter: Counter) -> u64 {
        self.shards().map(|shard| shard.total(counter)).sum()
    }
}
