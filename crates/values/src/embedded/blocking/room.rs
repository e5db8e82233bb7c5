//! What all waiting commands share: the order of their arrival, and the times at which they have waited
//! long enough.

use super::Waiter;
use crate::Reply;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What waiting commands share.
#[derive(Debug, Default)]
pub(in crate::embedded) struct WaitingRoom {
    arrivals: AtomicU64,
    /// By deadline, then arrival. Its lock is taken last, and nothing is called under it.
    deadlines: Mutex<BTreeMap<(u64, u64), Arc<Waiter>>>,
    /// Keys that went by themselves although somebody waits for their end.
    left_behind: Mutex<Vec<Box<[u8]>>>,
}

impl WaitingRoom {
    /// The number of an arrival. Taken under the locks of the keys that are waited for, so that it is the
    /// order of arrival at each.
    pub fn next_arrival(&self) -> u64 {
        self.arrivals.fetch_add(1, Ordering::Relaxed)
    }

    /// Notes when a command has waited long enough.
    pub fn add(&self, waiter: &Arc<Waiter>) {
        if let Some(deadline) = waiter.deadline {
            self.deadlines.lock().insert((deadline, waiter.arrival), waiter.clone());
        }
    }

    /// Forgets a command that waits no longer.
    pub fn forget(&self, waiter: &Waiter) {
        if let Some(deadline) = waiter.deadline {
            self.deadlines.lock().remove(&(deadline, waiter.arrival));
        }
    }

    /// Answers commands that have waited long enough, so many at most; and says when the next has.
    pub fn end_overdue(&self, now_ms: u64, mut looks: usize) -> Option<u64> {
        loop {
            let mut deadlines = self.deadlines.lock();
            let first = deadlines.first_entry()?;
            let deadline = first.key().0;
            if deadline > now_ms || looks == 0 {
                return Some(deadline);
            }
            looks -= 1;
            let waiter = first.remove();
            drop(deadlines);
            waiter.end(Reply::NullArray);
        }
    }

    /// Notes a key that went by itself although somebody waits for its end.
    pub fn leave_behind(&self, key: &[u8]) {
        self.left_behind.lock().push(key.into());
    }

    /// The keys noted since the last call.
    pub fn take_left_behind(&self) -> Vec<Box<[u8]>> {
        std::mem::take(&mut *self.left_behind.lock())
    }

    /// How many commands have a deadline.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.deadlines.lock().len()
    }
}
