//! What waits to be written to one client.
//!
//! Replies and pushes leave through here in one order, with one write for all that is pending. The
//! queue is bounded in bytes: when it overflows, the pushes in it fold into the keys they were of,
//! and the session sends each key's current value once the client reads again.

mod messages;
mod news;
mod pushes;
mod writing;

use super::channels::Messages;
use super::event::Segment;
use super::subscription::Subscription;
use crate::metrics::Metrics;
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Context;
use std::time::Instant;

pub use self::news::News;

/// How a client is written to.
pub trait Socket: Send + Sync + 'static {
    /// Writes what fits without waiting, or fails with [`io::ErrorKind::WouldBlock`].
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;
}

/// Something queued.
enum Item {
    Reply(Bytes),
    Pushes(Arc<Segment>, Arc<Subscription>),
    Messages(Arc<Messages>),
    News(Arc<News>),
}

impl Item {
    fn bytes(&self) -> &Bytes {
        match self {
            Item::Reply(bytes) => bytes,
            Item::Pushes(segment, subscription) => segment.encoded(subscription.form),
            Item::Messages(messages) => &messages.bytes,
            Item::News(news) => &news.bytes,
        }
    }

    /// How many things a client is told by it, that it did not ask for one by one.
    fn pushes(&self) -> usize {
        match self {
            Item::Reply(_) => 0,
            Item::Pushes(segment, _) => segment.events().len(),
            Item::Messages(messages) => messages.count,
            Item::News(_) => 1,
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
    /// It fell behind on more keys than are kept track of, or on messages, which nothing makes up for.
    Overwhelmed,
    /// The server wants it gone.
    Kicked,
}

/// How it stands with a client, as of one moment.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// What is wrong, if anything.
    pub failure: Option<Failure>,
    /// Whether the socket is full.
    pub is_blocked: bool,
    /// Bytes of replies that the client has not read.
    pub reply_bytes: usize,
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

/// What was done in a row, to be counted together.
#[derive(Default)]
pub(super) struct Tally {
    pub pushes: usize,
    pub bytes_sent: usize,
}

impl Counters {
    pub(super) fn count(&self, tally: &Tally) {
        self.metrics.pushes(tally.pushes as u64, 0, 0);
        self.metrics.sent(tally.bytes_sent as u64);
    }

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
        if self.takes_attention() {
            return true;
        }
        self.waker.register(context.waker());
        self.takes_attention()
    }

    fn takes_attention(&self) -> bool {
        // Looked at first: it is seldom set, and a look costs much less than a swap.
        self.attention.load(Ordering::Acquire) && self.attention.swap(false, Ordering::AcqRel)
    }

    /// Wakes the session's task.
    pub fn call_attention(&self) {
        self.attention.store(true, Ordering::Release);
        self.waker.wake();
    }

    fn fail(&self, state: &mut State, failure: Failure) {
        state.failure = Some(failure);
        let pushes: usize = state.queue.iter().map(Item::pushes).sum();
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

    /// How it stands with the client.
    pub fn standing(&self) -> Standing {
        let state = self.state.lock();
        Standing {
            failure: state.failure,
            is_blocked: state.blocked_since.is_some(),
            reply_bytes: state.reply_bytes,
        }
    }

    /// Bytes of replies that the client has not read.
    pub fn reply_bytes(&self) -> usize {
        self.state.lock().reply_bytes
    }

    /// Bytes queued.
    pub fn bytes(&self) -> usize {
        self.state.lock().bytes
    }

    /// Whether nothing waits to be written.
    pub fn is_empty(&self) -> bool {
        self.state.lock().queue.is_empty()
    }
}
