//! Strings: whole, in part, and as numbers.

mod lcs;
mod numbers;
mod parts;
mod set;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) use tests::put_set;

pub(super) use parts::range;

use super::Handler;
use crate::command::Name;
use crate::embedded::{Expiry, Keyspace};
use crate::{Error, EventClass, ReplySink};
use hashbrown::HashSet;

/// The longest string there may be: the default of Redis' `proto-max-bulk-len`.
pub(super) const STRING_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// The handler of a command of this family.
pub(super) fn handler(name: Name) -> Option<Handler> {
    Some(Handler::Keyed(match name {
        Name::Append => parts::append,
        Name::Decr => numbers::decr,
        Name::Decrby => numbers::decrby,
        Name::Get => get,
        Name::Getdel => getdel,
        Name::Getex => set::getex,
        Name::Getrange | Name::Substr => parts::getrange,
        Name::Getset => getset,
        Name::Incr => numbers::incr,
        Name::Incrby => numbers::incrby,
        Name::Incrbyfloat => numbers::incrbyfloat,
        Name::Lcs => lcs::lcs,
        Name::Mget => mget,
        Name::Mset => mset,
        Name::Msetnx => msetnx,
        Name::Psetex => set::psetex,
        Name::Set => set::set,
        Name::Setex => set::setex,
        Name::Setnx => set::setnx,
        Name::Setrange => parts::setrange,
        Name::Strlen => parts::strlen,
        _ => return None,
    }))
}

/// Writes the string of a key, or null.
fn get(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    keys.notice_missing(argv[1]);
    match keys.string(argv[1])? {
        Some(value) => reply.bulk(value.as_bytes()),
        None => reply.null(),
    }
    Ok(())
}

fn getset(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    get(keys, argv, reply)?;
    keys.put_string(argv[1], argv[2], Expiry::Never);
    keys.changed(argv[1]);
    keys.notify(EventClass::String, "set", argv[1]);
    Ok(())
}

fn getdel(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    get(keys, argv, reply)?;
    if keys.remove(argv[1]) {
        keys.changed_as(argv[1], "del", &[]);
        keys.notify(EventClass::Generic, "del", argv[1]);
    }
    Ok(())
}

fn mget(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    reply.array(argv.len() - 1);
    for key in &argv[1..] {
        match keys.string(key) {
            Ok(Some(value)) => reply.bulk(value.as_bytes()),
            Ok(None) | Err(_) => reply.null(),
        }
    }
    Ok(())
}

fn mset(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    put_all(keys, &argv[1..], "mset")?;
    reply.status("OK");
    Ok(())
}

fn msetnx(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let pairs = &argv[1..];
    if pairs.len().is_multiple_of(2) && pairs.iter().step_by(2).any(|key| keys.read(key).is_some()) {
        reply.integer(0);
        return Ok(());
    }
    put_all(keys, pairs, "msetnx")?;
    reply.integer(1);
    Ok(())
}

/// Puts keys and values that follow each other, all or none.
fn put_all(keys: &mut Keyspace<'_>, pairs: &[&[u8]], command: &'static str) -> Result<(), Error> {
    let (pairs, []) = pairs.as_chunks::<2>() else { return Err(Error::Arity(command)) };
    for [key, value] in pairs {
        keys.put_string(key, value, Expiry::Never);
        keys.notify(EventClass::String, "set", key);
    }
    distinct_keys(pairs).for_each(|key| keys.changed(key));
    Ok(())
}

/// The keys of these pairs, each once.
fn distinct_keys<'a>(pairs: &'a [[&'a [u8]; 2]]) -> impl Iterator<Item = &'a [u8]> {
    /// Up to so many, to compare each with all before it is cheaper than to hash them.
    const FEW: usize = 16;
    let mut seen = HashSet::with_hasher(foldhash::fast::RandomState::default());
    pairs.iter().enumerate().map(|(at, [key, _])| (at, *key)).filter_map(move |(at, key)| {
        let is_new = if pairs.len() <= FEW {
            pairs[..at].iter().all(|[earlier, _]| *earlier != key)
        } else {
            seen.insert(key)
        };
        is_new.then_some(key)
    })
}

/// Refuses a string that would become too long.
fn check_length(length: u64, more: usize) -> Result<(), Error> {
    if length.saturating_add(more as u64) > STRING_BYTES_MAX {
        return Err(Error::text("ERR string exceeds maximum allowed size (proto-max-bulk-len)"));
    }
    Ok(())
}
