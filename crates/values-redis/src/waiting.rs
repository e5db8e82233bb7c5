//! Commands that wait for something to take (`BLPOP`).
//!
//! A command that takes is a write, so it has to run in a function, which cannot wait. So it waits here: it is
//! tried; if there is nothing, its keys are followed, and it is tried again when one of them has changed, those that
//! wait at one node for one key in the order in which they came. Between nodes whoever asks Redis first is served.

use crate::feed::{Feed, Following};
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use hyrax_values::Reply;
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

/// Tries a waiting command: on these of its keys (by their places among them), and whether it has been tried before.
pub type Attempt = Arc<dyn Fn(&[usize], bool) -> BoxFuture<'static, Reply> + Send + Sync>;

/// What a command waits for at its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Elements of lists.
    List,
    /// Members of sorted sets.
    SortedSet,
    /// Entries of streams, which are there for all who wait.
    Stream,
}

const KINDS: [Kind; 3] = [Kind::List, Kind::SortedSet, Kind::Stream];

/// A command that may have to wait.
pub struct Waiter {
    /// The keys that it takes from.
    pub keys: Vec<Box<[u8]>>,
    /// What it takes.
    pub kind: Kind,
    /// Until when it waits.
    pub deadline: Option<Instant>,
    /// What it answers then.
    pub nothing: Reply,
    /// How it is tried.
    pub attempt: Attempt,
}

/// A waiter's answer to come, and the way to end its wait.
type Begun = (BoxFuture<'static, Reply>, Arc<dyn Fn(Reply) -> bool + Send + Sync>);

/// Another answer, once somebody has ended a wait from outside.
type Ended = Arc<Mutex<Option<Reply>>>;

/// The keys at which somebody waits, for whoever hears of changes.
pub struct Awaited {
    keys: Mutex<HashMap<Box<[u8]>, usize>>,
    waiting: AtomicUsize,
    last: AtomicU64,
    events: mpsc::UnboundedSender<Event>,
}

impl Awaited {
    /// Nobody waits yet; what the [`Room`] is to be told.
    pub fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<Event>) {
        let (events, received) = mpsc::unbounded_channel();
        let (keys, waiting, last) = (Mutex::default(), AtomicUsize::new(0), AtomicU64::new(0));
        (Arc::new(Awaited { keys, waiting, last, events }), received)
    }

    /// A key may have changed.
    pub fn changed(&self, key: &[u8]) {
        if self.waiting.load(Ordering::Acquire) > 0 && self.keys.lock().contains_key(key) {
            let _ = self.events.send(Event::Changed(key.into()));
        }
    }

    fn add(&self, key: &[u8]) {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        *self.keys.lock().entry(key.into()).or_default() += 1;
    }

    fn remove(&self, key: &[u8]) {
        let mut keys = self.keys.lock();
        if let Some(count) = keys.get_mut(key) {
            *count -= 1;
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            if *count == 0 {
                keys.remove(key);
            }
        }
    }

    /// Waits until everybody who waits has been tried.
    pub async fn settled(&self) {
        let (tell, told) = oneshot::channel();
        let _ = self.events.send(Event::Settle(tell));
        let _ = told.await;
    }

    /// Has a command wait, behind those that began before.
    pub fn begin(&self, waiter: Waiter) -> Begun {
        let id = self.last.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let ended = Ended::default();
        let nothing = waiter.nothing.clone();
        waiter.keys.iter().for_each(|key| self.add(key));
        let _ = self.events.send(Event::Begin(Box::new(Seated {
            id,
            waiter,
            answer,
            ended: ended.clone(),
            is_tried: false,
            changed: Vec::new(),
            following: Vec::new(),
        })));
        let leaves = Leaves { id, events: self.events.clone() };
        let reply = async move {
            let _leaves = leaves;
            answered.await.unwrap_or(nothing)
        };
        let events = self.events.clone();
        let end = move |reply| {
            // The waiter holds the other one.
            let still_waits = Arc::strong_count(&ended) > 1;
            *ended.lock() = Some(reply);
            let _ = events.send(Event::Ended(id));
            still_waits
        };
        (Box::pin(reply), Arc::new(end))
    }
}

/// Tells it when nobody wants the answer any more.
struct Leaves {
    id: u64,
    events: mpsc::UnboundedSender<Event>,
}

impl Drop for Leaves {
    fn drop(&mut self) {
        let _ = self.events.send(Event::Ended(self.id));
    }
}

/// What the room is told.
pub enum Event {
    /// Somebody waits.
    Begin(Box<Seated>),
    /// A key may have changed.
    Changed(Box<[u8]>),
    /// Somebody's wait was ended from outside, or nobody wants its answer.
    Ended(u64),
    /// Somebody wants to know once nobody is being tried.
    Settle(oneshot::Sender<()>),
}

/// A waiter with its place.
pub struct Seated {
    id: u64,
    waiter: Waiter,
    answer: oneshot::Sender<Reply>,
    ended: Ended,
    is_tried: bool,
    /// The places of its keys that changed while it was tried.
    changed: Vec<usize>,
    following: Vec<Following>,
}

/// Where commands wait.
pub struct Room {
    awaited: Arc<Awaited>,
    feed: Feed,
    seated: HashMap<u64, Box<Seated>>,
    queues: HashMap<(Kind, Box<[u8]>), VecDeque<u64>>,
    deadlines: BTreeSet<(Instant, u64)>,
    attempts: FuturesUnordered<BoxFuture<'static, (u64, Reply)>>,
    /// Who wants to know once nobody is being tried.
    settling: Vec<oneshot::Sender<()>>,
}

