//! Who monitors what: events come in from the engines, and go out to sessions' outboxes.
//!
//! The way of a change: the engine, holding what orders writes of the key, appends it to the logs of
//! the topics it belongs to; a flusher, woken once the engine has let go, hands it to the subscribers'
//! outboxes and writes to their sockets, with one write for everything pending to a client. The hub
//! knows no wire format and no engine.

mod channels;
mod event;
mod flusher;
mod keyspace_events;
mod outbox;
mod subscription;
#[cfg(test)]
mod tests;
mod topic;
mod tracking;

pub use channels::{
    Channels, MESSAGE_FORMS, Message, MessageForm, Messages, Space, SubscribeError, Subscriber,
};
pub use event::{Event, FORMS, Form, PresenceChange, PresenceKind, Segment, What};
pub use keyspace_events::EventClasses;
pub use outbox::{Counters, Failure, News, Outbox, Owed, Socket, Standing};
pub use subscription::{Scope, Subscription};
use topic::Following;
pub use topic::Topic;
pub use tracking::{Invalidation, Teller, Tracker, Tracking, TrackingTotals};

use crate::metrics::Metrics;
use flusher::Flusher;
use hashbrown::HashTable;
use hyrax_types::{Change, limits};
use hyrax_values::{EventClass, Feed, Values, key_hash};
use keyspace_events::KeyspaceEvents;
use parking_lot::{Mutex, MutexGuard, RwLock};
use smallvec::SmallVec;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

/// As many as the embedded engine has shards: two writers that do not meet there seldom meet here.
const REGISTRIES: usize = 64;

/// The topics of some keys, alone on their cache lines.
#[repr(align(128))]
#[derive(Default)]
struct Registry {
    /// How many there are, to be read without the lock.
    count: AtomicUsize,
    topics: Mutex<HashTable<Arc<Topic>>>,
}

/// Topics that cover many keys.
#[derive(Default)]
struct Wide {
    prefixes: HashMap<Box<[u8]>, Arc<Topic>>,
    /// How many prefixes there are of each length.
    lengths: BTreeMap<usize, usize>,
    everything: Option<Arc<Topic>>,
    /// Everything that is changed through this node.
    here: Option<Arc<Topic>>,
}

/// A topic that lost its last subscriber.
struct Idle {
    since: Instant,
    topic: Arc<Topic>,
    /// How often it had been claimed by then.
    claims: usize,
    /// How much memory it held by then.
    bytes: usize,
}

/// Topics without subscribers, by when they lost the last.
#[derive(Default)]
struct Lingering {
    topics: VecDeque<Idle>,
    bytes: usize,
}

impl Lingering {
    fn pop_front(&mut self) -> Option<Idle> {
        let oldest = self.topics.pop_front()?;
        self.bytes -= oldest.bytes;
        Some(oldest)
    }
}

thread_local! {
    /// Whether what this thread changes is delivered later, together.
    static DELIVERS_TOGETHER: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, what its thread changes is gathered; after that it is delivered.
struct Together<'a>(&'a Hub);

impl Drop for Together<'_> {
    fn drop(&mut self) {
        DELIVERS_TOGETHER.set(false);
        self.0.settle();
    }
}

/// A session's monitor: its subscription and the topic it is of.
pub struct Monitor {
    /// Whom, in what form, from where on.
    pub subscription: Arc<Subscription>,
    /// Of what.
    pub topic: Arc<Topic>,
}

/// All monitors of this node.
pub struct Hub {
    registries: Box<[Registry]>,
    wide: RwLock<Wide>,
    has_wide: AtomicBool,
    flushers: Box<[Flusher]>,
    idle: Mutex<Lingering>,
    monitors: AtomicUsize,
    channels: Arc<Channels>,
    keyspace_events: KeyspaceEvents,
    tracking: Tracking,
    counters: Arc<Counters>,
    /// Who has to be asked for changes of what is monitored.
    source: OnceLock<Weak<dyn Values>>,
}

impl Hub {
    /// Has an engine asked for the changes of what is monitored, from now on.
    pub fn ask(&self, values: &Arc<dyn Values>) {
        self.source.get_or_init(|| Arc::downgrade(values));
    }

    fn follow(&self, scope: hyrax_values::Scope<'_>) -> Option<Following> {
        self.source.get()?.upgrade()?.follow(scope)
    }

