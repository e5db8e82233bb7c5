//! How often what was done: etcd's own counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// How often something was done, and how often it was refused.
#[derive(Debug, Default)]
pub struct Outcome {
    successes: AtomicU64,
    failures: AtomicU64,
}

impl Outcome {
    /// How often it was done.
    pub fn successes(&self) -> u64 {
        self.successes.load(Ordering::Relaxed)
    }

    /// How often it was refused.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Counts one that ended so.
    pub(super) fn count<T, E>(&self, result: Result<T, E>) -> Result<T, E> {
        let counter = if result.is_ok() { &self.successes } else { &self.failures };
        counter.fetch_add(1, Ordering::Relaxed);
        result
    }
}

/// What this process has done.
#[derive(Debug, Default)]
pub struct Counts {
    /// Reads.
    pub gets: Outcome,
    /// Writes without a condition.
    pub sets: Outcome,
    /// Writes where there was to be nothing, in-order keys among them.
    pub creates: Outcome,
    /// Writes where there was to be something.
    pub updates: Outcome,
    /// Removals without a comparison.
    pub deletes: Outcome,
    /// Writes with a comparison.
    pub swaps: Outcome,
    /// Removals with a comparison.
    pub compared_deletes: Outcome,
    /// Nodes whose time ran out, and that this process removed.
    pub expired: Outcome,
}
