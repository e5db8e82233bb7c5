//! One shard of the key space: the keys whose hashes fall here, when they expire, and the counter
//! that orders their changes. Pure state: time is an argument.

use super::blocking::{Awaited, Waiters};
use super::deadlines::{Deadline, Deadlines};
use super::footprint::Footprint;
use super::table::{Keyed, Table};
use super::values::Value;
use super::watch::Watches;
use crate::{Statistics, key_hash};
use hyrax_types::{Revision, Timer, Wheel};
use std::ops::Range;

/// How far the clock may be set back before the timers are set anew.
const CLOCK_STEP_MS_MAX: u64 = 1000;

/// How many ticks of the clock of use there are in a second.
const USE_TICKS_PER_S: u64 = 10;

/// What becomes of a key's expiry when its value is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// It stays.
    Keep,
    /// The key no longer expires.
    Never,
    /// It expires at this time, in milliseconds since the epoch.
    At(u64),
}

/// When something was used, on a clock of tenths of a second that comes round every thirteen years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LastUse(u32);

impl LastUse {
    /// The clock at a time in milliseconds since the epoch.
    pub fn at(now_ms: u64) -> Self {
        LastUse((now_ms / (1000 / USE_TICKS_PER_S)) as u32)
    }

    /// The clock's reading.
    pub fn ticks(self) -> u64 {
        u64::from(self.0)
    }

    /// The reading so many milliseconds earlier; at most some three years, so that it is told from later.
    pub fn before(self, ms: u64) -> Self {
        let ticks = (ms / (1000 / USE_TICKS_PER_S)).min(u64::from(u32::MAX / 4));
        LastUse(self.0.wrapping_sub(ticks as u32))
    }

    /// How long ago that was, in milliseconds.
    pub fn idle_ms(self, now: LastUse) -> u64 {
        // A clock that was set back a little is no use thirteen years ago.
        let ticks = now.0.wrapping_sub(self.0);
        if ticks > u32::MAX / 2 { 0 } else { u64::from(ticks) * (1000 / USE_TICKS_PER_S) }
    }
}

/// A key and what it holds, in one cache line: among a million keys each line costs a wait. A key of
/// 16 bytes and a string of 38 have room in it.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Entry {
    head: Head,
    /// What the key holds.
    pub value: Value,
}

const _: () = assert!(size_of::<Entry>() == 64);

/// How many bytes of a key lie in the entry.
const SHORT_KEY_BYTES_MAX: usize = 16;

/// What an entry holds beside the value. That it is told twice lets small fields lie where the key
/// leaves room.
#[derive(Debug)]
enum Head {
    Short { len: u8, expires: bool, used: LastUse, key: [u8; SHORT_KEY_BYTES_MAX] },
    Long { expires: bool, used: LastUse, key: Box<[u8]> },
}

impl Entry {
    fn new(key: &[u8], value: Value, used: LastUse) -> Self {
        let mut bytes = [0; SHORT_KEY_BYTES_MAX];
        let head = match bytes.get_mut(..key.len()) {
            Some(place) => {
                place.copy_from_slice(key);
                Head::Short { len: key.len() as u8, expires: false, used, key: bytes }
            }
            None => Head::Long { expires: false, used, key: key.into() },
        };
        Entry { head, value }
    }

    /// Whether it expires at some time.
    fn expires(&self) -> bool {
        match self.head {
            Head::Short { expires, .. } | Head::Long { expires, .. } => expires,
        }
    }

    fn set_expires(&mut self, whether: bool) {
        match &mut self.head {
            Head::Short { expires, .. } | Head::Long { expires, .. } => *expires = whether,
        }
    }

    /// When it was last used.
    pub fn last_use(&self) -> LastUse {
        match self.head {
            Head::Short { used, .. } | Head::Long { used, .. } => used,
        }
    }

    /// Notes that it is used. Memory that need not change is not written to.
    pub fn touch(&mut self, now: LastUse) {
        match &mut self.head {
            Head::Short { used, .. } | Head::Long { used, .. } if *used != now => *used = now,
            Head::Short { .. } | Head::Long { .. } => {}
        }
    }
}

impl Footprint for Entry {
    fn heap_bytes(&self, samples: usize) -> usize {
        let key = match &self.head {
            Head::Short { .. } => 0,
            Head::Long { key, .. } => key.len(),
        };
        key + self.value.heap_bytes(samples)
    }
}

impl Keyed for Entry {
    fn key(&self) -> &[u8] {
        match &self.head {
            Head::Short { len, key, .. } => &key[..usize::from(*len)],
            Head::Long { key, .. } => key,
        }
    }
}

