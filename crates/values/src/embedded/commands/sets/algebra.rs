//! Intersection, union and difference of sets.

use crate::embedded::commands::numbers::{integer_from, key_count, saturated};
use crate::embedded::values::{Member, Set, Value};
use crate::embedded::{Expiry, Keyspace};
use crate::{Error, EventClass, ReplySink};
use hashbrown::HashSet;

/// Different members.
type Members<'a> = HashSet<Member<'a>, foldhash::fast::RandomState>;

/// `SINTER key…`
pub(super) fn sinter(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    answer(keys, &argv[1..], |sets| intersection(sets, usize::MAX), reply)
}

/// `SUNION key…`
pub(super) fn sunion(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    answer(keys, &argv[1..], union, reply)
}

/// `SDIFF key…`
pub(super) fn sdiff(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    answer(keys, &argv[1..], difference, reply)
}

/// `SINTERSTORE destination key…`
pub(super) fn sinterstore(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    store(keys, argv, "sinterstore", |sets| intersection(sets, usize::MAX), reply)
}

/// `SUNIONSTORE destination key…`
pub(super) fn sunionstore(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    store(keys, argv, "sunionstore", union, reply)
}

/// `SDIFFSTORE destination key…`
pub(super) fn sdiffstore(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    store(keys, argv, "sdiffstore", difference, reply)
}

/// `SINTERCARD numkeys key… [LIMIT limit]`
pub(super) fn sintercard(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let too_many = Error::text("ERR Number of keys can't be greater than number of args");
    let (names, options) = argv[2..].split_at_checked(key_count(argv[1])?).ok_or(too_many)?;
    let limit = match parse_limit(options)? {
        0 => usize::MAX,
        limit => limit,
    };
    let sets = load(keys, names)?;
    reply.integer(intersection(&sets, limit).len() as i64);
    Ok(())
}

/// `[LIMIT limit]`, any number of times, of which the last counts; 0 is none.
fn parse_limit(words: &[&[u8]]) -> Result<usize, Error> {
    let (options, odd) = words.as_chunks();
    let mut limit = 0;
    for [name, value] in options {
        if !name.eq_ignore_ascii_case(b"limit") {
            return Err(Error::Syntax);
        }
        limit = saturated(integer_from(value, 0, "ERR LIMIT can't be negative")?);
    }
    if odd.is_empty() { Ok(limit) } else { Err(Error::Syntax) }
}

/// The sets at the keys, absent ones as `None`. A key of another type is refused wherever it stands.
fn load<'k>(keys: &'k mut Keyspace<'_>, names: &[&[u8]]) -> Result<Vec<Option<&'k Set>>, Error> {
    for name in names {
        keys.notice_missing(name);
        keys.set(name)?;
    }
    let keys = &*keys;
    Ok(names
        .iter()
        .map(|name| match keys.peek(name) {
            Some(Value::Set(set)) => Some(set),
            _ => None,
        })
        .collect())
}

fn answer(
    keys: &mut Keyspace<'_>,
    names: &[&[u8]],
    combine: impl for<'s> Fn(&[Option<&'s Set>]) -> Vec<Member<'s>>,
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let sets = load(keys, names)?;
    if let [Some(only)] = sets[..] {
        only.write(reply);
        return Ok(());
    }
    let members = combine(&sets);
    reply.set(members.len());
    members.into_iter().for_each(|member| member.write(reply));
    Ok(())
}

/// Puts the combination of the further keys at the first, whatever that held; nothing left, nothing
/// there.
fn store(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    event: &'static str,
    combine: impl for<'s> Fn(&[Option<&'s Set>]) -> Vec<Member<'s>>,
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let destination = argv[1];
    let result: Set = combine(&load(keys, &argv[2..])?).into_iter().collect();
    let members = result.len();
    if !result.is_empty() {
        keys.put(destination, Value::Set(result), Expiry::Never);
        keys.changed(destination);
        keys.notify(EventClass::Set, event, destination);
    } else if keys.remove(destination) {
        keys.changed(destination);
        keys.notify(EventClass::Generic, "del", destination);
    }
    reply.integer(members as i64);
    Ok(())
}

/// Each set once, the smallest first: a key that is named a thousand times costs what one does.
fn distinct_by_size<'s>(sets: impl Iterator<Item = &'s Set>) -> Vec<&'s Set> {
    let mut sets: Vec<&Set> = sets.collect();
    sets.sort_unstable_by_key(|set| (set.len(), std::ptr::from_ref(*set)));
    sets.dedup_by(|one, other| std::ptr::eq(*one, *other));
    sets
}

/// The members that are in all of the sets, `limit` of them at most.
fn intersection<'s>(sets: &[Option<&'s Set>], limit: usize) -> Vec<Member<'s>> {
    if sets.iter().any(Option::is_none) {
        return Vec::new();
    }
    let sets = distinct_by_size(sets.iter().copied().flatten());
    let Some((smallest, others)) = sets.split_first() else { return Vec::new() };
    let in_all = |member: &Member<'_>| others.iter().all(|set| set.contains_member(*member));
    smallest.iter().filter(in_all).take(limit).collect()
}

/// The members of any of the sets.
fn union<'s>(sets: &[Option<&'s Set>]) -> Vec<Member<'s>> {
    let sets = distinct_by_size(sets.iter().copied().flatten());
    let mut seen = Members::default();
    sets.into_iter().flat_map(Set::iter).filter(|member| seen.insert(*member)).collect()
}

/// The members of the first set that are in no other.
fn difference<'s>(sets: &[Option<&'s Set>]) -> Vec<Member<'s>> {
    let Some((Some(first), others)) = sets.split_first() else { return Vec::new() };
    let others = distinct_by_size(others.iter().copied().flatten());
    if others.iter().any(|set| std::ptr::eq(*set, *first)) {
        return Vec::new();
    }
    // Either every member is looked for in every other set, or all of those are gone through.
    let walk: usize = first.len() + others.iter().map(|set| set.len()).sum::<usize>();
    if first.len().saturating_mul(others.len()) <= walk {
        let in_none = |member: &Member<'_>| !others.iter().any(|set| set.contains_member(*member));
        return first.iter().filter(in_none).collect();
    }
    let mut left: Members<'_> = first.iter().collect();
    for member in others.into_iter().flat_map(Set::iter) {
        left.remove(&member);
    }
    left.into_iter().collect()
}
