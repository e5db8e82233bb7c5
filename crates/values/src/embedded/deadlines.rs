//! When keys expire: kept beside the entries, as most keys never do.
//!
//! Dense as a table is, so that a random key among those that expire is one draw away. It names a key
//! by its hash and by the position of its entry, and has to be told when that moves.

use super::index::Index;

/// When one key expires.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    /// Where the key's entry is.
    pub position: u32,
    /// The time, in milliseconds since the epoch.
    pub at: u64,
    /// The earliest timer set for it, so that a key written again and again with a later expiry does
    /// not set one each time.
    pub timer_at: u64,
}

/// The deadlines of a shard.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    index: Index,
    dense: Vec<Deadline>,
}

impl Deadlines {
    /// How many keys expire.
    pub fn len(&self) -> usize {
        self.dense.len()
    }

    /// All of them, in no particular order.
    pub fn all(&self) -> &[Deadline] {
        &self.dense
    }

    fn find(&self, hash: u64, position: usize) -> Option<usize> {
        self.index.find(hash, |at| self.dense[at].position as usize == position)
    }

    /// The deadline of a key.
    pub fn get(&self, hash: u64, position: usize) -> Option<&Deadline> {
        self.find(hash, position).map(|at| &self.dense[at])
    }

    /// Sets when a key expires; whether a timer has to be set for that.
    pub fn set(&mut self, hash: u64, position: usize, at: u64) -> bool {
        if let Some(found) = self.find(hash, position) {
            let deadline = &mut self.dense[found];
            deadline.at = at;
            let is_earlier = at < deadline.timer_at;
            deadline.timer_at = deadline.timer_at.min(at);
            return is_earlier;
        }
        if self.dense.len() == self.dense.capacity() {
            self.dense.reserve_exact((self.dense.len() / 2).max(4));
        }
        self.index.insert(hash, self.dense.len());
        self.dense.push(Deadline { position: position as u32, at, timer_at: at });
        true
    }

    /// Notes that the timer of a key has fired, and that the next one is for its deadline, which is
    /// answered.
    pub fn set_timer_anew(&mut self, hash: u64, position: usize) -> Option<u64> {
        let found = self.find(hash, position)?;
        let deadline = &mut self.dense[found];
        deadline.timer_at = deadline.at;
        Some(deadline.at)
    }

    /// As [`Deadlines::set_timer_anew`], for all of them.
    pub fn set_all_timers_anew(&mut self) {
        self.dense.iter_mut().for_each(|deadline| deadline.timer_at = deadline.at);
    }

    /// Forgets the deadline of a key, and answers it. `hash_at` gives the hash of the key at a position.
    pub fn remove(&mut self, hash: u64, position: usize, hash_at: impl Fn(usize) -> u64) -> Option<u64> {
        let found = self.find(hash, position)?;
        self.index.remove(hash, found);
        let removed = self.dense.swap_remove(found);
        if let Some(moved) = self.dense.get(found) {
            self.index.move_position(hash_at(moved.position as usize), self.dense.len(), found);
        }
        if self.dense.capacity() > 64 && self.dense.len() < self.dense.capacity() / 4 {
            self.dense.shrink_to(self.dense.len() * 2);
            self.index.shrink_to(self.dense.len() * 2);
        }
        Some(removed.at)
    }

    /// Notes that a key's entry has moved.
    pub fn move_position(&mut self, hash: u64, from: usize, to: usize) {
        if let Some(found) = self.find(hash, from) {
            self.dense[found].position = to as u32;
        }
    }
}
