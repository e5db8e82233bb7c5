//! Unions, intersections and differences of sorted sets, plain sets among them.

use super::look::write_members;
use super::range::store;
use crate::embedded::Keyspace;
use crate::embedded::commands::numbers::{integer, integer_from, saturated};
use crate::embedded::values::{Member, Set, SortedSet, Text, Value, compare_members};
use crate::{Error, ReplySink, parse_double};
use hashbrown::HashMap;

/// How sets are combined.
#[derive(Clone, Copy, PartialEq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// What becomes of the scores that a member has in several sets.
#[derive(Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn of(self, first: f64, second: f64) -> f64 {
        match self {
            Aggregate::Sum => number_or_zero(first + second),
            Aggregate::Min => {
                if second < first {
                    second
                } else {
                    first
                }
            }
            Aggregate::Max => {
                if second > first {
                    second
                } else {
                    first
                }
            }
        }
    }
}

/// Infinity times zero, and the sum of infinities of both signs, count as zero.
fn number_or_zero(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// One of the sets to combine.
#[derive(Clone, Copy)]
enum Members<'a> {
    None,
    /// Each member's score is one.
    Plain(&'a Set),
    Scored(&'a SortedSet),
}

impl<'a> Members<'a> {
    fn len(self) -> usize {
        match self {
            Members::None => 0,
            Members::Plain(set) => set.len(),
            Members::Scored(set) => set.len(),
        }
    }

    fn score(self, member: Member<'_>) -> Option<f64> {
        match self {
            Members::None => None,
            Members::Plain(set) => set.contains_member(member).then_some(1.0),
            Members::Scored(set) => set.score(&member.text()),
        }
    }

    fn iter(self) -> impl Iterator<Item = (Member<'a>, f64)> {
        let (plain, scored) = match self {
            Members::None => (None, None),
            Members::Plain(set) => (Some(set.iter().map(|member| (member, 1.0))), None),
            Members::Scored(set) => {
                (None, Some(set.iter().map(|(member, score)| (Member::Bytes(member), score))))
            }
        };
        plain.into_iter().flatten().chain(scored.into_iter().flatten())
    }
}

/// A set to combine, and what its scores are multiplied by.
#[derive(Clone, Copy)]
struct Input<'a> {
    members: Members<'a>,
    weight: f64,
}

impl<'a> Input<'a> {
    fn weighed(self, score: f64) -> f64 {
        score * self.weight
    }

    fn iter_weighed(self) -> impl Iterator<Item = (Member<'a>, f64)> {
        self.members.iter().map(move |(member, score)| (member, number_or_zero(self.weighed(score))))
    }
}

/// The words of a combination.
struct Combination<'a> {
    keys: &'a [&'a [u8]],
    options: &'a [&'a [u8]],
}

