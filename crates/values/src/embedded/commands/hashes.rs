//! Hashes: fields and their values, some of them numbers.

#[cfg(test)]
mod tests;

use super::element_scan::{self, ElementScan};
use super::numbers::{integer, signed_count};
use super::{Handler, sample};
use crate::command::Name;
use crate::embedded::Keyspace;
use crate::embedded::values::Hash;
use crate::long_double::{LongDouble, LongDoubleError, add_long_double};
use crate::{Error, EventClass, ReplySink, parse_integer};

/// The handler of a command of this family.
pub(super) fn handler(name: Name) -> Option<Handler> {
    Some(Handler::Keyed(match name {
        Name::Hset => hset,
        Name::Hsetnx => hsetnx,
        Name::Hmset => hmset,
        Name::Hget => hget,
        Name::Hmget => hmget,
        Name::Hgetall => hgetall,
        Name::Hkeys => hkeys,
        Name::Hvals => hvals,
        Name::Hlen => hlen,
        Name::Hstrlen => hstrlen,
        Name::Hexists => hexists,
        Name::Hdel => hdel,
        Name::Hincrby => hincrby,
        Name::Hincrbyfloat => hincrbyfloat,
        Name::Hrandfield => hrandfield,
        Name::Hscan => hscan,
        _ => return None,
    }))
}

fn hset(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let created = set_fields(keys, argv, "hset")?;
    reply.integer(created);
    Ok(())
}

fn hmset(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    set_fields(keys, argv, "hmset")?;
    reply.status("OK");
    Ok(())
}

/// Sets the fields that the words name; how many of them are new. It is a change even when every
/// value stays what it was, as in Redis.
fn set_fields(keys: &mut Keyspace<'_>, argv: &[&[u8]], name: &'static str) -> Result<i64, Error> {
    let (fields, odd) = argv[2..].as_chunks();
    if !odd.is_empty() {
        return Err(Error::Arity(name));
    }
    let hash = keys.hash_or_new(argv[1])?;
    let created = fields.iter().filter(|[field, value]| hash.set(field, value)).count();
    keys.changed(argv[1]);
    keys.notify(EventClass::Hash, "hset", argv[1]);
    Ok(created as i64)
}

fn hsetnx(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let hash = keys.hash_or_new(argv[1])?;
    let is_new = hash.get(argv[2]).is_none();
    if is_new {
        hash.set(argv[2], argv[3]);
        keys.changed(argv[1]);
        keys.notify(EventClass::Hash, "hset", argv[1]);
    }
    reply.integer(i64::from(is_new));
    Ok(())
}

fn hget(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    write_value(keys.hash(argv[1])?, argv[2], reply);
    Ok(())
}

fn hmget(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let hash = keys.hash(argv[1])?;
    reply.array(argv.len() - 2);
    argv[2..].iter().for_each(|field| write_value(hash, field, reply));
    Ok(())
}

fn write_value(hash: Option<&Hash>, field: &[u8], reply: &mut dyn ReplySink) {
    match hash.and_then(|hash| hash.get(field)) {
        Some(value) => reply.bulk(value),
        None => reply.null(),
    }
}

fn hgetall(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    match keys.hash(argv[1])? {
        Some(hash) => hash.write(reply),
        None => reply.map(0),
    }
    Ok(())
}

fn hkeys(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let hash = keys.hash(argv[1])?;
    reply.array(hash.map_or(0, Hash::len));
    hash.into_iter().flat_map(Hash::iter).for_each(|(field, _)| reply.bulk(field));
    Ok(())
}

fn hvals(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let hash = keys.hash(argv[1])?;
    reply.array(hash.map_or(0, Hash::len));
    hash.into_iter().flat_map(Hash::iter).for_each(|(_, value)| reply.bulk(value));
    Ok(())
}

fn hlen(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    reply.integer(keys.hash(argv[1])?.map_or(0, Hash::len) as i64);
    Ok(())
}

fn hstrlen(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let value = keys.hash(argv[1])?.and_then(|hash| hash.get(argv[2]));
    reply.integer(value.map_or(0, <[u8]>::len) as i64);
    Ok(())
}