    /// A hub with a number of flushers of monitors, one of channels, and one of what copies are stale. Somebody
    /// must [run](Hub::run_flusher) each of them.
    pub fn new(flushers: usize, metrics: Arc<Metrics>) -> Arc<Self> {
        let counters = Counters::new(metrics);
        Arc::new(Hub {
            registries: (0..REGISTRIES).map(|_| Registry::default()).collect(),
            wide: RwLock::default(),
            has_wide: AtomicBool::new(false),
            flushers: (0..flushers.max(1)).map(|_| Flusher::default()).collect(),
            idle: Mutex::default(),
            monitors: AtomicUsize::new(0),
            channels: Channels::new(counters.clone()),
            keyspace_events: KeyspaceEvents::default(),
            tracking: Tracking::default(),
            counters,
            source: OnceLock::new(),
        })
    }

    /// How many flushers there are.
    pub fn flushers(&self) -> usize {
        self.flushers.len() + 2
    }

    /// Delivers what belongs to one flusher, for ever.
    pub async fn run_flusher(&self, number: usize) {
        match self.flushers.get(number) {
            Some(flusher) => flusher.run().await,
            None if number == self.flushers.len() => self.channels.run().await,
            None => self.tracking.run().await,
        }
    }

    /// Channels, for those who subscribe to them.
    pub fn channels(&self) -> &Arc<Channels> {
        &self.channels
    }

    /// Who keeps copies of values.
    pub fn tracking(&self) -> &Tracking {
        &self.tracking
    }

    /// Publishes to a channel; how many subscribers it reaches, one who is there twice counted twice. All
    /// of them are told before anything else that happens after this.
    pub fn publish(&self, channel: &[u8], payload: &[u8]) -> usize {
        let receivers = self.channels.publish(Space::Channels, channel, payload);
        self.settle();
        receivers
    }

    /// Publishes to a shard channel, which patterns do not see.
    pub fn publish_to_shard(&self, channel: &[u8], payload: &[u8]) -> usize {
        let receivers = self.channels.publish(Space::ShardChannels, channel, payload);
        self.settle();
        receivers
    }

    /// Which keyspace events are published.
    pub fn keyspace_events(&self) -> EventClasses {
        self.keyspace_events.get()
    }

    /// Publishes the keyspace events that the configuration asks for, if that is something else than
    /// before: what was set while running stays otherwise.
    pub fn configure_keyspace_events(&self, classes: EventClasses) {
        self.keyspace_events.configure(classes);
    }

    /// Publishes these keyspace events from now on.
    pub fn set_keyspace_events(&self, classes: EventClasses) {
        self.keyspace_events.set(classes);
    }

    /// Where all outboxes are counted together.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// How many monitors there are.
    pub fn monitors(&self) -> usize {
        self.monitors.load(Ordering::Relaxed)
    }

    /// Runs `action`, and has what it changes delivered after it: a pipeline of changes reaches each
    /// monitor with one write. For what takes no longer than a client's turn.
    pub fn together<R>(&self, action: impl FnOnce() -> R) -> R {
        DELIVERS_TOGETHER.set(true);
        let _settles = Together(self);
        action()
    }

    /// Begins a monitor of what its scope covers. It hears nothing until one of the topic's `join`s,
    /// after which [`Hub::entered`] is due; [`Hub::end`] ends it in any case.
    pub fn begin(&self, subscription: Arc<Subscription>) -> Monitor {
        self.monitors.fetch_add(1, Ordering::Relaxed);
        let topic = match &subscription.scope {
            Scope::Key(key) => self.claim_key(key),
            Scope::Prefix(prefix) => self.claim_prefix(prefix),
            Scope::Everything => self.claim_everything(),
            Scope::Here => self.claim_here(),
        };
        Monitor { subscription, topic }
    }

    /// Has a flusher let a monitor in that joined its topic.
    pub fn entered(&self, monitor: &Monitor) {
        self.enqueue(&monitor.topic);
        self.settle();
    }

    fn claim_key(&self, key: &[u8]) -> Arc<Topic> {
        let hash = key_hash(key);
        let registry = self.registry(hash);
        let mut topics = registry.topics.lock();
        let topic = match topics.find(hash, |topic| *topic.name == *key) {
            Some(found) => found.clone(),
            None => {
                let topic = Arc::new(Topic::new(
                    key,
                    true,
                    hash as usize % self.flushers.len(),
                    self.follow(hyrax_values::Scope::Key(key)),
                ));
                topics.insert_unique(hash, topic.clone(), |topic| key_hash(&topic.name));
                registry.count.store(topics.len(), Ordering::Release);
                topic
            }
        };
        topic.claim();
        topic
    }