/// A key taken out of a shard.
#[derive(Debug)]
pub(super) struct Removed {
    entry: Entry,
    /// When it would have expired, if ever.
    pub expires_at: Option<u64>,
}

impl Removed {
    /// Its key.
    pub fn key(&self) -> &[u8] {
        self.entry.key()
    }

    /// What it held.
    pub fn into_value(self) -> Value {
        self.entry.value
    }
}

/// A part of the key space under one lock.
#[derive(Debug)]
pub(super) struct Shard {
    pub table: Table<Entry>,
    deadlines: Deadlines,
    wheel: Wheel,
    rev: Revision,
    /// Keys that transactions watch.
    pub watches: Watches,
    /// Commands that wait for keys here.
    pub waiters: Waiters,
    pub counts: Counts,
    /// How often a command has changed a key.
    changes: u64,
}

/// What is counted of the keys of a shard.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub expired: u64,
    pub evicted: u64,
    pub hits: u64,
    pub misses: u64,
    pub freed_late: u64,
}

impl Shard {
    pub fn new(now_ms: u64, rev: Revision) -> Self {
        Shard {
            table: Table::default(),
            deadlines: Deadlines::default(),
            wheel: Wheel::new(now_ms),
            rev,
            watches: Watches::default(),
            waiters: Waiters::default(),
            counts: Counts::default(),
            changes: 0,
        }
    }

    /// The revision of the newest change of any key here.
    pub fn rev(&self) -> Revision {
        self.rev
    }

    /// The revision of what is told next.
    pub fn next_rev(&mut self) -> Revision {
        self.rev = self.rev.next();
        self.rev
    }

    /// Counts changes that commands have made.
    pub fn count_changes(&mut self, keys: usize) {
        self.changes += keys as u64;
    }

    /// Gives back a large value, which is to be dropped once the shard is let go, as to free it takes a
    /// while. Drops any other.
    pub fn large(&mut self, value: Value) -> Option<Value> {
        let large = value.is_large().then_some(value);
        self.counts.freed_late += u64::from(large.is_some());
        large
    }

    /// Notes a change of a key, told or not, and gives its revision.
    pub fn record_change(&mut self, hash: u64, key: &[u8]) -> Revision {
        self.next_rev();
        self.watches.touch(hash, key, self.rev);
        self.rev
    }

    /// Whether a change that was just made to a key is what somebody may have waited for. Told once,
    /// until they are served.
    pub fn makes_ready(&mut self, hash: u64, key: &[u8]) -> bool {
        if self.waiters.is_empty() {
            return false;
        }
        let position = self.table.find(hash, key);
        let awaited = position.and_then(|position| Awaited::of(&self.table.at(position).value));
        self.waiters.make_ready(hash, key, awaited)
    }

    /// Adds a key that is not there yet; gives its position.
    pub fn insert(&mut self, hash: u64, key: &[u8], value: Value, now: LastUse) -> usize {
        self.table.insert_new(hash, Entry::new(key, value, now))
    }

    /// Removes the key at a position. The last one takes its place.
    pub fn remove_at(&mut self, hash: u64, position: usize) -> Removed {
        let expires_at = self.forget_expiry(hash, position);
        let last = self.table.len() - 1;
        let entry = self.table.remove_at(hash, position);
        if position != last && self.table.at(position).expires() {
            let hash = self.hash_at(position);
            self.deadlines.move_position(hash, last, position);
        }
        Removed { entry, expires_at }
    }

    /// Takes all keys out.
    pub fn take_all(&mut self) -> Table<Entry> {
        self.deadlines = Deadlines::default();
        self.wheel = Wheel::new(self.wheel.elapsed());
        std::mem::take(&mut self.table)
    }

    fn forget_expiry(&mut self, hash: u64, position: usize) -> Option<u64> {
        let entry = self.table.at_mut(position);
        if !entry.expires() {
            return None;
        }
        entry.set_expires(false);
        self.deadlines.remove(hash, position, |other| key_hash(self.table.at(other).key()))
    }

    /// When the key at a position expires, if ever.
    pub fn expiry(&self, hash: u64, position: usize) -> Option<u64> {
        if !self.table.at(position).expires() {
            return None;
        }
        self.deadlines.get(hash, position).map(|deadline| deadline.at)
    }

    /// Whether the time of the key at a position is over.
    pub fn is_expired(&self, hash: u64, position: usize, now: u64) -> bool {
        self.expiry(hash, position).is_some_and(|at| at <= now)
    }

