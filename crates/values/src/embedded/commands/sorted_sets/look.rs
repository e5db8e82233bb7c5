//! Looking at members one by one: scores, ranks, counts, random ones, scans.

use crate::embedded::Keyspace;
use crate::embedded::commands::element_scan::{self, ElementScan};
use crate::embedded::commands::numbers::signed_count;
use crate::embedded::commands::sample;
use crate::embedded::values::{LexRange, ScoreRange};
use crate::{Error, ReplySink, format_double};

pub(super) fn zcard(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    reply.integer(keys.sorted_set(argv[1])?.map_or(0, |set| set.len() as i64));
    Ok(())
}

pub(super) fn zscore(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    match keys.sorted_set(argv[1])?.and_then(|set| set.score(argv[2])) {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
    Ok(())
}

pub(super) fn zmscore(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let set = keys.sorted_set(argv[1])?;
    reply.array(argv.len() - 2);
    for member in &argv[2..] {
        match set.and_then(|set| set.score(member)) {
            Some(score) => reply.double(score),
            None => reply.null(),
        }
    }
    Ok(())
}

pub(super) fn zrank(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    match keys.sorted_set(argv[1])?.and_then(|set| set.rank(argv[2])) {
        Some(rank) => reply.integer(rank as i64),
        None => reply.null(),
    }
    Ok(())
}

pub(super) fn zrevrank(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let rank = keys.sorted_set(argv[1])?.and_then(|set| Some(set.len() - 1 - set.rank(argv[2])?));
    match rank {
        Some(rank) => reply.integer(rank as i64),
        None => reply.null(),
    }
    Ok(())
}

pub(super) fn zcount(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let range = ScoreRange::parse(argv[2], argv[3])?;
    reply.integer(keys.sorted_set(argv[1])?.map_or(0, |set| set.ranks_by_score(&range).len() as i64));
    Ok(())
}

pub(super) fn zlexcount(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let range = LexRange::parse(argv[2], argv[3])?;
    reply.integer(keys.sorted_set(argv[1])?.map_or(0, |set| set.ranks_by_lex(&range, false).len() as i64));
    Ok(())
}

pub(super) fn zrandmember(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let mut random = keys.random().fork();
    let Some(count) = argv.get(2) else {
        match keys.sorted_set(argv[1])? {
            Some(set) => reply.bulk(set.nth(random.usize(..set.len())).0),
            None => reply.null(),
        }
        return Ok(());
    };
    let count = signed_count(count)?;
    let with_scores = match argv[3..] {
        [] => false,
        [option] if option.eq_ignore_ascii_case(b"withscores") => true,
        _ => return Err(Error::Syntax),
    };
    if with_scores && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(Error::text("ERR value is out of range"));
    }
    let Some(set) = keys.sorted_set(argv[1])? else {
        reply.array(0);
        return Ok(());
    };
    let positions = sample::positions(&mut random, set.len(), count)?;
    let drawn = || positions.iter().map(|&position| set.nth(position));
    if count < 0 {
        sample::check_reply_bytes(drawn().map(|(member, _)| member.len()))?;
    }
    write_members(drawn(), positions.len(), with_scores, reply);
    Ok(())
}

/// Writes members, with their scores or without.
pub(super) fn write_members<'a>(
    members: impl Iterator<Item = (&'a [u8], f64)>,
    len: usize,
    with_scores: bool,
    reply: &mut dyn ReplySink,
) {
    if with_scores {
        reply.pairs(len);
        for (member, score) in members {
            reply.bulk(member);
            reply.double(score);
        }
    } else {
        reply.array(len);
        members.for_each(|(member, _)| reply.bulk(member));
    }
}

pub(super) fn zscan(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let cursor = element_scan::cursor(argv[2])?;
    let Some(set) = keys.sorted_set(argv[1])? else {
        element_scan::write_page(0, 0, reply);
        return Ok(());
    };
    let scan = ElementScan::parse(&argv[3..])?;
    let (members, next) = set.scan(cursor, scan.count);
    let found: Vec<_> = members.filter(|(member, _)| scan.wants(member)).collect();
    element_scan::write_page(next, 2 * found.len(), reply);
    for (member, score) in found {
        reply.bulk(member);
        reply.bulk(scanned_score(score, set.is_small()).as_bytes());
    }
    Ok(())
}

/// A score as a scan shows it: Redis' compact form has whole numbers as integers, also where they
/// are too large to be printed without an exponent elsewhere.
fn scanned_score(score: f64, is_small: bool) -> String {
    const WHOLE_MAX: f64 = (1_i64 << 62) as f64;
    if is_small && score.fract() == 0.0 && score.abs() <= WHOLE_MAX {
        return (score as i64).to_string();
    }
    format_double(score)
}
