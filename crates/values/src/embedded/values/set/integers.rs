//! The form of a small set of integers: all of them in order, a few in the set itself and more in a single
//! allocation, each in as few bytes as the widest needs.
//!
//! It knows nothing of text, nor of how many there may be. As in Redis, a width that was needed once stays.

use crate::embedded::footprint::Footprint;
use crate::embedded::values::compact::rounded;

/// How many integers need no allocation, so that there are four words in all.
const FEW_MAX: usize = 7;

/// Different integers in order.
#[derive(Clone, Debug)]
pub enum Integers {
    Few { len: u8, integers: [i32; FEW_MAX] },
    Two(Vec<i16>),
    Four(Vec<i32>),
    Eight(Vec<i64>),
}

/// All integers of either width.
enum Slice<'a> {
    Two(&'a [i16]),
    Four(&'a [i32]),
    Eight(&'a [i64]),
}

impl Default for Integers {
    fn default() -> Self {
        Integers::Few { len: 0, integers: [0; FEW_MAX] }
    }
}

impl Integers {
    fn slice(&self) -> Slice<'_> {
        match self {
            Integers::Few { len, integers } => Slice::Four(&integers[..usize::from(*len)]),
            Integers::Two(integers) => Slice::Two(integers),
            Integers::Four(integers) => Slice::Four(integers),
            Integers::Eight(integers) => Slice::Eight(integers),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Integers::Few { len, .. } => usize::from(*len),
            Integers::Two(integers) => integers.len(),
            Integers::Four(integers) => integers.len(),
            Integers::Eight(integers) => integers.len(),
        }
    }

    /// The one at an index below [`Integers::len`].
    pub fn at(&self, index: usize) -> i64 {
        match self.slice() {
            Slice::Two(integers) => integers[index].into(),
            Slice::Four(integers) => integers[index].into(),
            Slice::Eight(integers) => integers[index],
        }
    }

    /// The index of an integer, or the one it is to be inserted at.
    pub fn find(&self, integer: i64) -> Result<usize, usize> {
        match self.slice() {
            Slice::Two(integers) => find(integers, integer),
            Slice::Four(integers) => find(integers, integer),
            Slice::Eight(integers) => find(integers, integer),
        }
    }

    /// Adds an integer that is not there at the index that [`Integers::find`] gave.
    pub fn insert(&mut self, index: usize, integer: i64) {
        self.make_room_for(integer);
        // The form is not too narrow now.
        match self {
            Integers::Few { len, integers } => {
                integers.copy_within(index..usize::from(*len), index + 1);
                integers[index] = integer as i32;
                *len += 1;
            }
            Integers::Two(integers) => insert(integers, index, integer as i16),
            Integers::Four(integers) => insert(integers, index, integer as i32),
            Integers::Eight(integers) => insert(integers, index, integer),
        }
    }

    /// Takes on the form that one more integer makes necessary: the narrowest for all of them.
    fn make_room_for(&mut self, integer: i64) {
        let has_room = match self {
            Integers::Few { len, .. } => usize::from(*len) < FEW_MAX && fits::<i32>(integer),
            Integers::Two(_) => fits::<i16>(integer),
            Integers::Four(_) => fits::<i32>(integer),
            Integers::Eight(_) => true,
        };
        if has_room {
            return;
        }
        let all = || self.iter().chain([integer]);
        *self = if all().all(fits::<i16>) {
            Integers::Two(with_room(self.iter(), |integer| integer as i16))
        } else if all().all(fits::<i32>) {
            Integers::Four(with_room(self.iter(), |integer| integer as i32))
        } else {
            Integers::Eight(with_room(self.iter(), |integer| integer))
        };
    }

    /// Takes out the one at an index below [`Integers::len`].
    pub fn remove(&mut self, index: usize) -> i64 {
        match self {
            Integers::Few { len, integers } => {
                let removed = integers[index];
                integers.copy_within(index + 1..usize::from(*len), index);
                *len -= 1;
                removed.into()
            }
            Integers::Two(integers) => remove(integers, index).into(),
            Integers::Four(integers) => remove(integers, index).into(),
            Integers::Eight(integers) => remove(integers, index),
        }
    }

    /// All of them in order.
    pub fn iter(&self) -> Iter<'_> {
        match self.slice() {
            Slice::Two(integers) => Iter::Two(integers.iter()),
            Slice::Four(integers) => Iter::Four(integers.iter()),
            Slice::Eight(integers) => Iter::Eight(integers.iter()),
        }
    }
}

impl Footprint for Integers {
    fn heap_bytes(&self, _: usize) -> usize {
        match self {
            Integers::Few { .. } => 0,
            Integers::Two(integers) => integers.capacity() * size_of::<i16>(),
            Integers::Four(integers) => integers.capacity() * size_of::<i32>(),
            Integers::Eight(integers) => integers.capacity() * size_of::<i64>(),
        }
    }
}

/// [`Integers`] in order.
#[derive(Clone, Debug)]
pub enum Iter<'a> {
    Two(std::slice::Iter<'a, i16>),
    Four(std::slice::Iter<'a, i32>),
    Eight(std::slice::Iter<'a, i64>),
}

impl Iterator for Iter<'_> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        match self {
            Iter::Two(integers) => integers.next().map(|&integer| integer.into()),
            Iter::Four(integers) => integers.next().map(|&integer| integer.into()),
            Iter::Eight(integers) => integers.next().copied(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Iter::Two(integers) => integers.size_hint(),
            Iter::Four(integers) => integers.size_hint(),
            Iter::Eight(integers) => integers.size_hint(),
        }
    }
}

