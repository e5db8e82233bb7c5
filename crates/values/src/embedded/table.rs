//! A hash table over a dense array: what keys, fields and members are kept in.
//!
//! Entries lie side by side, so a random one is one draw away and a walk is a loop. A removal moves
//! the last entry into the gap: an entry only ever moves towards the front, which is why a scan from
//! the back towards the front misses nothing that was there all along.
//!
//! The array is cut into chunks, of which only the last one grows: a large table has no idle half, and
//! is never copied as a whole.

use super::footprint::{Footprint, of_many};
use super::index::Index;
use super::prefetch::prefetch;
use crate::key_hash;
use std::ops::Range;

/// Entries in a chunk. Few enough that copying one is not felt, and so many that the list of chunks
/// of a million keys stays in a core's own cache.
const CHUNK: usize = 512;

/// By how many entries a chunk grows, but for the first, which begins small.
const CHUNK_STEP: usize = CHUNK / 4;

/// What can be found by its key.
pub trait Keyed {
    /// The bytes it is found by.
    fn key(&self) -> &[u8];
}

/// Entries by key, each at a position below [`Table::len`].
#[derive(Clone, Debug)]
pub struct Table<T> {
    index: Index,
    /// All full but the last; none is empty.
    chunks: Vec<Vec<T>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { index: Index::default(), chunks: Vec::new() }
    }
}

impl<T: Keyed> Table<T> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// All entries, in no particular order.
    pub fn iter(&self) -> Entries<'_, T> {
        self.range(0..self.len())
    }

    /// The entries at these positions, which must be there.
    pub fn range(&self, positions: Range<usize>) -> Entries<'_, T> {
        let mut chunks = self.chunks.get(positions.start / CHUNK..).unwrap_or_default().iter();
        let chunk = chunks.next().map_or(&[][..], |first| &first[positions.start % CHUNK..]).iter();
        Entries { chunk, chunks, left: positions.len() }
    }

    /// The entry at a position.
    pub fn at(&self, position: usize) -> &T {
        &self.chunks[position / CHUNK][position % CHUNK]
    }

    /// The entry at a position. Its key must stay as it is.
    pub fn at_mut(&mut self, position: usize) -> &mut T {
        &mut self.chunks[position / CHUNK][position % CHUNK]
    }

    /// Where the entry of `key` is. `hash` is [`key_hash`] of it.
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        self.index.find(hash, |position| self.at(position).key() == key)
    }

    /// Where an entry of this hash is for which `wanted` holds.
    pub fn find_by_hash(&self, hash: u64, wanted: impl Fn(usize, &T) -> bool) -> Option<usize> {
        self.index.find(hash, |position| {
            let entry = self.at(position);
            wanted(position, entry) && key_hash(entry.key()) == hash
        })
    }

    /// Has the part of the index fetched in which a hash is looked for.
    pub fn prefetch_index(&self, hash: u64) {
        self.index.prefetch(hash);
    }

    /// Has the entry fetched that a hash most likely means.
    pub fn prefetch_entry(&self, hash: u64) {
        if let Some(entry) = self.likely(hash) {
            prefetch(entry);
        }
    }

    /// The entry that a hash most likely means.
    pub fn likely(&self, hash: u64) -> Option<&T> {
        self.index.find(hash, |_| true).map(|position| self.at(position))
    }

    /// The entry of `key`.
    pub fn get(&self, key: &[u8]) -> Option<&T> {
        self.find(key_hash(key), key).map(|position| self.at(position))
    }

    /// Adds an entry whose key is not there yet; gives its position.
    pub fn insert_new(&mut self, hash: u64, entry: T) -> usize {
        let position = self.len();
        if position.is_multiple_of(CHUNK) {
            self.chunks.push(Vec::new());
        }
        let is_first = position < CHUNK;
        if let Some(chunk) = self.chunks.last_mut() {
            if chunk.len() == chunk.capacity() {
                let more = if is_first { (chunk.len() / 2).max(4) } else { CHUNK_STEP };
                chunk.reserve_exact(more.min(CHUNK - chunk.len()));
            }
            chunk.push(entry);
        }
        self.index.insert(hash, position);
        position
    }

    /// Removes the entry at a position, into which the last one moves. `hash` is [`key_hash`] of its
    /// key.
    pub fn remove_at(&mut self, hash: u64, position: usize) -> T {
        self.index.remove(hash, position);
        let last = self.len() - 1;
        let moved = self.pop();
        if position == last {
            return moved;
        }
        self.index.move_position(key_hash(moved.key()), last, position);
        std::mem::replace(self.at_mut(position), moved)
    }

    /// Takes the last entry of the array, and gives memory back that is idle.
    fn pop(&mut self) -> T {
        let left = self.len() - 1;
        let chunk = &mut self.chunks[left / CHUNK];
        let popped = chunk.swap_remove(left % CHUNK);
        if chunk.is_empty() {
            self.chunks.pop();
        } else if chunk.capacity() > 64 && chunk.len() < chunk.capacity() / 4 {
            chunk.shrink_to(chunk.len() * 2);
        }
        if left.is_power_of_two() {
            self.index.shrink_to(left * 2);
            self.chunks.shrink_to(self.chunks.len() * 2);
        }
        popped
    }

    /// Removes the entry of `key`.
    pub fn remove(&mut self, key: &[u8]) -> Option<T> {
        let hash = key_hash(key);
        let position = self.find(hash, key)?;
        Some(self.remove_at(hash, position))
    }

    /// The positions that a scan of about `count` entries visits from `cursor` on, and the next
    /// cursor. Cursor 0 begins, and 0 comes back at the end.
    pub fn scan(&self, cursor: u64, count: usize) -> (Range<usize>, u64) {
        let len = self.len();
        let end = match usize::try_from(cursor) {
            Ok(0) | Err(_) => len,
            Ok(cursor) => cursor.min(len),
        };
        let start = end.saturating_sub(count.max(1));
        (start..end, start as u64)
    }
}

