//! The list commands that take from the one or the other of several lists.

use super::{pop_event, pop_many, push_event};
use crate::embedded::Keyspace;
use crate::embedded::commands::numbers::{integer_from, key_count, saturated};
use crate::embedded::values::End;
use crate::{Error, EventClass, ReplySink};
use std::ops::Range;

pub(super) fn end(word: &[u8]) -> Result<End, Error> {
    if word.eq_ignore_ascii_case(b"left") {
        Ok(End::Front)
    } else if word.eq_ignore_ascii_case(b"right") {
        Ok(End::Back)
    } else {
        Err(Error::Syntax)
    }
}

/// `LMOVE source destination LEFT|RIGHT LEFT|RIGHT`.
pub(super) fn lmove(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let (from, to) = (end(argv[3])?, end(argv[4])?);
    if !move_one(keys, argv, from, to, "lmove", reply)? {
        reply.null();
    }
    Ok(())
}

/// `RPOPLPUSH source destination`.
pub(super) fn rpoplpush(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    if !move_one(keys, argv, End::Back, End::Front, "rpoplpush", reply)? {
        reply.null();
    }
    Ok(())
}

/// Moves one element from the list at the first to that at the second of the call's keys, and tells it as
/// this command with the words given; whether there was one. Only then there is a reply.
pub(super) fn move_one(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    from: End,
    to: End,
    command: &str,
    reply: &mut dyn ReplySink,
) -> Result<bool, Error> {
    let (source, destination) = (argv[1], argv[2]);
    let element = keys.list(source)?.and_then(|list| list.peek(from)).map(<[u8]>::to_vec);
    let Some(element) = element else { return Ok(false) };
    // The destination may be the source, which then is not empty in between.
    keys.list_or_new(destination)?;
    if let Some(list) = keys.list_mut(source)? {
        list.remove(from, 1);
    }
    keys.list_or_new(destination)?.push(to, &element);
    keys.notify(EventClass::List, push_event(to), destination);
    keys.notify(EventClass::List, pop_event(from), source);
    keys.remove_if_empty(source);
    keys.changed_as(source, command, &argv[1..]);
    if destination != source {
        keys.changed_as(destination, command, &argv[1..]);
    }
    reply.bulk(&element);
    Ok(true)
}

/// What is taken from the first of several lists that is there.
pub(super) struct ManyFrom {
    /// Which words are the keys.
    pub keys: Range<usize>,
    from: End,
    count: usize,
}

impl ManyFrom {
    /// `numkeys key… LEFT|RIGHT [COUNT count]`, the first of which is at a position.
    pub fn parse(argv: &[&[u8]], position: usize) -> Result<ManyFrom, Error> {
        let first = position + 1;
        let end_of_keys = first.saturating_add(key_count(argv[position])?);
        let [from, options @ ..] = argv.get(end_of_keys..).unwrap_or_default() else {
            return Err(Error::Syntax);
        };
        let from = end(from)?;
        let count = match options {
            [] => 1,
            [name, value, rest @ ..] if name.eq_ignore_ascii_case(b"count") => {
                let count = integer_from(value, 1, "ERR count should be greater than 0")?;
                if !rest.is_empty() {
                    return Err(Error::Syntax);
                }
                saturated(count)
            }
            _ => return Err(Error::Syntax),
        };
        Ok(ManyFrom { keys: first..end_of_keys, from, count })
    }

    /// Takes from a list, if it is there.
    pub fn take(
        &self,
        keys: &mut Keyspace<'_>,
        key: &[u8],
        reply: &mut dyn ReplySink,
    ) -> Result<bool, Error> {
        let Some(list) = keys.list_mut(key)? else { return Ok(false) };
        let count = self.count.min(list.len());
        reply.array(2);
        reply.bulk(key);
        pop_many(list, self.from, count, reply);
        let is_empty = list.is_empty();
        let command = pop_event(self.from);
        keys.notify(EventClass::List, command, key);
        if is_empty {
            keys.remove_emptied(key);
        }
        keys.changed_as(key, command, &[itoa::Buffer::new().format(count).as_bytes()]);
        Ok(true)
    }
}

/// `LMPOP numkeys key… LEFT|RIGHT [COUNT count]`: from the first of the lists that is there.
pub(super) fn lmpop(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let many = ManyFrom::parse(argv, 1)?;
    for key in &argv[many.keys.clone()] {
        if many.take(keys, key, reply)? {
            return Ok(());
        }
    }
    reply.null_array();
    Ok(())
}
