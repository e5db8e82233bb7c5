//! XTRIM and XDEL, and the options by which XADD trims.

use super::ids;
use crate::command::Name;
use crate::embedded::Keyspace;
use crate::embedded::commands::c_text::c_text;
use crate::embedded::commands::numbers::{integer, saturated};
use crate::embedded::values::{Id, Keep, Stream};
use crate::{Error, EventClass, ReplySink, StreamNodes};

/// How many entries a trim by whole blocks deletes unless told: those of 100 blocks, within bounds.
fn limit_of(nodes: StreamNodes) -> u64 {
    match nodes.entries_max.saturating_mul(100) {
        0 => 10_000,
        entries => entries.min(1_000_000),
    }
}

/// How a stream is to be trimmed.
#[derive(Clone, Copy)]
pub struct Trim {
    keep: Keep,
    only_whole_blocks: bool,
    limit: Option<u64>,
}

impl Trim {
    /// Trims a stream; how many entries that deleted.
    pub fn apply(&self, stream: &mut Stream) -> u64 {
        stream.trim(self.keep, self.only_whole_blocks, self.limit)
    }

    /// The words that lead to just what was left, where the words sent do not: what a whole block is
    /// depends on how the stream came to be.
    pub fn as_exact(&self, stream: &Stream) -> Option<[Vec<u8>; 3]> {
        let (name, bound) = match self.keep {
            _ if !self.only_whole_blocks => return None,
            Keep::Newest(_) => ("MAXLEN", stream.len().to_string().into_bytes()),
            Keep::From(_) if stream.len() == 0 => ("MINID", Id::MAX.text()),
            Keep::From(_) => ("MINID", stream.marks().first_id.text()),
        };
        Some([name.as_bytes().to_vec(), b"=".to_vec(), bound])
    }
}

/// The options of XADD and XTRIM, read one by one.
#[derive(Default)]
pub struct TrimOptions {
    keep: Option<Keep>,
    is_approximate: bool,
    limit: Option<i64>,
}

impl TrimOptions {
    /// Reads the option that the words begin with; how many words it has, none if it is not of these.
    pub fn read(&mut self, words: &[&[u8]]) -> Result<usize, Error> {
        let [name, next, rest @ ..] = words else { return Ok(0) };
        if name.eq_ignore_ascii_case(b"limit") {
            self.limit = Some(not_negative(next, "ERR The LIMIT argument must be >= 0.")?);
            return Ok(2);
        }
        let is_length = name.eq_ignore_ascii_case(b"maxlen");
        if !is_length && !name.eq_ignore_ascii_case(b"minid") {
            return Ok(0);
        }
        if self.keep.is_some() {
            let text = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible";
            return Err(Error::text(text));
        }
        let (bound, used) = match (c_text(next), rest.first()) {
            (b"~" | b"=", Some(bound)) => (bound, 3),
            _ => (next, 2),
        };
        self.is_approximate = used == 3 && next.starts_with(b"~");
        self.keep = Some(if is_length {
            Keep::Newest(not_negative(bound, "ERR The MAXLEN argument must be >= 0.")?.unsigned_abs())
        } else {
            Keep::From(ids::exact(bound)?)
        });
        Ok(used)
    }

    /// How to trim, if at all.
    pub fn finish(self, command: Name, nodes: StreamNodes) -> Result<Option<Trim>, Error> {
        if self.keep.is_none() && self.limit.is_some_and(|limit| limit != 0) {
            let text = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy";
            return Err(Error::text(text));
        }
        if self.keep.is_none() && command == Name::Xtrim {
            return Err(Error::text("ERR syntax error, XTRIM must be called with a trimming strategy"));
        }
        let limit = match (self.limit, self.is_approximate) {
            (Some(_), false) => {
                let text = "ERR syntax error, LIMIT cannot be used without the special ~ option";
                return Err(Error::text(text));
            }
            (None, false) | (Some(0), true) => None,
            (Some(limit), true) => Some(limit.unsigned_abs()),
            (None, true) => Some(limit_of(nodes)),
        };
        Ok(self.keep.map(|keep| Trim { keep, only_whole_blocks: self.is_approximate, limit }))
    }
}

fn not_negative(word: &[u8], refusal: &'static str) -> Result<i64, Error> {
    let number = integer(word)?;
    if number < 0 { Err(Error::text(refusal)) } else { Ok(number) }
}

pub fn xtrim(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let mut options = TrimOptions::default();
    let mut words = &argv[2..];
    while !words.is_empty() {
        match options.read(words)? {
            0 => return Err(Error::Syntax),
            used => words = &words[used..],
        }
    }
    let Some(trim) = options.finish(Name::Xtrim, keys.stream_nodes())? else { return Err(Error::Syntax) };
    let Some(stream) = keys.stream_mut(argv[1])? else {
        reply.integer(0);
        return Ok(());
    };
    let deleted = trim.apply(stream);
    if deleted > 0 {
        match trim.as_exact(stream) {
            Some(words) => keys.changed_as(argv[1], "xtrim", &words.each_ref().map(Vec::as_slice)),
            None => keys.changed(argv[1]),
        }
        keys.notify(EventClass::Stream, "xtrim", argv[1]);
    }
    reply.integer(deleted as i64);
    Ok(())
}

pub fn xdel(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let Some(stream) = keys.stream_mut(argv[1])? else {
        reply.integer(0);
        return Ok(());
    };
    let ids = ids::all(&argv[2..])?;
    let deleted = ids.into_iter().filter(|&id| stream.delete(id)).count();
    if deleted > 0 {
        keys.changed(argv[1]);
        keys.notify(EventClass::Stream, "xdel", argv[1]);
    }
    reply.integer(deleted as i64);
    Ok(())
}

/// How many entries at most, where none is no bound and less is none, too.
pub fn count_or_all(number: i64) -> usize {
    if number <= 0 { usize::MAX } else { saturated(number) }
}
