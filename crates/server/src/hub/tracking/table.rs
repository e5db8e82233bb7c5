//! Which sessions have read which keys since those last changed.

use hashbrown::HashMap;
use hyrax_types::{SessionId, limits};
use hyrax_values::key_hash;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::sync::atomic::{AtomicUsize, Ordering};

/// As many as the embedded engine has: two writers that do not meet there seldom meet here.
const SHARDS: usize = 64;

/// Most often one.
pub(super) type Readers = SmallVec<[SessionId; 2]>;

#[derive(Default)]
struct Shard {
    /// How many keys there are, to be read without the lock.
    count: AtomicUsize,
    readers: Mutex<HashMap<Box<[u8]>, Readers>>,
}

/// The sessions that have read a key, by key.
pub(super) struct Table {
    shards: Box<[Shard]>,
    keys: AtomicUsize,
    bytes: AtomicUsize,
    items: AtomicUsize,
    keys_max: AtomicUsize,
    /// Where to look next for a key to forget.
    hand: AtomicUsize,
}

impl Default for Table {
    fn default() -> Self {
        Table {
            shards: (0..SHARDS).map(|_| Shard::default()).collect(),
            keys: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            items: AtomicUsize::new(0),
            keys_max: AtomicUsize::new(limits::TRACKED_KEYS_MAX),
            hand: AtomicUsize::new(0),
        }
    }
}

impl Table {
    fn shard(&self, hash: u64) -> &Shard {
        &self.shards[(hash >> 32) as usize & (SHARDS - 1)]
    }

    /// Whether a key of this hash may be in it.
    pub fn may_hold(&self, hash: u64) -> bool {
        self.shard(hash).count.load(Ordering::Acquire) > 0
    }

    /// Adds a reader of a key.
    pub fn add(&self, key: &[u8], session: SessionId) {
        let shard = self.shard(key_hash(key));
        let mut by_key = shard.readers.lock();
        let readers = match by_key.get_mut(key) {
            Some(readers) => readers,
            None => {
                self.keys.fetch_add(1, Ordering::Relaxed);
                self.bytes.fetch_add(key.len(), Ordering::Relaxed);
                by_key.entry(key.into()).or_default()
            }
        };
        if !readers.contains(&session) {
            readers.push(session);
            self.items.fetch_add(1, Ordering::Relaxed);
        }
        shard.count.store(by_key.len(), Ordering::Release);
    }

    /// Whether a session is among the readers of a key.
    pub fn holds(&self, key: &[u8], session: SessionId) -> bool {
        let shard = self.shard(key_hash(key));
        shard.readers.lock().get(key).is_some_and(|readers| readers.contains(&session))
    }

    /// Takes the readers of a key out.
    pub fn take(&self, hash: u64, key: &[u8]) -> Readers {
        let shard = self.shard(hash);
        if shard.count.load(Ordering::Acquire) == 0 {
            return Readers::new();
        }
        let mut by_key = shard.readers.lock();
        let taken = by_key.remove(key);
        shard.count.store(by_key.len(), Ordering::Release);
        drop(by_key);
        self.count_out(key, taken.as_ref());
        taken.unwrap_or_default()
    }

    fn count_out(&self, key: &[u8], taken: Option<&Readers>) {
        if let Some(readers) = taken {
            self.keys.fetch_sub(1, Ordering::Relaxed);
            self.bytes.fetch_sub(key.len(), Ordering::Relaxed);
            self.items.fetch_sub(readers.len(), Ordering::Relaxed);
        }
    }

    /// Bounds the number of keys; 0 for none.
    pub fn limit(&self, keys_max: usize) {
        self.keys_max.store(keys_max, Ordering::Relaxed);
    }

    /// The bound of the number of keys; 0 for none.
    pub fn limit_of_keys(&self) -> usize {
        self.keys_max.load(Ordering::Relaxed)
    }

    /// Takes any key out, with its readers, if there are more than may be.
    pub fn take_surplus(&self) -> Option<(Box<[u8]>, Readers)> {
        let keys_max = self.limit_of_keys();
        let too_many = keys_max > 0 && self.keys.load(Ordering::Relaxed) > keys_max;
        if !too_many && self.bytes.load(Ordering::Relaxed) <= limits::TRACKED_KEY_BYTES_MAX {
            return None;
        }
        for _ in 0..SHARDS {
            let shard = &self.shards[self.hand.fetch_add(1, Ordering::Relaxed) % SHARDS];
            let mut by_key = shard.readers.lock();
            let Some(key) = by_key.keys().next().cloned() else { continue };
            let readers = by_key.remove(&key);
            shard.count.store(by_key.len(), Ordering::Release);
            drop(by_key);
            self.count_out(&key, readers.as_ref());
            return readers.map(|readers| (key, readers));
        }
        None
    }

    /// Takes everything out.
    pub fn clear(&self) {
        for shard in &self.shards {
            let taken = std::mem::take(&mut *shard.readers.lock());
            shard.count.store(0, Ordering::Release);
            taken.iter().for_each(|(key, readers)| self.count_out(key, Some(readers)));
        }
    }

    /// How many keys there are, and how many readers of them together.
    pub fn totals(&self) -> (usize, usize) {
        (self.keys.load(Ordering::Relaxed), self.items.load(Ordering::Relaxed))
    }
}
