//! A run of entries in one allocation.
//!
//! A block ends where a node of Redis ends, by the same count of entries and the same count of bytes, so
//! that trimming by whole blocks takes just what Redis takes. An entry that is deleted leaves no bytes, but
//! is counted as before, and its id is remembered where it was the last.

use super::id::Id;
use super::word::{Word, decode_number, encode_number, listpack_integer_bytes, number_len};
use crate::StreamNodes;
use crate::embedded::footprint::Footprint;

/// The most entries and bytes that a block may be set to hold: it is walked from its beginning.
const ENTRIES_BOUND: u64 = 10_000;
const BYTES_BOUND: u64 = 1 << 20;

/// Up to this size a block reserves memory for more entries than the next.
const RESERVED_BYTES_MAX: usize = 4096;

/// When a block takes no further entry.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Once it has so many entries, deleted ones included.
    entries: u64,
    /// From this size on, as Redis would have it.
    bytes: usize,
}

impl From<StreamNodes> for Bounds {
    fn from(nodes: StreamNodes) -> Self {
        let bounded = |set: u64, bound: u64| if set == 0 { bound } else { set.min(bound) };
        Bounds {
            entries: bounded(nodes.entries_max, ENTRIES_BOUND),
            bytes: bounded(nodes.bytes_max, BYTES_BOUND) as usize,
        }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        StreamNodes::default().into()
    }
}

/// A field's name and its value.
pub type Pair<'a> = (Word<'a>, Word<'a>);

/// A run of entries. Its own id, that of its first entry, is kept beside it.
#[derive(Clone, Debug)]
pub struct Block {
    /// The names of the first entry's fields, and how many they are; then the entries. Each of these has
    /// its length, with a bit for whether its fields have those names; its id, as a distance from the
    /// block's; the number of fields, unless they are those; and its words.
    bytes: Vec<u8>,
    /// Where the entries begin.
    entries_at: u32,
    /// How large Redis' node would be.
    listpack_bytes: u32,
    /// The id of the last entry added, deleted or not.
    last: Id,
    /// Entries, and those that were deleted with them.
    live: u16,
    total: u16,
}

impl Footprint for Block {
    fn heap_bytes(&self, samples: usize) -> usize {
        size_of::<Block>() + self.bytes.heap_bytes(samples)
    }
}

impl Block {
    /// A block of one entry, which has these fields.
    pub fn new(id: Id, pairs: &[Pair<'_>]) -> Block {
        let names = || pairs.iter().map(|(name, _)| *name);
        let mut bytes = Vec::new();
        encode_number(pairs.len() as u64, &mut bytes);
        names().for_each(|name| name.encode(&mut bytes));
        // The node's head and end, its two counts, the number of fields, the fields, and a zero.
        let listpack_bytes = 7
            + 2
            + 2
            + listpack_integer_bytes(pairs.len() as i64)
            + names().map(Word::listpack_bytes).sum::<usize>()
            + 2;
        let entries_at = bytes.len() as u32;
        let mut block =
            Block { bytes, entries_at, listpack_bytes: listpack_bytes as u32, last: id, live: 0, total: 0 };
        block.push(id, id, pairs);
        block
    }

    /// Whether an entry of that many bytes still goes in here.
    pub fn has_room(&self, bytes: usize, bounds: Bounds) -> bool {
        (self.listpack_bytes as usize).saturating_add(bytes) < bounds.bytes
            && u64::from(self.total) < bounds.entries
    }

    /// Adds an entry with an id higher than any before.
    pub fn push(&mut self, own: Id, id: Id, pairs: &[Pair<'_>]) {
        let same_names = self.names().eq(pairs.iter().map(|(name, _)| *name));
        let ms = id.ms - own.ms;
        let seq = if ms == 0 { id.seq - own.seq } else { id.seq };
        let mut body = number_len(ms) + number_len(seq);
        let mut listpack_bytes = 2
            + listpack_integer_bytes(ms as i64)
            + listpack_integer_bytes(id.seq.wrapping_sub(own.seq) as i64);
        let mut parts = 3 + pairs.len();
        if !same_names {
            body += number_len(pairs.len() as u64);
            body += pairs.iter().map(|(name, _)| name.encoded_len()).sum::<usize>();
            listpack_bytes += listpack_integer_bytes(pairs.len() as i64);
            listpack_bytes += pairs.iter().map(|(name, _)| name.listpack_bytes()).sum::<usize>();
            parts += pairs.len() + 1;
        }
        body += pairs.iter().map(|(_, value)| value.encoded_len()).sum::<usize>();
        listpack_bytes += pairs.iter().map(|(_, value)| value.listpack_bytes()).sum::<usize>();
        listpack_bytes += listpack_integer_bytes(parts as i64);

        let head = (body as u64) << 1 | u64::from(same_names);
        self.make_room(number_len(head) + body);
        let to = &mut self.bytes;
        [head, ms, seq].into_iter().for_each(|number| encode_number(number, to));
        if !same_names {
            encode_number(pairs.len() as u64, to);
        }
        for (name, value) in pairs {
            if !same_names {
                name.encode(to);
            }
            value.encode(to);
        }
        self.listpack_bytes =
            self.listpack_bytes.saturating_add(u32::try_from(listpack_bytes).unwrap_or(u32::MAX));
        self.last = id;
        self.live += 1;
        self.total += 1;
    }

    /// Reserves memory for an entry: twice what there is, up to the usual size of a full block; an eighth
    /// more beyond.
    fn make_room(&mut self, bytes: usize) {
        let len = self.bytes.len();
        if self.bytes.capacity() - len < bytes {
            let spare = len.min(RESERVED_BYTES_MAX.saturating_sub(len).max(len / 8));
            self.bytes.reserve_exact(bytes.max(spare));
        }
    }

    /// Gives back the memory that no further entry will need.
    pub fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// How many entries there are.
    pub fn len(&self) -> u64 {
        u64::from(self.live)
    }

    /// The id of the last entry that was added, deleted or not.
    pub fn last(&self) -> Id {
        self.last
    }

    /// The id of the last entry.
    pub fn last_live(&self, own: Id) -> Option<Id> {
        if self.live == self.total { Some(self.last) } else { self.entries(own).last().map(|entry| entry.id) }
    }

    /// The names of the first entry's fields.
    fn names(&self) -> impl Iterator<Item = Word<'_>> {
        let mut bytes = &self.bytes[..self.entries_at as usize];
        let count = decode_number(&mut bytes);
        (0..count).map(move |_| Word::decode(&mut bytes))
    }

    /// The entries from the first on.
    pub fn entries(&self, own: Id) -> Entries<'_> {
        let (mut names, rest) = self.bytes.split_at(self.entries_at as usize);
        let count = decode_number(&mut names);
        Entries { own, names, count, rest }
    }

