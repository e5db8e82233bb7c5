//! A hash table over a dense array: what keys, fields and members are kept in.
//!
//! Entries lie side by side, so a random one is one draw away and a walk is a loop. A removal moves
//! the last entry into the gap: an entry only ever moves towards the front, which is why a scan from
//! the back towards the front misses nothing that was there all along.

use super::index::Index;
use super::prefetch::prefetch;
use crate::key_hash;

/// What can be found by its key.
pub trait Keyed {
    /// The bytes it is found by.
    fn key(&self) -> &[u8];
}

/// Entries by key. All positions are indexes into [`Table::entries`].
#[derive(Clone, Debug)]
pub struct Table<T> {
    index: Index,
    entries: Vec<T>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { index: Index::default(), entries: Vec::new() }
    }
}

impl<T: Keyed> Table<T> {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All entries, in no particular order.
    pub fn entries(&self) -> &[T] {
        &self.entries
    }

    /// The entry at a position.
    pub fn at(&self, position: usize) -> &T {
        &self.entries[position]
    }

    /// The entry at a position. Its key must stay as it is.
    pub fn at_mut(&mut self, position: usize) -> &mut T {
        &mut self.entries[position]
    }

    /// Where the entry of `key` is. `hash` is [`key_hash`] of it.
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        self.index.find(hash, |position| self.entries[position].key() == key)
    }

    /// Where an entry of this hash is for which `wanted` holds.
    pub fn find_by_hash(&self, hash: u64, wanted: impl Fn(&T) -> bool) -> Option<usize> {
        self.index.find(hash, |position| {
            let entry = &self.entries[position];
            wanted(entry) && key_hash(entry.key()) == hash
        })
    }

    /// Has the part of the index fetched in which a hash is looked for.
    pub fn prefetch_index(&self, hash: u64) {
        self.index.prefetch(hash);
    }

    /// Has the entry fetched that a hash most likely means.
    pub fn prefetch_entry(&self, hash: u64) {
        if let Some(position) = self.index.find(hash, |_| true) {
            prefetch(&self.entries[position]);
        }
    }

    /// The entry that a hash most likely means.
    pub fn likely(&self, hash: u64) -> Option<&T> {
        self.index.find(hash, |_| true).map(|position| &self.entries[position])
    }

    /// The entry of `key`.
    pub fn get(&self, key: &[u8]) -> Option<&T> {
        self.find(key_hash(key), key).map(|position| &self.entries[position])
    }

    /// Adds an entry whose key is not there yet; gives its position.
    pub fn insert_new(&mut self, hash: u64, entry: T) -> usize {
        let position = self.entries.len();
        if position == self.entries.capacity() {
            // By half, not double: at a million entries the slack is what memory is lost to.
            self.entries.reserve_exact((position / 2).max(4));
        }
        self.entries.push(entry);
        self.index.insert(hash, position);
        position
    }

    /// Removes the entry at a position. `hash` is [`key_hash`] of its key.
    pub fn remove_at(&mut self, hash: u64, position: usize) -> T {
        self.index.remove(hash, position);
        let removed = self.entries.swap_remove(position);
        if let Some(moved) = self.entries.get(position) {
            self.index.move_position(key_hash(moved.key()), self.entries.len(), position);
        }
        self.shrink();
        removed
    }

    /// Removes the entry of `key`.
    pub fn remove(&mut self, key: &[u8]) -> Option<T> {
        let hash = key_hash(key);
        let position = self.find(hash, key)?;
        Some(self.remove_at(hash, position))
    }

    /// Gives memory back once three quarters of it are idle.
    fn shrink(&mut self) {
        let len = self.entries.len();
        if self.entries.capacity() > 64 && len < self.entries.capacity() / 4 {
            self.entries.shrink_to(len * 2);
            self.index.shrink_to(len * 2);
        }
    }

    /// The positions that a scan of about `count` entries visits from `cursor` on, and the next
    /// cursor. Cursor 0 begins, and 0 comes back at the end.
    pub fn scan(&self, cursor: u64, count: usize) -> (std::ops::Range<usize>, u64) {
        let len = self.entries.len();
        let end = match usize::try_from(cursor) {
            Ok(0) | Err(_) => len,
            Ok(cursor) => cursor.min(len),
        };
        let start = end.saturating_sub(count.max(1));
        (start..end, start as u64)
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
        fn a_table_holds_what_a_set_holds(steps in proptest::collection::vec((any::<bool>(), 0..200_u8), 0..2000)) {
            let mut table = Table::default();
            let mut model = BTreeSet::new();
            for (adds, key) in steps {
                let key = vec![key];
                if adds {
                    add(&mut table, &key);
                    model.insert(key);
                } else {
                    prop_assert_eq!(table.remove(&key).is_some(), model.remove(&key));
                }
            }
            prop_assert_eq!(table.entries().iter().cloned().collect::<BTreeSet<_>>(), model);
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
}
