//! The value of a sorted set key: members by score, and by their bytes where scores are equal.
//!
//! A small one is packed, in order. A large one keeps its members in a table, as every large
//! aggregate, and beside it their order, in which members are but positions in the table.

mod order;
mod range;
mod small;
#[cfg(test)]
mod tests;

pub use range::{LexRange, ScoreRange};

use super::element::Element;
use crate::embedded::footprint::Footprint;
use crate::embedded::table::{Keyed, Table};
use crate::{ReplySink, key_hash};
use order::{Order, Slot, ordered_bits};
use small::Small;
use smallvec::SmallVec;
use std::cmp::Ordering;
use std::ops::Range;

/// Members of a small set, as in Redis' compact form: what a scan answers at once.
pub const SMALL_MEMBERS_MAX: usize = 128;

/// Bytes of a member of a small set, likewise.
const SMALL_MEMBER_BYTES_MAX: usize = 64;

/// Members by score.
#[derive(Clone, Debug)]
pub struct SortedSet(Form);

/// A set that outgrew the small form stays large.
#[derive(Clone, Debug)]
enum Form {
    Small(Small),
    Large(Box<Large>),
}

#[derive(Clone, Debug, Default)]
struct Large {
    members: Table<Member>,
    order: Order,
}

/// A member and its score.
#[derive(Clone, Debug)]
struct Member {
    name: Element,
    score: f64,
}

impl Member {
    fn as_pair(&self) -> (&[u8], f64) {
        (self.name.as_bytes(), self.score)
    }
}

impl Keyed for Member {
    fn key(&self) -> &[u8] {
        self.name.as_bytes()
    }
}

impl Default for SortedSet {
    fn default() -> Self {
        SortedSet(Form::Small(Small::default()))
    }
}

/// The order of members. Scores are never NaN, and both zeros are equal.
pub fn compare_members((name, score): (&[u8], f64), (other, other_score): (&[u8], f64)) -> Ordering {
    ordered_bits(score).cmp(&ordered_bits(other_score)).then_with(|| name.cmp(other))
}

impl SortedSet {
    /// The set of these members, no two of which are equal, in the form that befits all of them. In
    /// order they are added fastest.
    pub fn new(members: &[(&[u8], f64)]) -> Self {
        let is_small = members.len() <= SMALL_MEMBERS_MAX
            && members.iter().all(|(name, _)| name.len() <= SMALL_MEMBER_BYTES_MAX);
        let mut set =
            SortedSet(if is_small { Form::Small(Small::default()) } else { Form::Large(Box::default()) });
        members.iter().for_each(|(name, score)| set.add(name, *score));
        set
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Small(members) => members.len(),
            Form::Large(large) => large.members.len(),
        }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is small: Redis prints the scores of such a set's scan in another way.
    pub fn is_small(&self) -> bool {
        matches!(self.0, Form::Small(_))
    }

    /// Gives the small form up for good.
    pub fn outgrow_small(&mut self) {
        if let Form::Small(members) = &mut self.0 {
            let large = Large::from_small(members);
            self.0 = Form::Large(Box::new(large));
        }
    }

    /// The score of a member.
    pub fn score(&self, name: &[u8]) -> Option<f64> {
        match &self.0 {
            Form::Small(members) => members.find(name).map(|found| found.score()),
            Form::Large(large) => large.members.get(name).map(|member| member.score),
        }
    }

    /// How many members lie before this one.
    pub fn rank(&self, name: &[u8]) -> Option<usize> {
        match &self.0 {
            Form::Small(members) => members.find(name).map(|found| found.rank()),
            Form::Large(large) => large.members.get(name).map(|member| large.rank_of(member.as_pair())),
        }
    }

    /// Gives a member the score that `decide` chooses, knowing the one it has; `None` leaves all as
    /// it is. A score that equals the old one changes nothing. Not a number is no score.
    pub fn update(&mut self, name: &[u8], decide: impl FnOnce(Option<f64>) -> Option<f64>) {
        match &mut self.0 {
            Form::Small(members) => match members.find(name) {
                Some(found) => {
                    let old = found.score();
                    if let Some(score) = decide(Some(old)).filter(|&score| score != old) {
                        members.update(found, name, score);
                    }
                }
                None => {
                    if let Some(score) = decide(None) {
                        self.add(name, score);
                    }
                }
            },
            Form::Large(large) => large.update(name, decide),
        }
    }

    /// Adds a member that is not there yet.
    fn add(&mut self, name: &[u8], score: f64) {
        if let Form::Small(members) = &mut self.0 {
            if members.fits(name) {
                members.add(name, score);
                return;
            }
            self.outgrow_small();
        }
        if let Form::Large(large) = &mut self.0 {
            large.add(key_hash(name), name, score);
        }
    }