    /// Deletes an entry; whether it was there.
    pub fn delete(&mut self, own: Id, id: Id) -> bool {
        let mut entries = self.entries(own);
        loop {
            let before = entries.rest.len();
            match entries.next() {
                Some(entry) if entry.id < id => {}
                Some(entry) if entry.id == id => {
                    let (from, to) = (self.bytes.len() - before, self.bytes.len() - entries.rest.len());
                    self.cut(from, to, 1);
                    return true;
                }
                _ => return false,
            }
        }
    }

    /// Deletes entries from the front as long as `goes` says so of the next one and of how many went before;
    /// how many that were.
    pub fn delete_front(&mut self, own: Id, goes: impl Fn(Id, u64) -> bool) -> u64 {
        let mut entries = self.entries(own);
        let mut gone = 0;
        let mut left = entries.rest.len();
        while let Some(entry) = entries.next() {
            if !goes(entry.id, gone) {
                break;
            }
            gone += 1;
            left = entries.rest.len();
        }
        self.cut(self.entries_at as usize, self.bytes.len() - left, gone);
        gone
    }

    fn cut(&mut self, from: usize, to: usize, entries: u64) {
        self.bytes.drain(from..to);
        self.live -= entries as u16;
        if self.bytes.len() < self.bytes.capacity() / 2 {
            self.bytes.shrink_to_fit();
        }
    }
}

/// The entries of a block from the first on.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    own: Id,
    names: &'a [u8],
    count: u64,
    rest: &'a [u8],
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let head = decode_number(&mut self.rest);
        let (mut words, rest) = self.rest.split_at((head >> 1) as usize);
        self.rest = rest;
        let ms = decode_number(&mut words);
        let seq = decode_number(&mut words);
        let id = Id { ms: self.own.ms + ms, seq: if ms == 0 { self.own.seq + seq } else { seq } };
        if head & 1 == 1 {
            return Some(Entry { id, names: Some(self.names), words, left: self.count as usize });
        }
        let left = decode_number(&mut words) as usize;
        Some(Entry { id, names: None, words, left })
    }
}

/// An entry of a stream; as an iterator, its fields.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Its id.
    pub id: Id,
    /// The names of the fields, unless they lie among the words.
    names: Option<&'a [u8]>,
    words: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Entry<'a> {
    type Item = Pair<'a>;

    fn next(&mut self) -> Option<Pair<'a>> {
        self.left = self.left.checked_sub(1)?;
        let name = Word::decode(self.names.as_mut().unwrap_or(&mut self.words));
        Some((name, Word::decode(&mut self.words)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Entry<'_> {}
