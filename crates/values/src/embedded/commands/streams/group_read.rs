//! XREADGROUP: what a group has not read, or what is pending for one of its consumers.

use super::ids;
use super::range::{write_entry, write_id, write_range};
use super::read::Words;
use super::told::Told;
use crate::command::Name;
use crate::embedded::Keyspace;
use crate::embedded::blocking::{Awaited, Blocking, Served as Turn, Wait};
use crate::embedded::commands::c_text::{c_text, printed};
use crate::embedded::values::{Id, Stream};
use crate::{Error, EventClass, Reply, ReplySink};

/// `XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key… id…`.
pub(super) static XREADGROUP: Blocking = Blocking {
    awaited: Awaited::Stream,
    attempt,
    serve: |keys, turn, reply| {
        let words = Words::parse(turn.argv, Name::Xreadgroup)?;
        let (group, consumer) = words.group.ok_or(Error::Syntax)?;
        let told = Told { key: turn.key(), group, consumer };
        find_end(keys, told)?;
        let served = deliver(keys, told, words.count_after_waiting(), words.needs_no_ack)?;
        write_all(keys, &[(turn.key(), served)], reply)
    },
    is_ready: |keys, turn| is_ready(keys, turn).unwrap_or(true),
    nothing_at_once: Reply::NullArray,
};

fn attempt(
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<Option<Wait>, Error> {
    let words = Words::parse(argv, Name::Xreadgroup)?;
    let (group, consumer) = words.group.ok_or(Error::Syntax)?;
    let mut asked = Vec::with_capacity(words.keys.len());
    for (key, id) in words.streams() {
        asked.push(parse_asked(keys, key, group, id)?);
    }
    let mut served = Vec::new();
    for (&key, &asked) in words.keys.iter().zip(&asked) {
        let told = Told { key, group, consumer };
        match asked {
            Asked::PendingAfter(id) => served.push((key, serve_pending(keys, told, id, words.count())?)),
            Asked::New if has_new(keys, told)? => {
                served.push((key, deliver(keys, told, words.count(), words.needs_no_ack)?));
            }
            Asked::New => {}
        }
    }
    if !served.is_empty() {
        write_all(keys, &served, reply)?;
        return Ok(None);
    }
    let wait = words.wait(keys.now_ms(), None);
    if wait.is_none() {
        reply.null_array();
    }
    Ok(wait)
}

/// Whether one who waits is to be served: there is something new, or the group is no more.
fn is_ready(keys: &mut Keyspace<'_>, turn: Turn<'_>) -> Result<bool, Error> {
    let words = Words::parse(turn.argv, Name::Xreadgroup)?;
    let (group, _) = words.group.ok_or(Error::Syntax)?;
    let Some(stream) = keys.stream(turn.key())? else { return Ok(true) };
    Ok(stream.group(group).is_none_or(|group| stream.marks().last_id > group.last_id))
}

/// Refuses one who has waited for a stream or a group that is no more.
fn find_end(keys: &mut Keyspace<'_>, told: Told<'_>) -> Result<(), Error> {
    match keys.stream(told.key) {
        Ok(Some(stream)) if stream.group(told.group).is_some() => Ok(()),
        Ok(Some(_)) => {
            let text = "NOGROUP the consumer group this client was blocked on no longer exists";
            Err(Error::text(text))
        }
        Ok(None) | Err(_) => Err(Error::text("UNBLOCKED the stream key no longer exists")),
    }
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

/// What is asked for of a stream, whose group must be there.
fn parse_asked(keys: &mut Keyspace<'_>, key: &[u8], group: &[u8], id: &[u8]) -> Result<Asked, Error> {
    keys.notice_missing(key);
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

/// Whether there is something that the group has not read.
fn has_new(keys: &mut Keyspace<'_>, told: Told<'_>) -> Result<bool, Error> {
    let Some(stream) = keys.stream(told.key)? else { return Ok(false) };
    let read = stream.group(told.group).map(|group| group.last_id);
    Ok(read.zip(stream.last_entry_id()).is_some_and(|(read, last)| last > read))
}

/// Delivers what the group has not read.
fn deliver(
    keys: &mut Keyspace<'_>,
    told: Told<'_>,
    count: usize,
    needs_no_ack: bool,
) -> Result<Served, Error> {
    let now = keys.now_ms();
    let Some(stream) = keys.stream_mut(told.key)? else { return Ok(Served::New(Vec::new())) };
    let is_new = stream.group_mut(told.group).is_some_and(|group| group.meet_consumer(told.consumer, now));
    let ids = stream.deliver(told.group, told.consumer, now, count, !needs_no_ack);
    let group = stream.group(told.group);
    let (last_id, entries_read) = group.map(|group| (group.last_id, group.entries_read)).unwrap_or_default();
    if is_new {
        keys.notify(EventClass::Stream, "xgroup-createconsumer", told.key);
        if needs_no_ack || ids.is_empty() {
            told.created(keys);
        }
    }
    if ids.is_empty() {
        return Ok(Served::New(ids));
    }
    if needs_no_ack {
        told.advanced(keys, last_id, entries_read);
    } else {
        told.claimed(keys, &ids, now, 1, last_id);
    }
    Ok(Served::New(ids))
}

/// Delivers once more what is pending for the consumer, from the id after one on.
fn serve_pending(keys: &mut Keyspace<'_>, told: Told<'_>, after: Id, count: usize) -> Result<Served, Error> {
    let now = keys.now_ms();
    let nothing = || Ok(Served::Pending(Vec::new()));
    let Some(stream) = keys.stream_mut(told.key)? else { return nothing() };
    let Some(group) = stream.group_mut(told.group) else { return nothing() };
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
        keys.notify(EventClass::Stream, "xgroup-createconsumer", told.key);
        told.created(keys);
    }
    Ok(Served::Pending(ids))
}

/// Writes what was served of each stream.
fn write_all(
    keys: &mut Keyspace<'_>,
    served: &[(&[u8], Served)],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    reply.map_or_pairs(served.len());
    for (key, got) in served {
        reply.bulk(key);
        match keys.stream(key)? {
            Some(stream) => write_served(stream, got, reply),
            None => reply.array(0),
        }
    }
    Ok(())
}

fn write_served(stream: &Stream, served: &Served, reply: &mut dyn ReplySink) {
    match served {
        Served::New(ids) => match (ids.first(), ids.last()) {
            (Some(&first), Some(&last)) => write_range(stream, first, last, ids.len(), reply),
            _ => reply.array(0),
        },
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
