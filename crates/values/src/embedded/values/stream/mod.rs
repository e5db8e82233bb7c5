//! The value of a stream key: entries in the order of their ids, and the groups that consume them.
//!
//! The entries lie packed in blocks ([`block`]), which begin and end where the nodes of Redis do.

mod block;
mod group;
mod id;
mod radix;
#[cfg(test)]
mod tests;
mod word;

pub use block::{Bounds as BlockBounds, Entry};
pub use group::{Claim, Consumer, Deliveries, Group, Pending};
pub use id::Id;

use crate::ReplySink;
use crate::embedded::footprint::{Footprint, of_many};
use block::{Block, Pair};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use word::Word;

/// Entries in the order of their ids, and the groups that consume them.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// By the id of the first entry of each, deleted or not.
    blocks: BTreeMap<Id, Block>,
    marks: Marks,
    groups: BTreeMap<Box<[u8]>, Group>,
}

/// What is known of a stream's entries as a whole, those no longer there included.
#[derive(Clone, Copy, Debug, Default)]
pub struct Marks {
    /// How many entries there are.
    pub len: u64,
    /// The id of the first entry; zero when there is none.
    pub first_id: Id,
    /// The highest id that an entry ever had.
    pub last_id: Id,
    /// The highest id that was deleted by name.
    pub max_deleted_id: Id,
    /// How many entries were ever added.
    pub entries_added: u64,
}

/// What a trim leaves.
#[derive(Clone, Copy, Debug)]
pub enum Keep {
    /// That many of the newest entries.
    Newest(u64),
    /// The entries from this id on.
    From(Id),
}

impl Marks {
    /// Whether an entry was deleted by name among those from an id on.
    pub fn has_gap_from(&self, id: Id) -> bool {
        self.len > 0
            && self.max_deleted_id != Id::MIN
            && self.first_id <= self.max_deleted_id
            && id <= self.max_deleted_id
    }

    /// How many entries were ever added up to an id, where that can be told.
    pub fn entries_up_to(&self, id: Id) -> Option<i64> {
        let added = self.entries_added as i64;
        if self.entries_added == 0 {
            return Some(0);
        }
        if id == self.last_id || self.len == 0 && id < self.last_id {
            return Some(added);
        }
        let is_whole = self.max_deleted_id == Id::MIN || self.max_deleted_id < self.first_id;
        if id > self.last_id || !is_whole || id > self.first_id {
            return None;
        }
        let before_first = added.wrapping_sub(self.len as i64);
        Some(if id == self.first_id { before_first.wrapping_add(1) } else { before_first })
    }

    /// How many entries a group has yet to read, where that can be told.
    pub fn lag(&self, group: &Group) -> Option<i64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        let read = match group.entries_read {
            Some(read) if !self.has_gap_from(group.last_id) => read,
            _ => self.entries_up_to(group.last_id)?,
        };
        Some((self.entries_added as i64).wrapping_sub(read))
    }
}

impl Footprint for Stream {
    fn heap_bytes(&self, samples: usize) -> usize {
        let blocks = self.blocks.values().map(|block| block.heap_bytes(samples));
        let groups = self.groups.iter().map(|(name, group)| name.len() + group.heap_bytes(samples));
        of_many(self.blocks.len(), samples, blocks) + of_many(self.groups.len(), samples, groups)
    }
}

impl Stream {
    /// What is known of the entries as a whole.
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// How many entries there are.
    pub fn len(&self) -> u64 {
        self.marks.len
    }

    /// Sets the highest id, which is no lower than any entry's, and what else is given of what is known.
    pub fn set_marks(&mut self, last_id: Id, entries_added: Option<u64>, max_deleted_id: Option<Id>) {
        self.marks.last_id = last_id;
        if let Some(added) = entries_added {
            self.marks.entries_added = added;
        }
        if let Some(id) = max_deleted_id {
            self.marks.max_deleted_id = id;
        }
    }

