//! Adding members, moving them, taking them away.

use crate::embedded::Keyspace;
use crate::embedded::values::SortedSet;
use crate::{Error, EventClass, ReplySink, parse_double};
use smallvec::SmallVec;

const NOT_A_NUMBER: Error = Error::text("ERR resulting score is not a number (NaN)");

/// The options of `ZADD`.
#[derive(Clone, Copy, Default)]
pub(in crate::embedded::commands) struct Options {
    /// Only new members.
    nx: bool,
    /// Only members that are there.
    xx: bool,
    /// A member's score only becomes greater.
    gt: bool,
    /// A member's score only becomes less.
    lt: bool,
    /// Members whose score changed count as those added do.
    ch: bool,
    /// The score is added to the one there.
    incr: bool,
}

impl Options {
    /// Reads the words before the first score, which are left.
    pub(in crate::embedded::commands) fn parse(&mut self, words: &mut &[&[u8]]) {
        while let [word, rest @ ..] = words {
            let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
            let option = match word.len() {
                2 if is(b"nx") => &mut self.nx,
                2 if is(b"xx") => &mut self.xx,
                2 if is(b"gt") => &mut self.gt,
                2 if is(b"lt") => &mut self.lt,
                2 if is(b"ch") => &mut self.ch,
                4 if is(b"incr") => &mut self.incr,
                _ => return,
            };
            *option = true;
            *words = rest;
        }
    }

    fn check(self, pairs: usize) -> Result<(), Error> {
        if self.nx && self.xx {
            return Err(Error::text("ERR XX and NX options at the same time are not compatible"));
        }
        if self.nx && (self.gt || self.lt) || self.gt && self.lt {
            return Err(Error::text("ERR GT, LT, and/or NX options at the same time are not compatible"));
        }
        if self.incr && pairs > 1 {
            return Err(Error::text("ERR INCR option supports a single increment-element pair"));
        }
        Ok(())
    }

    /// The score that a member gets for the one named, knowing the one it has.
    fn decide(self, old: Option<f64>, named: f64) -> Decision {
        let Some(old) = old else {
            return if self.xx { Decision::Nothing } else { Decision::Score(named) };
        };
        if self.nx {
            return Decision::Nothing;
        }
        let score = if self.incr { named + old } else { named };
        if score.is_nan() {
            return Decision::NotANumber;
        }
        if self.lt && score >= old || self.gt && score <= old {
            return Decision::Nothing;
        }
        Decision::Score(score)
    }
}

/// What becomes of one member.
#[derive(Clone, Copy)]
enum Decision {
    /// It has this score, whether or not it had it before.
    Score(f64),
    /// The options leave it as it is.
    Nothing,
    /// Infinities of both signs were added.
    NotANumber,
}

/// How many members an addition touched.
#[derive(Default)]
struct Tally {
    added: i64,
    changed: i64,
}

pub(super) fn zadd(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    add(keys, argv, Options::default(), reply)
}

/// `ZINCRBY` is `ZADD … INCR`, down to taking options where its increment is.
pub(super) fn zincrby(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    add(keys, argv, Options { incr: true, ..Options::default() }, reply)
}

fn add(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    mut options: Options,
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let mut words = &argv[2..];
    options.parse(&mut words);
    let (pairs, odd) = words.as_chunks();
    if pairs.is_empty() || !odd.is_empty() {
        return Err(Error::Syntax);
    }
    options.check(pairs.len())?;
    let scores = pairs.iter().map(|[score, _]| parse_double(score).ok_or(Error::NotFloat));
    let scores: SmallVec<[f64; 8]> = scores.collect::<Result<_, _>>()?;

    let pairs = scores.into_iter().zip(pairs.iter().map(|[_, member]| *member));
    let added = add_scored(keys, argv[1], options, pairs)?;
    if added.has_changed() {
        keys.changed(argv[1]);
        keys.notify(EventClass::SortedSet, if options.incr { "zincr" } else { "zadd" }, argv[1]);
    }
    added.write(reply)
}

/// What came of adding members.
pub(in crate::embedded::commands) struct Added {
    options: Options,
    tally: Tally,
    /// What became of the last.
    decision: Decision,
}

impl Added {
    /// Whether the set is another now.
    pub(in crate::embedded::commands) fn has_changed(&self) -> bool {
        self.tally.added + self.tally.changed > 0
    }

    /// Writes what the options ask for.
    pub(in crate::embedded::commands) fn write(&self, reply: &mut dyn ReplySink) -> Result<(), Error> {
        let Tally { added, changed } = self.tally;
        match (self.options.incr, self.decision) {
            (_, Decision::NotANumber) => return Err(NOT_A_NUMBER),
            (true, Decision::Score(score)) => reply.double(score),
            (true, Decision::Nothing) => reply.null(),
            (false, _) => reply.integer(added + if self.options.ch { changed } else { 0 }),
        }
        Ok(())
    }
}

/// Adds members, of which there is at least one, or moves them.
pub(in crate::embedded::commands) fn add_scored<'m>(
    keys: &mut Keyspace<'_>,
    key: &[u8],
    options: Options,
    members: impl IntoIterator<Item = (f64, &'m [u8])>,
) -> Result<Added, Error> {
    let set = if options.xx { keys.sorted_set_mut(key)? } else { Some(keys.sorted_set_or_new(key)?) };
    let mut added = Added { options, tally: Tally::default(), decision: Decision::Nothing };
    if let Some(set) = set {
        for (score, member) in members {
            added.decision = put(set, member, score, options, &mut added.tally);
        }
    }
    Ok(added)
}

/// Does with one member what the options say.
fn put(set: &mut SortedSet, member: &[u8], score: f64, options: Options, tally: &mut Tally) -> Decision {
    let mut decision = Decision::Nothing;
    set.update(member, |old| {
        decision = options.decide(old, score);
        let Decision::Score(score) = decision else { return None };
        match old {
            None => tally.added += 1,
            Some(old) => tally.changed += i64::from(score != old),
        }
        Some(score)
    });
    decision
}

pub(super) fn zrem(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let Some(set) = keys.sorted_set_mut(argv[1])? else {
        reply.integer(0);
        return Ok(());
    };
    let removed = argv[2..].iter().filter(|member| set.remove(member)).count();
    if removed > 0 {
        let is_empty = set.is_empty();
        keys.notify(EventClass::SortedSet, "zrem", argv[1]);
        if is_empty {
            keys.remove_emptied(argv[1]);
        }
        keys.changed(argv[1]);
    }
    reply.integer(removed as i64);
    Ok(())
}
