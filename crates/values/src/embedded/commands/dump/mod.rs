//! `DUMP` and `RESTORE`: values as they are written in Redis' files of version 10, so that they can be
//! carried between servers, with a checksum.

mod checksum;
mod listpack;
mod lzf;
mod read;
mod streams;
#[cfg(test)]
mod tests;
mod write;

use super::Handler;
use crate::command::Name;
use crate::embedded::{Expiry, Keyspace};
use crate::{Error, EventClass, ReplySink, parse_integer};
use checksum::checksum;

/// The version of the form. What is younger is not read.
const VERSION: u16 = 10;

/// Bytes of the version and of the checksum.
const VERSION_BYTES: usize = 2;
const CHECKSUM_BYTES: usize = 8;

/// The handler of a command of this family.
pub(super) fn handler(name: Name) -> Option<Handler> {
    Some(Handler::Keyed(match name {
        Name::Dump => dump,
        Name::Restore => restore,
        _ => return None,
    }))
}

fn dump(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let Some(value) = keys.read(argv[1]) else {
        reply.null();
        return Ok(());
    };
    let mut payload = write::value(value);
    payload.extend(VERSION.to_le_bytes());
    payload.extend(checksum(&payload).to_le_bytes());
    reply.bulk(&payload);
    Ok(())
}

/// The value's own bytes of a payload whose version can be read and whose checksum is right.
fn verified(payload: &[u8]) -> Option<&[u8]> {
    let (rest, sum) = payload.split_last_chunk::<CHECKSUM_BYTES>()?;
    let (value, version) = rest.split_last_chunk::<VERSION_BYTES>()?;
    let is_right = u16::from_le_bytes(*version) <= VERSION && u64::from_le_bytes(*sum) == checksum(rest);
    is_right.then_some(value)
}

/// The options of `RESTORE`. How often a key was used is read but not kept.
#[derive(Default)]
struct Options {
    replace: bool,
    is_absolute: bool,
    /// How long the key was idle, in seconds.
    idle_s: Option<u64>,
}

impl Options {
    fn parse(mut words: &[&[u8]]) -> Result<Self, Error> {
        let mut options = Options::default();
        let mut has_frequency = false;
        while let [word, rest @ ..] = words {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            words = rest;
            if is("replace") {
                options.replace = true;
            } else if is("absttl") {
                options.is_absolute = true;
            } else if let [number, rest @ ..] = rest
                && is("idletime")
                && !has_frequency
            {
                let seconds = u64::try_from(parse_integer(number).ok_or(Error::NotInteger)?);
                let refusal = Error::text("ERR Invalid IDLETIME value, must be >= 0");
                options.idle_s = Some(seconds.map_err(|_| refusal)?);
                words = rest;
            } else if let [number, rest @ ..] = rest
                && is("freq")
                && options.idle_s.is_none()
            {
                if !(0..=255).contains(&parse_integer(number).ok_or(Error::NotInteger)?) {
                    return Err(Error::text("ERR Invalid FREQ value, must be >= 0 and <= 255"));
                }
                (has_frequency, words) = (true, rest);
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }
}

fn restore(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let (key, payload) = (argv[1], argv[3]);
    let options = Options::parse(&argv[4..])?;
    if !options.replace && keys.read(key).is_some() {
        return Err(Error::text("BUSYKEY Target key name already exists."));
    }
    let ttl = parse_integer(argv[2]).ok_or(Error::NotInteger)?;
    let ttl = u64::try_from(ttl).map_err(|_| Error::text("ERR Invalid TTL value, must be >= 0"))?;
    let bytes = verified(payload).ok_or(Error::text("ERR DUMP payload version or checksum are wrong"))?;
    let value = read::value(bytes).ok_or(Error::text("ERR Bad data format"))?;
    let now = keys.now_ms();
    let expires_at = match (ttl, options.is_absolute) {
        (0, _) => None,
        (at, true) => Some(at),
        // As far ahead as times are told.
        (ttl, false) => Some(ttl.saturating_add(now).min(i64::MAX as u64)),
    };
    reply.status("OK");
    if expires_at.is_some_and(|at| at <= now) {
        if keys.remove(key) {
            keys.changed_as(key, "del", &[]);
            keys.notify(EventClass::Generic, "del", key);
        }
        return Ok(());
    }
    keys.put(key, value, expires_at.map_or(Expiry::Never, Expiry::At));
    if let Some(idle_s) = options.idle_s {
        keys.set_idle(key, idle_s.saturating_mul(1000));
    }
    match expires_at {
        Some(at) if !options.is_absolute => {
            let at = at.to_string();
            let args: Vec<&[u8]> = [at.as_bytes(), payload]
                .into_iter()
                .chain(argv[4..].iter().copied())
                .chain([&b"ABSTTL"[..]])
                .collect();
            keys.changed_as(key, "restore", &args);
        }
        _ => keys.changed(key),
    }
    keys.notify(EventClass::Generic, "restore", key);
    Ok(())
}
