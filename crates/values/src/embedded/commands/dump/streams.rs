//! Streams in a file: listpacks of entries, what is known of them as a whole, and the groups.
//!
//! A listpack begins with an entry that is none: how many follow, how many of those are deleted, and the
//! names of fields that entries may share. Each entry has flags, its id as a distance from that of the
//! listpack, its fields, and how many elements that makes.

use super::listpack::{self, Writer};
use super::read::Reader;
use super::write::{length, string};
use crate::embedded::values::{BlockBounds, Claim, Deliveries, Group, Id, Stream};
use crate::parse_integer;
use std::borrow::Cow;

/// How many entries are written into one listpack.
const ENTRIES: usize = 100;

/// The flags of an entry.
const DELETED: i64 = 1;
const SHARED_NAMES: i64 = 2;

/// Writes a stream.
pub(super) fn write(stream: &Stream, to: &mut Vec<u8>) {
    let marks = stream.marks();
    length(stream.len().div_ceil(ENTRIES as u64), to);
    let mut entries = stream.range(Id::MIN, Id::MAX).peekable();
    while let Some(first) = entries.peek() {
        let own = first.id;
        let mut packed = Vec::new();
        let mut count = 0;
        for entry in entries.by_ref().take(ENTRIES) {
            packed.push(entry);
            count += 1;
        }
        let mut writer = Writer::new();
        [count, 0, 0, 0].iter().for_each(|&number| writer.push_integer(number));
        for entry in packed {
            let (id, fields) = (entry.id, entry.len() as i64);
            let distances = [id.ms.wrapping_sub(own.ms), id.seq.wrapping_sub(own.seq)];
            writer.push_integer(0);
            distances.iter().for_each(|&distance| writer.push_integer(distance as i64));
            writer.push_integer(fields);
            for (name, value) in entry {
                name.with_text(|text| writer.push(text));
                value.with_text(|text| writer.push(text));
            }
            writer.push_integer(2 * fields + 4);
        }
        string(&id_bytes(own), to);
        string(&writer.finish(), to);
    }
    length(stream.len(), to);
    [marks.last_id, marks.first_id, marks.max_deleted_id].iter().for_each(|&id| write_id(id, to));
    length(marks.entries_added, to);
    length(stream.groups().len() as u64, to);
    for (name, group) in stream.groups() {
        string(name, to);
        write_id(group.last_id, to);
        // What is not known is -1.
        length(group.entries_read.unwrap_or(-1) as u64, to);
        write_pending(group, to);
    }
}

fn write_pending(group: &Group, to: &mut Vec<u8>) {
    length(group.pending_len() as u64, to);
    for (id, pending) in group.pending_from(Id::MIN) {
        to.extend(id_bytes(id));
        to.extend(pending.delivered_at.to_le_bytes());
        length(pending.deliveries, to);
    }
    length(group.consumers().len() as u64, to);
    for (name, consumer) in group.consumers() {
        string(name, to);
        to.extend(consumer.seen_at.to_le_bytes());
        length(consumer.pending_len() as u64, to);
        consumer.pending_from(Id::MIN).for_each(|id| to.extend(id_bytes(id)));
    }
}

fn write_id(id: Id, to: &mut Vec<u8>) {
    length(id.ms, to);
    length(id.seq, to);
}

fn id_bytes(id: Id) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&id.ms.to_be_bytes());
    bytes[8..].copy_from_slice(&id.seq.to_be_bytes());
    bytes
}

fn id_of(bytes: [u8; 16]) -> Id {
    let number = u128::from_be_bytes(bytes);
    Id { ms: (number >> 64) as u64, seq: number as u64 }
}

/// How much of what is known of a stream as a whole is written with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// All of it, as Redis 7.0 does.
    Current,
    /// Only its highest id, as Redis up to 6.2 did: the rest is guessed, as Redis 7.0 guesses it.
    Old,
}

