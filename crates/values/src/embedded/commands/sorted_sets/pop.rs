//! Taking the members with the least or the greatest scores.

use crate::embedded::Keyspace;
use crate::embedded::commands::numbers::{count, integer_from, key_count, saturated};
use crate::embedded::values::SortedSet;
use crate::{Error, EventClass, ReplySink};
use std::ops::Range;

/// The end at which members are taken.
#[derive(Clone, Copy)]
pub(super) enum End {
    Min,
    Max,
}

impl End {
    /// The ranks of the `count` members nearest to this end.
    fn ranks(self, set: &SortedSet, count: usize) -> Range<usize> {
        let len = set.len();
        match self {
            End::Min => 0..count.min(len),
            End::Max => len - count.min(len)..len,
        }
    }

    /// The command that takes from this end.
    fn command(self) -> &'static str {
        match self {
            End::Min => "zpopmin",
            End::Max => "zpopmax",
        }
    }

    /// Hands over the members of these ranks, the outermost first.
    fn for_each(self, set: &SortedSet, ranks: Range<usize>, mut take: impl FnMut(&[u8], f64)) {
        match self {
            End::Min => set.range(ranks).for_each(|(member, score)| take(member, score)),
            End::Max => set.range_in_reverse(ranks).for_each(|(member, score)| take(member, score)),
        }
    }
}

pub(super) fn zpopmin(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    pop(keys, argv, End::Min, reply)
}

pub(super) fn zpopmax(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    pop(keys, argv, End::Max, reply)
}

fn pop(keys: &mut Keyspace<'_>, argv: &[&[u8]], end: End, reply: &mut dyn ReplySink) -> Result<(), Error> {
    let wanted = match argv[2..] {
        [] => None,
        [word] => Some(count(word)?),
        _ => return Err(Error::Syntax),
    };
    let Some(set) = keys.sorted_set_mut(argv[1])? else {
        reply.array(0);
        return Ok(());
    };
    let ranks = end.ranks(set, wanted.unwrap_or(1));
    match wanted {
        // A single member and its score stand side by side, many in pairs.
        None => reply.array(2),
        Some(_) => reply.pairs(ranks.len()),
    }
    end.for_each(set, ranks.clone(), |member, score| {
        reply.bulk(member);
        reply.double(score);
    });
    if !ranks.is_empty() {
        set.remove_ranks(ranks);
        keys.notify(EventClass::SortedSet, end.command(), argv[1]);
        keys.remove_if_empty(argv[1]);
        keys.changed(argv[1]);
    }
    Ok(())
}

/// Takes one member; whether there was one. Only then there is a reply.
pub(super) fn pop_one(
    keys: &mut Keyspace<'_>,
    key: &[u8],
    end: End,
    reply: &mut dyn ReplySink,
) -> Result<bool, Error> {
    let Some(set) = keys.sorted_set_mut(key)? else { return Ok(false) };
    let ranks = end.ranks(set, 1);
    reply.array(3);
    reply.bulk(key);
    end.for_each(set, ranks.clone(), |member, score| {
        reply.bulk(member);
        reply.double(score);
    });
    set.remove_ranks(ranks);
    keys.notify(EventClass::SortedSet, end.command(), key);
    keys.remove_if_empty(key);
    keys.changed_as(key, end.command(), &[]);
    Ok(true)
}

/// What is taken from the first of several sorted sets that is there.
pub(super) struct ManyFrom {
    /// Which words are the keys.
    pub keys: Range<usize>,
    end: End,
    count: usize,
}

impl ManyFrom {
    /// `numkeys key… MIN|MAX [COUNT count]`, the first of which is at a position.
    pub fn parse(argv: &[&[u8]], position: usize) -> Result<ManyFrom, Error> {
        let first = position + 1;
        let end_of_keys = first.saturating_add(key_count(argv[position])?);
        let [end, options @ ..] = argv.get(end_of_keys..).unwrap_or_default() else {
            return Err(Error::Syntax);
        };
        let end = if end.eq_ignore_ascii_case(b"min") {
            End::Min
        } else if end.eq_ignore_ascii_case(b"max") {
            End::Max
        } else {
            return Err(Error::Syntax);
        };
        let count = match options {
            [] => 1,
            [word, number, rest @ ..] if word.eq_ignore_ascii_case(b"count") => {
                let number = integer_from(number, 1, "ERR count should be greater than 0")?;
                if !rest.is_empty() {
                    return Err(Error::Syntax);
                }
                saturated(number)
            }
            _ => return Err(Error::Syntax),
        };
        Ok(ManyFrom { keys: first..end_of_keys, end, count })
    }

    /// Takes from a sorted set, if it is there.
    pub fn take(
        &self,
        keys: &mut Keyspace<'_>,
        key: &[u8],
        reply: &mut dyn ReplySink,
    ) -> Result<bool, Error> {
        let Some(set) = keys.sorted_set_mut(key)? else { return Ok(false) };
        let ranks = self.end.ranks(set, self.count);
        reply.array(2);
        reply.bulk(key);
        reply.array(ranks.len());
        self.end.for_each(set, ranks.clone(), |member, score| {
            reply.array(2);
            reply.bulk(member);
            reply.double(score);
        });
        let popped = ranks.len();
        set.remove_ranks(ranks);
        keys.notify(EventClass::SortedSet, self.end.command(), key);
        keys.remove_if_empty(key);
        keys.changed_as(key, self.end.command(), &[itoa::Buffer::new().format(popped).as_bytes()]);
        Ok(true)
    }
}

/// `ZMPOP numkeys key… MIN|MAX [COUNT count]`: from the first of the sorted sets that is there.
pub(super) fn zmpop(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let many = ManyFrom::parse(argv, 1)?;
    for key in &argv[many.keys.clone()] {
        if many.take(keys, key, reply)? {
            return Ok(());
        }
    }
    reply.null_array();
    Ok(())
}
