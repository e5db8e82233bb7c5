//! The list commands that wait while there is no element.

use super::moves::{ManyFrom, end, move_one};
use super::pop_event;
use crate::embedded::Keyspace;
use crate::embedded::blocking::{Awaited, Blocking, Served, Wait, always, seconds};
use crate::embedded::values::End;
use crate::{Error, EventClass, Reply, ReplySink};

/// `BLPOP key… timeout`.
pub(super) static BLPOP: Blocking = Blocking {
    awaited: Awaited::List,
    attempt: |keys, argv, reply| pop(keys, argv, End::Front, reply),
    serve: |keys, served, reply| pop_one(keys, served.key(), End::Front, reply).map(drop),
    is_ready: always,
    nothing_at_once: Reply::NullArray,
};

/// `BRPOP key… timeout`.
pub(super) static BRPOP: Blocking = Blocking {
    awaited: Awaited::List,
    attempt: |keys, argv, reply| pop(keys, argv, End::Back, reply),
    serve: |keys, served, reply| pop_one(keys, served.key(), End::Back, reply).map(drop),
    is_ready: always,
    nothing_at_once: Reply::NullArray,
};

/// `BLMOVE source destination LEFT|RIGHT LEFT|RIGHT timeout`.
pub(super) static BLMOVE: Blocking = Blocking {
    awaited: Awaited::List,
    attempt: |keys, argv, reply| {
        let ends = (end(argv[3])?, end(argv[4])?);
        let deadline = seconds(argv[5], keys.now_ms())?;
        attempt_move(keys, &argv[..5], ends, "lmove", deadline, reply)
    },
    serve: |keys, Served { argv, .. }, reply| {
        let (from, to) = (end(argv[3])?, end(argv[4])?);
        move_one(keys, &argv[..5], from, to, "lmove", reply).map(drop)
    },
    is_ready: always,
    nothing_at_once: Reply::Null,
};

/// `BRPOPLPUSH source destination timeout`.
pub(super) static BRPOPLPUSH: Blocking = Blocking {
    awaited: Awaited::List,
    attempt: |keys, argv, reply| {
        let deadline = seconds(argv[3], keys.now_ms())?;
        attempt_move(keys, &argv[..3], (End::Back, End::Front), "rpoplpush", deadline, reply)
    },
    serve: |keys, Served { argv, .. }, reply| {
        move_one(keys, &argv[..3], End::Back, End::Front, "rpoplpush", reply).map(drop)
    },
    is_ready: always,
    nothing_at_once: Reply::Null,
};

/// `BLMPOP timeout numkeys key… LEFT|RIGHT [COUNT count]`.
pub(super) static BLMPOP: Blocking = Blocking {
    awaited: Awaited::List,
    attempt: |keys, argv, reply| {
        let many = ManyFrom::parse(argv, 2)?;
        let deadline = seconds(argv[1], keys.now_ms())?;
        for key in &argv[many.keys.clone()] {
            if many.take(keys, key, reply)? {
                return Ok(None);
            }
        }
        Ok(Some(Wait { keys: many.keys, targets: 0..0, deadline, words: None }))
    },
    serve: |keys, served, reply| ManyFrom::parse(served.argv, 2)?.take(keys, served.key(), reply).map(drop),
    is_ready: always,
    nothing_at_once: Reply::NullArray,
};

/// Takes one element from the first of the lists that is there.
fn pop(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    end: End,
    reply: &mut dyn ReplySink,
) -> Result<Option<Wait>, Error> {
    let last = argv.len() - 1;
    let deadline = seconds(argv[last], keys.now_ms())?;
    for key in &argv[1..last] {
        if pop_one(keys, key, end, reply)? {
            return Ok(None);
        }
    }
    Ok(Some(Wait { keys: 1..last, targets: 0..0, deadline, words: None }))
}

fn pop_one(keys: &mut Keyspace<'_>, key: &[u8], end: End, reply: &mut dyn ReplySink) -> Result<bool, Error> {
    let Some(list) = keys.list_mut(key)? else { return Ok(false) };
    reply.array(2);
    reply.bulk(key);
    list.peek(end).into_iter().for_each(|element| reply.bulk(element));
    list.remove(end, 1);
    let is_empty = list.is_empty();
    keys.notify(EventClass::List, pop_event(end), key);
    if is_empty {
        keys.remove_emptied(key);
    }
    keys.changed_as(key, pop_event(end), &[]);
    Ok(true)
}

fn attempt_move(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    (from, to): (End, End),
    command: &str,
    deadline: Option<u64>,
    reply: &mut dyn ReplySink,
) -> Result<Option<Wait>, Error> {
    if move_one(keys, argv, from, to, command, reply)? {
        return Ok(None);
    }
    Ok(Some(Wait { keys: 1..2, targets: 2..3, deadline, words: None }))
}
