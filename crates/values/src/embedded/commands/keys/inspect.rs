//! `OBJECT` and `MEMORY`: what is known of a key besides what it holds. That is no use of the key.

use crate::embedded::Keyspace;
use crate::embedded::commands::Run;
use crate::embedded::commands::subcommand::{self, write_help};
use crate::embedded::values::Value;
use crate::{Error, ReplySink, parse_integer};

/// What Redis tells of an integer that many keys share.
const SHARED_REFERENCES: i64 = 2_147_483_647;

/// Integers below this are shared in Redis.
const SHARED_INTEGERS: i64 = 10_000;

/// How many elements are looked at to tell what all of them take, unless told.
const SAMPLES: usize = 5;

const OBJECT: &[(&str, Run)] = &[
    ("encoding", encoding),
    ("freq", freq),
    ("help", object_help),
    ("idletime", idletime),
    ("refcount", refcount),
];

const MEMORY: &[(&str, Run)] = &[("help", memory_help), ("usage", usage)];

pub(super) fn object(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    subcommand::run(OBJECT, keys, argv, reply)
}

pub(super) fn memory(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    subcommand::run(MEMORY, keys, argv, reply)
}

fn encoding(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    match keys.peek(argv[2]) {
        Some(value) => reply.bulk(value.encoding().as_bytes()),
        None => reply.null(),
    }
    Ok(())
}

fn freq(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    if keys.peek(argv[2]).is_some() {
        return Err(Error::text(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
             switching between policies at runtime LRU and LFU data will take some time to adjust.",
        ));
    }
    reply.null();
    Ok(())
}

fn idletime(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    match keys.idle_ms(argv[2]) {
        Some(idle) => reply.integer((idle / 1000) as i64),
        None => reply.null(),
    }
    Ok(())
}

fn refcount(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let Some(value) = keys.peek(argv[2]) else {
        reply.null();
        return Ok(());
    };
    let integer = match value {
        Value::Str(string) if value.encoding() == "int" => parse_integer(string.as_bytes()),
        _ => None,
    };
    let is_shared = integer.is_some_and(|integer| (0..SHARED_INTEGERS).contains(&integer));
    reply.integer(if is_shared { SHARED_REFERENCES } else { 1 });
    Ok(())
}

fn object_help(_: &mut Keyspace<'_>, _: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let lines = [
        "ENCODING <key>",
        "    Return the kind of internal representation used in order to store the value",
        "    associated with a <key>.",
        "FREQ <key>",
        "    Return the access frequency index of the <key>. The returned integer is",
        "    proportional to the logarithm of the recent access frequency of the key.",
        "IDLETIME <key>",
        "    Return the idle time of the <key>, that is the approximated number of",
        "    seconds elapsed since the last access to the key.",
        "REFCOUNT <key>",
        "    Return the number of references of the value associated with the specified",
        "    <key>.",
    ];
    write_help("OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", &lines, reply);
    Ok(())
}

fn usage(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let mut samples = SAMPLES;
    let (options, odd) = argv[3..].as_chunks();
    for [option, count] in options {
        if !option.eq_ignore_ascii_case(b"samples") {
            return Err(Error::Syntax);
        }
        let count = parse_integer(count).ok_or(Error::NotInteger)?;
        samples = match usize::try_from(count).map_err(|_| Error::Syntax)? {
            0 => usize::MAX,
            count => count,
        };
    }
    if !odd.is_empty() {
        return Err(Error::Syntax);
    }
    match keys.bytes_of(argv[2], samples) {
        Some(bytes) => reply.integer(bytes as i64),
        None => reply.null(),
    }
    Ok(())
}

fn memory_help(_: &mut Keyspace<'_>, _: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let lines = [
        "USAGE <key> [SAMPLES <count>]",
        "    Return memory in bytes used by <key> and its value. Nested values are",
        "    sampled up to <count> times (default: 5, 0 means sample all).",
    ];
    write_help("MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", &lines, reply);
    Ok(())
}
