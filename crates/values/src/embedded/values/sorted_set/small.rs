//! The form of a small sorted set: its members in order, packed, each behind its score.

use super::{SMALL_MEMBER_BYTES_MAX, SMALL_MEMBERS_MAX, compare_members};
use crate::embedded::footprint::Footprint;
use crate::embedded::values::packed::{Packed, Strings};
use std::ops::Range;

/// The scores written here are whole numbers of at most so many bytes, short or long floating-point
/// numbers. The first byte tells which.
const WHOLE_BYTES_MAX: u8 = 6;
const SHORT_FLOAT: u8 = 7;
const LONG_FLOAT: u8 = 8;

/// Whole numbers of lesser magnitude have six bytes at most.
const WHOLE_MAX: f64 = (1_u64 << 47) as f64;

/// The bytes of a score, the kind first.
#[derive(Clone, Copy, Debug)]
struct Written {
    bytes: [u8; 9],
    len: u8,
}

impl Written {
    fn new(score: f64) -> Self {
        if score.abs() < WHOLE_MAX && score.fract() == 0.0 {
            let whole = score as i64;
            // The sign goes last, so that a small number has few bytes whatever its sign.
            let bits = ((whole << 1) ^ (whole >> 63)) as u64;
            let len = (u64::BITS - bits.leading_zeros()).div_ceil(8) as u8;
            return Written::of(len, bits, len);
        }
        let short = score as f32;
        if f64::from(short) == score {
            Written::of(SHORT_FLOAT, u64::from(short.to_bits()), 4)
        } else {
            Written::of(LONG_FLOAT, score.to_bits(), 8)
        }
    }

    fn of(kind: u8, bits: u64, len: u8) -> Self {
        let mut bytes = [kind; 9];
        bytes[1..].copy_from_slice(&bits.to_le_bytes());
        Written { bytes, len: 1 + len }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// How many bytes a score of this kind has after the first.
fn score_len(kind: u8) -> usize {
    match kind {
        SHORT_FLOAT => 4,
        whole_or_long => usize::from(whole_or_long),
    }
}

/// The score that a member begins with, and its name.
fn read(member: &[u8]) -> (&[u8], f64) {
    let (score, name) = member.split_at(1 + score_len(member[0]));
    let bits = score[1..].iter().rev().fold(0, |bits, &byte| bits << 8 | u64::from(byte));
    let score = match score[0] {
        ..=WHOLE_BYTES_MAX => ((bits >> 1) as i64 ^ -((bits & 1) as i64)) as f64,
        SHORT_FLOAT => f64::from(f32::from_bits(bits as u32)),
        _ => f64::from_bits(bits),
    };
    (name, score)
}

/// The members of a small set. None is empty, as each begins with its score.
#[derive(Clone, Debug, Default)]
pub(super) struct Small(Packed);

/// A member where it is found.
pub(super) struct Found {
    rank: usize,
    offset: usize,
    score: f64,
}

impl Found {
    /// How many members lie before it.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Its score.
    pub fn score(&self) -> f64 {
        self.score
    }
}

impl Footprint for Small {
    fn heap_bytes(&self, samples: usize) -> usize {
        self.0.heap_bytes(samples)
    }
}

impl Small {
    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether one more member of this name has room.
    pub fn fits(&self, name: &[u8]) -> bool {
        self.len() < SMALL_MEMBERS_MAX && name.len() <= SMALL_MEMBER_BYTES_MAX
    }

    /// The members with their scores, in order.
    pub fn iter(&self) -> Members<'_> {
        Members(self.0.iter())
    }

    /// The members of some ranks with their scores, in order.
    pub fn range(&self, ranks: Range<usize>) -> impl Iterator<Item = (&[u8], f64)> {
        let mut strings = self.0.iter();
        strings.by_ref().take(ranks.start).for_each(drop);
        Members(strings).take(ranks.len())
    }

    /// How many members lie before a place: those for which `is_before` holds, which must be a prefix.
    pub fn partition_point(&self, is_before: impl Fn((&[u8], f64)) -> bool) -> usize {
        self.iter().take_while(|&member| is_before(member)).count()
    }

    /// Looks for a member by its name.
    pub fn find(&self, name: &[u8]) -> Option<Found> {
        let mut offset = self.0.offset(0);
        for (rank, member) in self.0.iter().enumerate() {
            // Most others differ in length, or in their last byte.
            if member.len() == 1 + score_len(member[0]) + name.len() && member.ends_with(name) {
                return Some(Found { rank, offset, score: read(member).1 });
            }
            offset = self.0.after(offset);
        }
        None
    }

    /// Adds a member that is not there yet, and for which there is room.
    pub fn add(&mut self, name: &[u8], score: f64) {
        // Whole numbers know but one zero.
        let score = score + 0.0;
        let mut offset = self.0.offset(0);
        for member in self.iter() {
            if compare_members(member, (name, score)).is_gt() {
                break;
            }
            offset = self.0.after(offset);
        }
        self.0.insert(offset, [Written::new(score).as_bytes(), name]);
    }

    /// Gives a member that was found another score.
    pub fn update(&mut self, found: &Found, name: &[u8], score: f64) {
        self.0.remove(found.offset, 1);
        self.add(name, score);
    }

    /// Removes a member that was found.
    pub fn remove(&mut self, found: &Found) {
        self.0.remove(found.offset, 1);
    }

    /// Removes the members of some ranks.
    pub fn remove_ranks(&mut self, ranks: Range<usize>) {
        if !ranks.is_empty() {
            self.0.remove(self.0.offset(ranks.start), ranks.len());
        }
    }
}

/// Members with their scores, in order.
#[derive(Clone, Debug)]
pub(super) struct Members<'a>(Strings<'a>);

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(read)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(score: f64) -> usize {
        let written = Written::new(score);
        let mut member = written.as_bytes().to_vec();
        member.extend_from_slice(b"name");
        let (name, again) = read(&member);
        assert_eq!((name, again), (&b"name"[..], score));
        member.len() - 4
    }

    #[test]
    fn scores_read_back_and_take_few_bytes() {
        for (score, bytes) in [
            (0.0, 1),
            (1.0, 2),
            (-1.0, 2),
            (127.0, 2),
            (-128.0, 2),
            (128.0, 3),
            (1e6, 4),
            (WHOLE_MAX - 1.0, 7),
            (1.0 - WHOLE_MAX, 7),
            (WHOLE_MAX, 5),
            (WHOLE_MAX + 1.0, 9),
            (0.5, 5),
            (-2.25, 5),
            (0.1, 9),
            (f64::INFINITY, 5),
            (f64::NEG_INFINITY, 5),
            (1e300, 9),
            (5e-324, 9),
        ] {
            assert_eq!(check(score), bytes, "{score}");
        }
    }

    proptest! {
        #[test]
        fn every_score_reads_back(score in any::<f64>(), whole in any::<i64>(), shift in 0..64_u32) {
            check(score + 0.0);
            check((whole >> shift) as f64);
        }
    }
}