fn find<T: Copy + Into<i64>>(integers: &[T], integer: i64) -> Result<usize, usize> {
    match integers.last() {
        // Sets are often filled in order.
        Some(&last) if integer > last.into() => Err(integers.len()),
        _ => integers.binary_search_by_key(&integer, |&found| found.into()),
    }
}

/// For how many integers a block has room that holds so many.
fn room<T>(integers: usize) -> usize {
    rounded(integers * size_of::<T>()) / size_of::<T>()
}

fn insert<T>(integers: &mut Vec<T>, index: usize, integer: T) {
    let len = integers.len();
    if len == integers.capacity() {
        integers.reserve_exact(room::<T>(len + 1) - len);
    }
    integers.insert(index, integer);
}

fn remove<T>(integers: &mut Vec<T>, index: usize) -> T {
    let removed = integers.remove(index);
    let (len, capacity) = (integers.len(), integers.capacity());
    if capacity * size_of::<T>() > 64 && len < capacity / 2 {
        integers.shrink_to(room::<T>(len));
    }
    removed
}

fn fits<T: TryFrom<i64>>(integer: i64) -> bool {
    T::try_from(integer).is_ok()
}

/// Integers in a block of another width, with room for one more.
fn with_room<T>(integers: Iter<'_>, narrow: impl Fn(i64) -> T) -> Vec<T> {
    let mut block = Vec::with_capacity(room::<T>(integers.size_hint().0 + 1));
    block.extend(integers.map(narrow));
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn add(integers: &mut Integers, integer: i64) -> bool {
        let found = integers.find(integer);
        if let Err(index) = found {
            integers.insert(index, integer);
        }
        found.is_err()
    }

    fn width(integers: &Integers) -> usize {
        match integers {
            Integers::Two(_) => 2,
            Integers::Few { .. } | Integers::Four(_) => 4,
            Integers::Eight(_) => 8,
        }
    }

    /// These integers, added in this order.
    fn all(integers: impl IntoIterator<Item = i64>) -> Integers {
        let mut all = Integers::default();
        assert!(integers.into_iter().all(|integer| add(&mut all, integer)), "they are different");
        all
    }

    #[test]
    fn integers_are_as_wide_as_the_widest_has_been() {
        for (integer, expected) in [
            (100, 2),
            (i64::from(i16::MAX), 2),
            (i64::from(i16::MIN), 2),
            (i64::from(i16::MAX) + 1, 4),
            (i64::from(i16::MIN) - 1, 4),
            (i64::from(i32::MAX), 4),
            (i64::from(i32::MIN), 4),
            (i64::from(i32::MAX) + 1, 8),
            (i64::from(i32::MIN) - 1, 8),
            (i64::MAX, 8),
            (i64::MIN, 8),
        ] {
            let narrow = 0..FEW_MAX as i64 + 1;
            for mut integers in
                [all(narrow.clone().chain([integer])), all([integer].into_iter().chain(narrow))]
            {
                assert_eq!(width(&integers), expected, "{integer}");
                let index = integers.find(integer);
                assert_eq!(integers.remove(index.expect("it was added")), integer);
                assert_eq!(width(&integers), expected, "{integer}");
                assert!(integers.iter().eq(0..FEW_MAX as i64 + 1));
            }
        }
    }

    #[test]
    fn a_few_need_no_block_unless_one_is_wide() {
        assert_eq!(size_of::<Integers>(), 32);
        let few = || (0..FEW_MAX as i64).map(|integer| i64::from(i32::MIN) + integer);
        assert_eq!(all(few()).heap_bytes(0), 0);
        assert_eq!(all(few().chain([0])).heap_bytes(0), 32);
        assert_eq!(all(0..=FEW_MAX as i64).heap_bytes(0), 16);
        assert_eq!(all([i64::MIN]).heap_bytes(0), 16);
    }

    #[test]
    fn blocks_are_no_larger_than_they_are_made() {
        let mut integers = all((8..100).rev().map(|number| 1000 * number));
        for number in (0..8).rev() {
            add(&mut integers, 1000 * number);
            assert_eq!(integers.heap_bytes(0), rounded(integers.len() * width(&integers)));
        }
        while integers.len() > 1 {
            integers.remove(0);
            let (block, bytes) = (integers.heap_bytes(0), integers.len() * width(&integers));
            assert!(block <= rounded(bytes * 2).max(64), "{block} for {bytes}");
        }
        assert!(integers.iter().eq([99_000]));
    }

    proptest! {
        #[test]
        fn integers_are_what_an_ordered_set_of_them_is(
            steps in proptest::collection::vec((0..4_u8, 0..9_u32, -20..20_i64), 0..300),
        ) {
            let mut integers = Integers::default();
            let mut model = BTreeSet::new();
            for (step, width, near) in steps {
                // Around zero and around the ends of every width.
                let integer = match width {
                    0 => near,
                    1..5 => (1_i64 << (16 * width - 1)).wrapping_add(near),
                    _ => (-1_i64 << (16 * (width - 4) - 1)).wrapping_add(near),
                };
                match (step, integers.find(integer)) {
                    (0, Ok(index)) => {
                        prop_assert_eq!(integers.remove(index), integer);
                        prop_assert!(model.remove(&integer));
                    }
                    (0, Err(_)) => prop_assert!(!model.contains(&integer)),
                    _ => prop_assert_eq!(add(&mut integers, integer), model.insert(integer)),
                }
                prop_assert_eq!(integers.len(), model.len());
            }
            prop_assert_eq!(integers.iter().size_hint().0, model.len());
            prop_assert!(integers.iter().eq(model.iter().copied()));
            prop_assert!((0..integers.len()).map(|index| integers.at(index)).eq(model));
        }
    }
}
