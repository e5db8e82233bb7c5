//! Sets: members, whether something is one, and random ones.

mod algebra;
mod random;
#[cfg(test)]
mod tests;

use super::Handler;
use super::element_scan::{self, ElementScan};
use crate::command::Name;
use crate::embedded::Keyspace;
use crate::embedded::values::{Member, Set};
use crate::{Error, EventClass, ReplySink};

/// The handler of a command of this family.
pub(super) fn handler(name: Name) -> Option<Handler> {
    Some(Handler::Keyed(match name {
        Name::Sadd => sadd,
        Name::Srem => srem,
        Name::Smembers => smembers,
        Name::Sismember => sismember,
        Name::Smismember => smismember,
        Name::Scard => scard,
        Name::Smove => smove,
        Name::Sscan => sscan,
        Name::Spop => random::spop,
        Name::Srandmember => random::srandmember,
        Name::Sinter => algebra::sinter,
        Name::Sinterstore => algebra::sinterstore,
        Name::Sintercard => algebra::sintercard,
        Name::Sunion => algebra::sunion,
        Name::Sunionstore => algebra::sunionstore,
        Name::Sdiff => algebra::sdiff,
        Name::Sdiffstore => algebra::sdiffstore,
        _ => return None,
    }))
}

fn sadd(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let set = keys.set_or_new(argv[1])?;
    let added = argv[2..].iter().filter(|member| set.add(member)).count();
    if added > 0 {
        keys.changed(argv[1]);
        keys.notify(EventClass::Set, "sadd", argv[1]);
    }
    reply.integer(added as i64);
    Ok(())
}

fn srem(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let mut removed = 0;
    if let Some(set) = keys.set_mut(argv[1])? {
        removed = argv[2..].iter().filter(|member| set.remove(member)).count();
        if removed > 0 {
            let is_empty = set.is_empty();
            keys.notify(EventClass::Set, "srem", argv[1]);
            if is_empty {
                keys.remove_emptied(argv[1]);
            }
            keys.changed(argv[1]);
        }
    }
    reply.integer(removed as i64);
    Ok(())
}

fn smembers(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    match keys.set(argv[1])? {
        Some(set) => set.write(reply),
        None => reply.set(0),
    }
    Ok(())
}

fn sismember(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    write_membership(keys.set(argv[1])?, argv[2], reply);
    Ok(())
}

fn smismember(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let set = keys.set(argv[1])?;
    reply.array(argv.len() - 2);
    argv[2..].iter().for_each(|member| write_membership(set, member, reply));
    Ok(())
}

fn write_membership(set: Option<&Set>, member: &[u8], reply: &mut dyn ReplySink) {
    reply.integer(i64::from(set.is_some_and(|set| set.contains(member))));
}

fn scard(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    reply.integer(keys.set(argv[1])?.map_or(0, Set::len) as i64);
    Ok(())
}

/// `SMOVE source destination member`. The destination's type matters only once there is a source.
fn smove(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let (source, destination, member) = (argv[1], argv[2], argv[3]);
    let Some(set) = keys.set(source)? else {
        reply.integer(0);
        return Ok(());
    };
    let is_member = set.contains(member);
    keys.set(destination)?;
    if is_member && source != destination {
        if let Some(set) = keys.set_mut(source)? {
            set.remove(member);
        }
        keys.notify(EventClass::Set, "srem", source);
        keys.remove_if_empty(source);
        keys.changed(source);
        if keys.set_or_new(destination)?.add(member) {
            keys.changed(destination);
            keys.notify(EventClass::Set, "sadd", destination);
        }
    }
    reply.integer(i64::from(is_member));
    Ok(())
}

fn sscan(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let cursor = element_scan::cursor(argv[2])?;
    let Some(set) = keys.set(argv[1])? else {
        element_scan::write_page(0, 0, reply);
        return Ok(());
    };
    let scan = ElementScan::parse(&argv[3..])?;
    let (members, next) = set.scan(cursor, scan.count);
    let found: Vec<_> = members.map(Member::text).filter(|member| scan.wants(member)).collect();
    element_scan::write_page(next, found.len(), reply);
    found.iter().for_each(|member| reply.bulk(member));
    Ok(())
}