impl Room {
    /// An empty one.
    pub fn new(awaited: Arc<Awaited>, feed: Feed) -> Self {
        Room {
            awaited,
            feed,
            seated: HashMap::new(),
            queues: HashMap::new(),
            deadlines: BTreeSet::new(),
            attempts: FuturesUnordered::new(),
            settling: Vec::new(),
        }
    }

    /// Serves those who wait, for ever.
    pub async fn run(mut self, mut events: mpsc::UnboundedReceiver<Event>) {
        loop {
            let next = self.deadlines.first().map(|(at, _)| *at);
            let time_is_over = async {
                match next {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = events.recv() => match event {
                    Some(Event::Begin(seated)) => self.begin(seated),
                    Some(Event::Changed(key)) => self.serve(&key),
                    Some(Event::Ended(id)) => self.end_if_ended(id),
                    Some(Event::Settle(tell)) => self.settling.push(tell),
                    None => return,
                },
                Some((id, reply)) = self.attempts.next() => self.tried(id, reply),
                () = time_is_over => self.end_overdue(),
            }
            if self.attempts.is_empty() {
                for tell in self.settling.drain(..) {
                    let _ = tell.send(());
                }
            }
        }
    }

    fn begin(&mut self, seated: Box<Seated>) {
        let (id, kind) = (seated.id, seated.waiter.kind);
        if let Some(at) = seated.waiter.deadline {
            self.deadlines.insert((at, id));
        }
        let mut first_in_line = Vec::new();
        for (place, key) in seated.waiter.keys.iter().enumerate() {
            let queue = self.queues.entry((kind, key.clone())).or_default();
            if queue.is_empty() || kind == Kind::Stream || queue.front() == Some(&id) {
                first_in_line.push(place);
            }
            if queue.back() != Some(&id) {
                queue.push_back(id);
            }
        }
        self.seated.insert(id, seated);
        if first_in_line.is_empty() {
            self.follow_keys_of(id);
        } else {
            self.try_now(id, &first_in_line, false);
        }
    }

    fn follow_keys_of(&mut self, id: u64) {
        if let Some(seated) = self.seated.get_mut(&id)
            && seated.following.is_empty()
        {
            seated.following = seated.waiter.keys.iter().map(|key| self.feed.follow(Some(key))).collect();
        }
    }

    fn try_now(&mut self, id: u64, places: &[usize], again: bool) {
        let Some(seated) = self.seated.get_mut(&id) else { return };
        seated.is_tried = true;
        let attempt = (seated.waiter.attempt)(places, again);
        self.attempts.push(Box::pin(async move { (id, attempt.await) }));
    }

    /// Tries those who are next at a key that may have changed.
    fn serve(&mut self, key: &[u8]) {
        for kind in KINDS {
            let Some(queue) = self.queues.get(&(kind, key.into())) else { continue };
            let count = if kind == Kind::Stream { queue.len() } else { 1 };
            let next: Vec<u64> = queue.iter().copied().take(count).collect();
            next.into_iter().for_each(|id| self.serve_one(id, key));
        }
    }

    fn serve_one(&mut self, id: u64, key: &[u8]) {
        let Some(seated) = self.seated.get_mut(&id) else { return };
        let place = seated.waiter.keys.iter().position(|own| **own == *key);
        let Some(place) = place else { return };
        if seated.is_tried {
            seated.changed.push(place);
        } else {
            self.try_now(id, &[place], true);
        }
    }

    /// An attempt has come to an end.
    fn tried(&mut self, id: u64, reply: Reply) {
        let Some(seated) = self.seated.get_mut(&id) else { return };
        seated.is_tried = false;
        if !matches!(reply, Reply::Null | Reply::NullArray) {
            return self.finish(id, reply);
        }
        let changed = std::mem::take(&mut seated.changed);
        let is_over = seated.ended.lock().is_some() || seated.answer.is_closed();
        if is_over {
            return self.end_if_ended(id);
        }
        self.follow_keys_of(id);
        if !changed.is_empty() {
            self.try_now(id, &changed, true);
        }
    }

    fn end_if_ended(&mut self, id: u64) {
        let Some(seated) = self.seated.get(&id).filter(|seated| !seated.is_tried) else { return };
        let ended = seated.ended.lock().take();
        match ended {
            Some(reply) => self.finish(id, reply),
            None if seated.answer.is_closed() => self.finish(id, Reply::Null),
            None => {}
        }
    }

    fn end_overdue(&mut self) {
        let now = Instant::now();
        while self.deadlines.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, id)) = self.deadlines.pop_first() else { return };
            if let Some(seated) = self.seated.get(&id) {
                // One that is being tried may have taken something, which then is its answer.
                seated.ended.lock().get_or_insert(seated.waiter.nothing.clone());
                self.end_if_ended(id);
            }
        }
    }

    /// Answers somebody, who then waits no more, and looks after who is next.
    fn finish(&mut self, id: u64, reply: Reply) {
        let Some(seated) = self.seated.remove(&id) else { return };
        let Seated { waiter, answer, .. } = *seated;
        // Nobody may want it any more.
        let _ = answer.send(reply);
        if let Some(at) = waiter.deadline {
            self.deadlines.remove(&(at, id));
        }
        for key in &waiter.keys {
            self.awaited.remove(key);
            let place = (waiter.kind, key.clone());
            if let Some(queue) = self.queues.get_mut(&place) {
                queue.retain(|other| *other != id);
                if queue.is_empty() {
                    self.queues.remove(&place);
                }
            }
        }
        if waiter.kind != Kind::Stream {
            waiter.keys.iter().for_each(|key| self.serve(key));
        }
    }
}
