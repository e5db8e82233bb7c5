//! Ranges of members: by rank, by score, by their bytes; read, stored elsewhere, or removed.

use super::look::write_members;
use crate::embedded::commands::numbers::integer;
use crate::embedded::values::{LexRange, SMALL_MEMBERS_MAX, ScoreRange, SortedSet, Value};
use crate::embedded::{Expiry, Keyspace};
use crate::{Error, EventClass, ReplySink};
use std::ops::Range;

/// What a range counts by.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// What a command's name settles, and its options no longer may.
#[derive(Clone, Copy, Default)]
struct Settled {
    by: Option<By>,
    in_reverse: Option<bool>,
    is_stored: bool,
}

/// The ends of a range.
enum Ends<'a> {
    Rank(i64, i64),
    Score(ScoreRange),
    Lex(LexRange<'a>),
}

impl<'a> Ends<'a> {
    fn parse(by: By, min: &'a [u8], max: &'a [u8]) -> Result<Self, Error> {
        Ok(match by {
            By::Rank => Ends::Rank(integer(min)?, integer(max)?),
            By::Score => Ends::Score(ScoreRange::parse(min, max)?),
            By::Lex => Ends::Lex(LexRange::parse(min, max)?),
        })
    }

    /// The ranks of the members between the ends; ranks count from the last when in reverse.
    fn ranks(&self, set: &SortedSet, in_reverse: bool) -> Range<usize> {
        match self {
            Ends::Rank(start, end) => {
                let ranks = ranks_between(*start, *end, set.len());
                if in_reverse { set.len() - ranks.end..set.len() - ranks.start } else { ranks }
            }
            Ends::Score(range) => set.ranks_by_score(range),
            Ends::Lex(range) => set.ranks_by_lex(range, in_reverse),
        }
    }
}

/// The ranks from one to another, both included, where negative ones count from the end.
fn ranks_between(start: i64, end: i64, len: usize) -> Range<usize> {
    let len = len as i64;
    let from_front = |rank: i64| if rank < 0 { len + rank } else { rank };
    let start = from_front(start).max(0);
    let end = from_front(end).min(len - 1);
    if start > end { 0..0 } else { start as usize..end as usize + 1 }
}

/// A range to read or store.
struct Query<'a> {
    ends: Ends<'a>,
    in_reverse: bool,
    with_scores: bool,
    offset: i64,
    /// How many members at most; negative for all.
    limit: i64,
}

impl<'a> Query<'a> {
    /// Reads `min max [options]`.
    fn parse(words: &[&'a [u8]], settled: Settled) -> Result<Self, Error> {
        let (mut by, mut in_reverse) = (settled.by, settled.in_reverse);
        let (mut with_scores, mut offset, mut limit) = (false, 0, -1);
        let mut options = &words[2..];
        while let [option, rest @ ..] = options {
            let is = |name: &str| option.eq_ignore_ascii_case(name.as_bytes());
            options = rest;
            match rest {
                _ if !settled.is_stored && is("withscores") => with_scores = true,
                [from, count, rest @ ..] if is("limit") => {
                    offset = integer(from)?;
                    limit = integer(count)?;
                    options = rest;
                }
                _ if in_reverse.is_none() && is("rev") => in_reverse = Some(true),
                _ if by.is_none() && is("bylex") => by = Some(By::Lex),
                _ if by.is_none() && is("byscore") => by = Some(By::Score),
                _ => return Err(Error::Syntax),
            }
        }
        let by = by.unwrap_or(By::Rank);
        let in_reverse = in_reverse.unwrap_or(false);
        if limit != -1 && by == By::Rank {
            return Err(Error::text(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
            ));
        }
        if with_scores && by == By::Lex {
            return Err(Error::text("ERR syntax error, WITHSCORES not supported in combination with BYLEX"));
        }
        let (min, max) =
            if in_reverse && by != By::Rank { (words[1], words[0]) } else { (words[0], words[1]) };
        Ok(Query { ends: Ends::parse(by, min, max)?, in_reverse, with_scores, offset, limit })
    }

    /// The ranks of the members asked for.
    fn ranks(&self, set: &SortedSet) -> Range<usize> {
        let ranks = self.ends.ranks(set, self.in_reverse);
        if matches!(self.ends, Ends::Rank(..)) {
            return ranks;
        }
        // Redis takes a negative offset for one past the end.
        let offset = usize::try_from(self.offset).unwrap_or(usize::MAX).min(ranks.len());
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX).min(ranks.len() - offset);
        if self.in_reverse {
            let end = ranks.end - offset;
            end - limit..end
        } else {
            let start = ranks.start + offset;
            start..start + limit
        }
    }

