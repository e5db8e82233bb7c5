//! Random members, looked at or taken.

use crate::embedded::Keyspace;
use crate::embedded::commands::numbers::{count, signed_count};
use crate::embedded::commands::sample;
use crate::embedded::values::{Member, Set, Text};
use crate::{Error, EventClass, ReplySink};

/// `SRANDMEMBER key [count]`.
pub(super) fn srandmember(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let mut random = keys.random().fork();
    let count = match argv[2..] {
        [] => None,
        [word] => Some(signed_count(word)?),
        _ => return Err(Error::Syntax),
    };
    match (keys.set(argv[1])?, count) {
        (Some(set), Some(count)) => write_random(set, &mut random, count, reply)?,
        (Some(set), None) => set.at_positions(&[random.usize(..set.len())])[0].write(reply),
        (None, Some(_)) => reply.array(0),
        (None, None) => reply.null(),
    }
    Ok(())
}

fn write_random(
    set: &Set,
    random: &mut fastrand::Rng,
    count: i64,
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let members = set.at_positions(&sample::positions(random, set.len(), count)?);
    if count < 0 {
        sample::check_reply_bytes(members.iter().map(|member| member.text().len()))?;
    }
    reply.array(members.len());
    members.into_iter().for_each(|member| member.write(reply));
    Ok(())
}

/// `SPOP key [count]`. Its change is told as the removal of the members that it happened to take.
pub(super) fn spop(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    match argv[2..] {
        [] => spop_one(keys, argv[1], reply),
        [word] => spop_many(keys, argv[1], count(word)?, reply),
        _ => Err(Error::Syntax),
    }
}

fn spop_one(keys: &mut Keyspace<'_>, key: &[u8], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let mut random = keys.random().fork();
    let Some(set) = keys.set_mut(key)? else {
        reply.null();
        return Ok(());
    };
    let member = set.take_at(random.usize(..set.len()));
    let is_empty = set.is_empty();
    keys.notify(EventClass::Set, "spop", key);
    if is_empty {
        keys.remove_emptied(key);
    }
    keys.changed_as(key, "srem", &[member.as_bytes()]);
    reply.bulk(member.as_bytes());
    Ok(())
}

fn spop_many(
    keys: &mut Keyspace<'_>,
    key: &[u8],
    count: usize,
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let mut random = keys.random().fork();
    let Some(set) = keys.set_mut(key)?.filter(|_| count > 0) else {
        reply.set(0);
        return Ok(());
    };
    if count < set.len() {
        let taken: Vec<_> = (0..count).map(|_| set.take_at(random.usize(..set.len()))).collect();
        let members: Vec<&[u8]> = taken.iter().map(|member| member.as_bytes()).collect();
        keys.changed_as(key, "srem", &members);
        keys.notify(EventClass::Set, "spop", key);
        reply.set(members.len());
        members.into_iter().for_each(|member| reply.bulk(member));
    } else {
        let set = std::mem::take(set);
        keys.notify(EventClass::Set, "spop", key);
        keys.remove_emptied(key);
        let members: Vec<Text<'_>> = set.iter().map(Member::text).collect();
        let members: Vec<&[u8]> = members.iter().map(|member| &**member).collect();
        keys.changed_as(key, "srem", &members);
        set.write(reply);
    }
    Ok(())
}
