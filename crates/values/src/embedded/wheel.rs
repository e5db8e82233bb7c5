//! A hierarchical timer wheel: when keys are to expire.
//!
//! A timer names a key by its hash alone and is never cancelled. Whoever is told that it fired looks
//! whether a key of that hash really is past its time.

/// Bits of the deadline that one level resolves.
const LEVEL_BITS: u32 = 6;
const SLOTS: usize = 1 << LEVEL_BITS;
/// Enough levels for every 64-bit deadline.
const LEVELS: usize = 64usize.div_ceil(LEVEL_BITS as usize);

/// A key's hash and when it is to be looked at, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    /// The hash of the key.
    pub hash: u64,
    /// The time, in milliseconds since the epoch.
    pub deadline: u64,
}

#[derive(Debug)]
struct Level {
    /// A bit for each slot that is not empty.
    occupied: u64,
    slots: [Vec<Timer>; SLOTS],
}

/// Timers by deadline. Setting one and firing one take constant time.
#[derive(Debug)]
pub struct Wheel {
    /// Everything up to this time has been moved to `due`.
    elapsed: u64,
    levels: [Option<Box<Level>>; LEVELS],
    due: Vec<Timer>,
    len: usize,
}

impl Wheel {
    /// A wheel that stands at `now`, in milliseconds.
    pub fn new(now: u64) -> Self {
        Wheel { elapsed: now, levels: [const { None }; LEVELS], due: Vec::new(), len: 0 }
    }

    /// How many timers are set, stale ones included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Sets a timer.
    pub fn insert(&mut self, timer: Timer) {
        self.len += 1;
        self.place(timer);
    }

    fn place(&mut self, timer: Timer) {
        if timer.deadline <= self.elapsed {
            self.due.push(timer);
            return;
        }
        // The highest bit in which the deadline differs from now tells the level.
        let highest = 63 - (timer.deadline ^ self.elapsed).leading_zeros();
        let level = (highest / LEVEL_BITS) as usize;
        let slot = slot_of(timer.deadline, level);
        let level = self.levels[level]
            .get_or_insert_with(|| Box::new(Level { occupied: 0, slots: [const { Vec::new() }; SLOTS] }));
        level.occupied |= 1 << slot;
        level.slots[slot].push(timer);
    }

    /// When the next slot has to be looked at: no timer fires before.
    pub fn next_deadline(&self) -> Option<u64> {
        if !self.due.is_empty() {
            return Some(self.elapsed);
        }
        self.next_slot().map(|(_, _, start)| start)
    }

    /// The earliest occupied slot: its level, number, and the time at which it begins.
    fn next_slot(&self) -> Option<(usize, usize, u64)> {
        // A lower level's slots all lie before the first of a higher level.
        self.levels.iter().enumerate().find_map(|(number, level)| {
            let occupied = level.as_ref()?.occupied;
            if occupied == 0 {
                return None;
            }
            let slot = occupied.trailing_zeros() as usize;
            let shift = number as u32 * LEVEL_BITS;
            let above = shift + LEVEL_BITS;
            let base = if above >= 64 { 0 } else { self.elapsed >> above << above };
            Some((number, slot, base | (slot as u64) << shift))
        })
    }

    /// Moves timers that are due at `now` into `fired`, at most `limit` of them. Fewer than `limit`
    /// means that no more are due.
    pub fn advance(&mut self, now: u64, limit: usize, fired: &mut Vec<Timer>) {
        while fired.len() < limit {
            if let Some(timer) = self.due.pop() {
                self.len -= 1;
                fired.push(timer);
                continue;
            }
            match self.next_slot() {
                Some((level, slot, start)) if start <= now => {
                    self.elapsed = start;
                    self.open(level, slot);
                }
                _ => {
                    self.elapsed = self.elapsed.max(now);
                    return;
                }
            }
        }
    }

    /// Empties a slot into `due` and the levels below.
    fn open(&mut self, level: usize, slot: usize) {
        let Some(opened) = &mut self.levels[level] else { return };
        opened.occupied &= !(1 << slot);
        for timer in std::mem::take(&mut opened.slots[slot]) {
            self.place(timer);
        }
    }
}

fn slot_of(deadline: u64, level: usize) -> usize {
    (deadline >> (level as u32 * LEVEL_BITS)) as usize & (SLOTS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn timers_fire_at_their_time_and_once(
            deadlines in proptest::collection::vec(0..200_000_u64, 1..300),
            steps in proptest::collection::vec(1..20_000_u64, 1..40),
            limit in 1..50_usize,
        ) {
            let start = 1_000;
            let mut wheel = Wheel::new(start);
            for (hash, &deadline) in deadlines.iter().enumerate() {
                wheel.insert(Timer { hash: hash as u64, deadline });
            }
            let mut left: Vec<u64> = (0..deadlines.len() as u64).collect();
            let mut now = start;
            for step in steps {
                now += step;
                loop {
                    let mut fired = Vec::new();
                    wheel.advance(now, limit, &mut fired);
                    for timer in &fired {
                        prop_assert!(timer.deadline <= now);
                        let before = left.len();
                        left.retain(|&hash| hash != timer.hash);
                        prop_assert_eq!(left.len() + 1, before);
                    }
                    if fired.len() < limit {
                        break;
                    }
                }
                prop_assert!(left.iter().all(|&hash| deadlines[hash as usize] > now));
                prop_assert_eq!(wheel.len(), left.len());
                if let Some(next) = wheel.next_deadline() {
                    let earliest = left.iter().map(|&hash| deadlines[hash as usize]).min();
                    prop_assert!(next > now && Some(next) <= earliest);
                }
            }
        }
    }

    #[test]
    fn the_farthest_deadline_is_kept() {
        let mut wheel = Wheel::new(5);
        wheel.insert(Timer { hash: 1, deadline: u64::MAX });
        let mut fired = Vec::new();
        wheel.advance(u64::MAX - 1, 10, &mut fired);
        assert!(fired.is_empty());
        wheel.advance(u64::MAX, 10, &mut fired);
        assert_eq!(fired.len(), 1);
    }
}
