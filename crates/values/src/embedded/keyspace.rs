//! What a command sees while it runs: the keys it named, locked, at one instant.

use super::blocking::Serving;
use super::footprint::Footprint;
use super::shard::{Entry, Expiry, LastUse, Shard};
use super::values::{Hash, List, Set, SortedSet, Str, Stream, Value};
use super::whole::Removed;
use super::{Embedded, SHARDS, shard_number};
use crate::{Call, Error, EventClass, Feed, StreamNodes, Values, key_hash};
use hyrax_types::Change;
use parking_lot::MutexGuard;
use smallvec::SmallVec;

/// The locked part of the key space.
///
/// A key past its time is removed the moment it is looked at, and its monitors are told first.
pub struct Keyspace<'a> {
    pub(super) engine: &'a Embedded,
    /// The call that runs. In a transaction, one after the other.
    pub(super) call: &'a Call<'a>,
    pub(super) now_ms: u64,
    pub(super) held: Held<'a>,
    pub(super) emitted: bool,
    /// Seeded once it is asked for, as few commands do.
    random: Option<fastrand::Rng>,
    /// Once something changed that somebody waits for.
    pub(super) serving: Option<Box<Serving>>,
    /// What was removed with all its keys. It outlives the locks, as it comes after them.
    pub(super) removed: Vec<Removed>,
    /// Large values that were removed or replaced. They outlive the locks too, as to free them takes a while.
    pub(super) discarded: Vec<Value>,
}

// One bit for each shard.
const _: () = assert!(SHARDS <= u64::BITS as usize);

/// The bits of all shards.
pub(super) const ALL_SHARDS: u64 = u64::MAX >> (u64::BITS as usize - SHARDS);

/// Locked shards by their numbers.
pub(super) type HeldShards<'a> = SmallVec<[(usize, MutexGuard<'a, Shard>); 4]>;

/// The shards that are locked.
pub(super) enum Held<'a> {
    /// The shard of the one key of most commands, and that key's hash.
    One { shard: MutexGuard<'a, Shard>, key: &'a [u8], hash: u64 },
    /// In rising order of their numbers, which is also the order of locking.
    Several(HeldShards<'a>),
}

/// Typed access to a key: absent keys are `None`, another type is [`Error::WrongType`].
macro_rules! typed {
    ($variant:ident, $type:ty, $read:ident, $write:ident, $create:ident) => {
        /// The value, to read.
        pub fn $read(&mut self, key: &[u8]) -> Result<Option<&$type>, Error> {
            match self.read(key) {
                None => Ok(None),
                Some(Value::$variant(value)) => Ok(Some(value)),
                Some(_) => Err(Error::WrongType),
            }
        }

        /// The value, to change. Whoever takes its last element calls [`Keyspace::remove_if_empty`].
        pub fn $write(&mut self, key: &[u8]) -> Result<Option<&mut $type>, Error> {
            match self.write(key) {
                None => Ok(None),
                Some(Value::$variant(value)) => Ok(Some(value)),
                Some(_) => Err(Error::WrongType),
            }
        }

        /// The value, to change, made empty when the key is absent. Something must be put into it.
        pub fn $create(&mut self, key: &[u8]) -> Result<&mut $type, Error> {
            match self.get_or_insert(key, || Value::$variant(Default::default())) {
                Value::$variant(value) => Ok(value),
                _ => Err(Error::WrongType),
            }
        }
    };
}

impl Embedded {
    /// Locks the shards whose bits are set, in rising order, as everybody does.
    pub(super) fn lock_shards(&self, wanted: u64) -> HeldShards<'_> {
        let numbers = (0..SHARDS).filter(|number| wanted >> number & 1 == 1);
        numbers.map(|number| (number, self.shards[number].lock())).collect()
    }
}

