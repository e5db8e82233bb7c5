//! From a hash to a position: open addressing, one word a slot.
//!
//! A slot holds 32 bits of the hash beside the position, so that other keys' entries are passed over,
//! and the index grows, without a look at an entry. Eight slots share a cache line: finding a key
//! among millions costs one miss here and one at the entry, and both can be fetched ahead.

use super::prefetch::prefetch;

/// No slot: positions are kept one higher.
const EMPTY: u64 = 0;

/// The smallest index.
const SLOTS_MIN: usize = 8;

/// Slots from which on an index grows by a quarter, not to the double: most of what there is then is in
/// use, and to move all the others costs an entry no more than a few nanoseconds.
const SLOTS_MANY: usize = 512;

/// Positions by hash. Which position a hash means is for the caller to say, who sees the entries.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    slots: Box<[u64]>,
    len: usize,
}

fn slot(hash: u64, position: usize) -> u64 {
    hash << 32 | (position as u64 + 1)
}

/// The part of a hash that a slot holds.
fn tag(hash: u64) -> u64 {
    hash & u64::from(u32::MAX)
}

fn position_of(slot: u64) -> usize {
    (slot & u64::from(u32::MAX)) as usize - 1
}

impl Index {
    /// The number of the slot where the search for a tag begins: as far along as the tag is among all.
    fn home(&self, tag: u64) -> usize {
        ((tag * self.slots.len() as u64) >> 32) as usize
    }

    /// The number of the slot that follows one.
    fn after(&self, number: usize) -> usize {
        if number + 1 == self.slots.len() { 0 } else { number + 1 }
    }

    /// How many slots lie from one to another.
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.slots.len() - from }
    }

    /// The number of the slot that holds a position for which `wanted` holds.
    fn find_slot(&self, hash: u64, wanted: impl Fn(usize) -> bool) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let tag = tag(hash);
        let mut number = self.home(tag);
        loop {
            let found = self.slots[number];
            if found == EMPTY {
                return None;
            }
            if found >> 32 == tag && wanted(position_of(found)) {
                return Some(number);
            }
            number = self.after(number);
        }
    }

    /// The position of this hash for which `wanted` holds.
    pub fn find(&self, hash: u64, wanted: impl Fn(usize) -> bool) -> Option<usize> {
        self.find_slot(hash, wanted).map(|number| position_of(self.slots[number]))
    }

    /// Adds a position.
    pub fn insert(&mut self, hash: u64, position: usize) {
        // Three quarters full at most: an absent key is then known to be so within a line or two.
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            let slots = self.slots.len();
            self.resize(if slots < SLOTS_MANY { (slots * 2).max(SLOTS_MIN) } else { slots / 4 * 5 });
        }
        self.place(slot(hash, position));
        self.len += 1;
    }

    fn place(&mut self, slot: u64) {
        let mut number = self.home(slot >> 32);
        while self.slots[number] != EMPTY {
            number = self.after(number);
        }
        self.slots[number] = slot;
    }

    fn resize(&mut self, slots: usize) {
        let old = std::mem::replace(&mut self.slots, vec![EMPTY; slots].into());
        for &slot in old.iter().filter(|&&slot| slot != EMPTY) {
            self.place(slot);
        }
    }

    /// Removes a position.
    pub fn remove(&mut self, hash: u64, position: usize) {
        let Some(mut gap) = self.find_slot(hash, |other| other == position) else { return };
        self.len -= 1;
        // Slots behind the gap move up, as far as their homes allow, so that no search ends in it.
        let mut number = gap;
        loop {
            number = self.after(number);
            let slot = self.slots[number];
            if slot == EMPTY {
                break;
            }
            if self.distance(self.home(slot >> 32), number) >= self.distance(gap, number) {
                self.slots[gap] = slot;
                gap = number;
            }
        }
        self.slots[gap] = EMPTY;
    }

    /// Notes that what was at one position is at another now.
    pub fn move_position(&mut self, hash: u64, from: usize, to: usize) {
        if let Some(number) = self.find_slot(hash, |position| position == from) {
            self.slots[number] = slot(hash, to);
        }
    }

    /// Gives memory back, keeping room for `entries`.
    pub fn shrink_to(&mut self, entries: usize) {
        let slots = (entries.max(self.len) * 4 / 3 + 1).max(SLOTS_MIN);
        if slots < self.slots.len() {
            self.resize(slots);
        }
    }

    /// Bytes on the heap.
    pub fn heap_bytes(&self) -> usize {
        size_of_val(&*self.slots)
    }

    /// Has the slots fetched where a search for this hash begins.
    pub fn prefetch(&self, hash: u64) {
        if !self.slots.is_empty() {
            prefetch(&self.slots[self.home(tag(hash))]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn an_index_finds_what_was_put_in(
            grown in prop::sample::select(vec![0, 370, 390, 500]),
            steps in proptest::collection::vec((0..4_u8, 0..40_usize), 0..600),
        ) {
            // Few hashes, so that they collide and wrap around the end.
            let hash = |position: usize| [5, 6, 7, u64::from(u32::MAX), u64::from(u32::MAX) - 1][position % 5];
            let spread = |position: usize| (position as u64 * 0x9e37_79b9) & u64::from(u32::MAX);
            let mut index = Index::default();
            let mut model = BTreeMap::new();
            // Many others, so that it grows in small steps.
            (1000..1000 + grown).for_each(|position| index.insert(spread(position), position));
            for (step, position) in steps {
                match step {
                    0 | 1 if !model.contains_key(&position) => {
                        index.insert(hash(position), position);
                        model.insert(position, ());
                    }
                    2 if model.remove(&position).is_some() => index.remove(hash(position), position),
                    3 => index.shrink_to(0),
                    _ => {}
                }
                for at in 0..40 {
                    let found = index.find(hash(at), |other| other == at);
                    prop_assert_eq!(found.is_some(), model.contains_key(&at));
                }
            }
            for position in 1000..1000 + grown {
                prop_assert!(index.find(spread(position), |other| other == position).is_some());
            }
        }
    }
}
