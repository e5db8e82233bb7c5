//! The leases: when each ends and what hangs on it. Knows no key space: who calls deletes the keys.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::time::Duration;

use bytes::Bytes;
use hyrax_types::{Timer, Wheel};

use crate::{Key, LeaseId};

/// Timers that may stand in the wheel beyond two for each lease, before it is built anew.
const STALE_TIMERS_MAX: usize = 1_024;

#[derive(Debug)]
struct Lease {
    ttl_ms: u64,
    deadline_ms: u64,
    /// When its timer fires: at its deadline, or at an earlier one that it has outlived.
    timer_ms: u64,
    dies_with_process: bool,
    keys: Keys,
}

/// What hangs on a lease. Most have one key. The bytes are copies: a key shares its memory with the
/// value it had, which must not be kept.
#[derive(Debug, Default)]
enum Keys {
    #[default]
    None,
    One(Box<[u8]>),
    Many(BTreeSet<Box<[u8]>>),
}

impl Keys {
    fn insert(&mut self, key: &[u8]) {
        *self = match std::mem::take(self) {
            Keys::None => Keys::One(key.into()),
            Keys::One(one) if *one == *key => Keys::One(one),
            Keys::One(one) => Keys::Many([one, key.into()].into()),
            Keys::Many(mut many) => {
                many.insert(key.into());
                Keys::Many(many)
            }
        };
    }

    fn remove(&mut self, key: &[u8]) {
        match self {
            Keys::One(one) if **one == *key => *self = Keys::None,
            Keys::Many(many) => _ = many.remove(key),
            Keys::None | Keys::One(_) => {}
        }
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let (one, many) = match self {
            Keys::None => (None, None),
            Keys::One(one) => (Some(one), None),
            Keys::Many(many) => (None, Some(many)),
        };
        one.into_iter().chain(many.into_iter().flatten()).map(AsRef::as_ref)
    }

    fn into_vec(self) -> Vec<Box<[u8]>> {
        match self {
            Keys::None => Vec::new(),
            Keys::One(one) => vec![one],
            Keys::Many(many) => many.into_iter().collect(),
        }
    }
}

/// How a lease stands.
pub(super) struct Standing<'a> {
    pub(super) remaining: Duration,
    pub(super) granted: Duration,
    keys: &'a Keys,
}

impl Standing<'_> {
    /// What hangs on it, in order.
    pub(super) fn keys(&self) -> Vec<Key> {
        self.keys.iter().map(Bytes::copy_from_slice).collect()
    }
}

/// A lease as it was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) id: LeaseId,
    pub(super) ttl_ms: u64,
    pub(super) dies_with_process: bool,
}

/// Every lease, and a wheel of timers for their ends.
///
/// A renewal only moves the deadline. The timer is set anew when it fires, so a renewal costs no
/// search, and the wheel is touched once per lease and time to live.
#[derive(Debug)]
pub(super) struct Leases {
    leases: HashMap<LeaseId, Lease, foldhash::fast::RandomState>,
    wheel: Wheel,
    /// Timers that fired, by their time and lease. One millisecond's are all here before the first
    /// of them is acted on, so that leases end in one order whatever a step may do.
    fired: BinaryHeap<Reverse<(u64, LeaseId)>>,
    granted: u64,
}

impl Default for Leases {
    fn default() -> Leases {
        Leases { leases: HashMap::default(), wheel: Wheel::new(0), fired: BinaryHeap::new(), granted: 0 }
    }
}

