//! XADD and XSETID.

use super::ids::{self, NewId};
use super::trim::{Trim, TrimOptions};
use crate::command::Name;
use crate::embedded::Keyspace;
use crate::embedded::commands::c_text::c_text;
use crate::embedded::commands::numbers::integer;
use crate::embedded::values::{Id, Marks};
use crate::{Error, EventClass, ReplySink, StreamNodes};

/// The most bytes of an entry's fields and values: a node of Redis holds no more.
const ENTRY_BYTES_MAX: usize = 1 << 30;

/// What an XADD asks for.
struct Add {
    makes_stream: bool,
    trim: Option<Trim>,
    id: NewId,
    /// Where the id stands.
    id_at: usize,
}

impl Add {
    fn parse(argv: &[&[u8]], nodes: StreamNodes) -> Result<Add, Error> {
        let (mut makes_stream, mut options, mut id, mut at) = (true, TrimOptions::default(), None, 2);
        while let (None, Some(word)) = (id, argv.get(at)) {
            if c_text(word) == b"*" {
                id = Some(NewId::Next);
                break;
            }
            let used = options.read(&argv[at..])?;
            at += used;
            if used == 0 && word.eq_ignore_ascii_case(b"nomkstream") {
                makes_stream = false;
                at += 1;
            } else if used == 0 {
                id = Some(ids::new_entry(word)?);
            }
        }
        let trim = options.finish(Name::Xadd, nodes)?;
        let words = argv.len().saturating_sub(at + 1);
        match id {
            Some(id) if words >= 2 && words.is_multiple_of(2) => {
                Ok(Add { makes_stream, trim, id, id_at: at })
            }
            _ => Err(Error::Arity("xadd")),
        }
    }
}

pub fn xadd(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let nodes = keys.stream_nodes();
    let add = Add::parse(argv, nodes)?;
    if add.id == NewId::Exactly(Id::MIN) {
        return Err(Error::text("ERR The ID specified in XADD must be greater than 0-0"));
    }
    let now = keys.now_ms();
    let marks = match keys.stream(argv[1])? {
        Some(stream) => *stream.marks(),
        None if add.makes_stream => Marks::default(),
        None => {
            reply.null();
            return Ok(());
        }
    };
    let id = choose(add.id, &marks, now)?;
    let fields = &argv[add.id_at + 1..];
    if fields.iter().map(|word| word.len()).sum::<usize>() > ENTRY_BYTES_MAX {
        return Err(Error::text("ERR Elements are too large to be stored"));
    }
    let stream = keys.stream_or_new(argv[1])?;
    stream.append(id, fields, nodes.into());
    let trimmed = add.trim.as_ref().map_or(0, |trim| trim.apply(stream));
    let exact = add.trim.as_ref().and_then(|trim| trim.as_exact(stream));
    tell(keys, argv, &add, id, exact);
    keys.notify(EventClass::Stream, "xadd", argv[1]);
    if trimmed > 0 {
        keys.notify(EventClass::Stream, "xtrim", argv[1]);
    }
    id.with_text(|id| reply.bulk(id));
    Ok(())
}

/// The id that a new entry gets.
fn choose(asked: NewId, marks: &Marks, now: u64) -> Result<Id, Error> {
    if marks.last_id == Id::MAX {
        let text = "ERR The stream has exhausted the last possible ID, unable to add more items";
        return Err(Error::text(text));
    }
    let id = match asked {
        NewId::Next if now > marks.last_id.ms => Some(Id { ms: now, seq: 0 }),
        NewId::Next => marks.last_id.next(),
        NewId::NextOf(ms) if ms == marks.last_id.ms => {
            marks.last_id.seq.checked_add(1).map(|seq| Id { ms, seq })
        }
        NewId::NextOf(ms) => Some(Id { ms, seq: 0 }),
        NewId::Exactly(id) => Some(id),
    };
    id.filter(|&id| id > marks.last_id).ok_or(Error::text(
        "ERR The ID specified in XADD is equal or smaller than the target stream top item",
    ))
}

/// Tells of an entry, with the id that it was given and what was trimmed with it.
fn tell(keys: &mut Keyspace<'_>, argv: &[&[u8]], add: &Add, id: Id, exact: Option<[Vec<u8>; 3]>) {
    if matches!(add.id, NewId::Exactly(_)) && exact.is_none() {
        return keys.changed(argv[1]);
    }
    id.with_text(|id| {
        let mut args: Vec<&[u8]> = Vec::with_capacity(argv.len());
        match &exact {
            Some(words) => args.extend(words.iter().map(Vec::as_slice)),
            None => args.extend(&argv[2..add.id_at]),
        }
        args.push(id);
        args.extend(&argv[add.id_at + 1..]);
        keys.changed_as(argv[1], "xadd", &args);
    });
}

pub fn xsetid(keys: &mut Keyspace<'_>, argv: &[&[u8]], reply: &mut dyn ReplySink) -> Result<(), Error> {
    let id = ids::exact(argv[2])?;
    let (mut entries_added, mut max_deleted_id) = (None, Id::MIN);
    for pair in argv[3..].chunks(2) {
        let &[name, value] = pair else { return Err(Error::Syntax) };
        if name.eq_ignore_ascii_case(b"entriesadded") {
            let number = u64::try_from(integer(value)?);
            entries_added = Some(number.map_err(|_| Error::text("ERR entries_added must be positive"))?);
        } else if name.eq_ignore_ascii_case(b"maxdeletedid") {
            max_deleted_id = ids::exact(value)?;
            if id < max_deleted_id {
                return Err(Error::text(
                    "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                ));
            }
        } else {
            return Err(Error::Syntax);
        }
    }
    let stream = keys.stream_mut(argv[1])?.ok_or(Error::NoSuchKey)?;
    if stream.last_entry_id().is_some_and(|last| id < last) {
        let text = "ERR The ID specified in XSETID is smaller than the target stream top item";
        return Err(Error::text(text));
    }
    if entries_added.is_some_and(|added| stream.len() > added) {
        let text = "ERR The entries_added specified in XSETID is smaller than the target stream length";
        return Err(Error::text(text));
    }
    stream.set_marks(id, entries_added, Some(max_deleted_id).filter(|&id| id != Id::MIN));
    keys.told_as(argv[1], "xsetid", &argv[2..]);
    keys.notify(EventClass::Stream, "xsetid", argv[1]);
    reply.status("OK");
    Ok(())
}
