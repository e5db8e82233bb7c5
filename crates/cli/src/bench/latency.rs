//! How long things took, in few numbers: every time is counted in a bucket that is at most a sixteenth wide.

use std::time::Duration;

/// Buckets for each doubling.
const STEPS: u64 = 16;
/// Doublings: from a microsecond to hours.
const DOUBLINGS: usize = 36;

/// Times, counted.
#[derive(Clone, Debug)]
pub struct Latencies {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Latencies { counts: vec![0; DOUBLINGS * STEPS as usize], total: 0 }
    }
}

impl Latencies {
    /// Counts one.
    pub fn add(&mut self, time: Duration) {
        let last = self.counts.len() - 1;
        self.counts[bucket(time.as_micros() as u64).min(last)] += 1;
        self.total += 1;
    }

    /// Counts all of another.
    pub fn merge(&mut self, other: &Latencies) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
    }

    /// The time within which `share` of all were done; `None` where there were none.
    pub fn within(&self, share: f64) -> Option<Duration> {
        let wanted = (self.total as f64 * share).ceil() as u64;
        let mut sum = 0;
        let at = self.counts.iter().position(|count| {
            sum += count;
            sum >= wanted && sum > 0
        });
        at.map(|at| Duration::from_micros(end_of(at)))
    }
}

/// Below [`STEPS`] a bucket for each microsecond, above as many for each doubling.
fn bucket(microseconds: u64) -> usize {
    if microseconds < STEPS {
        return microseconds as usize;
    }
    let doublings = microseconds.ilog2() - STEPS.ilog2();
    let step = (microseconds >> doublings) - STEPS;
    ((u64::from(doublings) + 1) * STEPS + step) as usize
}

/// The largest time in a bucket.
fn end_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    match (bucket / STEPS).checked_sub(1) {
        None => bucket,
        Some(doublings) => ((STEPS + bucket % STEPS + 1) << doublings) - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_ends_where_the_next_begins() {
        for microseconds in (0..5_000).chain([1 << 20, u64::MAX >> 30]) {
            let at = bucket(microseconds);
            assert!(
                microseconds <= end_of(at) && (at == 0 || microseconds > end_of(at - 1)),
                "{microseconds}"
            );
            assert!(end_of(at) as f64 <= microseconds as f64 * 1.07 + 1.0);
        }
    }

    #[test]
    fn shares_are_found_within_a_bucket() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.within(0.99), None);
        (1..=1000).for_each(|milliseconds| latencies.add(Duration::from_millis(milliseconds)));
        let p99 = latencies.within(0.99).unwrap().as_secs_f64();
        assert!((0.99..1.06).contains(&p99), "{p99}");
        assert!(latencies.within(1.0).unwrap() >= Duration::from_secs(1));
        latencies.add(Duration::MAX);
        assert!(latencies.within(1.0).unwrap() > Duration::from_secs(60));
    }
}