/// Reads a stream.
pub(super) fn read(reader: &mut Reader<'_>, form: Form) -> Option<Stream> {
    let mut stream = Stream::default();
    for _ in 0..reader.length()? {
        let own = id_of(reader.string()?.as_ref().try_into().ok()?);
        read_entries(own, &reader.string()?, &mut stream)?;
    }
    if reader.length()? != stream.len() {
        return None;
    }
    let last_id = read_id(reader)?;
    let (max_deleted_id, entries_added) = match form {
        Form::Current => {
            let (_first_id, max_deleted_id) = (read_id(reader)?, read_id(reader)?);
            (max_deleted_id, reader.length()?)
        }
        Form::Old => (Id::MIN, stream.len()),
    };
    if stream.last_entry_id().is_some_and(|last| last > last_id) {
        return None;
    }
    stream.set_marks(last_id, Some(entries_added), Some(max_deleted_id));
    for _ in 0..reader.length()? {
        let name = reader.string()?;
        let last_id = read_id(reader)?;
        let entries_read = match form {
            Form::Current => Some(reader.length()? as i64).filter(|&read| read != -1),
            Form::Old => stream.marks().entries_up_to(last_id),
        };
        let mut group = Group::new(last_id, entries_read);
        read_pending(reader, &mut group)?;
        if !stream.create_group(&name, group) {
            return None;
        }
    }
    Some(stream)
}

fn read_id(reader: &mut Reader<'_>) -> Option<Id> {
    Some(Id { ms: reader.length()?, seq: reader.length()? })
}

fn read_entries(own: Id, packed: &[u8], stream: &mut Stream) -> Option<()> {
    let elements = listpack::elements(packed)?;
    let mut elements = elements.iter();
    let integer = |elements: &mut std::slice::Iter<'_, Cow<'_, [u8]>>| parse_integer(elements.next()?);
    let (count, deleted) = (integer(&mut elements)?, integer(&mut elements)?);
    let names = usize::try_from(integer(&mut elements)?).ok()?;
    let names: Vec<&[u8]> = elements.as_slice().get(..names)?.iter().map(|name| &**name).collect();
    elements.by_ref().take(names.len()).for_each(drop);
    integer(&mut elements).filter(|&end| end == 0)?;
    for _ in 0..count.checked_add(deleted)? {
        let flags = integer(&mut elements)?;
        let (ms, seq) = (integer(&mut elements)? as u64, integer(&mut elements)? as u64);
        let id = Id { ms: own.ms.wrapping_add(ms), seq: own.seq.wrapping_add(seq) };
        let mut words = Vec::new();
        if flags & SHARED_NAMES == SHARED_NAMES {
            for name in &names {
                words.extend([*name, elements.next()?]);
            }
        } else {
            let fields = usize::try_from(integer(&mut elements)?).ok()?;
            let given = elements.as_slice().get(..fields.checked_mul(2)?)?;
            words.extend(given.iter().map(|word| &**word));
            elements.by_ref().take(words.len()).for_each(drop);
        }
        integer(&mut elements)?;
        if flags & DELETED == DELETED {
            continue;
        }
        // Ids rise, and none is the lowest.
        if words.is_empty() || id <= stream.last_entry_id().unwrap_or(Id::MIN) {
            return None;
        }
        stream.append(id, &words, BlockBounds::default());
    }
    elements.next().is_none().then_some(())
}

fn read_pending(reader: &mut Reader<'_>, group: &mut Group) -> Option<()> {
    let mut pending = std::collections::BTreeMap::new();
    for _ in 0..reader.length()? {
        let id = id_of(reader.array()?);
        let delivered = (u64::from_le_bytes(reader.array()?), reader.length()?);
        if pending.insert(id, delivered).is_some() {
            return None;
        }
    }
    for _ in 0..reader.length()? {
        let name = reader.string()?;
        let seen_at = u64::from_le_bytes(reader.array()?);
        if !group.create_consumer(&name, seen_at) {
            return None;
        }
        for _ in 0..reader.length()? {
            let id = id_of(reader.array()?);
            // Each belongs to one consumer.
            let (delivered_at, deliveries) = pending.remove(&id)?;
            let deliveries = Deliveries::Set(deliveries);
            let claim =
                Claim { consumer: &name, now: seen_at, min_idle: 0, delivered_at, deliveries, force: true };
            group.claim(id, &claim);
        }
    }
    // And every one to some.
    pending.is_empty().then_some(())
}
