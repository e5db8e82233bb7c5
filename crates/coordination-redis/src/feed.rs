//! The one reader of the log, which hands events to all watches that have caught up.

use std::collections::HashMap;
use std::sync::Arc;

use hyrax_coordination::{Event, EventKind, Key, Unavailable, WatchBatch, WatchError, WatchRequest};
use hyrax_types::Revision;
use hyrax_types::limits::{
    ETCD_WATCH_QUEUE_BYTES_MAX, REDIS_LOG_PAGE_ENTRIES, REDIS_LOG_WAIT, REDIS_RETRY_MIN,
    WATCH_QUEUE_EVENTS_MAX,
};
use parking_lot::Mutex;
use redis::Value;
use redis::aio::MultiplexedConnection;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use crate::call::{Caller, Effect};
use crate::entry::{Assembly, Change, Mark, page};
use crate::library::STATUS;
use crate::link::{Connection, next_wait};
use crate::response::Answer;

/// Where a namespace stands.
pub(crate) struct Standing {
    pub(crate) revision: Revision,
    pub(crate) compacted: Revision,
    /// When it began: another one has another time.
    pub(crate) born: String,
    last: Mark,
}

impl Standing {
    pub(crate) async fn ask(caller: &Caller) -> Result<Standing, Unavailable> {
        let words: [&str; 0] = [];
        Standing::read(caller.call(STATUS, Effect::Reads, &words).await?)
    }

    /// What a function returned that tells it.
    pub(crate) fn of(value: Value) -> Result<Standing, Unavailable> {
        Standing::read(Answer::of(value)?.map_err(Unavailable::because)?)
    }

    fn read(mut answer: Answer) -> Result<Standing, Unavailable> {
        Ok(Standing {
            revision: answer.revision()?,
            compacted: answer.revision()?,
            born: answer.text()?,
            last: Mark { name: answer.text()?, head: answer.text()? },
        })
    }
}

/// One watch: what it is of, and what its reader has not read.
pub(crate) struct Watcher {
    pub(crate) request: WatchRequest,
    inner: Mutex<Pending>,
    filled: Notify,
}

#[derive(Default)]
struct Pending {
    batches: Vec<WatchBatch>,
    events: usize,
    bytes: usize,
    /// The first revision that its reader must read from the log by itself; none while the feed hands over.
    behind: Option<Revision>,
    /// The first revision that it is to see.
    from: Revision,
    end: Option<WatchError>,
}

/// What there is for a watch's reader.
pub(crate) enum Found {
    /// All that the feed handed over.
    Batches(Vec<WatchBatch>),
    /// It must read the log from there.
    Behind(Revision),
    /// It is over.
    End(WatchError),
    /// Nothing.
    Nothing,
}

impl Watcher {
    pub(crate) fn new(request: WatchRequest) -> Arc<Watcher> {
        Arc::new(Watcher { request, inner: Mutex::default(), filled: Notify::new() })
    }

    /// Takes what there is.
    pub(crate) fn take(&self) -> Found {
        let mut inner = self.inner.lock();
        if !inner.batches.is_empty() {
            (inner.events, inner.bytes) = (0, 0);
            return Found::Batches(std::mem::take(&mut inner.batches));
        }
        match (&inner.end, inner.behind) {
            (Some(error), _) => Found::End(error.clone()),
            (None, Some(from)) => Found::Behind(from),
            (None, None) => Found::Nothing,
        }
    }

    /// Waits until there may be something.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Of what a revision did, what it is to see.
    pub(crate) fn seen(&self, events: &[Event]) -> Vec<Event> {
        let WatchRequest { range, no_put, no_delete, prev_kv, .. } = &self.request;
        let wanted = |event: &&Event| {
            let left_out = match event.kind {
                EventKind::Put => *no_put,
                EventKind::Delete => *no_delete,
            };
            !left_out && range.contains(&event.kv.key)
        };
        let told =
            |event: &Event| Event { prev_kv: event.prev_kv.clone().filter(|_| *prev_kv), ..event.clone() };
        events.iter().filter(wanted).map(told).collect()
    }

    /// The feed hands over what one revision did.
    fn offer(&self, change: &Change) {
        let events = self.seen(&change.events);
        if events.is_empty() {
            return;
        }
        let bytes = events.iter().map(footprint).sum::<usize>();
        let mut inner = self.inner.lock();
        if inner.behind.is_some() || inner.end.is_some() || change.revision < inner.from {
            return;
        }
        let too_many = inner.events + events.len() > WATCH_QUEUE_EVENTS_MAX
            || inner.bytes + bytes > ETCD_WATCH_QUEUE_BYTES_MAX;
        if too_many && inner.events > 0 {
            inner.behind = Some(change.revision);
            return;
        }
        inner.events += events.len();
        inner.bytes += bytes;
        inner.batches.push(WatchBatch { revision: change.revision, events });
        drop(inner);
        self.filled.notify_one();
    }

