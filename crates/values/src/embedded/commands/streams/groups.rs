//! XGROUP: groups and their consumers, made, set and removed.

use super::ids;
use crate::embedded::Keyspace;
use crate::embedded::commands::Run;
use crate::embedded::commands::c_text::{c_text, printed};
use crate::embedded::commands::numbers::integer;
use crate::embedded::commands::subcommand::{self, misused, write_help};
use crate::embedded::values::{Group, Stream};
use crate::{Error, EventClass, ReplySink};

const SUBCOMMANDS: &[(&str, Run)] = &[
    ("create", create),
    ("createconsumer", create_consumer),
    ("delconsumer", delete_consumer),
    ("destroy", destroy),
    ("help", help),
    ("setid", set_id),
];

pub fn xgroup(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    subcommand::run(SUBCOMMANDS, keys, argv, reply)
}

const NO_STREAM: Error = Error::text(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the \
     MKSTREAM option to create an empty stream automatically.",
);

/// The refusal of a group that is not there.
pub fn no_group(group: &[u8], key: &[u8]) -> Error {
    let (group, key) = (printed(group), printed(key));
    Error::Other(format!("NOGROUP No such consumer group '{group}' for key name '{key}'").into())
}

/// The stream and the group that a call names, which must be there.
fn find<'k>(keys: &'k mut Keyspace<'_>, argv: &[&[u8]]) -> Result<&'k mut Group, Error> {
    let stream = keys.stream_mut(argv[2])?.ok_or(NO_STREAM)?;
    stream.group_mut(argv[3]).ok_or_else(|| no_group(argv[3], argv[2]))
}

/// The options of CREATE and SETID.
struct Options {
    makes_stream: bool,
    entries_read: Option<i64>,
}

impl Options {
    fn parse(argv: &[&[u8]], may_make_stream: bool) -> Result<Options, Error> {
        let mut options = Options { makes_stream: false, entries_read: None };
        let mut words = argv[5..].iter();
        while let Some(word) = words.next() {
            if may_make_stream && word.eq_ignore_ascii_case(b"mkstream") {
                options.makes_stream = true;
                continue;
            }
            let is_count = word.eq_ignore_ascii_case(b"entriesread");
            let Some(number) = words.next().filter(|_| is_count) else {
                return Err(misused("XGROUP", argv));
            };
            options.entries_read = match integer(number)? {
                -1 => None,
                ..-1 => return Err(Error::text("ERR value for ENTRIESREAD must be positive or -1")),
                number => Some(number),
            };
        }
        Ok(options)
    }
}

fn create(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let options = Options::parse(argv, true)?;
    let stream = keys.stream(argv[2])?;
    if stream.is_none() && !options.makes_stream {
        return Err(NO_STREAM);
    }
    if argv.len() > 8 {
        return Err(misused("XGROUP", argv));
    }
    let id = match c_text(argv[4]) {
        b"$" => stream.map(|stream| stream.marks().last_id).unwrap_or_default(),
        _ => ids::exact(argv[4])?,
    };
    if stream.is_some_and(|stream| stream.group(argv[3]).is_some()) {
        return Err(Error::text("BUSYGROUP Consumer Group name already exists"));
    }
    let makes_stream = stream.is_none();
    keys.stream_or_new(argv[2])?.create_group(argv[3], Group::new(id, options.entries_read));
    if makes_stream {
        keys.changed_as(argv[2], "xgroup", &argv[1..]);
    } else {
        keys.told_as(argv[2], "xgroup", &argv[1..]);
    }
    keys.notify(EventClass::Stream, "xgroup-create", argv[2]);
    reply.status("OK");
    Ok(())
}

fn set_id(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let options = Options::parse(argv, false)?;
    find(keys, argv)?;
    if argv.len() != 5 && argv.len() != 7 {
        return Err(misused("XGROUP", argv));
    }
    let id = match c_text(argv[4]) {
        b"$" => keys.stream(argv[2])?.map(|stream| stream.marks().last_id).unwrap_or_default(),
        _ => ids::any(argv[4], 0)?,
    };
    let group = find(keys, argv)?;
    group.last_id = id;
    group.entries_read = options.entries_read;
    keys.told_as(argv[2], "xgroup", &argv[1..]);
    keys.notify(EventClass::Stream, "xgroup-setid", argv[2]);
    reply.status("OK");
    Ok(())
}

fn destroy(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let stream: &mut Stream = keys.stream_mut(argv[2])?.ok_or(NO_STREAM)?;
    let was_there = stream.destroy_group(argv[3]);
    if was_there {
        keys.told_as(argv[2], "xgroup", &argv[1..]);
        // Whoever waits for new entries as one of the group waits in vain.
        keys.wake(argv[2]);
        keys.notify(EventClass::Stream, "xgroup-destroy", argv[2]);
    }
    reply.integer(i64::from(was_there));
    Ok(())
}

fn create_consumer(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let now = keys.now_ms();
    let is_new = find(keys, argv)?.create_consumer(argv[4], now);
    if is_new {
        keys.told_as(argv[2], "xgroup", &argv[1..]);
        keys.notify(EventClass::Stream, "xgroup-createconsumer", argv[2]);
    }
    reply.integer(i64::from(is_new));
    Ok(())
}

fn delete_consumer(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let pending = find(keys, argv)?.delete_consumer(argv[4]);
    if pending.is_some() {
        keys.told_as(argv[2], "xgroup", &argv[1..]);
        keys.notify(EventClass::Stream, "xgroup-delconsumer", argv[2]);
    }
    reply.integer(pending.unwrap_or(0) as i64);
    Ok(())
}

fn help(_: &mut Keyspace<'_>, _: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let lines = [
        "CREATE <key> <groupname> <id|$> [option]",
        "    Create a new consumer group. Options are:",
        "    * MKSTREAM",
        "      Create the empty stream if it does not exist.",
        "    * ENTRIESREAD entries_read",
        "      Set the group's entries_read counter (internal use).",
        "CREATECONSUMER <key> <groupname> <consumer>",
        "    Create a new consumer in the specified group.",
        "DELCONSUMER <key> <groupname> <consumer>",
        "    Remove the specified consumer.",
        "DESTROY <key> <groupname>",
        "    Remove the specified group.",
        "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
        "    Set the current group ID and entries_read counter.",
    ];
    write_help("XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", &lines, reply);
    Ok(())
}