    /// Removes a member; whether it was there.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        match &mut self.0 {
            Form::Small(members) => {
                let found = members.find(name);
                let was_there = found.is_some();
                if let Some(found) = found {
                    members.remove(found);
                }
                was_there
            }
            Form::Large(large) => large.remove(name),
        }
    }

    /// Removes the members of some ranks, which must be there.
    pub fn remove_ranks(&mut self, ranks: Range<usize>) {
        if ranks.len() == self.len() {
            *self = SortedSet::default();
            return;
        }
        match &mut self.0 {
            Form::Small(members) => members.remove_ranks(ranks),
            Form::Large(large) => ranks.clone().for_each(|_| large.remove_rank(ranks.start)),
        }
    }

    /// The ranks of the members whose scores lie in a range.
    pub fn ranks_by_score(&self, range: &ScoreRange) -> Range<usize> {
        let (start, end) = match &self.0 {
            Form::Small(members) => (
                members.partition_point(|(_, score)| range.is_above(score)),
                members.partition_point(|(_, score)| !range.is_below(score)),
            ),
            Form::Large(large) => (
                large.order.rank(|slot| range.is_above(large.at(slot).1)),
                large.order.rank(|slot| !range.is_below(large.at(slot).1)),
            ),
        };
        start..end.max(start)
    }

    /// The ranks of the members that lie in a range of members, which means something only where all
    /// scores are equal. Where they are not, a small set answers as Redis does, which walks from the
    /// first that is in reach, or from the last when in reverse.
    pub fn ranks_by_lex(&self, range: &LexRange<'_>, in_reverse: bool) -> Range<usize> {
        if range.is_empty() {
            return 0..0;
        }
        match &self.0 {
            Form::Small(members) => small_ranks_by_lex(&in_place(members.iter()), range, in_reverse),
            Form::Large(large) => {
                let start = large.order.rank(|slot| range.is_above(large.at(slot).0));
                let end = large.order.rank(|slot| !range.is_below(large.at(slot).0));
                start..end.max(start)
            }
        }
    }

    /// The members of some ranks with their scores, in order.
    pub fn range(&self, ranks: Range<usize>) -> impl Iterator<Item = (&[u8], f64)> {
        let (small, large) = match &self.0 {
            Form::Small(members) => (Some(members.range(ranks)), None),
            Form::Large(large) => {
                let slots = large.order.from(ranks.start).take(ranks.len());
                (None, Some(slots.map(|slot| large.at(slot))))
            }
        };
        small.into_iter().flatten().chain(large.into_iter().flatten())
    }

    /// The members of some ranks with their scores, the last first.
    pub fn range_in_reverse(&self, ranks: Range<usize>) -> impl Iterator<Item = (&[u8], f64)> {
        let (small, large) = match &self.0 {
            Form::Small(members) => (Some(in_place(members.range(ranks)).into_iter().rev()), None),
            Form::Large(large) => {
                let slots = large.order.before(ranks.end).take(ranks.len());
                (None, Some(slots.map(|slot| large.at(slot))))
            }
        };
        small.into_iter().flatten().chain(large.into_iter().flatten())
    }

    /// All members with their scores, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], f64)> {
        self.visit(0..self.len())
    }

    /// The member at an index below [`SortedSet::len`], in no particular order.
    pub fn nth(&self, index: usize) -> (&[u8], f64) {
        match &self.0 {
            Form::Small(members) => members.range(index..index + 1).next().unwrap_or_default(),
            Form::Large(large) => large.members.at(index).as_pair(),
        }
    }

    /// The members at some indexes, in no particular order.
    fn visit(&self, indexes: Range<usize>) -> impl Iterator<Item = (&[u8], f64)> {
        let (small, large) = match &self.0 {
            Form::Small(members) => (Some(members.range(indexes)), None),
            Form::Large(large) => (None, Some(large.members.range(indexes).map(Member::as_pair))),
        };
        small.into_iter().flatten().chain(large.into_iter().flatten())
    }

    /// The members that a scan of about `count` visits from `cursor` on, and the next cursor. A small
    /// set is visited at once.
    pub fn scan(&self, cursor: u64, count: usize) -> (impl Iterator<Item = (&[u8], f64)>, u64) {
        let (visited, next) = match &self.0 {
            Form::Small(members) => (0..members.len(), 0),
            Form::Large(large) => large.members.scan(cursor, count),
        };
        (self.visit(visited), next)
    }

    /// Writes all of it as a map of member to score, in order.
    pub fn write(&self, reply: &mut dyn ReplySink) {
        reply.map(self.len());
        for (name, score) in self.range(0..self.len()) {
            reply.bulk(name);
            reply.double(score);
        }
    }
}

