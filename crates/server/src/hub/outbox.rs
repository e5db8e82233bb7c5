//! What waits to be written to one client.
//!
//! Replies and pushes leave through here in one order, with one write for all that is pending. The
//! queue is bounded in bytes: when it overflows, the pushes in it fold into the keys they were of,
//! and the session sends each key's current value once the client reads again.

use super::event::{Event, Segment, What};
use super::subscription::{Scope, Subscription};
use crate::metrics::Metrics;
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use hyrax_types::Revision;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Context;
use std::time::Instant;

/// How many bytes are gathered for one write.
const WRITE_BYTES: usize = 64 * 1024;

/// How a client is written to.
pub trait Socket: Send + Sync + 'static {
    /// Writes what fits without waiting, or fails with [`io::ErrorKind::WouldBlock`].
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;
}

/// Something queued.
enum Item {
    Reply(Bytes),
    Pushes(Arc<Segment>, Arc<Subscription>),
}

impl Item {
    fn bytes(&self) -> &Bytes {
        match self {
            Item::Reply(bytes) => bytes,
            Item::Pushes(segment, subscription) => segment.encoded(subscription.form),
        }
    }
}

/// Something whose pushes were dropped, and whose current state is owed to the client.
pub struct Owed {
    /// The monitor whose form it takes.
    pub subscription: Arc<Subscription>,
    /// Whether changes of the value were dropped.
    pub value: bool,
    /// Whether changes of the EKG were dropped.
    pub presence: bool,
}

/// Why a client is disconnected by its outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The connection broke or was closed.
    Broken,
    /// It fell behind on more keys than are kept track of.
    Overwhelmed,
    /// The server wants it gone.
    Kicked,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Item>,
    /// How much of the first item has been written.
    written: usize,
    /// Bytes queued, held ones included, written ones not.
    bytes: usize,
    /// Bytes of replies among them.
    reply_bytes: usize,
    /// Pushes that wait for the reply of a command that takes a snapshot.
    held: Option<Vec<Item>>,
    /// By key: the monitors that a reset is owed to. Most often one; a key and its prefix are two.
    owed: BTreeMap<Box<[u8]>, SmallVec<[Owed; 1]>>,
    owed_bytes: usize,
    /// A flusher has this outbox on its list.
    scheduled: bool,
    /// The socket is full since then.
    blocked_since: Option<Instant>,
    failure: Option<Failure>,
}

/// The queue to one client.
pub struct Outbox {
    state: Mutex<State>,
    /// Where the pushes are written by whoever made them; without it the session's task is woken to
    /// write them.
    socket: Option<Arc<dyn Socket>>,
    bytes_max: AtomicUsize,
    attention: AtomicBool,
    waker: AtomicWaker,
    counters: Arc<Counters>,
}

/// Where all outboxes are counted together.
pub struct Counters {
    /// Pushes and bytes that were sent.
    pub metrics: Arc<Metrics>,
    /// Bytes waiting in all queues.
    pub queued: AtomicUsize,
}

impl Counters {
    /// Counts from nothing waiting.
    pub fn new(metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Counters { metrics, queued: AtomicUsize::new(0) })
    }
}

impl Outbox {
    /// An empty queue that overflows beyond `bytes_max`.
    pub fn new(socket: Option<Arc<dyn Socket>>, bytes_max: usize, counters: Arc<Counters>) -> Arc<Self> {
        Arc::new(Outbox {
            state: Mutex::default(),
            socket,
            bytes_max: AtomicUsize::new(bytes_max),
            attention: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            counters,
        })
    }

    /// Whether the session's task is wanted: something to write, to reset, or a failure. Otherwise
    /// `context` is woken when it is.
    pub fn poll_attention(&self, context: &Context<'_>) -> bool {
        if self.attention.swap(false, Ordering::AcqRel) {
            return true;
        }
        self.waker.register(context.waker());
        self.attention.swap(false, Ordering::AcqRel)
    }