    /// Adds an entry, whose id is higher than any before. The words are names and values in turn. A block
    /// that is full by these bounds takes no more.
    pub fn append(&mut self, id: Id, words: &[&[u8]], bounds: BlockBounds) {
        let (pairs, _) = words.as_chunks();
        let pairs: SmallVec<[Pair<'_>; 8]> =
            pairs.iter().map(|&[name, value]| (Word::from(name), Word::from(value))).collect();
        let bytes: usize = words.iter().map(|word| word.len()).sum();
        match self.blocks.last_entry() {
            Some(mut last) if last.get().has_room(bytes, bounds) => {
                let own = *last.key();
                last.get_mut().push(own, id, &pairs);
            }
            full => {
                if let Some(mut full) = full {
                    full.get_mut().shrink();
                }
                self.blocks.insert(id, Block::new(id, &pairs));
            }
        }
        self.marks.len += 1;
        self.marks.entries_added = self.marks.entries_added.wrapping_add(1);
        self.marks.last_id = id;
        if self.marks.len == 1 {
            self.marks.first_id = id;
        }
    }

    /// Deletes an entry; whether it was there.
    pub fn delete(&mut self, id: Id) -> bool {
        let Some((&own, _)) = self.blocks.range(..=id).next_back() else { return false };
        let Slot::Occupied(mut block) = self.blocks.entry(own) else { return false };
        if !block.get_mut().delete(own, id) {
            return false;
        }
        if block.get().len() == 0 {
            block.remove();
        }
        self.marks.len -= 1;
        self.marks.max_deleted_id = self.marks.max_deleted_id.max(id);
        if id == self.marks.first_id {
            self.find_first();
        }
        true
    }

    /// Deletes entries from the front; how many. As far as whole blocks go, and where it may take parts of
    /// them, too, as far as was asked. A limit on the number of entries ends it before a block that would
    /// exceed it.
    pub fn trim(&mut self, keep: Keep, only_whole_blocks: bool, limit: Option<u64>) -> u64 {
        let mut deleted = 0;
        while let Some(mut first) = self.blocks.first_entry() {
            let (len, in_block) = (self.marks.len, first.get().len());
            let is_enough = matches!(keep, Keep::Newest(most) if len <= most);
            if is_enough || limit.is_some_and(|limit| deleted + in_block > limit) {
                break;
            }
            let goes_whole = match keep {
                Keep::Newest(most) => len - in_block >= most,
                Keep::From(id) => first.get().last() < id,
            };
            let gone = if goes_whole {
                first.remove();
                in_block
            } else if only_whole_blocks {
                break;
            } else {
                let own = *first.key();
                first.get_mut().delete_front(own, |id, gone| match keep {
                    Keep::Newest(most) => len - gone > most,
                    Keep::From(from) => id < from,
                })
            };
            self.marks.len -= gone;
            deleted += gone;
            if !goes_whole {
                break;
            }
        }
        if deleted > 0 {
            self.find_first();
        }
        deleted
    }

    fn find_first(&mut self) {
        let first = self.range(Id::MIN, Id::MAX).next();
        self.marks.first_id = first.map_or(Id::MIN, |entry| entry.id);
    }

    /// The id of the last entry.
    pub fn last_entry_id(&self) -> Option<Id> {
        self.blocks.iter().rev().find_map(|(&own, block)| block.last_live(own))
    }

    /// Whether there is an entry of this id.
    pub fn contains(&self, id: Id) -> bool {
        self.get(id).is_some()
    }

    /// The entry of an id.
    pub fn get(&self, id: Id) -> Option<Entry<'_>> {
        self.range(id, id).next()
    }

    /// The blocks that may have entries between two ids, both included.
    fn blocks_between(&self, from: Id, to: Id) -> std::collections::btree_map::Range<'_, Id, Block> {
        let first = self.blocks.range(..=from).next_back().map_or(from, |(&own, _)| own);
        // A range that ends before it begins is refused by the map, and has no entry.
        self.blocks.range(first..=to.max(first))
    }

    /// The entries between two ids, both included, from the lowest on.
    pub fn range(&self, from: Id, to: Id) -> impl Iterator<Item = Entry<'_>> {
        self.blocks_between(from, to)
            .flat_map(|(&own, block)| block.entries(own))
            .skip_while(move |entry| entry.id < from)
            .take_while(move |entry| entry.id <= to)
    }

    /// The entries between two ids, both included, from the highest on.
    pub fn range_back(&self, from: Id, to: Id) -> impl Iterator<Item = Entry<'_>> {
        self.blocks_between(from, to)
            .rev()
            .flat_map(|(&own, block)| block.entries(own).collect::<Vec<_>>().into_iter().rev())
            .skip_while(move |entry| entry.id > to)
            .take_while(move |entry| entry.id >= from)
    }

    /// How many entries there are between two ids, both included; no more than `most` are counted.
    pub fn count(&self, from: Id, to: Id, most: usize) -> usize {
        let mut count = 0;
        for (&own, block) in self.blocks_between(from, to) {
            count += if from <= own && block.last() <= to {
                block.len() as usize
            } else {
                block.entries(own).filter(|entry| (from..=to).contains(&entry.id)).count()
            };
            if count >= most {
                return most;
            }
        }
        count
    }

    /// How many keys and nodes the radix tree of Redis would have.
    pub fn radix_size(&self) -> (usize, usize) {
        (self.blocks.len(), radix::nodes(self.blocks.keys().copied()))
    }

    /// The groups by name, in order.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = (&[u8], &Group)> {
        self.groups.iter().map(|(name, group)| (&name[..], group))
    }

    /// A group.
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.groups.get(name)
    }

    /// A group, to change.
    pub fn group_mut(&mut self, name: &[u8]) -> Option<&mut Group> {
        self.groups.get_mut(name)
    }

    /// Makes a group; whether there was none of that name.
    pub fn create_group(&mut self, name: &[u8], group: Group) -> bool {
        let is_new = !self.groups.contains_key(name);
        if is_new {
            self.groups.insert(name.into(), group);
        }
        is_new
    }

    /// Removes a group; whether it was there.
    pub fn destroy_group(&mut self, name: &[u8]) -> bool {
        self.groups.remove(name).is_some()
    }

    /// Delivers to a group's consumer, which is there, up to `most` entries that the group has not read.
    /// Answers which. Where they need no acknowledging, they do not become pending.
    pub fn deliver(&mut self, group: &[u8], consumer: &[u8], now: u64, most: usize, pends: bool) -> Vec<Id> {
        let Some(from) = self.group(group).and_then(|group| group.last_id.next()) else { return Vec::new() };
        let ids: Vec<Id> = self.range(from, Id::MAX).take(most).map(|entry| entry.id).collect();
        if let Some(group) = self.groups.get_mut(group) {
            for &id in &ids {
                group.advance(id, &self.marks);
            }
            if pends {
                group.deliver(ids.iter().copied(), consumer, now);
            }
        }
        ids
    }

    /// Writes all entries: an array with the id of each and a map of its fields. Groups are not part of it.
    pub fn write(&self, reply: &mut dyn ReplySink) {
        reply.array(self.len() as usize);
        for entry in self.range(Id::MIN, Id::MAX) {
            reply.array(2);
            entry.id.with_text(|id| reply.bulk(id));
            reply.map(entry.len());
            for (name, value) in entry {
                name.write(reply);
                value.write(reply);
            }
        }
    }
}
