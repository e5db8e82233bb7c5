//! XREAD and XREADGROUP: what came after an id, of several streams at once.

use super::ids;
use super::range::{write_entry, write_id, write_range};
use super::told::Told;
use super::trim::count_or_all;
use crate::command::Name;
use crate::embedded::Keyspace;
use crate::embedded::commands::c_text::{c_text, printed};
use crate::embedded::commands::numbers::integer;
use crate::embedded::values::{Id, Stream};
use crate::{Error, ReplySink};

/// A call's words.
struct Words<'a> {
    count: usize,
    group: Option<(&'a [u8], &'a [u8])>,
    needs_no_ack: bool,
    keys: &'a [&'a [u8]],
    ids: &'a [&'a [u8]],
}

impl<'a> Words<'a> {
    fn parse(argv: &'a [&'a [u8]], command: Name) -> Result<Words<'a>, Error> {
        let only_for_groups = |text| if command == Name::Xread { Err(Error::text(text)) } else { Ok(()) };
        let mut words = Words { count: usize::MAX, group: None, needs_no_ack: false, keys: &[], ids: &[] };
        let mut rest = &argv[1..];
        while let [option, after @ ..] = rest {
            let is = |name: &[u8]| option.eq_ignore_ascii_case(name);
            rest = match after {
                [timeout, rest @ ..] if is(b"block") => {
                    block_ms(timeout)?;
                    rest
                }
                [count, rest @ ..] if is(b"count") => {
                    words.count = count_or_all(integer(count)?);
                    rest
                }
                [_, ..] if is(b"streams") => {
                    if !after.len().is_multiple_of(2) {
                        return Err(Error::text(
                            "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be \
                             specified.",
                        ));
                    }
                    (words.keys, words.ids) = after.split_at(after.len() / 2);
                    break;
                }
                [group, consumer, rest @ ..] if is(b"group") => {
                    only_for_groups(
                        "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
                    )?;
                    words.group = Some((group, consumer));
                    rest
                }
                rest if is(b"noack") => {
                    only_for_groups(
                        "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
                    )?;
                    words.needs_no_ack = true;
                    rest
                }
                _ => return Err(Error::Syntax),
            };
        }
        if words.keys.is_empty() {
            return Err(Error::Syntax);
        }
        if command == Name::Xreadgroup && words.group.is_none() {
            return Err(Error::text("ERR Missing GROUP option for XREADGROUP"));
        }
        Ok(words)
    }

    fn streams(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.keys.iter().copied().zip(self.ids.iter().copied())
    }
}

/// How long to wait at most, in milliseconds; 0 for ever.
fn block_ms(word: &[u8]) -> Result<u64, Error> {
    let refusal = Error::text("ERR timeout is not an integer or out of range");
    let number = integer(word).map_err(|_| refusal)?;
    u64::try_from(number).map_err(|_| Error::text("ERR timeout is negative"))
}

pub fn xread(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let words = Words::parse(argv, Name::Xread)?;
    let mut after = Vec::with_capacity(words.keys.len());
    for (key, id) in words.streams() {
        let stream = keys.stream(key)?;
        after.push(match c_text(id) {
            b"$" => stream.map(|stream| stream.marks().last_id).unwrap_or_default(),
            b">" => {
                return Err(Error::text(
                    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> \
                     <consumer> option.",
                ));
            }
            _ => ids::exact(id)?,
        });
    }
    let mut found = Vec::new();
    for (&key, &after) in words.keys.iter().zip(&after) {
        let last = keys.stream(key)?.and_then(Stream::last_entry_id);
        found.extend(
            after.next().filter(|&from| last.is_some_and(|last| from <= last)).map(|from| (key, from)),
        );
    }
    if found.is_empty() {
        reply.null_array();
        return Ok(());
    }
    reply.map_or_pairs(found.len());
    for (key, from) in found {
        reply.bulk(key);
        if let Some(stream) = keys.stream(key)? {
            write_range(stream, from, Id::MAX, words.count, reply);
        }
    }
    Ok(())
}

/// What a consumer asks for of a stream.
#[derive(Clone, Copy)]
enum Asked {
    /// What the group has not read.
    New,
    /// What is pending for it, after this id.
    PendingAfter(Id),
}

/// What a consumer gets of a stream.
enum Served {
    /// Entries that lie side by side.
    New(Vec<Id>),
    /// Entries that may be deleted.
    Pending(Vec<Id>),
}

