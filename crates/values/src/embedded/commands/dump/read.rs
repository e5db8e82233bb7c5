//! Reading a value as a file has it. Anybody can make a payload with the right checksum, so nothing in it
//! is believed: what is no sound value is refused, and no length takes memory before there are as many
//! bytes.

use super::{listpack, lzf, streams};
use crate::embedded::commands::strings::STRING_BYTES_MAX;
use crate::embedded::values::{End, Hash, List, Set, SortedSet, Value};
use crate::parse_double;
use hashbrown::HashSet;
use std::borrow::Cow;

/// The kinds of value that Redis 7.0 writes.
pub(super) mod kinds {
    pub const STRING: u8 = 0;
    pub const LIST: u8 = 1;
    pub const SET: u8 = 2;
    pub const HASH: u8 = 4;
    pub const SORTED_SET: u8 = 5;
    pub const SET_OF_INTEGERS: u8 = 11;
    pub const HASH_IN_LISTPACK: u8 = 16;
    pub const SORTED_SET_IN_LISTPACK: u8 = 17;
    pub const LIST_IN_NODES: u8 = 18;
    pub const STREAM: u8 = 19;
    /// As Redis up to 6.2 wrote it.
    pub const STREAM_OF_OLD: u8 = 15;
}

/// The value that these bytes begin with.
pub(super) fn value(bytes: &[u8]) -> Option<Value> {
    let mut reader = Reader::new(bytes);
    let kind = reader.byte()?;
    let value = match kind {
        kinds::STRING => Value::Str((&*reader.string()?).into()),
        kinds::LIST => Value::List(list(&mut reader)?),
        kinds::LIST_IN_NODES => Value::List(list_in_nodes(&mut reader)?),
        kinds::SET => Value::Set(set(reader.strings(1)?)?),
        kinds::SET_OF_INTEGERS => Value::Set(set(integers(&reader.string()?)?)?),
        kinds::HASH => Value::Hash(hash(&reader.strings(2)?)?),
        kinds::HASH_IN_LISTPACK => Value::Hash(hash(&listpack::elements(&reader.string()?)?)?),
        kinds::SORTED_SET => Value::SortedSet(sorted_set(&scored(&mut reader)?)?),
        kinds::SORTED_SET_IN_LISTPACK => {
            let packed = reader.string()?;
            Value::SortedSet(sorted_set(&scored_in_listpack(listpack::elements(&packed)?)?)?)
        }
        kinds::STREAM => Value::Stream(Box::new(streams::read(&mut reader, streams::Form::Current)?)),
        kinds::STREAM_OF_OLD => Value::Stream(Box::new(streams::read(&mut reader, streams::Form::Old)?)),
        _ => return None,
    };
    // No aggregate is empty.
    (!value.is_empty()).then_some(value)
}

type Strings<'a> = Vec<Cow<'a, [u8]>>;

fn list(reader: &mut Reader<'_>) -> Option<List> {
    let mut list = List::default();
    for _ in 0..reader.length()? {
        list.push(End::Back, &reader.string()?);
    }
    Some(list)
}

fn list_in_nodes(reader: &mut Reader<'_>) -> Option<List> {
    const PLAIN: u64 = 1;
    const PACKED: u64 = 2;
    let mut list = List::default();
    for _ in 0..reader.length()? {
        let (form, node) = (reader.length()?, reader.string()?);
        match form {
            PLAIN => list.push(End::Back, &node),
            PACKED => {
                let elements = listpack::elements(&node)?;
                if elements.is_empty() {
                    return None;
                }
                elements.iter().for_each(|element| list.push(End::Back, element));
            }
            _ => return None,
        }
    }
    Some(list)
}

fn set(members: Strings<'_>) -> Option<Set> {
    let mut set = Set::default();
    members.iter().all(|member| set.add(member)).then_some(set)
}

/// Integers as a set has them: how many bytes each takes, how many there are, then all in order.
fn integers(bytes: &[u8]) -> Option<Strings<'static>> {
    let mut reader = Reader::new(bytes);
    let width = u32::from_le_bytes(reader.array()?);
    let count = u32::from_le_bytes(reader.array()?) as usize;
    if !matches!(width, 2 | 4 | 8) || reader.left() != count.checked_mul(width as usize)? {
        return None;
    }
    let integer = |_| {
        Some(match width {
            2 => i64::from(i16::from_le_bytes(reader.array()?)),
            4 => i64::from(i32::from_le_bytes(reader.array()?)),
            _ => i64::from_le_bytes(reader.array()?),
        })
    };
    let text = |integer: i64| Cow::Owned(integer.to_string().into_bytes());
    (0..count).map(integer).map(|integer| integer.map(text)).collect()
}

