//! Keys, whatever they hold: whether they are there, and moving them about.

mod expiry;
mod flush;
mod inspect;
#[cfg(test)]
mod tests;
mod whole;

use super::Handler;
use crate::command::Name;
use crate::embedded::{Expiry, Keyspace};
use crate::{Error, EventClass, ReplySink};
use flush::{NO_SUCH_DATABASE, database};

/// The handler of a command of this family.
pub(super) fn handler(name: Name) -> Option<Handler> {
    Some(match name {
        Name::Copy => Handler::Keyed(copy),
        Name::Dbsize => Handler::Whole(whole::dbsize),
        Name::Del | Name::Unlink => Handler::Keyed(del),
        Name::Exists => Handler::Keyed(exists),
        Name::Expire => Handler::Keyed(expiry::expire),
        Name::Expireat => Handler::Keyed(expiry::expireat),
        Name::Expiretime => Handler::Keyed(expiry::expiretime),
        Name::Flushall | Name::Flushdb => Handler::Whole(flush::flush),
        Name::Keys => Handler::Whole(whole::keys),
        Name::Memory => Handler::Keyed(inspect::memory),
        Name::Move => Handler::Keyed(flush::move_to),
        Name::Object => Handler::Keyed(inspect::object),
        Name::Persist => Handler::Keyed(expiry::persist),
        Name::Pexpire => Handler::Keyed(expiry::pexpire),
        Name::Pexpireat => Handler::Keyed(expiry::pexpireat),
        Name::Pexpiretime => Handler::Keyed(expiry::pexpiretime),
        Name::Pttl => Handler::Keyed(expiry::pttl),
        Name::Randomkey => Handler::Whole(whole::randomkey),
        Name::Rename => Handler::Keyed(rename),
        Name::Renamenx => Handler::Keyed(renamenx),
        Name::Scan => Handler::Whole(whole::scan),
        Name::Swapdb => Handler::Keyed(flush::swapdb),
        Name::Touch => Handler::Keyed(touch),
        Name::Ttl => Handler::Keyed(expiry::ttl),
        Name::Type => Handler::Keyed(type_name),
        _ => return None,
    })
}

fn exists(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let present = argv[1..].iter().filter(|key| keys.inspect(key).is_some()).count();
    reply.integer(present as i64);
    Ok(())
}

/// As EXISTS, but a use of the keys.
fn touch(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let present = argv[1..].iter().filter(|key| keys.read(key).is_some()).count();
    reply.integer(present as i64);
    Ok(())
}

fn del(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let mut removed = 0;
    for key in &argv[1..] {
        if keys.remove(key) {
            removed += 1;
            keys.changed(key);
            keys.notify(EventClass::Generic, "del", key);
        }
    }
    reply.integer(removed);
    Ok(())
}

fn type_name(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    reply.status(keys.inspect(argv[1]).map_or("none", |value| value.type_name()));
    Ok(())
}

fn rename(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    if keys.read(argv[1]).is_none() {
        return Err(Error::NoSuchKey);
    }
    if argv[1] != argv[2] {
        move_key(keys, argv[1], argv[2]);
    }
    reply.status("OK");
    Ok(())
}

fn renamenx(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    if keys.read(argv[1]).is_none() {
        return Err(Error::NoSuchKey);
    }
    let free = keys.read(argv[2]).is_none();
    if free {
        move_key(keys, argv[1], argv[2]);
    }
    reply.integer(i64::from(free));
    Ok(())
}

/// Moves what a key holds, and when it expires, to another key.
fn move_key(keys: &mut Keyspace<'_>, from: &[u8], to: &[u8]) {
    let Some((value, expires_at)) = keys.take(from) else { return };
    // What was there is replaced by another key, not given another value.
    keys.remove(to);
    keys.put(to, value, expires_at.map_or(Expiry::Never, Expiry::At));
    keys.changed(from);
    keys.changed(to);
    keys.notify(EventClass::Generic, "rename_from", from);
    keys.notify(EventClass::Generic, "rename_to", to);
}

fn copy(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let (from, to) = (argv[1], argv[2]);
    let replace = parse_copy_options(&argv[3..])?;
    if from == to {
        return Err(Error::text("ERR source and destination objects are the same"));
    }
    keys.notice_missing(from);
    let Some(expires_at) = keys.expiry(from) else {
        reply.integer(0);
        return Ok(());
    };
    let free = keys.read(to).is_none();
    let copied = if free || replace { keys.peek(from).cloned() } else { None };
    reply.integer(i64::from(copied.is_some()));
    if let Some(value) = copied {
        keys.remove(to);
        keys.put(to, value, expires_at.map_or(Expiry::Never, Expiry::At));
        keys.changed(to);
        keys.notify(EventClass::Generic, "copy_to", to);
    }
    Ok(())
}

/// Whether the target is to be replaced.
fn parse_copy_options(words: &[&[u8]]) -> Result<bool, Error> {
    let mut replace = false;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case(b"replace") {
            replace = true;
        } else if word.eq_ignore_ascii_case(b"db") {
            if database(words.next().ok_or(Error::Syntax)?)? != 0 {
                return Err(NO_SUCH_DATABASE);
            }
        } else {
            return Err(Error::Syntax);
        }
    }
    Ok(replace)
}
