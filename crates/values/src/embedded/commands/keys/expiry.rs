//! When keys expire.

use crate::embedded::Keyspace;
use crate::{Error, EventClass, ReplySink, parse_integer};

pub(super) fn expire(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let now = keys.now_ms();
    expire_at(keys, argv, 1000, now, "expire", reply)
}

pub(super) fn pexpire(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let now = keys.now_ms();
    expire_at(keys, argv, 1, now, "pexpire", reply)
}

pub(super) fn expireat(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    expire_at(keys, argv, 1000, 0, "expireat", reply)
}

pub(super) fn pexpireat(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    expire_at(keys, argv, 1, 0, "pexpireat", reply)
}

/// Under which condition an expiry is set.
#[derive(Default)]
struct Conditions {
    without: bool,
    with: bool,
    later: bool,
    earlier: bool,
}

impl Conditions {
    fn parse(words: &[&[u8]]) -> Result<Conditions, Error> {
        let mut conditions = Conditions::default();
        for word in words {
            if word.eq_ignore_ascii_case(b"nx") {
                conditions.without = true;
            } else if word.eq_ignore_ascii_case(b"xx") {
                conditions.with = true;
            } else if word.eq_ignore_ascii_case(b"gt") {
                conditions.later = true;
            } else if word.eq_ignore_ascii_case(b"lt") {
                conditions.earlier = true;
            } else {
                // A reply is one line.
                let word = String::from_utf8_lossy(word).replace(['\r', '\n'], " ");
                return Err(Error::Other(format!("ERR Unsupported option {word}").into()));
            }
        }
        let Conditions { without, with, later, earlier } = conditions;
        if without && (with || later || earlier) {
            let text = "ERR NX and XX, GT or LT options at the same time are not compatible";
            return Err(Error::text(text));
        }
        if later && earlier {
            return Err(Error::text("ERR GT and LT options at the same time are not compatible"));
        }
        Ok(conditions)
    }

    /// Whether an expiry may become `at`. A key that never expires counts as expiring after all others.
    fn allow(&self, current: Option<u64>, at: i64) -> bool {
        let is_later = current.is_some_and(|current| i128::from(at) > i128::from(current));
        let is_earlier = current.is_none_or(|current| i128::from(at) < i128::from(current));
        !(self.without && current.is_some()
            || self.with && current.is_none()
            || self.later && !is_later
            || self.earlier && !is_earlier)
    }
}

/// Sets an expiry given in units of `unit_ms` from `base_ms` on.
fn expire_at(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    unit_ms: i64,
    base_ms: u64,
    command: &'static str,
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let key = argv[1];
    let conditions = Conditions::parse(&argv[3..])?;
    let at = parse_integer(argv[2]).ok_or(Error::NotInteger)?;
    let at = at.checked_mul(unit_ms).and_then(|at| at.checked_add(base_ms as i64));
    let at = at.ok_or(Error::InvalidExpire(command))?;
    if !keys.expiry(key).is_some_and(|current| conditions.allow(current, at)) {
        reply.integer(0);
        return Ok(());
    }
    reply.integer(1);
    match u64::try_from(at) {
        Ok(at) if at > keys.now_ms() => {
            keys.set_expiry(key, Some(at));
            keys.changed(key);
            keys.notify(EventClass::Generic, "expire", key);
        }
        _ => {
            keys.remove(key);
            keys.changed_as(key, "del", &[]);
            keys.notify(EventClass::Generic, "del", key);
        }
    }
    Ok(())
}

pub(super) fn persist(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let expires = keys.expiry(argv[1]).flatten().is_some();
    reply.integer(i64::from(expires));
    if expires {
        keys.set_expiry(argv[1], None);
        keys.changed(argv[1]);
        keys.notify(EventClass::Generic, "persist", argv[1]);
    }
    Ok(())
}

pub(super) fn ttl(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let now = keys.now_ms();
    tell(keys, argv[1], |at| (at.saturating_sub(now) + 500) / 1000, reply)
}

pub(super) fn pttl(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let now = keys.now_ms();
    tell(keys, argv[1], |at| at.saturating_sub(now), reply)
}

pub(super) fn expiretime(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    tell(keys, argv[1], |at| (at + 500) / 1000, reply)
}

pub(super) fn pexpiretime(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    tell(keys, argv[1], |at| at, reply)
}

/// Writes the expiry of a key in the form asked for; -2 without the key, -1 when it never expires.
fn tell(
    keys: &mut Keyspace<'_>,
    key: &[u8],
    form: impl Fn(u64) -> u64,
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    reply.integer(match keys.expiry(key) {
        None => -2,
        Some(None) => -1,
        // No expiry lies beyond `i64::MAX`, as commands give them in that.
        Some(Some(at)) => form(at) as i64,
    });
    Ok(())
}
