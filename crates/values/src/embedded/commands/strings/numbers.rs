//! Strings as numbers.

use crate::embedded::values::Origin;
use crate::embedded::{Expiry, Keyspace};
use crate::{Error, EventClass, LongDoubleError, ReplySink, add_long_double, parse_integer};

pub(super) fn incr(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    add(keys, argv[1], 1, reply)
}

pub(super) fn decr(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    add(keys, argv[1], -1, reply)
}

pub(super) fn incrby(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let by = parse_integer(argv[2]).ok_or(Error::NotInteger)?;
    add(keys, argv[1], by, reply)
}

pub(super) fn decrby(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let by = parse_integer(argv[2]).ok_or(Error::NotInteger)?;
    let by = by.checked_neg().ok_or(Error::text("ERR decrement would overflow"))?;
    add(keys, argv[1], by, reply)
}

/// Adds to the integer at a key; none counts as 0.
fn add(keys: &mut Keyspace<'_>, key: &[u8], by: i64, reply: &mut dyn ReplySink) -> Result<(), Error> {
    let mut buffer = itoa::Buffer::new();
    let sum = match keys.string_mut(key)? {
        Some(value) => {
            let old = parse_integer(value.as_bytes()).ok_or(Error::NotInteger)?;
            let sum = old.checked_add(by).ok_or(Error::Overflow)?;
            value.assign(buffer.format(sum).as_bytes());
            sum
        }
        None => {
            keys.put_string(key, buffer.format(by).as_bytes(), Expiry::Never);
            by
        }
    };
    reply.integer(sum);
    keys.changed(key);
    keys.notify(EventClass::String, "incrby", key);
    Ok(())
}

pub(super) fn incrbyfloat(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let key = argv[1];
    let old = keys.string(key)?.map_or(&b"0"[..], |value| value.as_bytes());
    let sum = add_long_double(old, argv[2]).map_err(|error| match error {
        LongDoubleError::CurrentNotFloat | LongDoubleError::IncrementNotFloat => Error::NotFloat,
        LongDoubleError::NotFinite => Error::text("ERR increment would produce NaN or Infinity"),
    })?;
    keys.put_string(key, sum.as_bytes(), Expiry::Keep);
    keys.string_or_new(key)?.set_origin(Origin::Printed);
    reply.bulk(sum.as_bytes());
    keys.changed_as(key, "set", &[sum.as_bytes(), b"KEEPTTL"]);
    keys.notify(EventClass::String, "incrbyfloat", key);
    Ok(())
}