    /// The keys that expire.
    pub fn deadlines(&self) -> &[Deadline] {
        self.deadlines.all()
    }

    /// The hash of the key at a position.
    pub fn hash_at(&self, position: usize) -> u64 {
        key_hash(self.table.at(position).key())
    }

    /// Adds what is counted here to a sum.
    pub fn add_to(&self, sum: &mut Statistics) {
        sum.keys += self.table.len() as u64;
        sum.expiring += self.deadlines.len() as u64;
        sum.expired += self.counts.expired;
        sum.evicted += self.counts.evicted;
        sum.hits += self.counts.hits;
        sum.misses += self.counts.misses;
        sum.freed_late += self.counts.freed_late;
        sum.changes += self.changes;
    }

    /// Keys at these positions whose time is not over.
    pub fn unexpired(&self, positions: Range<usize>, now: u64) -> impl Iterator<Item = &Entry> {
        let is_expired = move |(position, entry): (usize, &Entry)| {
            entry.expires() && self.is_expired(key_hash(entry.key()), position, now)
        };
        let entries = self.table.range(positions.clone());
        positions.zip(entries).filter(move |&found| !is_expired(found)).map(|(_, entry)| entry)
    }

    /// Sets when the key at a position expires, if ever.
    pub fn set_expiry(&mut self, hash: u64, position: usize, at: Option<u64>) {
        match at {
            Some(at) => {
                self.table.at_mut(position).set_expires(true);
                if self.deadlines.set(hash, position, at) {
                    self.wheel.insert(Timer { token: hash, deadline: at });
                }
            }
            None => drop(self.forget_expiry(hash, position)),
        }
        self.drop_stale_timers();
    }

    /// What a write asks to become of the expiry.
    pub fn apply_expiry(&mut self, hash: u64, position: usize, expiry: Expiry) {
        match expiry {
            Expiry::Keep => {}
            Expiry::Never => {
                if self.table.at(position).expires() {
                    self.set_expiry(hash, position, None);
                }
            }
            Expiry::At(at) => self.set_expiry(hash, position, Some(at)),
        }
    }

    /// Sets the timers anew once most of them belong to expiries that were taken back. That looks at
    /// every key that expires, so it has to be rare among many.
    fn drop_stale_timers(&mut self) {
        if self.wheel.timers() > 2 * self.deadlines.len() + 1024 {
            self.set_timers_anew(self.wheel.elapsed());
        }
    }

    fn set_timers_anew(&mut self, now: u64) {
        self.wheel = Wheel::new(now);
        self.deadlines.set_all_timers_anew();
        for deadline in self.deadlines.all() {
            let hash = self.hash_at(deadline.position as usize);
            self.wheel.insert(Timer { token: hash, deadline: deadline.at });
        }
    }

    /// When [`Shard::next_expired`] has to be asked again.
    pub fn next_deadline(&self) -> Option<u64> {
        self.wheel.next_deadline()
    }

    /// Where a key is whose time is over, with its hash. At most `looks` timers are looked at.
    pub fn next_expired(&mut self, now: u64, looks: &mut usize) -> Option<(u64, usize)> {
        if now < self.wheel.elapsed() {
            // The clock was set back. A little is waited for; beyond that, what is set from now on
            // would fire that much late.
            if self.wheel.elapsed() - now < CLOCK_STEP_MS_MAX {
                return None;
            }
            self.set_timers_anew(now);
        }
        while let Some(timer) = self.wheel.pop_due(now, looks) {
            let is_expired = |position, _: &Entry| self.is_expired(timer.token, position, now);
            if let Some(position) = self.table.find_by_hash(timer.token, is_expired) {
                return Some((timer.token, position));
            }
            self.set_later_timer(timer);
        }
        None
    }

    /// How many timers are set, stale ones included.
    #[cfg(test)]
    pub fn timers(&self) -> usize {
        self.wheel.timers()
    }

    /// A timer fired early because its key's expiry was moved; the key gets a new one.
    fn set_later_timer(&mut self, fired: Timer) {
        let was_for = |position, _: &Entry| {
            let deadline = self.deadlines.get(fired.token, position);
            deadline.is_some_and(|deadline| deadline.timer_at == fired.deadline)
        };
        let Some(position) = self.table.find_by_hash(fired.token, was_for) else { return };
        if let Some(deadline) = self.deadlines.set_timer_anew(fired.token, position) {
            self.wheel.insert(Timer { token: fired.token, deadline });
        }
    }
}
