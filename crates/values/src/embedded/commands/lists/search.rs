//! The list commands that look for an element.

use crate::embedded::Keyspace;
use crate::embedded::commands::numbers::{integer, integer_from, saturated};
use crate::embedded::values::{End, List};
use crate::{Error, EventClass, ReplySink};

/// `LINSERT key BEFORE|AFTER pivot element`.
pub(super) fn linsert(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let distance = match argv[2] {
        word if word.eq_ignore_ascii_case(b"before") => 0,
        word if word.eq_ignore_ascii_case(b"after") => 1,
        _ => return Err(Error::Syntax),
    };
    let Some(list) = keys.list_mut(argv[1])? else {
        reply.integer(0);
        return Ok(());
    };
    let pivot = list.iter_from(End::Front).position(|element| element == argv[3]);
    let Some(pivot) = pivot else {
        reply.integer(-1);
        return Ok(());
    };
    list.insert(pivot + distance, argv[4]);
    reply.integer(list.len() as i64);
    keys.changed(argv[1]);
    keys.notify(EventClass::List, "linsert", argv[1]);
    Ok(())
}

/// `LREM key count element`: the first ones, the last ones when `count` is negative, all when it is 0.
pub(super) fn lrem(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let count = integer(argv[2])?;
    let Some(list) = keys.list_mut(argv[1])? else {
        reply.integer(0);
        return Ok(());
    };
    let most = if count == 0 { usize::MAX } else { count.unsigned_abs() as usize };
    let spared = if count < 0 { occurrences(list, argv[3]).saturating_sub(most) } else { 0 };
    let removed = list.remove_equal(argv[3], spared, most);
    if removed > 0 {
        let is_empty = list.is_empty();
        keys.notify(EventClass::List, "lrem", argv[1]);
        if is_empty {
            keys.remove_emptied(argv[1]);
        }
        keys.changed(argv[1]);
    }
    reply.integer(removed as i64);
    Ok(())
}

fn occurrences(list: &List, element: &[u8]) -> usize {
    list.iter_from(End::Front).filter(|found| *found == element).count()
}

/// What `LPOS` looks for besides the element.
struct Search {
    /// The number of the first match that counts, and, when negative, from the end.
    rank: i64,
    /// How many to answer in an array, 0 for all; a single number without it.
    count: Option<i64>,
    /// How many elements to compare, 0 for all.
    depth: i64,
}

impl Search {
    fn parse(words: &[&[u8]]) -> Result<Self, Error> {
        let mut search = Search { rank: 1, count: None, depth: 0 };
        let (options, odd) = words.as_chunks();
        for [name, value] in options {
            if name.eq_ignore_ascii_case(b"rank") {
                search.rank = integer(value)?;
                if search.rank == 0 {
                    return Err(RANK_ZERO);
                }
            } else if name.eq_ignore_ascii_case(b"count") {
                search.count = Some(integer_from(value, 0, "ERR COUNT can't be negative")?);
            } else if name.eq_ignore_ascii_case(b"maxlen") {
                search.depth = integer_from(value, 0, "ERR MAXLEN can't be negative")?;
            } else {
                return Err(Error::Syntax);
            }
        }
        if odd.is_empty() { Ok(search) } else { Err(Error::Syntax) }
    }

    /// The indexes that match.
    fn run(&self, list: &List, element: &[u8]) -> Vec<usize> {
        let end = if self.rank < 0 { End::Back } else { End::Front };
        // The lowest number has no opposite, and Redis takes it for the first match from the end.
        let skipped = if self.rank == i64::MIN { 0 } else { saturated(self.rank.saturating_abs() - 1) };
        let all_or = |number: i64| if number == 0 { usize::MAX } else { saturated(number) };
        let most = match (self.count, self.rank) {
            (Some(_), i64::MIN) => usize::MAX,
            (count, _) => all_or(count.unwrap_or(1)),
        };
        let matches = list.iter_from(end).take(all_or(self.depth)).enumerate();
        let offsets = matches.filter(|(_, found)| *found == element).map(|(offset, _)| offset);
        let index = |offset| if end == End::Back { list.len() - 1 - offset } else { offset };
        offsets.skip(skipped).take(most).map(index).collect()
    }
}

const RANK_ZERO: Error = Error::text(
    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use \
     negative to start from the end of the list",
);

/// `LPOS key element [RANK rank] [COUNT count] [MAXLEN depth]`.
pub(super) fn lpos(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let search = Search::parse(&argv[3..])?;
    let found = keys.list(argv[1])?.map(|list| search.run(list, argv[2])).unwrap_or_default();
    if search.count.is_some() {
        reply.array(found.len());
        found.iter().for_each(|&index| reply.integer(index as i64));
    } else {
        match found.first() {
            Some(&index) => reply.integer(index as i64),
            None => reply.null(),
        }
    }
    Ok(())
}
