//! XREAD: what came after an id, of several streams at once; and the words that it shares with XREADGROUP.

use super::ids;
use super::range::write_range;
use super::trim::count_or_all;
use crate::command::Name;
use crate::embedded::Keyspace;
use crate::embedded::blocking::{Awaited, Blocking, Served, Wait};
use crate::embedded::commands::c_text::c_text;
use crate::embedded::commands::numbers::integer;
use crate::embedded::values::{Id, Stream};
use crate::{Error, Reply, ReplySink};
use std::ops::Range;

/// How many entries of one stream are read after waiting, unless told: who has waited long for little is not
/// to get more than is wanted at once.
const COUNT_AFTER_WAITING: usize = 1000;

/// A call's words.
pub struct Words<'a> {
    /// How many entries of each stream, where that was told.
    count: Option<usize>,
    /// How long to wait, where that was told: milliseconds, or 0 for ever.
    block_ms: Option<u64>,
    /// The group and the consumer.
    pub group: Option<(&'a [u8], &'a [u8])>,
    /// Whether what is read needs no acknowledging.
    pub needs_no_ack: bool,
    /// The streams.
    pub keys: &'a [&'a [u8]],
    /// What is asked for of each.
    pub ids: &'a [&'a [u8]],
    /// Where the keys are.
    places: Range<usize>,
}

impl<'a> Words<'a> {
    /// Reads a call of XREAD or XREADGROUP.
    pub fn parse(argv: &'a [&'a [u8]], command: Name) -> Result<Words<'a>, Error> {
        let only_for_groups = |text| if command == Name::Xread { Err(Error::text(text)) } else { Ok(()) };
        let mut words = Words {
            count: None,
            block_ms: None,
            group: None,
            needs_no_ack: false,
            keys: &[],
            ids: &[],
            places: 0..0,
        };
        let mut rest = &argv[1..];
        while let [option, after @ ..] = rest {
            let is = |name: &[u8]| option.eq_ignore_ascii_case(name);
            rest = match after {
                [timeout, rest @ ..] if is(b"block") => {
                    words.block_ms = Some(block_ms(timeout)?);
                    rest
                }
                [count, rest @ ..] if is(b"count") => {
                    words.count = Some(count_or_all(integer(count)?)).filter(|&count| count < usize::MAX);
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
                    words.places = argv.len() - after.len()..argv.len() - words.ids.len();
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

    /// The streams, each with what is asked for of it.
    pub fn streams(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.keys.iter().copied().zip(self.ids.iter().copied())
    }

    /// How many entries of each stream are read.
    pub fn count(&self) -> usize {
        self.count.unwrap_or(usize::MAX)
    }

    /// How many entries are read after waiting.
    pub fn count_after_waiting(&self) -> usize {
        self.count.unwrap_or(COUNT_AFTER_WAITING)
    }

    /// How to wait, if at all, with the words then kept instead of those sent.
    pub fn wait(&self, now_ms: u64, words: Option<Vec<Box<[u8]>>>) -> Option<Wait> {
        let block_ms = self.block_ms?;
        let deadline = (block_ms > 0).then(|| now_ms.saturating_add(block_ms));
        Some(Wait { keys: self.places.clone(), targets: 0..0, deadline, words })
    }

    /// What is asked for of the stream that a call is served at.
    pub fn id_at(&self, served: Served<'_>) -> &'a [u8] {
        self.ids[served.position - self.places.start]
    }
}

/// How long to wait at most, in milliseconds; 0 for ever.
fn block_ms(word: &[u8]) -> Result<u64, Error> {
    let refusal = Error::text("ERR timeout is not an integer or out of range");
    let number = integer(word).map_err(|_| refusal)?;
    u64::try_from(number).map_err(|_| Error::text("ERR timeout is negative"))
}

/// `XREAD [COUNT count] [BLOCK milliseconds] STREAMS key… id…`.
pub(super) static XREAD: Blocking = Blocking {
    awaited: Awaited::Stream,
    attempt: |keys, argv, reply| {
        let words = Words::parse(argv, Name::Xread)?;
        let after = resolve(keys, &words)?;
        if write_found(keys, &words, &after, reply)? {
            return Ok(None);
        }
        let as_resolved = || {
            let kept = argv[..argv.len() - after.len()].iter().map(|&word| word.into());
            kept.chain(after.iter().map(|id| id.text().into())).collect()
        };
        let wait = words.wait(keys.now_ms(), words.block_ms.map(|_| as_resolved()));
        if wait.is_none() {
            reply.null_array();
        }
        Ok(wait)
    },
    serve: |keys, served, reply| {
        let words = Words::parse(served.argv, Name::Xread)?;
        let from = ids::exact(words.id_at(served))?.next();
        reply.map_or_pairs(1);
        reply.bulk(served.key());
        match keys.stream(served.key())?.zip(from) {
            Some((stream, from)) => {
                write_range(stream, from, Id::MAX, words.count_after_waiting(), reply);
            }
            None => reply.array(0),
        }
        Ok(())
    },
    is_ready: |keys, served| {
        let after = Words::parse(served.argv, Name::Xread).and_then(|words| ids::exact(words.id_at(served)));
        let last = keys.stream(served.key()).ok().flatten().map(|stream| stream.marks().last_id);
        last.zip(after.ok()).is_some_and(|(last, after)| last > after)
    },
    nothing_at_once: Reply::NullArray,
};

/// The ids after which is read.
fn resolve(keys: &mut Keyspace<'_>, words: &Words<'_>) -> Result<Vec<Id>, Error> {
    let resolved = words.streams().map(|(key, id)| {
        let stream = keys.stream(key)?;
        match c_text(id) {
            b"$" => Ok(stream.map(|stream| stream.marks().last_id).unwrap_or_default()),
            b">" => Err(Error::text(
                "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> \
                 option.",
            )),
            _ => ids::exact(id),
        }
    });
    resolved.collect()
}

/// Writes what there is of those streams that have something; whether any had.
fn write_found(
    keys: &mut Keyspace<'_>,
    words: &Words<'_>,
    after: &[Id],
    reply: &mut dyn ReplySink,
) -> Result<bool, Error> {
    let mut found = Vec::new();
    for (&key, after) in words.keys.iter().zip(after) {
        let last = keys.stream(key)?.and_then(Stream::last_entry_id);
        found.extend(
            after.next().filter(|&from| last.is_some_and(|last| from <= last)).map(|from| (key, from)),
        );
    }
    if found.is_empty() {
        return Ok(false);
    }
    reply.map_or_pairs(found.len());
    for (key, from) in found {
        reply.bulk(key);
        if let Some(stream) = keys.stream(key)? {
            write_range(stream, from, Id::MAX, words.count(), reply);
        }
    }
    Ok(true)
}
