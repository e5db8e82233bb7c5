//! The form of a small sorted set: its members in order, packed, each behind its score.
//!
//! A member begins with a byte that tells the kind of its score, and how long its name is unless that
//! is long; then the length of a long name, the score, the name.

use super::{SMALL_MEMBER_BYTES_MAX, SMALL_MEMBERS_MAX, compare_members};
use crate::embedded::footprint::Footprint;
use crate::embedded::values::compact::Compact;
use std::ops::Range;

/// The kinds of score that are whole numbers, by how many bytes each takes.
const WHOLE_BYTES: [u8; 6] = [0, 1, 2, 3, 4, 6];

/// The kinds of score that are none.
const SHORT_FLOAT: u8 = 6;
const LONG_FLOAT: u8 = 7;

/// How many bytes a score takes, by its kind.
const SCORE_BYTES: [u8; 8] = [0, 1, 2, 3, 4, 6, 4, 8];

/// Whole numbers of lesser magnitude have six bytes at most.
const WHOLE_MAX: f64 = (1_u64 << 47) as f64;

/// Where the length of a name stands in the first byte, beside the kind of its score.
const NAME_SHIFT: u32 = 3;

/// As the length of a name: it takes a byte of its own.
const NAME_IS_LONG: u8 = u8::MAX >> NAME_SHIFT;

/// What stands before a name.
#[derive(Clone, Copy, Debug)]
struct Head {
    bytes: [u8; 10],
    len: u8,
}

impl Head {
    fn new(name: &[u8], score: f64) -> Self {
        let (kind, bits) = write_score(score);
        let mut bytes = [0; 10];
        let name_len = name.len() as u8;
        let is_long = name_len >= NAME_IS_LONG;
        bytes[0] = kind | name_len.min(NAME_IS_LONG) << NAME_SHIFT;
        bytes[1] = name_len;
        let start = 1 + usize::from(is_long);
        bytes[start..start + 8].copy_from_slice(&bits.to_le_bytes());
        Head { bytes, len: start as u8 + SCORE_BYTES[usize::from(kind)] }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// The kind of a score, and its bytes, the least one lowest.
fn write_score(score: f64) -> (u8, u64) {
    if score.abs() < WHOLE_MAX && score.fract() == 0.0 {
        let whole = score as i64;
        // The sign goes last, so that a small number has few bytes whatever its sign.
        let bits = ((whole << 1) ^ (whole >> 63)) as u64;
        let len = (u64::BITS - bits.leading_zeros()).div_ceil(8) as u8;
        return (WHOLE_BYTES.partition_point(|&bytes| bytes < len) as u8, bits);
    }
    let short = score as f32;
    if f64::from(short) == score {
        (SHORT_FLOAT, u64::from(short.to_bits()))
    } else {
        (LONG_FLOAT, score.to_bits())
    }
}

/// A member where it lies.
#[derive(Clone, Copy)]
struct Packed<'a> {
    kind: u8,
    score: &'a [u8],
    name: &'a [u8],
}

impl<'a> Packed<'a> {
    /// Takes the first member off some bytes.
    fn take_from(bytes: &mut &'a [u8]) -> Option<Self> {
        let (&first, mut rest) = bytes.split_first()?;
        let kind = first & !(NAME_IS_LONG << NAME_SHIFT);
        let mut name_len = first >> NAME_SHIFT;
        if name_len == NAME_IS_LONG {
            (name_len, rest) = (rest[0], &rest[1..]);
        }
        let (score, rest) = rest.split_at(usize::from(SCORE_BYTES[usize::from(kind)]));
        let (name, rest) = rest.split_at(usize::from(name_len));
        *bytes = rest;
        Some(Packed { kind, score, name })
    }

    fn score(&self) -> f64 {
        let bits = self.score.iter().rev().fold(0, |bits, &byte| bits << 8 | u64::from(byte));
        match self.kind {
            SHORT_FLOAT => f64::from(f32::from_bits(bits as u32)),
            LONG_FLOAT => f64::from_bits(bits),
            _ => ((bits >> 1) as i64 ^ -((bits & 1) as i64)) as f64,
        }
    }
}

/// The members of a small set.
#[derive(Clone, Debug, Default)]
pub(super) struct Small(Compact);

/// A member where it is found.
pub(super) struct Found {
    rank: usize,
    bytes: Range<usize>,
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
        Members { rest: self.0.bytes(), left: self.len() }
    }