    /// Wakes the session's task.
    pub fn call_attention(&self) {
        self.attention.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Queues pushes, unless the monitor has ended or has seen them. Answers whether the outbox has to
    /// be flushed and nobody is about to.
    pub(super) fn push(&self, segment: &Arc<Segment>, subscription: &Arc<Subscription>) -> bool {
        let mut state = self.state.lock();
        if state.failure.is_some() || subscription.has_ended() {
            return false;
        }
        if !state.owed.is_empty()
            || segment.has_loss()
            || !segment.events().iter().all(|event| subscription.has_not_seen(event))
        {
            return self.push_singly(&mut state, segment, subscription);
        }
        self.enqueue(&mut state, segment, subscription)
    }

    /// Queues those of a segment that the client is to be told.
    fn push_singly(&self, state: &mut State, segment: &Segment, subscription: &Arc<Subscription>) -> bool {
        let mut wanted = Vec::new();
        for event in segment.events() {
            if !subscription.has_not_seen(event) {
                continue;
            }
            if event.is_loss() {
                self.owe_event(state, event, subscription);
                self.call_attention();
            } else if state.is_owed(event, subscription) {
                self.counters.metrics.pushes(0, 1, 0);
            } else {
                wanted.push(event.clone());
            }
        }
        !wanted.is_empty() && self.enqueue(state, &Segment::new(wanted), subscription)
    }

    fn enqueue(&self, state: &mut State, segment: &Arc<Segment>, subscription: &Arc<Subscription>) -> bool {
        let size = segment.encoded(subscription.form).len();
        if state.failure.is_some() {
            return false;
        }
        if state.bytes + size > self.bytes_max.load(Ordering::Relaxed) {
            self.fold(state, segment, subscription);
            return false;
        }
        state.bytes += size;
        self.counters.queued.fetch_add(size, Ordering::Relaxed);
        self.counters.metrics.pushes(segment.events().len() as u64, 0, 0);
        let item = Item::Pushes(segment.clone(), subscription.clone());
        if let Some(held) = &mut state.held {
            held.push(item);
            return false;
        }
        state.queue.push_back(item);
        let idle = !state.scheduled && state.blocked_since.is_none();
        state.scheduled |= idle;
        idle
    }

    /// Notes that pushes of these keys were lost before they came here.
    pub fn lose(&self, key: &[u8], subscription: &Arc<Subscription>, value: bool, presence: bool) {
        let mut state = self.state.lock();
        if state.failure.is_none() && !subscription.has_ended() {
            self.owe(&mut state, key, subscription, value, presence);
            drop(state);
            self.call_attention();
        }
    }

    /// Drops every queued push, and these, for resets of their keys.
    fn fold(&self, state: &mut State, segment: &Segment, subscription: &Arc<Subscription>) {
        let queued = std::mem::take(&mut state.queue);
        let held = state.held.as_mut().map(std::mem::take).unwrap_or_default();
        let partly_written = state.written > 0;
        let mut dropped = 0;
        for (position, item) in queued.into_iter().chain(held).enumerate() {
            match item {
                Item::Pushes(segment, subscription) if !(partly_written && position == 0) => {
                    dropped += segment.encoded(subscription.form).len();
                    self.owe_all(state, &segment, &subscription);
                }
                // A reply is owed to the client whatever happens, and half a line cannot be taken back.
                item => state.queue.push_back(item),
            }
        }
        if state.failure.is_some() {
            state.queue = VecDeque::new();
            return;
        }
        state.bytes -= dropped;
        self.counters.queued.fetch_sub(dropped, Ordering::Relaxed);
        self.owe_all(state, segment, subscription);
        self.call_attention();
    }

    fn owe_all(&self, state: &mut State, segment: &Segment, subscription: &Arc<Subscription>) {
        for event in segment.events() {
            self.owe_event(state, event, subscription);
        }
        self.counters.metrics.pushes(0, segment.events().len() as u64, 0);
    }

    fn owe_event(&self, state: &mut State, event: &Event, subscription: &Arc<Subscription>) {
        if subscription.has_ended() {
            return;
        }
        let presence = matches!(event.what(), What::Presence(_));
        self.owe(state, event.key(), subscription, !presence, presence);
    }

    fn owe(
        &self,
        state: &mut State,
        key: &[u8],
        subscription: &Arc<Subscription>,
        value: bool,
        presence: bool,
    ) {
        let of_key = state.owed.get_mut(key);
        let known = of_key
            .and_then(|owed| owed.iter_mut().find(|owed| Arc::ptr_eq(&owed.subscription, subscription)));
        if let Some(owed) = known {
            owed.value |= value;
            owed.presence |= presence;
            return;
        }
        state.owed_bytes += owed_size(key);
        if state.owed_bytes > self.bytes_max.load(Ordering::Relaxed) {
            self.fail(state, Failure::Overwhelmed);
            self.call_attention();
            return;
        }
        let owed = Owed { subscription: subscription.clone(), value, presence };
        state.owed.entry(key.into()).or_default().push(owed);
    }

    /// Takes one reset that is owed, once everything queued has been written. Pushes are held from here
    /// on: [`Outbox::commit`] is due.
    pub fn next_owed(&self) -> Option<(Box<[u8]>, Owed)> {
        let mut state = self.state.lock();
        if !state.queue.is_empty() {
            return None;
        }
        let mut first = state.owed.first_entry()?;
        let key = first.key().clone();
        let owed = first.get_mut().pop();
        if first.get().is_empty() {
            first.remove();
        }
        let owed = owed?;
        state.owed_bytes -= owed_size(&key);
        // In the same step: a push that slipped out before the reset would be one on top of a gap.
        state.held.get_or_insert_default();
        Some((key, owed))
    }

    /// Makes pushes wait until [`Outbox::commit`], so that the reply of a command that takes a
    /// snapshot comes before the pushes of what changed after it.
    pub fn hold(&self) {
        self.state.lock().held.get_or_insert_default();
    }

    /// Leaves out changes of `key` up to `rev` for this monitor: its client is about to be told the
    /// value as it then was. Called in the same step as that snapshot is taken.
    pub fn place_reset(&self, subscription: &Arc<Subscription>, key: &[u8], rev: Revision) {
        let mut state = self.state.lock();
        subscription.place_reset(key, rev);
        self.drop_held(&mut state, subscription);
    }

    /// The same for an EKG.
    pub fn place_presence(&self, subscription: &Arc<Subscription>, ekg: &[u8], erev: Revision) {
        let mut state = self.state.lock();
        subscription.place_presence(ekg, erev);
        self.drop_held(&mut state, subscription);
    }

    /// Ends a monitor: no push of it is queued any more after this.
    pub fn end(&self, subscription: &Arc<Subscription>) {
        let mut state = self.state.lock();
        subscription.end();
        self.drop_held(&mut state, subscription);
        state.forget_owed_to_ended(&subscription.scope);
    }

    /// Drops pushes that were held, but are of an ended monitor, or were told by a snapshot.
    fn drop_held(&self, state: &mut State, subscription: &Arc<Subscription>) {
        let Some(held) = &mut state.held else { return };
        let mut dropped = 0;
        held.retain_mut(|item| {
            let Item::Pushes(segment, of) = item else { return true };
            if !Arc::ptr_eq(of, subscription) {
                return true;
            }
            let before = segment.encoded(of.form).len();
            let is_new = |event: &&Arc<Event>| !of.has_ended() && of.has_not_seen(event);
            let left: Vec<_> = segment.events().iter().filter(is_new).cloned().collect();
            if left.is_empty() {
                dropped += before;
                return false;
            }
            if left.len() < segment.events().len() {
                *segment = Segment::new(left);
                dropped += before - segment.encoded(of.form).len();
            }
            true
        });
        state.bytes -= dropped;
        self.counters.queued.fetch_sub(dropped, Ordering::Relaxed);
    }

    /// Queues replies before the pushes that were held for them, and writes what can be written.
    pub fn commit(&self, replies: &[u8]) {
        let mut state = self.state.lock();
        let held = state.held.take();
        if state.failure.is_some() {
            return;
        }
        let direct = state.queue.is_empty() && state.blocked_since.is_none();
        let mut rest = replies;
        if let (true, Some(socket), false) = (direct, &self.socket, replies.is_empty()) {
            match socket.try_write(replies) {
                Ok(written) => {
                    self.counters.metrics.sent(written as u64);
                    rest = &replies[written..];
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => {
                    self.fail(&mut state, Failure::Broken);
                    return;
                }
            }
        }
        if !rest.is_empty() {
            state.bytes += rest.len();
            state.reply_bytes += rest.len();
            self.counters.queued.fetch_add(rest.len(), Ordering::Relaxed);
            state.queue.push_back(Item::Reply(Bytes::copy_from_slice(rest)));
        }
        state.queue.extend(held.into_iter().flatten());
        let pending = !state.queue.is_empty();
        drop(state);
        if pending {
            self.flush();
        }
    }

    /// Writes until the queue is empty or the socket is full.
    pub fn flush(&self) {
        let mut state = self.state.lock();
        state.scheduled = false;
        let Some(socket) = &self.socket else {
            drop(state);
            self.call_attention();
            return;
        };
        if state.held.is_some() || state.blocked_since.is_some() {
            return;
        }
        while !state.queue.is_empty() && state.failure.is_none() {
            // The lock is kept over the write: it never waits, and keeps what it writes in place.
            match with_gathered(&state, |gathered| socket.try_write(gathered)) {
                Ok(0) => self.fail(&mut state, Failure::Broken),
                Ok(written) => {
                    self.counters.metrics.sent(written as u64);
                    self.advance(&mut state, written);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    state.blocked_since = Some(Instant::now());
                    drop(state);
                    self.call_attention();
                    return;
                }
                Err(_) => self.fail(&mut state, Failure::Broken),
            }
        }
        let wanted = state.failure.is_some() || !state.owed.is_empty();
        drop(state);
        if wanted {
            self.call_attention();
        }
    }

    /// The socket has room again.
    pub fn unblock(&self) {
        self.state.lock().blocked_since = None;
        self.flush();
    }

    /// Takes what is queued, for a session that writes by itself.
    pub fn take(&self, out: &mut Vec<u8>) {
        let mut state = self.state.lock();
        state.scheduled = false;
        if state.held.is_some() {
            return;
        }
        while let Some(item) = state.queue.front() {
            if !out.is_empty() && out.len() + item.bytes().len() > WRITE_BYTES {
                break;
            }
            let bytes = item.bytes().len();
            out.extend_from_slice(item.bytes());
            self.advance(&mut state, bytes);
        }
    }

    /// Takes the first queued message without its end of line, for a session whose messages are framed
    /// one by one.
    pub fn take_one(&self) -> Option<Bytes> {
        let mut state = self.state.lock();
        state.scheduled = false;
        if state.held.is_some() {
            return None;
        }
        let rest = state.queue.front()?.bytes().slice(state.written..);
        let end = memchr::memchr(b'\n', &rest);
        self.advance(&mut state, end.map_or(rest.len(), |end| end + 1));
        Some(rest.slice(..end.unwrap_or(rest.len())))
    }

    /// Removes written bytes from the front.
    fn advance(&self, state: &mut State, mut written: usize) {
        state.bytes -= written;
        self.counters.queued.fetch_sub(written, Ordering::Relaxed);
        while let Some(item) = state.queue.front() {
            let left = item.bytes().len() - state.written;
            let taken = written.min(left);
            written -= taken;
            if matches!(item, Item::Reply(_)) {
                state.reply_bytes -= taken;
            }
            if taken < left {
                state.written += taken;
                return;
            }
            state.written = 0;
            state.queue.pop_front();
        }
        // An idle connection keeps no queue.
        if state.queue.capacity() > 0 {
            state.queue = VecDeque::new();
        }
    }

    fn fail(&self, state: &mut State, failure: Failure) {
        state.failure = Some(failure);
        let count = |item: &Item| match item {
            Item::Reply(_) => 0,
            Item::Pushes(segment, _) => segment.events().len(),
        };
        let pushes: usize = state.queue.iter().map(count).sum();
        self.counters.metrics.pushes(0, 0, pushes as u64);
        self.counters.queued.fetch_sub(state.bytes, Ordering::Relaxed);
        state.queue = VecDeque::new();
        state.held = None;
        state.owed = BTreeMap::new();
        state.owed_bytes = 0;
        state.bytes = 0;
        state.reply_bytes = 0;
        state.written = 0;
    }

    /// Takes no more; what is queued is dropped.
    pub fn close(&self) {
        self.end_with(Failure::Broken);
    }

    /// Has the session end its connection.
    pub fn kick(&self) {
        self.end_with(Failure::Kicked);
        self.call_attention();
    }

    fn end_with(&self, failure: Failure) {
        let mut state = self.state.lock();
        if state.failure.is_none() {
            self.fail(&mut state, failure);
        }
    }

    /// What is wrong, if anything.
    pub fn failure(&self) -> Option<Failure> {
        self.state.lock().failure
    }

    /// Since when the socket has been full.
    pub fn blocked_since(&self) -> Option<Instant> {
        self.state.lock().blocked_since
    }

    /// Bytes of replies that the client has not read.
    pub fn reply_bytes(&self) -> usize {
        self.state.lock().reply_bytes
    }

    /// Whether nothing waits to be written.
    pub fn is_empty(&self) -> bool {
        self.state.lock().queue.is_empty()
    }
}

impl State {
    /// Whether the state of this event's key is owed to the monitor anyway.
    fn is_owed(&self, event: &Event, subscription: &Arc<Subscription>) -> bool {
        let Some(owed) = self.owed.get(event.key()) else { return false };
        owed.iter().any(|owed| {
            Arc::ptr_eq(&owed.subscription, subscription)
                && match event.what() {
                    What::Change(_) => owed.value,
                    What::Presence(_) => owed.presence,
                }
        })
    }

    /// Forgets what is owed to an ended monitor of this scope.
    fn forget_owed_to_ended(&mut self, scope: &Scope) {
        let State { owed, owed_bytes, .. } = self;
        let mut forget = |key: &[u8], monitors: &mut SmallVec<[Owed; 1]>| {
            let before = monitors.len();
            monitors.retain(|owed| !owed.subscription.has_ended());
            *owed_bytes -= (before - monitors.len()) * owed_size(key);
            !monitors.is_empty()
        };
        if let Scope::Key(key) = scope {
            if owed.get_mut(key).is_some_and(|monitors| !forget(key, monitors)) {
                owed.remove(key);
            }
        } else {
            owed.retain(|key, monitors| forget(key, monitors));
        }
    }
}

/// What the memory of an owed reset counts as.
fn owed_size(key: &[u8]) -> usize {
    key.len() + size_of::<Owed>()
}

/// Runs `write` on the queue's first bytes, put side by side when they are of several items.
fn with_gathered<R>(state: &State, write: impl FnOnce(&[u8]) -> R) -> R {
    thread_local! {
        static GATHERED: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
    }
    if let Some(first) = state.queue.front() {
        let first = &first.bytes()[state.written..];
        // A large one is not copied again for each part of it that fits into the socket.
        if state.queue.len() == 1 || first.len() >= WRITE_BYTES {
            return write(first);
        }
    }
    GATHERED.with_borrow_mut(|gathered| {
        gathered.clear();
        let mut skipped = state.written;
        for item in &state.queue {
            let bytes = &item.bytes()[skipped..];
            if !gathered.is_empty() && gathered.len() + bytes.len() > WRITE_BYTES {
                break;
            }
            gathered.extend_from_slice(bytes);
            skipped = 0;
        }
        write(gathered)
    })
}
