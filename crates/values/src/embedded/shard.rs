//! One shard of the key space: the keys whose hashes fall here, when they expire, and the counter
//! that orders their changes. Pure state: time is an argument.

use super::blocking::{Awaited, Waiters};
use super::table::{Keyed, Table};
use super::values::Value;
use super::watch::Watches;
use super::wheel::{Timer, Wheel};
use hyrax_types::Revision;
use smallvec::SmallVec;

/// How far the clock may be set back before the timers are set anew.
const CLOCK_STEP_MS_MAX: u64 = 1000;

/// A key that never expires.
const NEVER: u64 = u64::MAX;

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

/// A key and what it holds, in one cache line: among a million keys each line costs a wait.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Entry {
    /// Short keys lie in the entry itself.
    key: SmallVec<[u8; 16]>,
    /// What the key holds.
    pub value: Value,
    /// When it expires, in milliseconds since the epoch.
    expires_at: u64,
    /// The earliest timer set for it, so that a key written again and again with a later expiry does
    /// not set one each time.
    timer_at: u64,
}

const _: () = assert!(size_of::<Entry>() == 64);

impl Entry {
    /// When it expires, if ever.
    pub fn expiry(&self) -> Option<u64> {
        (self.expires_at != NEVER).then_some(self.expires_at)
    }

    /// Whether its time is over.
    pub fn is_expired(&self, now: u64) -> bool {
        self.expires_at <= now
    }
}

impl Keyed for Entry {
    fn key(&self) -> &[u8] {
        &self.key
    }
}

/// A part of the key space under one lock.
#[derive(Debug)]
pub(super) struct Shard {
    pub table: Table<Entry>,
    wheel: Wheel,
    rev: Revision,
    /// How many keys have an expiry.
    expiring: usize,
    /// Keys that transactions watch.
    pub watches: Watches,
    /// Commands that wait for keys here.
    pub waiters: Waiters,
}

impl Shard {
    pub fn new(now_ms: u64, rev: Revision) -> Self {
        Shard {
            table: Table::default(),
            wheel: Wheel::new(now_ms),
            rev,
            expiring: 0,
            watches: Watches::default(),
            waiters: Waiters::default(),
        }
    }

    /// The revision of the newest change of any key here.
    pub fn rev(&self) -> Revision {
        self.rev
    }

    /// Notes a change of a key, told or not, and gives its revision.
    pub fn record_change(&mut self, hash: u64, key: &[u8]) -> Revision {
        self.rev = self.rev.next();
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

    pub fn insert(&mut self, hash: u64, key: &[u8], value: Value) -> usize {
        let entry = Entry { key: SmallVec::from_slice(key), value, expires_at: NEVER, timer_at: NEVER };
        self.table.insert_new(hash, entry)
    }

    pub fn remove_at(&mut self, hash: u64, position: usize) -> Entry {
        let removed = self.table.remove_at(hash, position);
        if removed.expires_at != NEVER {
            self.expiring -= 1;
        }
        removed
    }

    pub fn set_expiry(&mut self, hash: u64, position: usize, at: Option<u64>) {
        let entry = self.table.at_mut(position);
        let had = entry.expires_at != NEVER;
        entry.expires_at = at.unwrap_or(NEVER);
        if entry.expires_at < entry.timer_at {
            entry.timer_at = entry.expires_at;
            self.wheel.insert(Timer { hash, deadline: entry.expires_at });
        }
        match (had, at.is_some()) {
            (false, true) => self.expiring += 1,
            (true, false) => self.expiring -= 1,
            _ => {}
        }
        self.drop_stale_timers();
    }

    /// What a write asks to become of the expiry.
    pub fn apply_expiry(&mut self, hash: u64, position: usize, expiry: Expiry) {
        match expiry {
            Expiry::Keep => {}
            Expiry::Never => {
                if self.table.at(position).expiry().is_some() {
                    self.set_expiry(hash, position, None);
                }
            }
            Expiry::At(at) => self.set_expiry(hash, position, Some(at)),
        }
    }

    /// Sets the timers anew once most of them belong to expiries that were taken back. That looks at
    /// every key, so it has to be rare among many.
    fn drop_stale_timers(&mut self) {
        if self.wheel.len() > 2 * self.expiring + self.table.len() / 4 + 1024 {
            self.set_timers_anew(self.wheel.elapsed());
        }
    }

    fn set_timers_anew(&mut self, now: u64) {
        self.wheel = Wheel::new(now);
        for position in 0..self.table.len() {
            let entry = self.table.at_mut(position);
            entry.timer_at = entry.expires_at;
            if entry.expires_at != NEVER {
                self.wheel.insert(Timer { hash: crate::key_hash(&entry.key), deadline: entry.expires_at });
            }
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
            if let Some(position) = self.table.find_by_hash(timer.hash, |entry| entry.is_expired(now)) {
                return Some((timer.hash, position));
            }
            self.set_later_timer(timer);
        }
        None
    }

    /// How many timers are set, stale ones included.
    #[cfg(test)]
    pub fn timers(&self) -> usize {
        self.wheel.len()
    }

    /// A timer fired early because its key's expiry was moved; the key gets a new one.
    fn set_later_timer(&mut self, fired: Timer) {
        let position = self.table.find_by_hash(fired.hash, |entry| entry.timer_at == fired.deadline);
        let Some(position) = position else { return };
        let entry = self.table.at_mut(position);
        entry.timer_at = entry.expires_at;
        if entry.expires_at != NEVER {
            self.wheel.insert(Timer { hash: fired.hash, deadline: entry.expires_at });
        }
    }
}
