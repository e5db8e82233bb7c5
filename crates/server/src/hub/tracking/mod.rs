//! Who keeps copies of values, and is told when they are stale: Redis' client-side caching
//! (<https://redis.io/docs/latest/develop/reference/client-side-caching/>).
//!
//! A tracker is a session that keeps copies. Either the keys that it reads are remembered, and each is told of
//! once, when it changes; or all keys under some prefixes are told of whenever they do. What is stale gathers
//! at the tracker, and is told by its own session in its turn, or else by the teller. Knows no wire format: a
//! [`Teller`] does.

mod table;
#[cfg(test)]
mod tests;
mod tracker;

pub use tracker::{Invalidation, Teller, Tracker};

use hashbrown::HashMap;
use hyrax_types::SessionId;
use parking_lot::{Mutex, RwLock};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use table::Table;
use tokio::sync::Notify;

thread_local! {
    /// The session whose commands this thread runs.
    static ACTING: Cell<Option<SessionId>> = const { Cell::new(None) };
}

/// While it lives, what its thread changes is the doing of one session.
struct Acting;

impl Drop for Acting {
    fn drop(&mut self) {
        ACTING.set(None);
    }
}

/// Trackers that are told of all keys under a prefix.
#[derive(Default)]
struct Broadcasts {
    by_prefix: BTreeMap<Box<[u8]>, Vec<Arc<Tracker>>>,
    /// How long the prefixes are, each length once, the least first: a key is looked up once for each.
    lengths: Vec<usize>,
}

impl Broadcasts {
    fn add(&mut self, tracker: &Arc<Tracker>) {
        for prefix in tracker.prefixes() {
            self.by_prefix.entry(prefix.clone()).or_default().push(tracker.clone());
        }
        self.measure();
    }

    fn remove(&mut self, tracker: &Arc<Tracker>) {
        for prefix in tracker.prefixes() {
            if let Some(told) = self.by_prefix.get_mut(prefix) {
                told.retain(|other| !Arc::ptr_eq(other, tracker));
                if told.is_empty() {
                    self.by_prefix.remove(prefix);
                }
            }
        }
        self.measure();
    }

    fn measure(&mut self) {
        self.lengths = self.by_prefix.keys().map(|prefix| prefix.len()).collect();
        self.lengths.sort_unstable();
        self.lengths.dedup();
    }

    /// The prefixes of a key, and who is told of it.
    fn of_key<'b>(&'b self, key: &'b [u8]) -> impl Iterator<Item = (&'b [u8], &'b Vec<Arc<Tracker>>)> {
        let prefixes = self.lengths.iter().map_while(|&length| key.get(..length));
        prefixes.filter_map(|prefix| Some((prefix, self.by_prefix.get(prefix)?)))
    }
}

/// All trackers of this node, and what they may have copies of.
#[derive(Default)]
pub struct Tracking {
    /// Whether there is any, to be read without a lock.
    is_on: AtomicBool,
    trackers: RwLock<HashMap<SessionId, Arc<Tracker>>>,
    table: Table,
    broadcasts: RwLock<Broadcasts>,
    /// How many prefixes there are, to be read without the lock.
    prefixes: AtomicUsize,
    /// Trackers with something to be told.
    dirty: Mutex<Vec<Arc<Tracker>>>,
    waiting: AtomicBool,
    notify: Notify,
}

/// What `INFO` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackingTotals {
    /// Sessions that keep copies.
    pub trackers: usize,
    /// Keys that somebody may have a copy of.
    pub keys: usize,
    /// The same, those of several sessions counted for each.
    pub items: usize,
    /// Prefixes all of whose keys are told of.
    pub prefixes: usize,
}

