//! The list commands that take from the one or the other of several lists.

use super::{pop_event, pop_many, push_event};
use crate::embedded::Keyspace;
use crate::embedded::commands::numbers::{integer_from, key_count, saturated};
use crate::embedded::values::End;
use crate::{Error, EventClass, ReplySink};

fn end(word: &[u8]) -> Result<End, Error> {
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
    move_one(keys, argv, from, to, reply)
}

/// `RPOPLPUSH source destination`.
pub(super) fn rpoplpush(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    move_one(keys, argv, End::Back, End::Front, reply)
}

fn move_one(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    from: End,
    to: End,
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let (source, destination) = (argv[1], argv[2]);
    let element = keys.list(source)?.and_then(|list| list.peek(from)).map(<[u8]>::to_vec);
    let Some(element) = element else {
        reply.null();
        return Ok(());
    };
    // The destination may be the source, which then is not empty in between.
    keys.list_or_new(destination)?;
    if let Some(list) = keys.list_mut(source)? {
        list.remove(from, 1);
    }
    keys.list_or_new(destination)?.push(to, &element);
    keys.notify(EventClass::List, push_event(to), destination);
    keys.notify(EventClass::List, pop_event(from), source);
    keys.remove_if_empty(source);
    keys.changed(source);
    if destination != source {
        keys.changed(destination);
    }
    reply.bulk(&element);
    Ok(())
}

/// `LMPOP numkeys key… LEFT|RIGHT [COUNT count]`: from the first of the lists that is there.
pub(super) fn lmpop(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let (names, options) = argv[2..].split_at_checked(key_count(argv[1])?).ok_or(Error::Syntax)?;
    let [from, options @ ..] = options else { return Err(Error::Syntax) };
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
    for name in names {
        let Some(list) = keys.list_mut(name)? else { continue };
        let count = count.min(list.len());
        reply.array(2);
        reply.bulk(name);
        pop_many(list, from, count, reply);
        let command = pop_event(from);
        let is_empty = list.is_empty();
        keys.notify(EventClass::List, command, name);
        if is_empty {
            keys.remove_emptied(name);
        }
        keys.changed_as(name, command, &[itoa::Buffer::new().format(count).as_bytes()]);
        return Ok(());
    }
    reply.null_array();
    Ok(())
}