impl<'a> Keyspace<'a> {
    /// Locks what `call` names.
    pub(super) fn lock(engine: &'a Embedded, call: &'a Call<'a>, now_ms: u64) -> Self {
        let only = match call.command.only_key() {
            Some(position) => Some(call.argv[position]),
            None => {
                let mut keys = call.command.keys(call.argv);
                let only = keys.next().map(|found| found.key).filter(|_| keys.next().is_none());
                only.filter(|_| !call.command.reaches_further(call.argv))
            }
        };
        let held = match only {
            Some(key) => {
                let hash = key_hash(key);
                Held::One { shard: engine.shard(hash).lock(), key, hash }
            }
            None => Held::Several(Self::lock_several(engine, call)),
        };
        let mut keys = Keyspace::over(engine, call, now_ms, held);
        if call.command.writes && keys.has_waiters() {
            keys.reach_for_waiters(call.command.keys(call.argv).map(|found| found.key));
        }
        keys
    }

    /// A key space of shards that are locked already.
    pub(super) fn over(engine: &'a Embedded, call: &'a Call<'a>, now_ms: u64, held: Held<'a>) -> Self {
        Keyspace {
            engine,
            call,
            now_ms,
            held,
            emitted: false,
            random: None,
            serving: None,
            removed: Vec::new(),
            discarded: Vec::new(),
        }
    }