impl<'a> FromIterator<(&'a [u8], f64)> for SortedSet {
    /// The set that comes of adding these members one after another, no two of which are equal.
    fn from_iter<I: IntoIterator<Item = (&'a [u8], f64)>>(members: I) -> Self {
        let mut set = SortedSet::default();
        members.into_iter().for_each(|(name, score)| set.add(name, score));
        set
    }
}

impl Footprint for SortedSet {
    fn heap_bytes(&self, samples: usize) -> usize {
        match &self.0 {
            Form::Small(small) => small.heap_bytes(samples),
            Form::Large(large) => {
                size_of::<Large>() + large.members.heap_bytes(samples) + large.order.heap_bytes(samples)
            }
        }
    }
}

impl Footprint for Member {
    fn heap_bytes(&self, samples: usize) -> usize {
        self.name.heap_bytes(samples)
    }
}

impl Large {
    fn from_small(members: &Small) -> Self {
        let mut large = Large::default();
        for (name, score) in members.iter() {
            large.add(key_hash(name), name, score);
        }
        large
    }

    fn at(&self, slot: Slot) -> (&[u8], f64) {
        self.members.at(slot.position as usize).as_pair()
    }

    /// Whether a slot lies before a member and score. Members are looked at only where scores are equal.
    fn is_before(members: &Table<Member>, slot: Slot, (name, score): (&[u8], f64)) -> bool {
        match slot.score_bits().cmp(&ordered_bits(score)) {
            Ordering::Equal => members.at(slot.position as usize).key() < name,
            unequal => unequal.is_lt(),
        }
    }

    fn rank_of(&self, place: (&[u8], f64)) -> usize {
        self.order.rank(|slot| Self::is_before(&self.members, slot, place))
    }

    fn add(&mut self, hash: u64, name: &[u8], score: f64) {
        let position = self.members.insert_new(hash, Member { name: name.into(), score });
        let slot = Slot::new(score, position as u32);
        self.order.insert(slot, |other| Self::is_before(&self.members, other, (name, score)));
    }

    fn update(&mut self, name: &[u8], decide: impl FnOnce(Option<f64>) -> Option<f64>) {
        let hash = key_hash(name);
        let Some(position) = self.members.find(hash, name) else {
            if let Some(score) = decide(None) {
                self.add(hash, name, score);
            }
            return;
        };
        let old = self.members.at(position).score;
        let Some(score) = decide(Some(old)).filter(|&score| score != old) else { return };
        self.order.remove(self.rank_of((name, old)));
        self.members.at_mut(position).score = score;
        let slot = Slot::new(score, position as u32);
        self.order.insert(slot, |other| Self::is_before(&self.members, other, (name, score)));
    }

    fn remove(&mut self, name: &[u8]) -> bool {
        let hash = key_hash(name);
        let Some(position) = self.members.find(hash, name) else { return false };
        self.order.remove(self.rank_of(self.members.at(position).as_pair()));
        self.forget(hash, position);
        true
    }

    fn remove_rank(&mut self, rank: usize) {
        let position = self.order.remove(rank).position as usize;
        self.forget(key_hash(self.members.at(position).key()), position);
    }

    /// Drops a member that is no longer in the order. The table's last member moves into its place,
    /// which the order has to be told while both can still be looked at.
    fn forget(&mut self, hash: u64, position: usize) {
        let last = self.members.len() - 1;
        if position != last {
            let rank = self.rank_of(self.members.at(last).as_pair());
            self.order.set_position(rank, position as u32);
        }
        self.members.remove_at(hash, position);
    }
}

/// Members of a small set, to be reached from either end.
fn in_place<'a>(members: impl Iterator<Item = (&'a [u8], f64)>) -> SmallVec<[(&'a [u8], f64); 32]> {
    members.collect()
}

fn small_ranks_by_lex(members: &[(&[u8], f64)], range: &LexRange<'_>, in_reverse: bool) -> Range<usize> {
    let is_above = |(name, _): &(&[u8], f64)| range.is_above(name);
    let is_below = |(name, _): &(&[u8], f64)| range.is_below(name);
    if members.last().is_none_or(is_above) || members.first().is_none_or(is_below) {
        return 0..0;
    }
    if in_reverse {
        let end = members.iter().rposition(|member| !is_below(member)).map_or(0, |last| last + 1);
        let start = members[..end].iter().rposition(is_above).map_or(0, |last| last + 1);
        start..end
    } else {
        let start = members.iter().position(|member| !is_above(member)).unwrap_or(members.len());
        let end = members[start..].iter().position(is_below).map_or(members.len(), |first| start + first);
        start..end
    }
}
