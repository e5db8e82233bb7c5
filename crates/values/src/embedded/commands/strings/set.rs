//! SET and GETEX, which share their options, and SET's older forms.

use crate::embedded::{Expiry, Keyspace};
use crate::{Error, EventClass, ReplySink, parse_integer};

/// How an option gives the time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TimeForm {
    Ex,
    Px,
    ExAt,
    PxAt,
}

impl TimeForm {
    fn is_absolute(self) -> bool {
        matches!(self, TimeForm::ExAt | TimeForm::PxAt)
    }

    /// The time that `text` means, in milliseconds since the epoch.
    fn deadline(self, text: &[u8], now_ms: u64, command: &'static str) -> Result<u64, Error> {
        let given = parse_integer(text).ok_or(Error::NotInteger)?;
        let invalid = || Error::InvalidExpire(command);
        if given <= 0 {
            return Err(invalid());
        }
        let in_seconds = matches!(self, TimeForm::Ex | TimeForm::ExAt);
        let given = if in_seconds { given.checked_mul(1000).ok_or_else(invalid)? } else { given };
        let base = if self.is_absolute() { 0 } else { now_ms as i64 };
        given.checked_add(base).map(|at| at as u64).ok_or_else(invalid)
    }
}

/// Which command's options are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Set,
    GetEx,
}

/// The options of SET and GETEX.
#[derive(Default)]
struct Options<'a> {
    only_new: bool,
    only_present: bool,
    get: bool,
    keep: bool,
    persist: bool,
    time: Option<(TimeForm, &'a [u8])>,
}

impl<'a> Options<'a> {
    fn parse(words: &[&'a [u8]], dialect: Dialect) -> Result<Self, Error> {
        let mut options = Options::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
            let in_set = dialect == Dialect::Set;
            if in_set && is("nx") && !options.only_present {
                options.only_new = true;
            } else if in_set && is("xx") && !options.only_new {
                options.only_present = true;
            } else if in_set && is("get") {
                options.get = true;
            } else if in_set && is("keepttl") && options.time.is_none() {
                options.keep = true;
            } else if !in_set && is("persist") && options.time.is_none() {
                options.persist = true;
            } else {
                options.time = Some(options.parse_time(word, words.next())?);
            }
        }
        Ok(options)
    }

    /// A time may be given again in the same form, and the last one counts; forms do not mix.
    fn parse_time(&self, word: &[u8], value: Option<&&'a [u8]>) -> Result<(TimeForm, &'a [u8]), Error> {
        let form = match word {
            _ if word.eq_ignore_ascii_case(b"ex") => TimeForm::Ex,
            _ if word.eq_ignore_ascii_case(b"px") => TimeForm::Px,
            _ if word.eq_ignore_ascii_case(b"exat") => TimeForm::ExAt,
            _ if word.eq_ignore_ascii_case(b"pxat") => TimeForm::PxAt,
            _ => return Err(Error::Syntax),
        };
        let mixes = self.keep || self.persist || self.time.is_some_and(|(other, _)| other != form);
        match value {
            Some(value) if !mixes => Ok((form, value)),
            _ => Err(Error::Syntax),
        }
    }
}

pub(super) fn set(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let key = argv[1];
    if argv.len() == 3 {
        keys.put_string(key, argv[2], Expiry::Never);
        reply.status("OK");
        keys.changed(key);
        keys.notify(EventClass::String, "set", key);
        return Ok(());
    }
    let options = Options::parse(&argv[3..], Dialect::Set)?;
    let expiry = match options.time {
        Some((form, text)) => Expiry::At(form.deadline(text, keys.now_ms(), "set")?),
        None if options.keep => Expiry::Keep,
        None => Expiry::Never,
    };
    if options.get {
        super::get(keys, argv, reply)?;
    }
    if (options.only_new || options.only_present) && keys.read(key).is_some() != options.only_present {
        if !options.get {
            reply.null();
        }
        return Ok(());
    }
    keys.put_string(key, argv[2], expiry);
    if !options.get {
        reply.status("OK");
    }
    keys.changed(key);
    keys.notify(EventClass::String, "set", key);
    if options.time.is_some() {
        keys.notify(EventClass::Generic, "expire", key);
    }
    Ok(())
}

pub(super) fn setnx(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    if keys.read(argv[1]).is_some() {
        reply.integer(0);
        return Ok(());
    }
    keys.put_string(argv[1], argv[2], Expiry::Never);
    reply.integer(1);
    keys.changed(argv[1]);
    keys.notify(EventClass::String, "set", argv[1]);
    Ok(())
}

pub(super) fn setex(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    set_for(keys, argv, TimeForm::Ex, "setex", reply)
}

pub(super) fn psetex(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    set_for(keys, argv, TimeForm::Px, "psetex", reply)
}

/// `key time value`.
fn set_for(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    form: TimeForm,
    command: &'static str,
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let at = form.deadline(argv[2], keys.now_ms(), command)?;
    keys.put_string(argv[1], argv[3], Expiry::At(at));
    reply.status("OK");
    keys.changed(argv[1]);
    keys.notify(EventClass::String, "set", argv[1]);
    keys.notify(EventClass::Generic, "expire", argv[1]);
    Ok(())
}

pub(super) fn getex(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let key = argv[1];
    let options = Options::parse(&argv[2..], Dialect::GetEx)?;
    keys.notice_missing(key);
    if keys.string(key)?.is_none() {
        reply.null();
        return Ok(());
    }
    let now = keys.now_ms();
    let deadline = options.time.map(|(form, text)| form.deadline(text, now, "getex")).transpose()?;
    super::get(keys, argv, reply)?;
    if let Some(at) = deadline {
        if at <= now {
            keys.remove(key);
            keys.changed_as(key, "del", &[]);
            keys.notify(EventClass::Generic, "del", key);
        } else {
            keys.set_expiry(key, Some(at));
            keys.changed_as(key, "pexpireat", &[itoa::Buffer::new().format(at).as_bytes()]);
            keys.notify(EventClass::Generic, "expire", key);
        }
    } else if options.persist && keys.expiry(key).flatten().is_some() {
        keys.set_expiry(key, None);
        keys.changed_as(key, "persist", &[]);
        keys.notify(EventClass::Generic, "persist", key);
    }
    Ok(())
}