    fn lock_several(engine: &'a Embedded, call: &Call<'_>) -> HeldShards<'a> {
        // A bit for each shard: that they come in order, and each once, costs nothing.
        let mut wanted = if call.command.reaches_further(call.argv) { ALL_SHARDS } else { 0 };
        for found in call.command.keys(call.argv) {
            wanted |= 1 << shard_number(key_hash(found.key));
        }
        engine.lock_shards(wanted)
    }

    /// The instant at which the command runs, in milliseconds since the epoch.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// When a node of a stream is full.
    pub fn stream_nodes(&self) -> StreamNodes {
        self.engine.stream_nodes()
    }

    /// Where random choices come from.
    pub fn random(&mut self) -> &mut fastrand::Rng {
        self.random.get_or_insert_with(fastrand::Rng::new)
    }

    /// The hash of a key and its shard.
    pub(super) fn locate(&mut self, key: &[u8]) -> (u64, &mut Shard) {
        match &mut self.held {
            Held::One { shard, key: only, hash } => {
                debug_assert_eq!(*only, key, "a command reaches for a key that it did not name");
                (*hash, shard)
            }
            Held::Several(shards) => {
                let hash = key_hash(key);
                let number = shard_number(hash);
                let at = shards.partition_point(|(held, _)| *held < number);
                (hash, &mut shards[at].1)
            }
        }
    }

    /// The hash and position of a key that is there and not past its time, and is used now.
    fn find(&mut self, key: &[u8]) -> Option<(u64, usize)> {
        let now = self.now_ms;
        let (hash, position) = self.find_unused(key)?;
        self.locate(key).1.table.at_mut(position).touch(LastUse::at(now));
        Some((hash, position))
    }

    /// As [`Keyspace::find`], but that is no use of the key.
    fn find_unused(&mut self, key: &[u8]) -> Option<(u64, usize)> {
        let now = self.now_ms;
        let (hash, shard) = self.locate(key);
        let position = shard.table.find(hash, key)?;
        if !shard.is_expired(hash, position, now) {
            return Some((hash, position));
        }
        let (engine, is_reading) = (self.engine, self.call.argv.is_empty() || !self.call.command.writes);
        if !(is_reading && engine.keeps_expired(now)) {
            let mut discarded = std::mem::take(&mut self.discarded);
            let emitted = engine.remove_expired(self.locate(key).1, hash, position, &mut discarded);
            self.discarded = discarded;
            self.emitted |= emitted;
        }
        None
    }

    /// What a key holds.
    pub fn read(&mut self, key: &[u8]) -> Option<&Value> {
        let (_, position) = self.find_to_read(key)?;
        Some(&self.locate(key).1.table.at(position).value)
    }

    /// The same as [`Keyspace::find`], but looks of those who only read are noted.
    fn find_to_read(&mut self, key: &[u8]) -> Option<(u64, usize)> {
        let found = self.find(key);
        self.note_read(found.is_some(), key);
        found
    }

    /// Counts what a command which only reads has found, and tells of a key that it has not.
    fn note_read(&mut self, found: bool, key: &[u8]) {
        if self.call.command.writes {
            return;
        }
        let counts = &mut self.locate(key).1.counts;
        if found {
            counts.hits += 1;
        } else {
            counts.misses += 1;
            self.notify(EventClass::Missed, "keymiss", key);
        }
    }

    /// Tells it when a key is not there that a command, which writes others, reads. Those that only read
    /// need not ask for it.
    pub fn notice_missing(&mut self, key: &[u8]) {
        if self.call.command.writes
            && self.engine.feed.notifies(EventClass::Missed)
            && self.find(key).is_none()
        {
            self.notify(EventClass::Missed, "keymiss", key);
        }
    }

    /// What a key holds, which is looked at as `TYPE` and `EXISTS` do: without its being a use.
    pub fn inspect(&mut self, key: &[u8]) -> Option<&Value> {
        let found = self.find_unused(key);
        self.note_read(found.is_some(), key);
        let (_, position) = found?;
        Some(&self.locate(key).1.table.at(position).value)
    }

    /// How long ago a key was used last, in milliseconds.
    pub fn idle_ms(&mut self, key: &[u8]) -> Option<u64> {
        let now = LastUse::at(self.now_ms);
        let (_, position) = self.find_unused(key)?;
        Some(self.locate(key).1.table.at(position).last_use().idle_ms(now))
    }

    /// How many bytes a key takes with what it holds, which is looked at in so many places. That is no use
    /// of the key.
    pub fn bytes_of(&mut self, key: &[u8], samples: usize) -> Option<usize> {
        /// What the table's index has for each key, as it is half full on average.
        const INDEX_BYTES: usize = 2 * size_of::<u64>();
        let (_, position) = self.find_unused(key)?;
        let entry = self.locate(key).1.table.at(position);
        Some(size_of::<Entry>() + INDEX_BYTES + entry.heap_bytes(samples))
    }

    /// What a key holds, to change.
    pub fn write(&mut self, key: &[u8]) -> Option<&mut Value> {
        let (_, position) = self.find(key)?;
        Some(&mut self.locate(key).1.table.at_mut(position).value)
    }

    /// What a key holds, by shared reference, so that several can be looked at side by side. A key
    /// past its time is not seen, nor removed.
    pub fn peek(&self, key: &[u8]) -> Option<&Value> {
        let (hash, shard) = match &self.held {
            Held::One { shard, key: only, hash } => {
                debug_assert_eq!(*only, key, "a command reaches for a key that it did not name");
                (*hash, shard)
            }
            Held::Several(shards) => {
                let hash = key_hash(key);
                let number = shard_number(hash);
                let at = shards.partition_point(|(held, _)| *held < number);
                (hash, &shards[at].1)
            }
        };
        let position = shard.table.find(hash, key)?;
        (!shard.is_expired(hash, position, self.now_ms)).then(|| &shard.table.at(position).value)
    }

    fn get_or_insert(&mut self, key: &[u8], make: impl FnOnce() -> Value) -> &mut Value {
        let now = LastUse::at(self.now_ms);
        let found = self.find_or_tell_new(key);
        let (hash, shard) = self.locate(key);
        let position = match found {
            Some((_, position)) => position,
            None => shard.insert(hash, key, make(), now),
        };
        &mut shard.table.at_mut(position).value
    }

    /// The same as [`Keyspace::find`] for a key that is made where it is not there.
    fn find_or_tell_new(&mut self, key: &[u8]) -> Option<(u64, usize)> {
        let found = self.find(key);
        if found.is_none() {
            self.notify(EventClass::New, "new", key);
        }
        found
    }

    typed!(Str, Str, string, string_mut, string_or_new);
    typed!(Hash, Hash, hash, hash_mut, hash_or_new);
    typed!(List, List, list, list_mut, list_or_new);
    typed!(Set, Set, set, set_mut, set_or_new);
    typed!(SortedSet, SortedSet, sorted_set, sorted_set_mut, sorted_set_or_new);
    typed!(Stream, Stream, stream, stream_mut, stream_or_new);

    /// Puts a value at a key, whatever was there.
    pub fn put(&mut self, key: &[u8], value: Value, expiry: Expiry) {
        let now = LastUse::at(self.now_ms);
        let found = self.find_or_tell_new(key);
        let (hash, shard) = self.locate(key);
        let position = match found {
            Some((_, position)) => {
                let old = std::mem::replace(&mut shard.table.at_mut(position).value, value);
                shard.apply_expiry(hash, position, expiry);
                let large = shard.large(old);
                return self.discarded.extend(large);
            }
            None => shard.insert(hash, key, value, now),
        };
        shard.apply_expiry(hash, position, expiry);
    }

    /// Puts a string at a key, whatever was there, into the same memory where it fits.
    pub fn put_string(&mut self, key: &[u8], bytes: &[u8], expiry: Expiry) {
        let now = LastUse::at(self.now_ms);
        let found = self.find_or_tell_new(key);
        let (hash, shard) = self.locate(key);
        let position = match found {
            Some((_, position)) => {
                let large = match &mut shard.table.at_mut(position).value {
                    Value::Str(string) => {
                        string.assign(bytes);
                        None
                    }
                    other => {
                        let old = std::mem::replace(other, Value::Str(bytes.into()));
                        shard.large(old)
                    }
                };
                shard.apply_expiry(hash, position, expiry);
                return self.discarded.extend(large);
            }
            None => shard.insert(hash, key, Value::Str(bytes.into()), now),
        };
        shard.apply_expiry(hash, position, expiry);
    }

    /// Takes a key away, with its value and expiry.
    pub fn take(&mut self, key: &[u8]) -> Option<(Value, Option<u64>)> {
        let (hash, position) = self.find(key)?;
        let removed = self.locate(key).1.remove_at(hash, position);
        let expiry = removed.expires_at;
        Some((removed.into_value(), expiry))
    }

    /// Takes a key away; whether it was there.
    pub fn remove(&mut self, key: &[u8]) -> bool {
        let Some((hash, position)) = self.find(key) else { return false };
        let shard = self.locate(key).1;
        let removed = shard.remove_at(hash, position);
        let large = shard.large(removed.into_value());
        self.discarded.extend(large);
        true
    }

    /// Takes a key away whose aggregate has lost its last element, and says so. What took it is told before.
    pub fn remove_if_empty(&mut self, key: &[u8]) {
        if self.write(key).is_some_and(|value| value.is_empty()) {
            self.remove_emptied(key);
        }
    }

    /// Takes a key away whose aggregate is known to have lost its last element, and says so.
    pub fn remove_emptied(&mut self, key: &[u8]) {
        self.remove(key);
        self.notify(EventClass::Generic, "del", key);
    }

    /// When a key expires: `None` without the key, `Some(None)` when it never does.
    pub fn expiry(&mut self, key: &[u8]) -> Option<Option<u64>> {
        let found = self.find_unused(key);
        self.note_read(found.is_some(), key);
        let (hash, position) = found?;
        Some(self.locate(key).1.expiry(hash, position))
    }

    /// Makes it look as if a key had been used last so many milliseconds ago.
    pub fn set_idle(&mut self, key: &[u8], idle_ms: u64) {
        let then = LastUse::at(self.now_ms).before(idle_ms);
        if let Some((_, position)) = self.find_unused(key) {
            self.locate(key).1.table.at_mut(position).touch(then);
        }
    }

    /// Sets when a key expires; whether the key is there. The time must lie ahead: a key whose time
    /// is over is removed instead.
    pub fn set_expiry(&mut self, key: &[u8], at: Option<u64>) -> bool {
        let Some((hash, position)) = self.find(key) else { return false };
        self.locate(key).1.set_expiry(hash, position, at);
        true
    }

    /// Tells that the command, as sent, changed this key. Called once for each key, after the change.
    pub fn changed(&mut self, key: &[u8]) {
        let call = self.call;
        // A command that names one key has it as its first argument.
        let args = match self.held {
            Held::Several(_) if call.command.has_several_keys(call.argv) => &call.argv[1..],
            _ => &call.argv[2..],
        };
        self.emit(key, call.command.name, args);
    }

    /// Tells that the effect on this key was that of another command (without its key).
    pub fn changed_as(&mut self, key: &[u8], command: &str, args: &[&[u8]]) {
        self.emit(key, command, args);
    }

    /// Tells of what happened to this key (without it), where that is no change to those who watch it or
    /// wait for it: who read a stream how far.
    pub fn told_as(&mut self, key: &[u8], command: &str, args: &[&[u8]]) {
        let serving = self.serving.take();
        let (hash, shard) = self.locate(key);
        let rev = shard.next_rev();
        self.tell(serving.as_deref(), hash, &Change { key, rev, command, args, actor: None });
        self.serving = serving;
    }

    /// Tells in Redis' words what happened to a key, for those who asked for keyspace events.
    pub fn notify(&mut self, class: EventClass, event: &'static str, key: &[u8]) {
        let feed = &self.engine.feed;
        if feed.notifies(class) {
            feed.notify(class, event, key);
            self.emitted = true;
        }
    }

    /// Whether anybody is told of changes of this key: what takes work to tell need not be made otherwise.
    pub fn is_heard(&mut self, key: &[u8]) -> bool {
        let (quiet, _) = self.voice(self.serving.as_deref());
        let (hash, _) = self.locate(key);
        !quiet && self.engine.feed.wants(hash, key)
    }

    /// Has those who wait for this key look at it, though it did not change.
    pub fn wake(&mut self, key: &[u8]) {
        let (hash, shard) = self.locate(key);
        if shard.makes_ready(hash, key) {
            self.serving.get_or_insert_default().add(key);
        }
    }

    fn emit(&mut self, key: &[u8], command: &str, args: &[&[u8]]) {
        let mut serving = self.serving.take();
        let (hash, shard) = self.locate(key);
        let rev = shard.record_change(hash, key);
        shard.count_changes(1);
        let is_ready = shard.makes_ready(hash, key);
        self.tell(serving.as_deref(), hash, &Change { key, rev, command, args, actor: None });
        if is_ready {
            serving.get_or_insert_default().add(key);
        }
        self.serving = serving;
    }

    /// In whose name changes are told: whether quietly, and who it is.
    fn voice<'v>(&'v self, serving: Option<&'v Serving>) -> (bool, Option<&'v [u8]>) {
        serving.and_then(Serving::voice).unwrap_or((self.call.quiet, self.call.actor))
    }

    fn tell(&mut self, serving: Option<&Serving>, hash: u64, change: &Change<'_>) {
        let (quiet, actor) = self.voice(serving);
        let feed: &dyn Feed = &*self.engine.feed;
        if feed.wants(hash, change.key) {
            match quiet {
                true => feed.emit_quietly(hash, change.key),
                false => feed.emit(hash, &Change { actor, ..*change }),
            }
            self.emitted = true;
        }
    }

    /// Lets go of the locks, then lets the changes be delivered. Before, whoever waited for what was
    /// changed is served, so that nobody comes in between.
    pub(super) fn finish(mut self) {
        let woken = if self.serving.is_some() { self.serve() } else { Vec::new() };
        let (feed, emitted) = (&self.engine.feed, self.emitted);
        drop(self.held);
        if emitted {
            feed.settle();
        }
        woken.into_iter().for_each(|waiter| waiter.wake());
    }
}