impl Tracking {
    /// Whether anybody keeps copies.
    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Acquire)
    }

    /// Whether a change of a key of this hash may concern anybody.
    #[inline]
    pub(super) fn wants(&self, hash: u64) -> bool {
        self.is_on() && (self.prefixes.load(Ordering::Acquire) > 0 || self.table.may_hold(hash))
    }

    /// Runs `action`, whose changes are the doing of `session`.
    pub fn acting<R>(&self, session: SessionId, action: impl FnOnce() -> R) -> R {
        ACTING.set(Some(session));
        let _acting = Acting;
        action()
    }

    /// Takes a tracker in, in place of the one that its session was before.
    pub fn enter(&self, tracker: Arc<Tracker>) {
        self.stop(tracker.id);
        let mut broadcasts = self.broadcasts.write();
        broadcasts.add(&tracker);
        self.prefixes.store(broadcasts.by_prefix.len(), Ordering::Release);
        drop(broadcasts);
        let mut trackers = self.trackers.write();
        trackers.insert(tracker.id, tracker);
        self.is_on.store(true, Ordering::Release);
    }

    /// Tells a session no more. What it has read stays remembered, as it may begin again.
    pub fn stop(&self, session: SessionId) {
        if !self.is_on() {
            return;
        }
        let mut trackers = self.trackers.write();
        let Some(tracker) = trackers.remove(&session) else { return };
        self.is_on.store(!trackers.is_empty(), Ordering::Release);
        drop(trackers);
        let mut broadcasts = self.broadcasts.write();
        broadcasts.remove(&tracker);
        self.prefixes.store(broadcasts.by_prefix.len(), Ordering::Release);
    }

    /// Remembers that a session reads keys, which it is about to do.
    pub fn remember<'k>(&self, session: SessionId, keys: impl Iterator<Item = &'k [u8]>) {
        for key in keys {
            self.table.add(key, session);
        }
        self.forget_too_many();
    }

    /// Whether a key is still remembered to have been read by a session.
    pub fn is_remembered(&self, session: SessionId, key: &[u8]) -> bool {
        self.table.holds(key, session)
    }

    /// Remembers no more than so many keys; 0 for no bound. Of those beyond it, any are told as stale.
    pub fn limit_keys(&self, max: usize) {
        self.table.limit(max);
        self.forget_too_many();
        self.wake();
    }

    /// How many keys are remembered at most; 0 for no bound.
    pub fn keys_max(&self) -> usize {
        self.table.limit_of_keys()
    }

    fn forget_too_many(&self) {
        while let Some((key, readers)) = self.table.take_surplus() {
            self.tell_readers(&key, &readers, None);
        }
    }

    /// A key has changed: by what its thread runs, or by itself.
    pub(super) fn changed(&self, hash: u64, key: &[u8], by_itself: bool) {
        let writer = if by_itself { None } else { ACTING.get() };
        if self.prefixes.load(Ordering::Acquire) > 0 {
            self.broadcast(key, writer);
        }
        let readers = self.table.take(hash, key);
        self.tell_readers(key, &readers, writer);
    }

    fn tell_readers(&self, key: &[u8], readers: &[SessionId], writer: Option<SessionId>) {
        if readers.is_empty() {
            return;
        }
        let trackers = self.trackers.read();
        for reader in readers {
            let Some(tracker) = trackers.get(reader).filter(|tracker| !tracker.is_broadcast()) else {
                continue;
            };
            if tracker.hears_of(writer) && tracker.gather(key) {
                self.add_dirty(tracker);
            }
        }
    }

    fn broadcast(&self, key: &[u8], writer: Option<SessionId>) {
        let broadcasts = self.broadcasts.read();
        for (prefix, trackers) in broadcasts.of_key(key) {
            for tracker in trackers {
                if tracker.gather_under(prefix, key, writer) {
                    self.add_dirty(tracker);
                }
            }
        }
    }

    /// All keys have gone at once.
    pub(super) fn emptied(&self) {
        if !self.is_on() {
            return;
        }
        self.table.clear();
        for tracker in self.trackers.read().values() {
            if tracker.gather_all() {
                self.add_dirty(tracker);
            }
        }
    }

    fn add_dirty(&self, tracker: &Arc<Tracker>) {
        self.dirty.lock().push(tracker.clone());
        self.waiting.store(true, Ordering::Release);
    }

    /// Has what is stale told, if anything is.
    pub(super) fn wake(&self) {
        if self.waiting.load(Ordering::Acquire) && self.waiting.swap(false, Ordering::AcqRel) {
            self.notify.notify_one();
        }
    }

    /// Tells what is stale, for ever.
    pub(super) async fn run(&self) {
        loop {
            let dirty = std::mem::take(&mut *self.dirty.lock());
            if dirty.is_empty() {
                self.notify.notified().await;
                continue;
            }
            for tracker in dirty {
                tracker.tell();
            }
            tokio::task::yield_now().await;
        }
    }

    /// What `INFO` tells.
    pub fn totals(&self) -> TrackingTotals {
        let (keys, items) = self.table.totals();
        TrackingTotals {
            trackers: self.trackers.read().len(),
            keys,
            items,
            prefixes: self.prefixes.load(Ordering::Acquire),
        }
    }
}
