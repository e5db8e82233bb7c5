//! The sorted set commands that wait while there is no member.

use super::pop::{End, ManyFrom, pop_one};
use crate::embedded::Keyspace;
use crate::embedded::blocking::{Awaited, Blocking, Wait, always, seconds};
use crate::{Error, Reply, ReplySink};

/// `BZPOPMIN key… timeout`.
pub(super) static BZPOPMIN: Blocking = Blocking {
    awaited: Awaited::SortedSet,
    attempt: |keys, argv, reply| pop(keys, argv, End::Min, reply),
    serve: |keys, served, reply| pop_one(keys, served.key(), End::Min, reply).map(drop),
    is_ready: always,
    nothing_at_once: Reply::NullArray,
};

/// `BZPOPMAX key… timeout`.
pub(super) static BZPOPMAX: Blocking = Blocking {
    awaited: Awaited::SortedSet,
    attempt: |keys, argv, reply| pop(keys, argv, End::Max, reply),
    serve: |keys, served, reply| pop_one(keys, served.key(), End::Max, reply).map(drop),
    is_ready: always,
    nothing_at_once: Reply::NullArray,
};

/// `BZMPOP timeout numkeys key… MIN|MAX [COUNT count]`.
pub(super) static BZMPOP: Blocking = Blocking {
    awaited: Awaited::SortedSet,
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

/// Takes one member from the first of the sorted sets that is there.
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