    fn claim_prefix(&self, prefix: &[u8]) -> Arc<Topic> {
        let mut wide = self.wide.write();
        let topic = match wide.prefixes.get(prefix) {
            Some(found) => found.clone(),
            None => {
                let flusher = key_hash(prefix) as usize % self.flushers.len();
                let following = self.follow(hyrax_values::Scope::Everything);
                let topic = Arc::new(Topic::new(prefix, false, flusher, following));
                wide.prefixes.insert(prefix.into(), topic.clone());
                *wide.lengths.entry(prefix.len()).or_default() += 1;
                self.has_wide.store(true, Ordering::Release);
                topic
            }
        };
        topic.claim();
        topic
    }

    fn claim_everything(&self) -> Arc<Topic> {
        let mut wide = self.wide.write();
        self.has_wide.store(true, Ordering::Release);
        let make = || Arc::new(Topic::new(b"", false, 0, self.follow(hyrax_values::Scope::Everything)));
        let topic = wide.everything.get_or_insert_with(make).clone();
        topic.claim();
        topic
    }

    fn claim_here(&self) -> Arc<Topic> {
        let mut wide = self.wide.write();
        self.has_wide.store(true, Ordering::Release);
        let make = || Arc::new(Topic::new(b"", false, 0, self.follow(hyrax_values::Scope::Everything)));
        let topic = wide.here.get_or_insert_with(make).clone();
        topic.claim();
        topic
    }

    /// Ends a monitor. Nothing of it is queued to its outbox after this.
    pub fn end(&self, monitor: &Monitor) {
        monitor.subscription.outbox.end(&monitor.subscription);
        self.monitors.fetch_sub(1, Ordering::Relaxed);
        let was_last = monitor.topic.leave();
        self.enqueue(&monitor.topic);
        self.settle();
        match monitor.subscription.scope {
            Scope::Key(_) if was_last => self.linger(monitor.topic.clone()),
            Scope::Prefix(_) | Scope::Everything | Scope::Here if was_last => self.drop_wide(&monitor.topic),
            _ => {}
        }
    }

    /// Keeps a key's history for a while, in case its client comes back.
    fn linger(&self, topic: Arc<Topic>) {
        let (claims, bytes) = (topic.claims(), topic.size());
        let mut idle = self.idle.lock();
        idle.bytes += bytes;
        idle.topics.push_back(Idle { since: Instant::now(), topic, claims, bytes });
        while idle.topics.len() > limits::LINGERING_KEYS_MAX || idle.bytes > limits::LINGERING_BYTES_MAX {
            let Some(oldest) = idle.pop_front() else { return };
            MutexGuard::unlocked(&mut idle, || self.forget(&oldest));
        }
    }

    /// Forgets keys that have been without a monitor for long. To be called now and then.
    pub fn sweep(&self, now: Instant) {
        loop {
            let mut idle = self.idle.lock();
            let due = idle
                .topics
                .front()
                .is_some_and(|idle| now.duration_since(idle.since) >= limits::HISTORY_LINGER);
            let Some(oldest) = (if due { idle.pop_front() } else { None }) else { return };
            drop(idle);
            self.forget(&oldest);
        }
    }

    /// Forgets a topic, unless it was used since it fell idle.
    fn forget(&self, idle: &Idle) {
        let hash = key_hash(&idle.topic.name);
        let registry = self.registry(hash);
        let mut topics = registry.topics.lock();
        if !idle.topic.is_idle() || idle.topic.claims() != idle.claims {
            return;
        }
        if let Ok(found) = topics.find_entry(hash, |other| Arc::ptr_eq(other, &idle.topic)) {
            found.remove();
        }
        registry.count.store(topics.len(), Ordering::Release);
    }

    fn drop_wide(&self, topic: &Arc<Topic>) {
        let mut wide = self.wide.write();
        if !topic.is_idle() {
            return;
        }
        if wide.everything.as_ref().is_some_and(|everything| Arc::ptr_eq(everything, topic)) {
            wide.everything = None;
        } else if wide.here.as_ref().is_some_and(|here| Arc::ptr_eq(here, topic)) {
            wide.here = None;
        } else if wide.prefixes.get(&topic.name).is_some_and(|prefix| Arc::ptr_eq(prefix, topic)) {
            // Two who left one after the other may both be here: by now the name may be another's.
            wide.prefixes.remove(&topic.name);
            let length = topic.name.len();
            let left = wide.lengths.get_mut(&length).map_or(0, |count| {
                *count -= 1;
                *count
            });
            if left == 0 {
                wide.lengths.remove(&length);
            }
        }
        let is_heard = wide.everything.is_some() || wide.here.is_some() || !wide.prefixes.is_empty();
        self.has_wide.store(is_heard, Ordering::Release);
    }