impl<'a> Combination<'a> {
    /// Reads `numkeys key … options` and looks at the keys: a key of another type is refused before
    /// an option is looked at.
    fn parse(keyspace: &mut Keyspace<'_>, name: &str, words: &'a [&'a [u8]]) -> Result<Self, Error> {
        let key_count = integer(words[0])?;
        if key_count < 1 {
            let text = format!("ERR at least 1 input key is needed for '{name}' command");
            return Err(Error::Other(text.into()));
        }
        let (keys, options) = words[1..].split_at_checked(saturated(key_count)).ok_or(Error::Syntax)?;
        for key in keys {
            keyspace.notice_missing(key);
            match keyspace.read(key) {
                None | Some(Value::Set(_) | Value::SortedSet(_)) => {}
                Some(_) => return Err(Error::WrongType),
            }
        }
        Ok(Combination { keys, options })
    }

    /// The sets, all with a weight of one.
    fn inputs<'k>(&self, keyspace: &'k Keyspace<'_>) -> Vec<Input<'k>> {
        let members = |key: &&[u8]| match keyspace.peek(key) {
            Some(Value::Set(set)) => Members::Plain(set),
            Some(Value::SortedSet(set)) => Members::Scored(set),
            // What is of another type has been refused.
            _ => Members::None,
        };
        self.keys.iter().map(|key| Input { members: members(key), weight: 1.0 }).collect()
    }
}

/// The options of unions, intersections and differences.
struct Options {
    /// One for each set, or none.
    weights: Vec<f64>,
    aggregate: Aggregate,
    with_scores: bool,
}

impl Options {
    fn parse(
        words: &[&[u8]],
        key_count: usize,
        operation: Operation,
        is_stored: bool,
    ) -> Result<Self, Error> {
        let mut options = Options { weights: Vec::new(), aggregate: Aggregate::Sum, with_scores: false };
        let aggregates = operation != Operation::Difference;
        let mut words = words;
        while let [option, rest @ ..] = words {
            let is = |name: &str| option.eq_ignore_ascii_case(name.as_bytes());
            words = rest;
            if aggregates && is("weights") && rest.len() >= key_count {
                let (weights, rest) = rest.split_at(key_count);
                let weight =
                    |word: &&[u8]| parse_double(word).ok_or(Error::text("ERR weight value is not a float"));
                options.weights = weights.iter().map(weight).collect::<Result<_, _>>()?;
                words = rest;
            } else if let [name, rest @ ..] = rest
                && aggregates
                && is("aggregate")
            {
                options.aggregate = aggregate(name)?;
                words = rest;
            } else if !is_stored && is("withscores") {
                options.with_scores = true;
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }
}

fn aggregate(name: &[u8]) -> Result<Aggregate, Error> {
    if name.eq_ignore_ascii_case(b"sum") {
        Ok(Aggregate::Sum)
    } else if name.eq_ignore_ascii_case(b"min") {
        Ok(Aggregate::Min)
    } else if name.eq_ignore_ascii_case(b"max") {
        Ok(Aggregate::Max)
    } else {
        Err(Error::Syntax)
    }
}

/// Combines the sets; the members come in no particular order.
fn combine<'k>(
    mut inputs: Vec<Input<'k>>,
    operation: Operation,
    options: &Options,
) -> Vec<(Member<'k>, f64)> {
    for (input, weight) in inputs.iter_mut().zip(&options.weights) {
        input.weight = *weight;
    }
    if operation != Operation::Difference {
        // As Redis does, so that sums come out the same to the last bit.
        inputs.sort_by_key(|input| input.members.len());
    }
    match operation {
        Operation::Union => union(&inputs, options.aggregate),
        Operation::Intersection => intersection(&inputs, options.aggregate).collect(),
        Operation::Difference => difference(&inputs),
    }
}

fn texts(members: Vec<(Member<'_>, f64)>) -> Vec<(Text<'_>, f64)> {
    members.into_iter().map(|(member, score)| (member.text(), score)).collect()
}

fn in_order<'m>(members: &'m [(Text<'_>, f64)]) -> Vec<(&'m [u8], f64)> {
    let mut members: Vec<(&[u8], f64)> = members.iter().map(|(text, score)| (&**text, *score)).collect();
    members.sort_unstable_by(|&one, &other| compare_members(one, other));
    members
}

fn union<'k>(inputs: &[Input<'k>], aggregate: Aggregate) -> Vec<(Member<'k>, f64)> {
    if let [only] = inputs {
        return only.iter_weighed().collect();
    }
    let mut scores: HashMap<Member<'_>, f64, foldhash::fast::RandomState> = HashMap::default();
    for (member, score) in inputs.iter().flat_map(|input| input.iter_weighed()) {
        scores.entry(member).and_modify(|sum| *sum = aggregate.of(*sum, score)).or_insert(score);
    }
    scores.into_iter().collect()
}

/// Walks the smallest set, which comes first, and asks the others.
fn intersection<'k>(inputs: &[Input<'k>], aggregate: Aggregate) -> impl Iterator<Item = (Member<'k>, f64)> {
    let (smallest, others) = inputs.split_first().map_or((None, inputs), |(first, rest)| (Some(first), rest));
    smallest.into_iter().flat_map(|smallest| smallest.iter_weighed()).filter_map(move |(member, score)| {
        let score = others.iter().try_fold(score, |sum, other| {
            Some(aggregate.of(sum, other.weighed(other.members.score(member)?)))
        });
        Some((member, score?))
    })
}

fn difference<'k>(inputs: &[Input<'k>]) -> Vec<(Member<'k>, f64)> {
    let Some((first, others)) = inputs.split_first() else { return Vec::new() };
    let is_elsewhere = |member: Member<'_>| others.iter().any(|other| other.members.score(member).is_some());
    first.members.iter().filter(|(member, _)| !is_elsewhere(*member)).collect()
}

fn read(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    (name, operation): (&str, Operation),
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let combination = Combination::parse(keys, name, &argv[1..])?;
    let options = Options::parse(combination.options, combination.keys.len(), operation, false)?;
    let members = texts(combine(combination.inputs(keys), operation, &options));
    let members = in_order(&members);
    let len = members.len();
    write_members(members.into_iter(), len, options.with_scores, reply);
    Ok(())
}

fn read_and_store(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    (name, operation): (&'static str, Operation),
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let combination = Combination::parse(keys, name, &argv[2..])?;
    let options = Options::parse(combination.options, combination.keys.len(), operation, true)?;
    let members = texts(combine(combination.inputs(keys), operation, &options));
    let members = in_order(&members);
    let result = SortedSet::new(&members);
    store(keys, argv[1], result, name, reply);
    Ok(())
}

pub(super) fn zunion(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    read(keys, argv, ("zunion", Operation::Union), reply)
}

pub(super) fn zinter(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    read(keys, argv, ("zinter", Operation::Intersection), reply)
}

pub(super) fn zdiff(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    read(keys, argv, ("zdiff", Operation::Difference), reply)
}

pub(super) fn zunionstore(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    read_and_store(keys, argv, ("zunionstore", Operation::Union), reply)
}

pub(super) fn zinterstore(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    read_and_store(keys, argv, ("zinterstore", Operation::Intersection), reply)
}

pub(super) fn zdiffstore(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    read_and_store(keys, argv, ("zdiffstore", Operation::Difference), reply)
}

pub(super) fn zintercard(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let combination = Combination::parse(keys, "zintercard", &argv[1..])?;
    // Zero, as Redis has it, is no limit.
    let mut limit = 0;
    let (options, odd) = combination.options.as_chunks();
    for [option, number] in options {
        if !option.eq_ignore_ascii_case(b"limit") {
            return Err(Error::Syntax);
        }
        limit = integer_from(number, 0, "ERR LIMIT can't be negative")?;
    }
    if !odd.is_empty() {
        return Err(Error::Syntax);
    }
    let limit = if limit == 0 { usize::MAX } else { saturated(limit) };
    let mut inputs = combination.inputs(keys);
    inputs.sort_by_key(|input| input.members.len());
    reply.integer(intersection(&inputs, Aggregate::Sum).take(limit).count() as i64);
    Ok(())
}
