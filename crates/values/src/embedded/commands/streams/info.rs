//! XINFO: what is known of a stream, its groups and their consumers.

use super::groups::no_group;
use super::range::{write_entry, write_id, write_range};
use super::trim::count_or_all;
use crate::embedded::Keyspace;
use crate::embedded::commands::Run;
use crate::embedded::commands::numbers::integer;
use crate::embedded::commands::subcommand::{self, misused, write_help};
use crate::embedded::values::{Consumer, Group, Id, Marks, Pending, Stream};
use crate::{Error, ReplySink};

const SUBCOMMANDS: &[(&str, Run)] =
    &[("consumers", consumers), ("groups", groups), ("help", help), ("stream", stream)];

pub fn xinfo(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    subcommand::run(SUBCOMMANDS, keys, argv, reply)
}

/// A map is being written: its keys with their values.
struct Fields<'a>(&'a mut dyn ReplySink);

impl Fields<'_> {
    fn integer(&mut self, name: &str, value: i64) {
        self.named(name).integer(value);
    }

    fn integer_or_null(&mut self, name: &str, value: Option<i64>) {
        match value {
            Some(value) => self.integer(name, value),
            None => self.named(name).null(),
        }
    }

    fn bulk(&mut self, name: &str, value: &[u8]) {
        self.named(name).bulk(value);
    }

    fn id(&mut self, name: &str, value: Id) {
        write_id(value, self.named(name));
    }

    /// Where the value of this name is to be written.
    fn named(&mut self, name: &str) -> &mut dyn ReplySink {
        self.0.bulk(name.as_bytes());
        self.0
    }
}

fn stream(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let stream = keys.stream(argv[2])?.ok_or(Error::NoSuchKey)?;
    match &argv[3..] {
        [] => write_stream(stream, reply),
        [full] if full.eq_ignore_ascii_case(b"full") => write_full(stream, FULL_COUNT, reply),
        [full, count, number]
            if full.eq_ignore_ascii_case(b"full") && count.eq_ignore_ascii_case(b"count") =>
        {
            let number = integer(number)?;
            write_full(stream, if number < 0 { FULL_COUNT } else { number }, reply);
        }
        _ => return Err(misused("XINFO", argv)),
    }
    Ok(())
}

/// How many entries and pending entries are shown unless told.
const FULL_COUNT: i64 = 10;

fn write_marks(stream: &Stream, fields: &mut Fields<'_>) {
    let marks = stream.marks();
    let (radix_keys, radix_nodes) = stream.radix_size();
    fields.integer("length", marks.len as i64);
    fields.integer("radix-tree-keys", radix_keys as i64);
    fields.integer("radix-tree-nodes", radix_nodes as i64);
    fields.id("last-generated-id", marks.last_id);
    fields.id("max-deleted-entry-id", marks.max_deleted_id);
    fields.integer("entries-added", marks.entries_added as i64);
    fields.id("recorded-first-entry-id", marks.first_id);
}

fn write_stream(stream: &Stream, reply: &mut dyn ReplySink) {
    reply.map(10);
    let mut fields = Fields(reply);
    write_marks(stream, &mut fields);
    fields.integer("groups", stream.groups().len() as i64);
    let last = stream.last_entry_id().and_then(|id| stream.get(id));
    for (name, entry) in [("first-entry", stream.range(Id::MIN, Id::MAX).next()), ("last-entry", last)] {
        match (entry, fields.named(name)) {
            (Some(entry), reply) => write_entry(entry, reply),
            (None, reply) => reply.null(),
        }
    }
}

fn write_full(stream: &Stream, count: i64, reply: &mut dyn ReplySink) {
    let count = count_or_all(count);
    reply.map(9);
    let mut fields = Fields(reply);
    write_marks(stream, &mut fields);
    write_range(stream, Id::MIN, Id::MAX, count, fields.named("entries"));
    fields.named("groups").array(stream.groups().len());
    for (name, group) in stream.groups() {
        write_full_group(stream.marks(), name, group, count, fields.0);
    }
}

fn write_full_group(marks: &Marks, name: &[u8], group: &Group, count: usize, reply: &mut dyn ReplySink) {
    reply.map(7);
    let mut fields = Fields(reply);
    fields.bulk("name", name);
    fields.id("last-delivered-id", group.last_id);
    fields.integer_or_null("entries-read", group.entries_read);
    fields.integer_or_null("lag", marks.lag(group));
    fields.integer("pel-count", group.pending_len() as i64);
    fields.named("pending").array(group.pending_len().min(count));
    for (id, pending) in group.pending_from(Id::MIN).take(count) {
        fields.0.array(4);
        write_id(id, fields.0);
        fields.0.bulk(&pending.consumer);
        write_deliveries(pending, fields.0);
    }
    fields.named("consumers").array(group.consumers().len());
    for (name, consumer) in group.consumers() {
        write_full_consumer(group, name, consumer, count, fields.0);
    }
}

fn write_full_consumer(
    group: &Group,
    name: &[u8],
    consumer: &Consumer,
    count: usize,
    reply: &mut dyn ReplySink,
) {
    reply.map(4);
    let mut fields = Fields(reply);
    fields.bulk("name", name);
    fields.integer("seen-time", consumer.seen_at as i64);
    fields.integer("pel-count", consumer.pending_len() as i64);
    let pending = consumer.pending_from(Id::MIN).filter_map(|id| Some((id, group.pending(id)?)));
    let pending: Vec<_> = pending.take(count).collect();
    fields.named("pending").array(pending.len());
    for (id, pending) in pending {
        fields.0.array(3);
        write_id(id, fields.0);
        write_deliveries(pending, fields.0);
    }
}

/// Writes when and how often an entry was delivered.
fn write_deliveries(pending: &Pending, reply: &mut dyn ReplySink) {
    reply.integer(pending.delivered_at as i64);
    reply.integer(pending.deliveries as i64);
}

fn groups(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let stream = keys.stream(argv[2])?.ok_or(Error::NoSuchKey)?;
    reply.array(stream.groups().len());
    for (name, group) in stream.groups() {
        reply.map(6);
        let mut fields = Fields(reply);
        fields.bulk("name", name);
        fields.integer("consumers", group.consumers().len() as i64);
        fields.integer("pending", group.pending_len() as i64);
        fields.id("last-delivered-id", group.last_id);
        fields.integer_or_null("entries-read", group.entries_read);
        fields.integer_or_null("lag", stream.marks().lag(group));
    }
    Ok(())
}

fn consumers(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let now = keys.now_ms();
    let stream = keys.stream(argv[2])?.ok_or(Error::NoSuchKey)?;
    let group = stream.group(argv[3]).ok_or_else(|| no_group(argv[3], argv[2]))?;
    reply.array(group.consumers().len());
    for (name, consumer) in group.consumers() {
        reply.map(3);
        let mut fields = Fields(reply);
        fields.bulk("name", name);
        fields.integer("pending", consumer.pending_len() as i64);
        fields.integer("idle", now.saturating_sub(consumer.seen_at) as i64);
    }
    Ok(())
}

fn help(_: &mut Keyspace<'_>, _: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let lines = [
        "CONSUMERS <key> <groupname>",
        "    Show consumers of <groupname>.",
        "GROUPS <key>",
        "    Show the stream consumer groups.",
        "STREAM <key> [FULL [COUNT <count>]",
        "    Show information about the stream.",
    ];
    write_help("XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", &lines, reply);
    Ok(())
}