    fn end(&self, error: WatchError) {
        self.inner.lock().end.get_or_insert(error);
        self.filled.notify_one();
    }
}

fn footprint(event: &Event) -> usize {
    let bytes = |kv: &hyrax_coordination::KeyValue| kv.key.len() + kv.value.len();
    size_of::<Event>() + bytes(&event.kv) + event.prev_kv.as_deref().map_or(0, bytes)
}

/// All watches, and how far the log was read.
pub(crate) struct Feed {
    members: Mutex<Members>,
    /// Everything up to this revision was handed over.
    position: watch::Sender<Revision>,
}

#[derive(Default)]
struct Members {
    /// Those of one key, which is most of them.
    singles: HashMap<Key, Vec<Arc<Watcher>>>,
    ranges: Vec<Arc<Watcher>>,
}

impl Members {
    fn all(&self) -> impl Iterator<Item = &Arc<Watcher>> {
        self.singles.values().flatten().chain(&self.ranges)
    }
}

impl Feed {
    pub(crate) fn new() -> Arc<Feed> {
        Arc::new(Feed { members: Mutex::default(), position: watch::Sender::new(Revision::ZERO) })
    }

    /// Adds a watch that is to see everything from a revision on.
    pub(crate) fn add(&self, watcher: &Arc<Watcher>, from: Revision) {
        let mut members = self.members.lock();
        if watcher.request.range.is_single() {
            members.singles.entry(watcher.request.range.key.clone()).or_default().push(watcher.clone());
        } else {
            members.ranges.push(watcher.clone());
        }
        self.place(watcher, from);
    }

    pub(crate) fn remove(&self, watcher: &Arc<Watcher>) {
        let mut members = self.members.lock();
        let other = |member: &Arc<Watcher>| !Arc::ptr_eq(member, watcher);
        let key = &watcher.request.range.key;
        if !watcher.request.range.is_single() {
            members.ranges.retain(other);
        } else if let Some(watchers) = members.singles.get_mut(key) {
            watchers.retain(other);
            if watchers.is_empty() {
                members.singles.remove(key);
            }
        }
    }

    /// A watch has seen everything before `from`: it joins those that have caught up, if it has.
    pub(crate) fn caught_up(&self, watcher: &Arc<Watcher>, from: Revision) {
        // While this is held nothing is handed over.
        let _members = self.members.lock();
        self.place(watcher, from);
    }

    fn place(&self, watcher: &Arc<Watcher>, from: Revision) {
        let mut inner = watcher.inner.lock();
        inner.from = from;
        inner.behind = (from <= *self.position.borrow()).then_some(from);
    }

    /// Up to where everything was handed over, where nothing of it is left with this watch.
    pub(crate) fn position_of(&self, watcher: &Watcher) -> Option<Revision> {
        let _members = self.members.lock();
        let inner = watcher.inner.lock();
        let is_idle = inner.batches.is_empty() && inner.behind.is_none() && inner.end.is_none();
        is_idle.then(|| (*self.position.borrow()).max(Revision(inner.from.0.saturating_sub(1))))
    }

    /// Waits until everything up to a revision was handed over.
    pub(crate) async fn reached(&self, revision: Revision) {
        // The sender is this feed's own: it can not be gone.
        _ = self.position.subscribe().wait_for(|position| *position >= revision).await;
    }

    fn hand_over(&self, changes: &[Change]) {
        let members = self.members.lock();
        for change in changes {
            for event in &change.events {
                // A revision may change a key that is watched more than once; it is handed over whole, once.
                let first = change.events.iter().position(|other| other.kv.key == event.kv.key);
                if first.is_some_and(|first| !std::ptr::eq(&change.events[first], event)) {
                    continue;
                }
                members
                    .singles
                    .get(&event.kv.key)
                    .into_iter()
                    .flatten()
                    .for_each(|watcher| watcher.offer(change));
            }
            members.ranges.iter().for_each(|watcher| watcher.offer(change));
            self.position.send_replace(change.revision);
        }
    }

    /// The log is read from after this revision on. Watches that were added before read up to there by themselves.
    fn begin_at(&self, revision: Revision) {
        let members = self.members.lock();
        self.position.send_replace(revision);
        for watcher in members.all() {
            let from = watcher.inner.lock().from;
            self.place(watcher, from);
            watcher.filled.notify_one();
        }
    }