    /// The members of some ranks with their scores, in order.
    pub fn range(&self, ranks: Range<usize>) -> impl Iterator<Item = (&[u8], f64)> {
        let mut members = self.iter();
        members.skip_members(ranks.start);
        members.take(ranks.len())
    }

    /// How many members lie before a place: those for which `is_before` holds, which must be a prefix.
    pub fn partition_point(&self, is_before: impl Fn((&[u8], f64)) -> bool) -> usize {
        self.iter().take_while(|&member| is_before(member)).count()
    }

    /// Looks for a member by its name.
    pub fn find(&self, name: &[u8]) -> Option<Found> {
        let all = self.0.bytes();
        let mut rest = all;
        let mut rank = 0;
        loop {
            let start = all.len() - rest.len();
            let member = Packed::take_from(&mut rest)?;
            if member.name == name {
                return Some(Found { rank, bytes: start..all.len() - rest.len(), score: member.score() });
            }
            rank += 1;
        }
    }

    /// Adds a member that is not there yet, and for which there is room.
    pub fn add(&mut self, name: &[u8], score: f64) {
        // Whole numbers know but one zero.
        let score = score + 0.0;
        let mut members = self.iter();
        let mut offset = 0;
        while let Some(member) = members.next() {
            if compare_members(member, (name, score)).is_gt() {
                break;
            }
            offset = self.0.bytes().len() - members.rest.len();
        }
        self.0.insert(offset, [Head::new(name, score).as_bytes(), name]);
    }

    /// Gives a member that was found another score.
    pub fn update(&mut self, found: Found, name: &[u8], score: f64) {
        self.remove(found);
        self.add(name, score);
    }

    /// Removes a member that was found.
    pub fn remove(&mut self, found: Found) {
        self.0.remove(found.bytes, 1);
    }

    /// Removes the members of some ranks.
    pub fn remove_ranks(&mut self, ranks: Range<usize>) {
        let mut members = self.iter();
        let offset = |members: &Members<'_>| self.0.bytes().len() - members.rest.len();
        members.skip_members(ranks.start);
        let start = offset(&members);
        members.skip_members(ranks.len());
        let end = offset(&members);
        self.0.remove(start..end, ranks.len());
    }
}

/// Members with their scores, in order.
#[derive(Clone, Debug)]
pub(super) struct Members<'a> {
    rest: &'a [u8],
    left: usize,
}

impl Members<'_> {
    /// Passes over members, without a look at their scores.
    fn skip_members(&mut self, count: usize) {
        for _ in 0..count.min(self.left) {
            Packed::take_from(&mut self.rest);
            self.left -= 1;
        }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], f64);

    fn next(&mut self) -> Option<Self::Item> {
        let member = Packed::take_from(&mut self.rest)?;
        self.left -= 1;
        Some((member.name, member.score()))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// How many bytes a score takes.
    fn check(score: f64) -> usize {
        for name in [&b""[..], b"name", &[b'n'; 30], &[b'n'; 31], &[b'n'; 64]] {
            let mut member = Head::new(name, score).as_bytes().to_vec();
            member.extend_from_slice(name);
            member.push(7);
            let mut rest = &member[..];
            let read = Packed::take_from(&mut rest).expect("a member");
            assert_eq!((read.name, read.score(), rest), (name, score, &[7][..]));
        }
        usize::from(Head::new(b"name", score).len) - 1
    }

    #[test]
    fn scores_read_back_and_take_few_bytes() {
        for (score, bytes) in [
            (0.0, 0),
            (1.0, 1),
            (-1.0, 1),
            (127.0, 1),
            (-128.0, 1),
            (128.0, 2),
            (1e6, 3),
            (1e9, 4),
            (1e11, 6),
            (WHOLE_MAX - 1.0, 6),
            (1.0 - WHOLE_MAX, 6),
            (WHOLE_MAX, 4),
            (WHOLE_MAX + 1.0, 8),
            (0.5, 4),
            (-2.25, 4),
            (0.1, 8),
            (f64::INFINITY, 4),
            (f64::NEG_INFINITY, 4),
            (1e300, 8),
            (5e-324, 8),
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
