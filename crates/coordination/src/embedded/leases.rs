//! The leases: when each ends and what hangs on it. Knows no key space: who calls deletes the keys.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use crate::{Key, LeaseId};

#[derive(Debug)]
struct Lease {
    ttl_ms: u64,
    deadline_ms: u64,
    /// Where it stands in the queue: at its deadline, or at an earlier one that it has outlived.
    queued_ms: u64,
    keys: BTreeSet<Key>,
}

/// How a lease stands.
pub(super) struct Standing<'a> {
    pub(super) remaining: Duration,
    pub(super) granted: Duration,
    pub(super) keys: &'a BTreeSet<Key>,
}

/// Every lease, and a queue of them by deadline.
///
/// A renewal only moves the deadline. The lease is queued anew when its old place comes up, so a
/// renewal costs no search, and the queue is touched once per lease and time to live.
#[derive(Debug, Default)]
pub(super) struct Leases {
    leases: HashMap<LeaseId, Lease, foldhash::fast::RandomState>,
    queue: BTreeSet<(u64, LeaseId)>,
    granted: u64,
}

impl Leases {
    pub(super) fn contains(&self, id: LeaseId) -> bool {
        self.leases.contains_key(&id)
    }

    /// A name that no lease has. Names differ between runs, as `now_ms` does.
    pub(super) fn free_id(&mut self, now_ms: u64) -> LeaseId {
        loop {
            self.granted += 1;
            let id = LeaseId((scatter(now_ms ^ self.granted.rotate_left(40)) >> 1) as i64);
            if id != LeaseId::NONE && !self.contains(id) {
                return id;
            }
        }
    }

    /// Creates a lease. The caller has made sure that `id` is free.
    pub(super) fn grant(&mut self, id: LeaseId, ttl: Duration, now_ms: u64) {
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let deadline_ms = now_ms.saturating_add(ttl_ms);
        let lease = Lease { ttl_ms, deadline_ms, queued_ms: deadline_ms, keys: BTreeSet::new() };
        self.leases.insert(id, lease);
        self.queue.insert((deadline_ms, id));
    }

    /// Renews a lease whose time has not run out.
    pub(super) fn keep_alive(&mut self, id: LeaseId, now_ms: u64) -> Option<Duration> {
        let lease = self.leases.get_mut(&id).filter(|lease| lease.deadline_ms > now_ms)?;
        // Never backwards, should the clock be: then the queue would come too late.
        lease.deadline_ms = lease.deadline_ms.max(now_ms.saturating_add(lease.ttl_ms));
        Some(Duration::from_millis(lease.ttl_ms))
    }

    /// Removes a lease and answers what hung on it.
    pub(super) fn remove(&mut self, id: LeaseId) -> Option<BTreeSet<Key>> {
        let lease = self.leases.remove(&id)?;
        self.queue.remove(&(lease.queued_ms, id));
        Some(lease.keys)
    }

    pub(super) fn attach(&mut self, id: LeaseId, key: &Key) {
        if let Some(lease) = self.leases.get_mut(&id) {
            lease.keys.insert(key.clone());
        }
    }

    pub(super) fn detach(&mut self, id: LeaseId, key: &Key) {
        if let Some(lease) = self.leases.get_mut(&id) {
            lease.keys.remove(key);
        }
    }

    pub(super) fn standing(&self, id: LeaseId, now_ms: u64) -> Option<Standing<'_>> {
        let lease = self.leases.get(&id)?;
        Some(Standing {
            remaining: Duration::from_millis(lease.deadline_ms.saturating_sub(now_ms)),
            granted: Duration::from_millis(lease.ttl_ms),
            keys: &lease.keys,
        })
    }

    /// Every lease, the one to expire next first.
    pub(super) fn by_deadline(&self) -> Vec<LeaseId> {
        let mut leases: Vec<_> = self.leases.iter().map(|(id, lease)| (lease.deadline_ms, *id)).collect();
        leases.sort_unstable();
        leases.into_iter().map(|(_, id)| id).collect()
    }

    /// A lease whose time has run out; or `Err` when `budget` places in the queue were looked at and
    /// there may be more.
    pub(super) fn due(&mut self, now_ms: u64, budget: &mut usize) -> Result<Option<LeaseId>, BudgetSpent> {
        while let Some(&(queued_ms, id)) = self.queue.first() {
            if queued_ms > now_ms {
                return Ok(None);
            }
            *budget = budget.checked_sub(1).ok_or(BudgetSpent)?;
            let Some(lease) = self.leases.get_mut(&id).filter(|lease| lease.deadline_ms > now_ms) else {
                return Ok(Some(id));
            };
            lease.queued_ms = lease.deadline_ms;
            self.queue.pop_first();
            self.queue.insert((lease.queued_ms, id));
        }
        Ok(None)
    }
}

/// More is due than one step may do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BudgetSpent;

/// SplitMix64's finisher: a bijection that spreads near numbers far apart.
fn scatter(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewed_lease_is_due_at_its_new_deadline_only() {
        let mut leases = Leases::default();
        leases.grant(LeaseId(1), Duration::from_millis(100), 0);
        assert!(leases.keep_alive(LeaseId(1), 60).is_some());
        assert_eq!(leases.due(100, &mut 10), Ok(None));
        assert_eq!(leases.due(159, &mut 10), Ok(None));
        assert_eq!(leases.due(160, &mut 10), Ok(Some(LeaseId(1))));
        assert!(leases.keep_alive(LeaseId(1), 160).is_none(), "its time has run out");
        leases.remove(LeaseId(1));
        assert_eq!(leases.due(1_000, &mut 10), Ok(None));
    }

    #[test]
    fn a_step_over_the_queue_is_bounded() {
        let mut leases = Leases::default();
        for id in 1..=100 {
            leases.grant(LeaseId(id), Duration::from_millis(10), 0);
            leases.keep_alive(LeaseId(id), 5);
        }
        assert_eq!(leases.due(10, &mut 99), Err(BudgetSpent));
        assert_eq!(leases.due(10, &mut 2), Ok(None));
    }
}
