//! Keys under watch, for transactions that are to fail when one of them has changed.
//!
//! A shard remembers for each watched key when it last changed. A change of a key costs nothing more
//! while no key of its shard is watched, and one look-up while some are.

use super::table::{Keyed, Table};
use super::{Embedded, Shards, shard_number};
use crate::{Watched, key_hash};
use hyrax_types::Revision;

/// The watched keys of a shard.
#[derive(Debug, Default)]
pub(super) struct Watches(Table<WatchedKey>);

#[derive(Debug)]
struct WatchedKey {
    key: Box<[u8]>,
    watchers: usize,
    /// When it last changed, of what has happened since the first watch on it.
    changed: Revision,
}

impl Keyed for WatchedKey {
    fn key(&self) -> &[u8] {
        &self.key
    }
}

impl Watches {
    fn add(&mut self, hash: u64, key: &[u8]) {
        match self.0.find(hash, key) {
            Some(position) => self.0.at_mut(position).watchers += 1,
            None => {
                let entry = WatchedKey { key: key.into(), watchers: 1, changed: Revision::ZERO };
                self.0.insert_new(hash, entry);
            }
        }
    }

    fn remove(&mut self, hash: u64, key: &[u8]) {
        let Some(position) = self.0.find(hash, key) else { return };
        self.0.at_mut(position).watchers -= 1;
        if self.0.at(position).watchers == 0 {
            self.0.remove_at(hash, position);
        }
    }

    /// Notes that a key has changed.
    pub fn touch(&mut self, hash: u64, key: &[u8], rev: Revision) {
        if !self.0.is_empty()
            && let Some(position) = self.0.find(hash, key)
        {
            self.0.at_mut(position).changed = rev;
        }
    }

    /// Whether no key is watched.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a key that is under watch has changed after a revision.
    pub fn has_changed(&self, hash: u64, key: &[u8], since: Revision) -> bool {
        self.0.find(hash, key).is_none_or(|position| self.0.at(position).changed > since)
    }
}

/// Keeps a key under watch until it is dropped.
struct Registration {
    shards: Shards,
    hash: u64,
    key: Box<[u8]>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.shards[shard_number(self.hash)].lock().watches.remove(self.hash, &self.key);
    }
}

impl Embedded {
    /// Puts a key under watch. One that is past its time is removed first: that it goes is no change.
    pub(in crate::embedded) fn watch_key(&self, key: &[u8]) -> Watched {
        let now = self.clock.now_ms();
        let hash = key_hash(key);
        let mut shard = self.shard(hash).lock();
        let found = shard.table.find(hash, key);
        let expired = found.filter(|&position| shard.is_expired(hash, position, now));
        let mut discarded = Vec::new();
        // One that is to stay will be taken for changed once it goes: then the transaction is tried again.
        let expired = expired.filter(|_| !self.keeps_expired(now));
        let emitted =
            expired.is_some_and(|position| self.remove_expired(&mut shard, hash, position, &mut discarded));
        shard.watches.add(hash, key);
        let since = shard.rev();
        drop(shard);
        if emitted {
            self.feed.settle();
        }
        let registration = Registration { shards: self.shards.clone(), hash, key: key.into() };
        Watched { key: key.into(), since, registration: Box::new(registration) }
    }
}