/// Entries that follow each other in a table.
#[derive(Clone, Debug)]
pub struct Entries<'a, T> {
    chunk: std::slice::Iter<'a, T>,
    chunks: std::slice::Iter<'a, Vec<T>>,
    left: usize,
}

impl<'a, T> Iterator for Entries<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        self.left = self.left.checked_sub(1)?;
        loop {
            if let Some(entry) = self.chunk.next() {
                return Some(entry);
            }
            self.chunk = self.chunks.next()?.iter();
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> ExactSizeIterator for Entries<'_, T> {}

impl<T: Keyed + Footprint> Footprint for Table<T> {
    fn heap_bytes(&self, samples: usize) -> usize {
        let chunks: usize = self.chunks.iter().map(|chunk| chunk.capacity() * size_of::<T>()).sum();
        let lists = self.chunks.capacity() * size_of::<Vec<T>>();
        let entries = of_many(self.len(), samples, self.iter().map(|entry| entry.heap_bytes(samples)));
        self.index.heap_bytes() + lists + chunks + entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    impl Keyed for Vec<u8> {
        fn key(&self) -> &[u8] {
            self
        }
    }

    fn add(table: &mut Table<Vec<u8>>, key: &[u8]) {
        if table.get(key).is_none() {
            table.insert_new(key_hash(key), key.to_vec());
        }
    }

    proptest! {
        #[test]
        fn a_table_holds_what_a_set_holds(
            // So many to begin with that steps cross from one chunk to the next and back.
            grown in prop::sample::select(vec![0, 3, CHUNK - 5, CHUNK, 2 * CHUNK + 3]),
            steps in proptest::collection::vec((any::<bool>(), 0..200_u16), 0..500),
        ) {
            let mut table = Table::default();
            let mut model = BTreeSet::new();
            for key in 1000..1000 + grown as u16 {
                add(&mut table, &key.to_be_bytes());
                model.insert(key.to_be_bytes().to_vec());
            }
            for (adds, key) in steps {
                let key = key.to_be_bytes().to_vec();
                if adds {
                    add(&mut table, &key);
                    model.insert(key);
                } else {
                    prop_assert_eq!(table.remove(&key).is_some(), model.remove(&key));
                }
                prop_assert_eq!(table.len(), model.len());
            }
            for start in [0, model.len() / 2, model.len()] {
                let range = table.range(start..model.len());
                prop_assert_eq!(range.len(), model.len() - start);
                prop_assert!(range.eq((start..model.len()).map(|position| table.at(position))));
            }
            prop_assert_eq!(table.iter().cloned().collect::<BTreeSet<_>>(), model);
        }

        #[test]
        fn a_scan_meets_every_entry_that_stays(
            removed in proptest::collection::btree_set(0..300_u32, 0..150),
            count in 1..40_usize,
        ) {
            let mut table = Table::default();
            for key in 0..300_u32 {
                add(&mut table, &key.to_be_bytes());
            }
            let mut to_remove = removed.iter();
            let mut seen = BTreeSet::new();
            let mut cursor = 0;
            loop {
                let (positions, next) = table.scan(cursor, count);
                seen.extend(positions.map(|position| table.at(position).clone()));
                for key in to_remove.by_ref().take(7) {
                    table.remove(&key.to_be_bytes());
                }
                cursor = next;
                if cursor == 0 {
                    break;
                }
            }
            for key in (0..300_u32).filter(|key| !removed.contains(key)) {
                prop_assert!(seen.contains(key.to_be_bytes().as_slice()), "missed {}", key);
            }
        }
    }

    #[test]
    fn a_table_that_is_emptied_gives_its_memory_back() {
        let mut table = Table::default();
        for key in 0..10_000_u32 {
            add(&mut table, &key.to_be_bytes());
        }
        let idle = table.chunks.iter().map(|chunk| chunk.capacity() - chunk.len()).sum::<usize>();
        assert!(idle <= CHUNK_STEP, "{idle}");
        for key in 3..10_000_u32 {
            table.remove(&key.to_be_bytes());
        }
        let capacity = table.chunks.iter().map(Vec::capacity).sum::<usize>();
        assert!(capacity <= 64, "{capacity}");
        assert!(table.chunks.capacity() <= 4);
    }
}
