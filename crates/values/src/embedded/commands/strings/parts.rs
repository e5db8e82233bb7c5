//! Strings in part.

use super::check_length;
use crate::embedded::Keyspace;
use crate::{Error, EventClass, ReplySink, parse_integer};

pub(super) fn append(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let (key, more) = (argv[1], argv[2]);
    let there = keys.string(key)?.map(|value| value.len());
    let length = there.unwrap_or(0);
    check_length(length as u64, more.len())?;
    let value = keys.string_or_new(key)?;
    match there {
        // As if it was set. What was there, though empty, is edited.
        None => value.assign(more),
        Some(_) => value.append(more),
    }
    reply.integer((length + more.len()) as i64);
    keys.changed(key);
    keys.notify(EventClass::String, "append", key);
    Ok(())
}

pub(super) fn strlen(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let length = keys.string(argv[1])?.map_or(0, |value| value.len());
    reply.integer(length as i64);
    Ok(())
}

pub(super) fn getrange(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let start = parse_integer(argv[2]).ok_or(Error::NotInteger)?;
    let end = parse_integer(argv[3]).ok_or(Error::NotInteger)?;
    let value = keys.string(argv[1])?.map_or(&b""[..], |value| value.as_bytes());
    reply.bulk(range(start, end, value.len() as u64).map_or(b"", |(from, to)| {
        // Within the length, and so within `usize`.
        &value[from as usize..=to as usize]
    }));
    Ok(())
}

/// First and last place of the range from `start` to `end` within `length` places; negative ones
/// count from the end. `None` when it is empty.
pub(in crate::embedded::commands) fn range(start: i64, end: i64, length: u64) -> Option<(u64, u64)> {
    if start < 0 && end < 0 && start > end {
        return None;
    }
    let last = length.checked_sub(1)?;
    let place = |at: i64| if at < 0 { length.saturating_sub(at.unsigned_abs()) } else { at as u64 };
    let (start, end) = (place(start), place(end).min(last));
    (start <= end).then_some((start, end))
}

pub(super) fn setrange(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let (key, part) = (argv[1], argv[3]);
    let offset = parse_integer(argv[2]).ok_or(Error::NotInteger)?;
    let offset = u64::try_from(offset).map_err(|_| Error::text("ERR offset is out of range"))?;
    let length = keys.string(key)?.map_or(0, |value| value.len());
    if part.is_empty() {
        reply.integer(length as i64);
        return Ok(());
    }
    check_length(offset, part.len())?;
    // Below the longest length, and so within `usize`.
    let (from, to) = (offset as usize, offset as usize + part.len());
    let value = keys.string_or_new(key)?;
    value.lengthen(to);
    value.as_bytes_mut()[from..to].copy_from_slice(part);
    reply.integer(value.len() as i64);
    keys.changed(key);
    keys.notify(EventClass::String, "setrange", key);
    Ok(())
}
