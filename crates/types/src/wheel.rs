//! A hierarchical timer wheel: when keys and leases are to expire.
//!
//! A timer names what it is for by a number alone and is never cancelled. Whoever is told that it fired
//! looks whether something of that number (a key's hash, a lease's name) really is past its time.

/// Bits of the deadline that one level resolves.
const LEVEL_BITS: u32 = 6;
const SLOTS: usize = 1 << LEVEL_BITS;
/// Enough levels for every 64-bit deadline.
const LEVELS: usize = 64usize.div_ceil(LEVEL_BITS as usize);

/// A number and when what it stands for is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    /// What it is for, as its owner numbers such things.
    pub token: u64,
    /// The time, in milliseconds since whenever the wheel's owner counts from.
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
    /// No slot that begins up to this time holds a timer.
    elapsed: u64,
    levels: [Option<Box<Level>>; LEVELS],
    /// Timers of the slot opened last, and those that were due when they were set: each either fires
    /// or goes on to a lower level.
    pending: Vec<Timer>,
    len: usize,
}

impl Wheel {
    /// A wheel that stands at `now`, in milliseconds.
    pub fn new(now: u64) -> Self {
        Wheel { elapsed: now, levels: [const { None }; LEVELS], pending: Vec::new(), len: 0 }
    }

    /// How many timers are set, stale ones included.
    pub fn timers(&self) -> usize {
        self.len
    }

    /// Sets a timer.
    pub fn insert(&mut self, timer: Timer) {
        self.len += 1;
        self.place(timer);
    }

    fn place(&mut self, timer: Timer) {
        if timer.deadline <= self.elapsed {
            self.pending.push(timer);
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
        if !self.pending.is_empty() {
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

    /// The time that this wheel has come to.
    pub fn elapsed(&self) -> u64 {
        self.elapsed
    }

    /// Takes out a timer that is due at `now`. Every timer moved and every slot opened on the way
    /// takes one from `looks`; at zero the rest waits for the next call.
    pub fn pop_due(&mut self, now: u64, looks: &mut usize) -> Option<Timer> {
        while *looks > 0 {
            *looks -= 1;
            match self.pending.pop() {
                Some(timer) if timer.deadline <= self.elapsed => {
                    self.len -= 1;
                    return Some(timer);
                }
                Some(timer) => self.place(timer),
                None => match self.next_slot() {
                    Some((level, slot, start)) if start <= now => {
                        self.elapsed = start;
                        self.open(level, slot);
                    }
                    _ => {
                        self.elapsed = self.elapsed.max(now);
                        return None;
                    }
                },
            }
        }
        None
    }

    fn open(&mut self, level: usize, slot: usize) {
        if let Some(level) = &mut self.levels[level] {
            level.occupied &= !(1 << slot);
            self.pending = std::mem::take(&mut level.slots[slot]);
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
            for (token, &deadline) in deadlines.iter().enumerate() {
                wheel.insert(Timer { token: token as u64, deadline });
            }
            let mut left: Vec<u64> = (0..deadlines.len() as u64).collect();
            let mut now = start;
            for step in steps {
                now += step;
                loop {
                    let mut looks = limit;
                    while let Some(timer) = wheel.pop_due(now, &mut looks) {
                        prop_assert!(timer.deadline <= now);
                        let before = left.len();
                        left.retain(|&token| token != timer.token);
                        prop_assert_eq!(left.len() + 1, before);
                    }
                    if wheel.next_deadline().is_none_or(|next| next > now) {
                        break;
                    }
                }
                prop_assert!(left.iter().all(|&token| deadlines[token as usize] > now));
                prop_assert_eq!(wheel.timers(), left.len());
                if let Some(next) = wheel.next_deadline() {
                    let earliest = left.iter().map(|&token| deadlines[token as usize]).min();
                    prop_assert!(next > now && Some(next) <= earliest);
                }
            }
        }
    }

    #[test]
    fn the_farthest_deadline_is_kept() {
        let mut wheel = Wheel::new(5);
        wheel.insert(Timer { token: 1, deadline: u64::MAX });
        assert_eq!(wheel.pop_due(u64::MAX - 1, &mut 1000), None);
        assert_eq!(wheel.pop_due(u64::MAX, &mut 1000).map(|timer| timer.token), Some(1));
    }
}
