//! XRANGE, XREVRANGE and XLEN, and how entries are written.

use super::ids;
use crate::embedded::Keyspace;
use crate::embedded::commands::numbers::{integer, saturated};
use crate::embedded::values::{Entry, Id, Stream};
use crate::{Error, ReplySink};

pub fn xlen(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    reply.integer(keys.stream(argv[1])?.map_or(0, Stream::len) as i64);
    Ok(())
}

pub fn xrange(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let (from, to) = (ids::start(argv[2])?, ids::end(argv[3])?);
    let Some((stream, count)) = find(keys, argv, reply)? else { return Ok(()) };
    write_range(stream, from, to, count, reply);
    Ok(())
}

pub fn xrevrange(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let (from, to) = (ids::start(argv[3])?, ids::end(argv[2])?);
    let Some((stream, count)) = find(keys, argv, reply)? else { return Ok(()) };
    let count = stream.count(from, to, count);
    reply.array(count);
    stream.range_back(from, to).take(count).for_each(|entry| write_entry(entry, reply));
    Ok(())
}

/// The stream of a range, and how many entries are asked for; nothing where the reply has been written.
fn find<'k>(
    keys: &'k mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<Option<(&'k Stream, usize)>, Error> {
    let mut count = None;
    for pair in argv[4..].chunks(2) {
        match pair {
            &[name, number] if name.eq_ignore_ascii_case(b"count") => count = Some(integer(number)?),
            _ => return Err(Error::Syntax),
        }
    }
    match (keys.stream(argv[1])?, count) {
        (None, _) => reply.array(0),
        (Some(_), Some(..=0)) => reply.null_array(),
        (Some(stream), count) => return Ok(Some((stream, count.map_or(usize::MAX, saturated)))),
    }
    Ok(None)
}

/// Writes up to `most` entries between two ids, both included.
pub fn write_range(stream: &Stream, from: Id, to: Id, most: usize, reply: &mut dyn ReplySink) {
    let count = stream.count(from, to, most);
    reply.array(count);
    stream.range(from, to).take(count).for_each(|entry| write_entry(entry, reply));
}

/// Writes an id.
pub fn write_id(id: Id, reply: &mut dyn ReplySink) {
    id.with_text(|text| reply.bulk(text));
}

/// Writes an entry: its id, and an array of its fields and values.
pub fn write_entry(entry: Entry<'_>, reply: &mut dyn ReplySink) {
    reply.array(2);
    write_id(entry.id, reply);
    reply.array(2 * entry.len());
    for (name, value) in entry {
        name.write(reply);
        value.write(reply);
    }
}