pub fn xreadgroup(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let words = Words::parse(argv, Name::Xreadgroup)?;
    let Some((group, consumer)) = words.group else { return Err(Error::Syntax) };
    let mut asked = Vec::with_capacity(words.keys.len());
    for (key, id) in words.streams() {
        asked.push(parse_asked(keys, key, group, id)?);
    }
    let mut served = Vec::new();
    for (&key, &asked) in words.keys.iter().zip(&asked) {
        let told = Told { key, group, consumer };
        let got = match asked {
            Asked::New => serve_new(keys, told, words.count, words.needs_no_ack)?,
            Asked::PendingAfter(id) => serve_pending(keys, told, id, words.count)?,
        };
        served.extend(got.map(|got| (key, got)));
    }
    if served.is_empty() {
        reply.null_array();
        return Ok(());
    }
    reply.map_or_pairs(served.len());
    for (key, got) in served {
        reply.bulk(key);
        if let Some(stream) = keys.stream(key)? {
            write_served(stream, &got, reply);
        }
    }
    Ok(())
}

/// What is asked for of a stream, whose group must be there.
fn parse_asked(keys: &mut Keyspace<'_>, key: &[u8], group: &[u8], id: &[u8]) -> Result<Asked, Error> {
    if keys.stream(key)?.and_then(|stream| stream.group(group)).is_none() {
        let (key, group) = (printed(key), printed(group));
        let text = format!(
            "NOGROUP No such key '{key}' or consumer group '{group}' in XREADGROUP with GROUP option"
        );
        return Err(Error::Other(text.into()));
    }
    match c_text(id) {
        b"$" => Err(Error::text(
            "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this \
             consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just \
             return an empty result set.",
        )),
        b">" => Ok(Asked::New),
        _ => match ids::exact(id)? {
            // Nothing comes after the highest id: Redis has it stand for `>`.
            Id::MAX => Ok(Asked::New),
            id => Ok(Asked::PendingAfter(id)),
        },
    }
}

/// Delivers what the group has not read, if there is any.
fn serve_new(
    keys: &mut Keyspace<'_>,
    told: Told<'_>,
    count: usize,
    needs_no_ack: bool,
) -> Result<Option<Served>, Error> {
    let now = keys.now_ms();
    let Some(stream) = keys.stream_mut(told.key)? else { return Ok(None) };
    let last = stream.last_entry_id();
    let Some(group) = stream.group_mut(told.group) else { return Ok(None) };
    if last.is_none_or(|last| last <= group.last_id) {
        return Ok(None);
    }
    let is_new = group.meet_consumer(told.consumer, now);
    let ids = stream.deliver(told.group, told.consumer, now, count, !needs_no_ack);
    let group = stream.group(told.group);
    let (last_id, entries_read) = group.map(|group| (group.last_id, group.entries_read)).unwrap_or_default();
    if needs_no_ack {
        if is_new {
            told.created(keys);
        }
        told.advanced(keys, last_id, entries_read);
    } else {
        told.claimed(keys, &ids, now, 1, last_id);
    }
    Ok(Some(Served::New(ids)))
}

/// Delivers once more what is pending for the consumer, from the id after one on.
fn serve_pending(
    keys: &mut Keyspace<'_>,
    told: Told<'_>,
    after: Id,
    count: usize,
) -> Result<Option<Served>, Error> {
    let now = keys.now_ms();
    let Some(stream) = keys.stream_mut(told.key)? else { return Ok(None) };
    let Some(group) = stream.group_mut(told.group) else { return Ok(None) };
    let is_new = group.meet_consumer(told.consumer, now);
    let ids: Vec<Id> = match (group.consumer(told.consumer), after.next()) {
        (Some(consumer), Some(from)) => consumer.pending_from(from).take(count).collect(),
        _ => Vec::new(),
    };
    for &id in &ids {
        if stream.contains(id)
            && let Some(group) = stream.group_mut(told.group)
        {
            group.redeliver(id, now);
        }
    }
    if is_new {
        told.created(keys);
    }
    Ok(Some(Served::Pending(ids)))
}

fn write_served(stream: &Stream, served: &Served, reply: &mut dyn ReplySink) {
    match served {
        Served::New(ids) => {
            let (from, to) = ids.first().copied().zip(ids.last().copied()).unwrap_or_default();
            write_range(stream, from, to, ids.len(), reply);
        }
        Served::Pending(ids) => {
            reply.array(ids.len());
            for &id in ids {
                match stream.get(id) {
                    Some(entry) => write_entry(entry, reply),
                    None => {
                        reply.array(2);
                        write_id(id, reply);
                        reply.null_array();
                    }
                }
            }
        }
    }
}