fn hash(words: &[Cow<'_, [u8]>]) -> Option<Hash> {
    let mut hash = Hash::default();
    let (pairs, odd) = words.as_chunks();
    let is_sound = odd.is_empty() && pairs.iter().all(|[field, value]| hash.set(field, value));
    is_sound.then_some(hash)
}

type Scored<'a> = Vec<(Cow<'a, [u8]>, f64)>;

fn scored<'a>(reader: &mut Reader<'a>) -> Option<Scored<'a>> {
    let mut members = Scored::new();
    for _ in 0..reader.length()? {
        members.push((reader.string()?, f64::from_le_bytes(reader.array()?)));
    }
    Some(members)
}

fn scored_in_listpack(words: Strings<'_>) -> Option<Scored<'_>> {
    let mut members = Scored::new();
    let mut words = words.into_iter();
    while let Some(member) = words.next() {
        members.push((member, parse_double(&words.next()?)?));
    }
    Some(members)
}

fn sorted_set(members: &[(Cow<'_, [u8]>, f64)]) -> Option<SortedSet> {
    let mut seen: HashSet<&[u8], foldhash::fast::RandomState> = HashSet::default();
    if !members.iter().all(|(member, score)| !score.is_nan() && seen.insert(member)) {
        return None;
    }
    let members: Vec<(&[u8], f64)> = members.iter().map(|(member, score)| (&**member, *score)).collect();
    Some(SortedSet::new(&members))
}

/// Bytes yet to be read.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader(bytes)
    }

    /// How many bytes there are.
    pub(super) fn left(&self) -> usize {
        self.0.len()
    }

    /// The next bytes.
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next bytes, of which it is known how many they are.
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    /// The next byte.
    pub(super) fn byte(&mut self) -> Option<u8> {
        let [byte] = self.array()?;
        Some(byte)
    }

    /// A length; where a string can be, its two highest bits may say that it is one in another form.
    fn length_or_form(&mut self) -> Option<Result<u64, u8>> {
        let head = self.byte()?;
        Some(match (head >> 6, head) {
            (0, _) => Ok(u64::from(head)),
            (1, _) => Ok(u64::from(u16::from_be_bytes([head & 0x3f, self.byte()?]))),
            (2, 0x80) => Ok(u64::from(u32::from_be_bytes(self.array()?))),
            (2, 0x81) => Ok(u64::from_be_bytes(self.array()?)),
            (3, _) => Err(head & 0x3f),
            _ => return None,
        })
    }

    /// A length, or a number kept in the same way.
    pub(super) fn length(&mut self) -> Option<u64> {
        self.length_or_form()?.ok()
    }

    /// A string, which may be an integer or compressed.
    pub(super) fn string(&mut self) -> Option<Cow<'a, [u8]>> {
        let integer = |number: i64| Cow::Owned(number.to_string().into_bytes());
        Some(match self.length_or_form()? {
            Ok(len) => Cow::Borrowed(self.take(usize::try_from(len).ok()?)?),
            Err(0) => integer(i64::from(i8::from_le_bytes(self.array()?))),
            Err(1) => integer(i64::from(i16::from_le_bytes(self.array()?))),
            Err(2) => integer(i64::from(i32::from_le_bytes(self.array()?))),
            Err(3) => {
                let (compressed, len) = (self.length()?, self.length()?);
                let bytes = self.take(usize::try_from(compressed).ok()?)?;
                let len = usize::try_from(len).ok().filter(|&len| len as u64 <= STRING_BYTES_MAX)?;
                Cow::Owned(lzf::expand(bytes, len)?)
            }
            Err(_) => return None,
        })
    }

    /// As many times so many strings as the number before them says.
    fn strings(&mut self, each: usize) -> Option<Strings<'a>> {
        let mut strings = Strings::new();
        for _ in 0..self.length()? {
            for _ in 0..each {
                strings.push(self.string()?);
            }
        }
        Some(strings)
    }
}
