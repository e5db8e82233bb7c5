//! Lists: pushed and popped at both ends, read and changed in the middle.

mod blocking;
mod moves;
mod search;
#[cfg(test)]
mod tests;

use super::numbers::{count, integer};
use super::{Handler, Run};
use crate::command::Name;
use crate::embedded::Keyspace;
use crate::embedded::values::{End, List};
use crate::{Error, EventClass, ReplySink};
use std::ops::Range;

/// The handler of a command of this family.
pub(super) fn handler(name: Name) -> Option<Handler> {
    let blocking = match name {
        Name::Blpop => &blocking::BLPOP,
        Name::Brpop => &blocking::BRPOP,
        Name::Blmove => &blocking::BLMOVE,
        Name::Brpoplpush => &blocking::BRPOPLPUSH,
        Name::Blmpop => &blocking::BLMPOP,
        _ => return keyed(name).map(Handler::Keyed),
    };
    Some(Handler::Blocking(blocking))
}

fn keyed(name: Name) -> Option<Run> {
    Some(match name {
        Name::Lpush => lpush,
        Name::Rpush => rpush,
        Name::Lpushx => lpushx,
        Name::Rpushx => rpushx,
        Name::Lpop => lpop,
        Name::Rpop => rpop,
        Name::Llen => llen,
        Name::Lindex => lindex,
        Name::Lset => lset,
        Name::Lrange => lrange,
        Name::Ltrim => ltrim,
        Name::Linsert => search::linsert,
        Name::Lrem => search::lrem,
        Name::Lpos => search::lpos,
        Name::Lmove => moves::lmove,
        Name::Rpoplpush => moves::rpoplpush,
        Name::Lmpop => moves::lmpop,
        _ => return None,
    })
}

fn lpush(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let list = keys.list_or_new(argv[1])?;
    push_all(list, End::Front, &argv[2..], reply);
    keys.changed(argv[1]);
    keys.notify(EventClass::List, "lpush", argv[1]);
    Ok(())
}

fn rpush(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let list = keys.list_or_new(argv[1])?;
    push_all(list, End::Back, &argv[2..], reply);
    keys.changed(argv[1]);
    keys.notify(EventClass::List, "rpush", argv[1]);
    Ok(())
}

fn lpushx(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    push_if_there(keys, argv, End::Front, reply)
}

fn rpushx(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    push_if_there(keys, argv, End::Back, reply)
}

fn push_if_there(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    end: End,
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    match keys.list_mut(argv[1])? {
        Some(list) => {
            push_all(list, end, &argv[2..], reply);
            keys.changed(argv[1]);
            keys.notify(EventClass::List, push_event(end), argv[1]);
        }
        None => reply.integer(0),
    }
    Ok(())
}

/// What Redis calls it when something is pushed at an end.
fn push_event(end: End) -> &'static str {
    match end {
        End::Front => "lpush",
        End::Back => "rpush",
    }
}

/// What Redis calls it when something is taken from an end.
fn pop_event(end: End) -> &'static str {
    match end {
        End::Front => "lpop",
        End::Back => "rpop",
    }
}

/// Pushes the elements one by one and answers the length.
fn push_all(list: &mut List, end: End, elements: &[&[u8]], reply: &mut dyn ReplySink) {
    elements.iter().for_each(|element| list.push(end, element));
    reply.integer(list.len() as i64);
}

fn lpop(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    pop(keys, argv, End::Front, "lpop", reply)
}

fn rpop(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    pop(keys, argv, End::Back, "rpop", reply)
}

fn pop(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    end: End,
    name: &'static str,
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let count = match argv[2..] {
        [] => None,
        [word] => Some(count(word)?),
        _ => return Err(Error::Arity(name)),
    };
    let Some(list) = keys.list_mut(argv[1])? else {
        match count {
            Some(_) => reply.null_array(),
            None => reply.null(),
        }
        return Ok(());
    };
    match count {
        Some(0) => {
            reply.array(0);
            return Ok(());
        }
        Some(count) => pop_many(list, end, count, reply),
        None => {
            list.peek(end).into_iter().for_each(|element| reply.bulk(element));
            list.remove(end, 1);
        }
    }
    let is_empty = list.is_empty();
    keys.notify(EventClass::List, pop_event(end), argv[1]);
    if is_empty {
        keys.remove_emptied(argv[1]);
    }
    keys.changed(argv[1]);
    Ok(())
}

/// Takes up to `count` elements from an end and answers them in the order they are taken.
fn pop_many(list: &mut List, end: End, count: usize, reply: &mut dyn ReplySink) {
    let count = count.min(list.len());
    reply.array(count);
    list.iter_from(end).take(count).for_each(|element| reply.bulk(element));
    list.remove(end, count);
}

fn llen(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    reply.integer(keys.list(argv[1])?.map_or(0, List::len) as i64);
    Ok(())
}

fn lindex(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let Some(list) = keys.list(argv[1])? else {
        reply.null();
        return Ok(());
    };
    let index = index_in(list, integer(argv[2])?);
    match index.and_then(|index| list.get(index)) {
        Some(element) => reply.bulk(element),
        None => reply.null(),
    }
    Ok(())
}

fn lset(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let list = keys.list_mut(argv[1])?.ok_or(Error::NoSuchKey)?;
    let index = index_in(list, integer(argv[2])?);
    if !index.is_some_and(|index| list.set(index, argv[3])) {
        return Err(Error::IndexOutOfRange);
    }
    keys.changed(argv[1]);
    keys.notify(EventClass::List, "lset", argv[1]);
    reply.status("OK");
    Ok(())
}

/// The index that a number means, which counts from the end when negative; it may be past the end.
fn index_in(list: &List, number: i64) -> Option<usize> {
    let from_front = if number < 0 { number + list.len() as i64 } else { number };
    usize::try_from(from_front).ok()
}

fn lrange(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let (first, last) = (integer(argv[2])?, integer(argv[3])?);
    let Some(list) = keys.list(argv[1])? else {
        reply.array(0);
        return Ok(());
    };
    let indexes = indexes_in(list, first, last);
    reply.array(indexes.len());
    list.range(indexes).for_each(|element| reply.bulk(element));
    Ok(())
}

/// Trimming counts as a change even when everything stays, as in Redis.
fn ltrim(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let (first, last) = (integer(argv[2])?, integer(argv[3])?);
    if let Some(list) = keys.list_mut(argv[1])? {
        let indexes = indexes_in(list, first, last);
        list.remove(End::Back, list.len() - indexes.end);
        list.remove(End::Front, indexes.start);
        let is_empty = list.is_empty();
        keys.notify(EventClass::List, "ltrim", argv[1]);
        if is_empty {
            keys.remove_emptied(argv[1]);
        }
        keys.changed(argv[1]);
    }
    reply.status("OK");
    Ok(())
}

/// The indexes from `first` to `last`, both of which count from the end when negative; `0..0` when
/// nothing lies between.
fn indexes_in(list: &List, first: i64, last: i64) -> Range<usize> {
    let len = list.len() as i64;
    let from_front = |number: i64| if number < 0 { number + len } else { number };
    let first = from_front(first).max(0);
    let end = from_front(last).min(len - 1) + 1;
    if first >= end { 0..0 } else { first as usize..end as usize }
}