    /// What was read is not what is there any more, or some of it was forgotten before it was read.
    fn lose(&self, standing: &Standing) {
        let members = self.members.lock();
        let compacted = standing.revision.max(standing.compacted);
        members.all().for_each(|watcher| watcher.end(WatchError::Compacted { compacted }));
        self.position.send_replace(standing.revision);
    }

    /// Tells all watches that the engine is gone.
    pub(crate) fn close(&self) {
        let members = self.members.lock();
        members.all().for_each(|watcher| watcher.end(Unavailable::Stopped.into()));
    }

    /// Reads the log. Never ends.
    pub(crate) async fn run(self: Arc<Feed>, caller: Caller) {
        let mut reading = None;
        let mut wait = REDIS_RETRY_MIN;
        loop {
            let connection = caller.link.connection().await;
            let began = tokio::time::Instant::now();
            let Err(reason) = self.follow(&caller, &connection, &mut reading).await;
            tracing::debug!(%reason, "the log of coordination is read anew");
            wait = if began.elapsed() > REDIS_LOG_WAIT { REDIS_RETRY_MIN } else { next_wait(wait) };
            sleep(wait).await;
        }
    }

    /// Reads the log over one connection, from where the last one stopped.
    async fn follow(
        &self,
        caller: &Caller,
        connection: &Connection,
        reading: &mut Option<Reading>,
    ) -> Result<std::convert::Infallible, Unavailable> {
        let patience = REDIS_LOG_WAIT * 2;
        let opened = timeout(patience, connection.another()).await;
        let opened = opened.map_err(|_| Unavailable::because("Redis does not answer"))?;
        let mut reader = opened.map_err(|error| Unavailable::because(error.to_string()))?;
        let standing = Standing::ask(caller).await?;
        let goes_on = match &*reading {
            Some(reading) => reading.goes_on(caller, &standing).await?,
            None => false,
        };
        if !goes_on {
            match reading {
                Some(_) => self.lose(&standing),
                None => self.begin_at(standing.revision),
            }
            *reading = Some(Reading::from(standing));
        }
        let Some(reading) = reading else { return Err(Unavailable::Stopped) };
        loop {
            let asked = tokio::select! {
                asked = timeout(patience, reading.next(caller, &mut reader)) => asked,
                () = caller.link.replaced(connection) => return Err(Unavailable::because("it was given up")),
            };
            let entries = asked.map_err(|_| Unavailable::because("Redis does not answer"))??;
            let Some(entries) = entries else { continue };
            let changes = reading.assembly.take(entries)?;
            let mut expected = *self.position.borrow();
            if changes
                .iter()
                .all(|change| std::mem::replace(&mut expected, change.revision).next() == change.revision)
            {
                self.hand_over(&changes);
            } else {
                self.lose(&Standing::ask(caller).await?);
                return Err(Unavailable::because("some of the log was forgotten before it was read"));
            }
        }
    }
}

/// How far the log was read.
struct Reading {
    born: String,
    /// The last entry there was when the reading began.
    began_after: Mark,
    assembly: Assembly,
}

impl From<Standing> for Reading {
    fn from(standing: Standing) -> Reading {
        Reading { born: standing.born, began_after: standing.last, assembly: Assembly::default() }
    }
}

impl Reading {
    fn mark(&self) -> &Mark {
        self.assembly.mark.as_ref().unwrap_or(&self.began_after)
    }

    /// The next entries, if some come while Redis waits for them.
    async fn next(
        &self,
        caller: &Caller,
        reader: &mut MultiplexedConnection,
    ) -> Result<Option<Value>, Unavailable> {
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(REDIS_LOG_PAGE_ENTRIES).arg("BLOCK").arg(REDIS_LOG_WAIT.as_millis() as u64);
        let name = if self.mark().name.is_empty() { "0-0" } else { &self.mark().name };
        command.arg("STREAMS").arg(&caller.names.log).arg(name);
        let read = reader.send_packed_command(&command).await.and_then(Value::extract_error);
        match read.map_err(|error| Unavailable::because(error.to_string()))? {
            Value::Nil => Ok(None),
            streams => {
                let mut stream = Answer::list(streams)?.inner()?;
                stream.bytes()?;
                Ok(Some(stream.rest()?))
            }
        }
    }

    /// Whether what was read last is still there, in the same namespace. After a failover it may be another's.
    async fn goes_on(&self, caller: &Caller, standing: &Standing) -> Result<bool, Unavailable> {
        if self.born != standing.born {
            return Ok(false);
        }
        let mark = self.mark();
        if mark.name.is_empty() {
            return Ok(true);
        }
        let found = caller.read(&page(&caller.names.log, &mark.name, 1)).await?;
        let mut assembly = Assembly::default();
        assembly.take(found)?;
        Ok(assembly.mark.as_ref() == Some(mark))
    }
}