fn hexists(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let value = keys.hash(argv[1])?.and_then(|hash| hash.get(argv[2]));
    reply.integer(i64::from(value.is_some()));
    Ok(())
}

fn hdel(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let mut removed = 0;
    if let Some(hash) = keys.hash_mut(argv[1])? {
        removed = argv[2..].iter().filter(|field| hash.remove(field)).count();
        if removed > 0 {
            let is_empty = hash.is_empty();
            keys.notify(EventClass::Hash, "hdel", argv[1]);
            if is_empty {
                keys.remove_emptied(argv[1]);
            }
            keys.changed(argv[1]);
        }
    }
    reply.integer(removed as i64);
    Ok(())
}

fn hincrby(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let increment = integer(argv[3])?;
    // A hash made just now has no field that could be refused, so it is never left empty.
    let hash = keys.hash_or_new(argv[1])?;
    let current = match hash.get(argv[2]) {
        Some(value) => parse_integer(value).ok_or(Error::text("ERR hash value is not an integer"))?,
        None => 0,
    };
    let sum = current.checked_add(increment).ok_or(Error::Overflow)?;
    hash.set(argv[2], itoa::Buffer::new().format(sum).as_bytes());
    keys.changed(argv[1]);
    keys.notify(EventClass::Hash, "hincrby", argv[1]);
    reply.integer(sum);
    Ok(())
}

fn hincrbyfloat(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let increment = LongDouble::parse(argv[3]).ok_or(Error::NotFloat)?;
    if !increment.is_finite() {
        return Err(Error::text("ERR value is NaN or Infinity"));
    }
    let current = keys.hash(argv[1])?.and_then(|hash| hash.get(argv[2])).unwrap_or(b"0");
    let sum = add_long_double(current, argv[3]).map_err(|error| match error {
        LongDoubleError::CurrentNotFloat => Error::text("ERR hash value is not a float"),
        LongDoubleError::IncrementNotFloat => Error::NotFloat,
        LongDoubleError::NotFinite => Error::text("ERR increment would produce NaN or Infinity"),
    })?;
    keys.hash_or_new(argv[1])?.set(argv[2], sum.as_bytes());
    keys.changed_as(argv[1], "hset", &[argv[2], sum.as_bytes()]);
    keys.notify(EventClass::Hash, "hincrbyfloat", argv[1]);
    reply.bulk(sum.as_bytes());
    Ok(())
}

fn hrandfield(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let mut random = keys.random().fork();
    let Some(count) = argv.get(2) else {
        match keys.hash(argv[1])? {
            Some(hash) => reply.bulk(hash.at_positions(&[random.usize(..hash.len())])[0].0),
            None => reply.null(),
        }
        return Ok(());
    };
    let count = signed_count(count)?;
    let with_values = match argv[3..] {
        [] => false,
        [option] if option.eq_ignore_ascii_case(b"withvalues") => true,
        _ => return Err(Error::Syntax),
    };
    if with_values && count.unsigned_abs() > i64::MAX as u64 / 2 {
        return Err(Error::text("ERR value is out of range"));
    }
    let Some(hash) = keys.hash(argv[1])? else {
        reply.array(0);
        return Ok(());
    };
    let fields = hash.at_positions(&sample::positions(&mut random, hash.len(), count)?);
    if count < 0 {
        sample::check_reply_bytes(fields.iter().map(|(field, value)| field.len() + value.len()))?;
    }
    if with_values {
        reply.pairs(fields.len());
    } else {
        reply.array(fields.len());
    }
    for (field, value) in fields {
        reply.bulk(field);
        if with_values {
            reply.bulk(value);
        }
    }
    Ok(())
}

fn hscan(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let cursor = element_scan::cursor(argv[2])?;
    let Some(hash) = keys.hash(argv[1])? else {
        element_scan::write_page(0, 0, reply);
        return Ok(());
    };
    let scan = ElementScan::parse(&argv[3..])?;
    let (fields, next) = hash.scan(cursor, scan.count);
    let found: Vec<_> = fields.filter(|(field, _)| scan.wants(field)).collect();
    element_scan::write_page(next, 2 * found.len(), reply);
    for (field, value) in found {
        reply.bulk(field);
        reply.bulk(value);
    }
    Ok(())
}
