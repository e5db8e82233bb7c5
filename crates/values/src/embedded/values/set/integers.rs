//! The form of a small set of integers: all of them in order in a single allocation, each in as few bytes
//! as the widest needs.
//!
//! It knows nothing of text, nor of how many there may be. As in Redis, a width that was needed once stays.

use crate::embedded::footprint::Footprint;
use crate::embedded::values::compact::rounded;

/// Different integers in order, in two, four or eight bytes each.
#[derive(Clone, Debug)]
pub enum Integers {
    Two(Vec<i16>),
    Four(Vec<i32>),
    Eight(Vec<i64>),
}

impl Default for Integers {
    fn default() -> Self {
        Integers::Two(Vec::new())
    }
}

impl Integers {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Integers::Two(integers) => integers.len(),
            Integers::Four(integers) => integers.len(),
            Integers::Eight(integers) => integers.len(),
        }
    }

    /// The one at an index below [`Integers::len`].
    pub fn at(&self, index: usize) -> i64 {
        match self {
            Integers::Two(integers) => integers[index].into(),
            Integers::Four(integers) => integers[index].into(),
            Integers::Eight(integers) => integers[index],
        }
    }

    /// The index of an integer, or the one it is to be inserted at.
    pub fn find(&self, integer: i64) -> Result<usize, usize> {
        match self {
            Integers::Two(integers) => find(integers, integer),
            Integers::Four(integers) => find(integers, integer),
            Integers::Eight(integers) => find(integers, integer),
        }
    }

    /// Adds an integer that is not there at the index that [`Integers::find`] gave.
    pub fn insert(&mut self, index: usize, integer: i64) {
        self.widen_for(integer);
        // None of them is too wide now.
        match self {
            Integers::Two(integers) => insert(integers, index, integer as i16),
            Integers::Four(integers) => insert(integers, index, integer as i32),
            Integers::Eight(integers) => insert(integers, index, integer),
        }
    }

    fn widen_for(&mut self, integer: i64) {
        let is_narrow = i32::try_from(integer).is_ok();
        match self {
            Integers::Two(integers) if i16::try_from(integer).is_err() => {
                *self = if is_narrow {
                    Integers::Four(widened(integers))
                } else {
                    Integers::Eight(widened(integers))
                };
            }
            Integers::Four(integers) if !is_narrow => *self = Integers::Eight(widened(integers)),
            Integers::Two(_) | Integers::Four(_) | Integers::Eight(_) => {}
        }
    }

    /// Takes out the one at an index below [`Integers::len`].
    pub fn remove(&mut self, index: usize) -> i64 {
        match self {
            Integers::Two(integers) => remove(integers, index).into(),
            Integers::Four(integers) => remove(integers, index).into(),
            Integers::Eight(integers) => remove(integers, index),
        }
    }

    /// All of them in order.
    pub fn iter(&self) -> Iter<'_> {
        match self {
            Integers::Two(integers) => Iter::Two(integers.iter()),
            Integers::Four(integers) => Iter::Four(integers.iter()),
            Integers::Eight(integers) => Iter::Eight(integers.iter()),
        }
    }
}

impl Footprint for Integers {
    fn heap_bytes(&self, _: usize) -> usize {
        match self {
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

/// The same integers in a wider type, with room for one more.
fn widened<T: Copy, U: From<T>>(integers: &[T]) -> Vec<U> {
    let mut wide = Vec::with_capacity(room::<U>(integers.len() + 1));
    wide.extend(integers.iter().map(|&integer| U::from(integer)));
    wide
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
            Integers::Four(_) => 4,
            Integers::Eight(_) => 8,
        }
    }

    #[test]
    fn integers_are_as_wide_as_the_widest_has_been() {
        for (integer, expected) in [
            (0, 2),
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
            let mut integers = Integers::default();
            assert!(add(&mut integers, 7));
            assert_eq!(add(&mut integers, integer), integer != 7);
            assert_eq!(width(&integers), expected, "{integer}");
            let index = integers.find(integer);
            assert_eq!(integers.remove(index.expect("it was added")), integer);
            assert_eq!(width(&integers), expected, "{integer}");
            assert!(integers.iter().eq([7]));
        }
    }

    #[test]
    fn blocks_are_no_larger_than_they_are_made() {
        let mut integers = Integers::default();
        for number in (0..100).rev() {
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