    /// Takes a change of an EKG, in order for its name.
    pub fn emit_presence(&self, change: PresenceChange) {
        let hash = key_hash(&change.ekg);
        let topics = self.topics(hash, &change.ekg, true);
        if topics.is_empty() {
            return;
        }
        let event = Arc::new(Event::new(What::Presence(change)));
        self.append(&topics, &event);
        self.settle();
    }

    /// Has copies of a key forgotten; monitors are told otherwise, or not at all.
    fn changed_quietly(&self, hash: u64, key: &[u8], by_itself: bool) {
        if self.tracking.wants(hash) {
            self.tracking.changed(hash, key, by_itself);
        }
    }

    fn registry(&self, hash: u64) -> &Registry {
        &self.registries[(hash >> 32) as usize & (REGISTRIES - 1)]
    }

    fn find(&self, hash: u64, key: &[u8]) -> Option<Arc<Topic>> {
        let registry = self.registry(hash);
        if registry.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        registry.topics.lock().find(hash, |topic| *topic.name == *key).cloned()
    }

    fn enqueue(&self, topic: &Arc<Topic>) {
        if !topic.queued.swap(true, Ordering::AcqRel) {
            self.flushers[topic.flusher].add(topic.clone());
        }
    }

    /// The topics that a key's events belong to; mostly one at most.
    fn topics(&self, hash: u64, key: &[u8], is_of_here: bool) -> SmallVec<[Arc<Topic>; 2]> {
        let mut topics: SmallVec<[_; 2]> = self.find(hash, key).into_iter().collect();
        if self.has_wide.load(Ordering::Acquire) {
            topics.extend(self.wide_topics(key, is_of_here));
        }
        topics
    }

    fn append(&self, topics: &[Arc<Topic>], event: &Arc<Event>) {
        for topic in topics {
            topic.append(event);
            self.enqueue(topic);
        }
    }

    /// The topics over many keys that a key belongs to.
    fn wide_topics(&self, key: &[u8], is_of_here: bool) -> Vec<Arc<Topic>> {
        let wide = self.wide.read();
        let here = wide.here.iter().filter(|_| is_of_here);
        let mut found: Vec<_> = wide.everything.iter().chain(here).cloned().collect();
        for &length in wide.lengths.keys().take_while(|&&length| length <= key.len()) {
            found.extend(wide.prefixes.get(&key[..length]).cloned());
        }
        found
    }
}

impl Hub {
    /// Takes a change that was made through this node, or through another.
    fn take(&self, hash: u64, change: &Change<'_>, is_of_here: bool) {
        let topics = self.topics(hash, change.key, is_of_here);
        if !topics.is_empty() {
            self.append(&topics, &Arc::new(Event::new(What::Change(change.to_owned()))));
        }
        let by_itself = matches!(change.command, "expired" | "evicted");
        self.changed_quietly(hash, change.key, by_itself);
    }
}

impl Feed for Hub {
    fn is_heard(&self) -> bool {
        self.has_wide.load(Ordering::Acquire)
            || self.tracking.is_on()
            || self.registries.iter().any(|registry| registry.count.load(Ordering::Acquire) != 0)
    }

    fn wants(&self, hash: u64, _key: &[u8]) -> bool {
        self.registry(hash).count.load(Ordering::Acquire) != 0
            || self.has_wide.load(Ordering::Acquire)
            || self.tracking.wants(hash)
    }

    fn emit(&self, hash: u64, change: &Change<'_>) {
        self.take(hash, change, true);
    }

    fn emit_from_afar(&self, hash: u64, change: &Change<'_>) {
        self.take(hash, change, false);
    }

    fn lost(&self, hash: u64, key: &[u8]) {
        if let Some(topic) = self.find(hash, key) {
            topic.lose();
            self.enqueue(&topic);
        }
        self.changed_quietly(hash, key, false);
    }

    fn lost_everything(&self) {
        let wide = self.wide.read();
        for topic in wide.everything.iter().chain(&wide.here).chain(wide.prefixes.values()) {
            topic.lose();
            self.enqueue(topic);
        }
        self.tracking.emptied();
    }

    fn emit_quietly(&self, hash: u64, key: &[u8]) {
        self.changed_quietly(hash, key, false);
    }

    fn emptied(&self) {
        self.tracking.emptied();
    }

    fn notifies(&self, class: EventClass) -> bool {
        self.keyspace_events.get().contains(class)
    }

    fn notify(&self, _class: EventClass, event: &'static str, key: &[u8]) {
        self.keyspace_events.get().publish(&self.channels, event, key);
    }

    fn settle(&self) {
        if !DELIVERS_TOGETHER.get() {
            self.flushers.iter().for_each(Flusher::wake);
            self.channels.wake();
            self.tracking.wake();
        }
    }
}