    /// The set of the members asked for. As in Redis they are added one by one, unless their number
    /// is known beforehand and too large for a small set: it decides which zeros keep their sign.
    fn select(&self, set: &SortedSet) -> SortedSet {
        let ranks = self.ranks(set);
        if matches!(self.ends, Ends::Rank(..)) && ranks.len() > SMALL_MEMBERS_MAX {
            SortedSet::new(&set.range(ranks).collect::<Vec<_>>())
        } else if self.in_reverse {
            set.range_in_reverse(ranks).collect()
        } else {
            set.range(ranks).collect()
        }
    }
}

fn read(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    settled: Settled,
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let query = Query::parse(&argv[2..], settled)?;
    let Some(set) = keys.sorted_set(argv[1])? else {
        reply.array(0);
        return Ok(());
    };
    let ranks = query.ranks(set);
    let len = ranks.len();
    if query.in_reverse {
        write_members(set.range_in_reverse(ranks), len, query.with_scores, reply);
    } else {
        write_members(set.range(ranks), len, query.with_scores, reply);
    }
    Ok(())
}

pub(super) fn zrange(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    read(keys, argv, Settled::default(), reply)
}

/// A range whose name settles both what it counts by and its direction.
const fn settled(by: By, in_reverse: bool) -> Settled {
    Settled { by: Some(by), in_reverse: Some(in_reverse), is_stored: false }
}

pub(super) fn zrevrange(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    read(keys, argv, settled(By::Rank, true), reply)
}

pub(super) fn zrangebyscore(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    read(keys, argv, settled(By::Score, false), reply)
}

pub(super) fn zrevrangebyscore(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    read(keys, argv, settled(By::Score, true), reply)
}

pub(super) fn zrangebylex(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    read(keys, argv, settled(By::Lex, false), reply)
}

pub(super) fn zrevrangebylex(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    read(keys, argv, settled(By::Lex, true), reply)
}

pub(super) fn zrangestore(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let query = Query::parse(&argv[3..], Settled { is_stored: true, ..Settled::default() })?;
    keys.notice_missing(argv[2]);
    let found = match keys.sorted_set(argv[2])? {
        Some(set) => query.select(set),
        None => SortedSet::default(),
    };
    store(keys, argv[1], found, "zrangestore", reply);
    Ok(())
}

/// Puts a result at a key, whatever was there; an empty one takes the key away.
pub(in crate::embedded::commands) fn store(
    keys: &mut Keyspace<'_>,
    key: &[u8],
    result: SortedSet,
    event: &'static str,
    reply: &mut dyn ReplySink,
) {
    reply.integer(result.len() as i64);
    if !result.is_empty() {
        keys.put(key, Value::SortedSet(result), Expiry::Never);
        keys.changed(key);
        keys.notify(EventClass::SortedSet, event, key);
    } else if keys.remove(key) {
        keys.changed(key);
        keys.notify(EventClass::Generic, "del", key);
    }
}

pub(super) fn zremrangebyrank(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    remove(keys, argv, By::Rank, reply)
}

pub(super) fn zremrangebyscore(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    remove(keys, argv, By::Score, reply)
}

pub(super) fn zremrangebylex(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    remove(keys, argv, By::Lex, reply)
}

fn remove(keys: &mut Keyspace<'_>, argv: &[&[u8]], by: By, reply: &mut dyn ReplySink) -> Result<(), Error> {
    let ends = Ends::parse(by, argv[2], argv[3])?;
    let Some(set) = keys.sorted_set_mut(argv[1])? else {
        reply.integer(0);
        return Ok(());
    };
    let ranks = ends.ranks(set, false);
    reply.integer(ranks.len() as i64);
    if !ranks.is_empty() {
        set.remove_ranks(ranks);
        let event = match by {
            By::Rank => "zremrangebyrank",
            By::Score => "zremrangebyscore",
            By::Lex => "zremrangebylex",
        };
        keys.notify(EventClass::SortedSet, event, argv[1]);
        keys.remove_if_empty(argv[1]);
        keys.changed(argv[1]);
    }
    Ok(())
}