impl Leases {
    pub(super) fn contains(&self, id: LeaseId) -> bool {
        self.leases.contains_key(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.leases.len()
    }

    /// Whether what hangs on the lease is gone when the process is. No lease outlives it.
    pub(super) fn dies_with_process(&self, id: LeaseId) -> bool {
        id != LeaseId::NONE && self.leases.get(&id).is_some_and(|lease| lease.dies_with_process)
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

    /// Creates a lease. The caller has made sure that the name is free.
    pub(super) fn grant(&mut self, grant: Grant, now_ms: u64) {
        let Grant { id, ttl_ms, dies_with_process } = grant;
        let deadline_ms = now_ms.saturating_add(ttl_ms);
        let lease =
            Lease { ttl_ms, deadline_ms, timer_ms: deadline_ms, dies_with_process, keys: Keys::default() };
        self.leases.insert(id, lease);
        self.set_timer(id, deadline_ms);
    }

    fn set_timer(&mut self, id: LeaseId, at_ms: u64) {
        self.wheel.insert(Timer { token: id.0 as u64, deadline: at_ms });
        // Those of revoked leases stand there until their time, which may be centuries off.
        if self.wheel.timers() + self.fired.len() > 2 * self.leases.len() + STALE_TIMERS_MAX {
            self.wheel = Wheel::new(self.wheel.elapsed());
            self.fired.clear();
            for (id, lease) in &mut self.leases {
                lease.timer_ms = lease.deadline_ms;
                self.wheel.insert(Timer { token: id.0 as u64, deadline: lease.deadline_ms });
            }
        }
    }

    /// Renews a lease whose time has not run out.
    pub(super) fn keep_alive(&mut self, id: LeaseId, now_ms: u64) -> Option<Duration> {
        let lease = self.leases.get_mut(&id).filter(|lease| lease.deadline_ms > now_ms)?;
        // Never backwards, should the clock be: then its timer would come too late.
        lease.deadline_ms = lease.deadline_ms.max(now_ms.saturating_add(lease.ttl_ms));
        Some(Duration::from_millis(lease.ttl_ms))
    }

    /// Removes a lease and answers what hung on it, in order. Its timer fires for nothing.
    pub(super) fn remove(&mut self, id: LeaseId) -> Option<Vec<Box<[u8]>>> {
        Some(self.leases.remove(&id)?.keys.into_vec())
    }

    pub(super) fn attach(&mut self, id: LeaseId, key: &Key) {
        if let Some(lease) = self.leases.get_mut(&id) {
            lease.keys.insert(key);
        }
    }

    pub(super) fn detach(&mut self, id: LeaseId, key: &Key) {
        if id != LeaseId::NONE
            && let Some(lease) = self.leases.get_mut(&id)
        {
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

    /// Every lease with its deadline, in no order: sorting many takes longer than others should wait.
    pub(super) fn deadlines(&self) -> Vec<(u64, LeaseId)> {
        self.leases.iter().map(|(id, lease)| (lease.deadline_ms, *id)).collect()
    }

    /// Every lease as it was granted, in no order.
    pub(super) fn grants(&self) -> Vec<Grant> {
        let grant = |(id, lease): (&LeaseId, &Lease)| Grant {
            id: *id,
            ttl_ms: lease.ttl_ms,
            dies_with_process: lease.dies_with_process,
        };
        self.leases.iter().map(grant).collect()
    }

    /// Whether [`Leases::due`] has anything to look at.
    pub(super) fn may_be_due(&self, now_ms: u64) -> bool {
        !self.fired.is_empty() || self.wheel.next_deadline().is_some_and(|next| next <= now_ms)
    }

    /// A lease whose time has run out; or `Err` when `budget` timers were looked at and there may be
    /// more.
    pub(super) fn due(&mut self, now_ms: u64, budget: &mut usize) -> Result<Option<LeaseId>, BudgetSpent> {
        loop {
            let fired_ms = self.fired.peek().map_or(u64::MAX, |Reverse((fired_ms, _))| *fired_ms);
            let upto_ms = now_ms.min(fired_ms);
            if self.wheel.next_deadline().is_some_and(|next| next <= upto_ms) {
                if let Some(timer) = self.wheel.pop_due(upto_ms, budget) {
                    self.fired.push(Reverse((timer.deadline, LeaseId(timer.token as i64))));
                } else if *budget == 0 {
                    return Err(BudgetSpent);
                }
                continue;
            }
            let Some(&Reverse((fired_ms, id))) = self.fired.peek() else { return Ok(None) };
            if fired_ms > now_ms {
                // The clock was set back since.
                return Ok(None);
            }
            *budget = budget.checked_sub(1).ok_or(BudgetSpent)?;
            match self.leases.get_mut(&id).filter(|lease| lease.timer_ms == fired_ms) {
                // Stays until the lease is removed: who asks again is told again.
                Some(lease) if lease.deadline_ms <= now_ms => return Ok(Some(id)),
                Some(lease) => {
                    let deadline_ms = lease.deadline_ms;
                    lease.timer_ms = deadline_ms;
                    self.fired.pop();
                    self.set_timer(id, deadline_ms);
                }
                None => _ = self.fired.pop(),
            }
        }
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

    fn grant(leases: &mut Leases, id: i64, ttl_ms: u64, now_ms: u64) {
        leases.grant(Grant { id: LeaseId(id), ttl_ms, dies_with_process: false }, now_ms);
    }

    #[test]
    fn a_renewed_lease_is_due_at_its_new_deadline_only() {
        let mut leases = Leases::default();
        grant(&mut leases, 1, 100, 0);
        assert!(leases.keep_alive(LeaseId(1), 60).is_some());
        assert_eq!(leases.due(100, &mut 100), Ok(None));
        assert_eq!(leases.due(159, &mut 100), Ok(None));
        assert_eq!(leases.due(160, &mut 100), Ok(Some(LeaseId(1))));
        assert_eq!(leases.due(160, &mut 100), Ok(Some(LeaseId(1))), "it was not removed");
        assert!(leases.keep_alive(LeaseId(1), 160).is_none(), "its time has run out");
        leases.remove(LeaseId(1));
        assert_eq!(leases.due(1_000, &mut 100), Ok(None));
    }

    #[test]
    fn a_step_over_the_timers_is_bounded() {
        let mut leases = Leases::default();
        for id in 1..=100 {
            grant(&mut leases, id, 10, 0);
            leases.keep_alive(LeaseId(id), 5);
        }
        assert_eq!(leases.due(10, &mut 99), Err(BudgetSpent));
        assert_eq!(leases.due(10, &mut 1_000), Ok(None));
    }

    #[test]
    fn a_name_used_again_is_not_ended_by_the_timer_of_the_one_before() {
        let mut leases = Leases::default();
        grant(&mut leases, 1, 100, 0);
        leases.remove(LeaseId(1));
        grant(&mut leases, 1, 500, 50);
        assert_eq!(leases.due(549, &mut 100), Ok(None));
        assert_eq!(leases.due(550, &mut 100), Ok(Some(LeaseId(1))));
    }

    #[test]
    fn timers_of_revoked_leases_do_not_pile_up() {
        let mut leases = Leases::default();
        for now_ms in 0..10_000 {
            grant(&mut leases, 1, 1_000_000_000, now_ms);
            leases.remove(LeaseId(1));
        }
        assert!(leases.wheel.timers() <= 2 + STALE_TIMERS_MAX, "{}", leases.wheel.timers());
    }
}
