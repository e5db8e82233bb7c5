//! A copy of all that is under a prefix, kept current by one watch.
//!
//! The copy is read synchronously, by any number of readers; it is one revision at a time. A watch
//! that breaks is taken up again where it stopped; where that is forgotten, everything is read anew.

use std::sync::Arc;
use std::time::Duration;

use hyrax_coordination::{
    Coordination, Event, KeyRange, KeyValue, RangeError, RangeRequest, Unavailable, WatchBatch, WatchError,
    WatchRequest,
};
use hyrax_types::Revision;
use parking_lot::RwLock;
use tokio::sync::watch;

use crate::task::Task;

/// Keys read in one request.
const PAGE_KEYS: usize = 1_000;

/// How long to wait before an engine that did not answer is asked again: doubled each time.
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// How long to wait for the copy to show what was written.
const CATCH_UP_MAX: Duration = Duration::from_secs(10);

/// What is made of the keys.
pub(crate) trait Materialized: Send + Sync + 'static {
    /// Begins anew with all that the prefix holds.
    fn reset(&mut self, revision: Revision, kvs: &[Arc<KeyValue>]);

    /// Takes in what one revision did, all of it under the prefix.
    fn apply(&mut self, revision: Revision, events: &[Event]);
}

struct Copy<M> {
    value: M,
    revision: Revision,
}

struct Shared<M> {
    copy: RwLock<Copy<M>>,
    /// The copy's revision, for those who wait for one.
    applied: watch::Sender<Revision>,
}

/// The copy, and the task that keeps it current until this is dropped.
pub(crate) struct Mirror<M> {
    shared: Arc<Shared<M>>,
    _task: Task,
}

impl<M: Materialized> Mirror<M> {
    /// Reads all of `range`, and follows it from there.
    pub(crate) async fn start(
        engine: Arc<dyn Coordination>,
        range: KeyRange,
        mut value: M,
    ) -> Result<Mirror<M>, Unavailable> {
        let (revision, kvs) = load_once(&*engine, &range).await?;
        value.reset(revision, &kvs);
        let copy = RwLock::new(Copy { value, revision });
        let shared = Arc::new(Shared { copy, applied: watch::Sender::new(revision) });
        let task = Task::spawn(follow(engine, range, Arc::clone(&shared)));
        Ok(Mirror { shared, _task: task })
    }

    /// Reads the copy and its revision, while it stands still.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&M, Revision) -> R) -> R {
        let copy = self.shared.copy.read();
        read(&copy.value, copy.revision)
    }

    /// Hears of each revision that the copy takes in.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Revision> {
        self.shared.applied.subscribe()
    }

    /// Waits until the copy shows `revision`, which must have written under the prefix.
    pub(crate) async fn reached(&self, revision: Revision) -> Result<(), Unavailable> {
        let mut applied = self.shared.applied.subscribe();
        let reached = applied.wait_for(|applied| *applied >= revision);
        match tokio::time::timeout(CATCH_UP_MAX, reached).await {
            Ok(Ok(_)) => Ok(()),
            _ => {
                let reason = format!("revision {revision} was written, but its watch is silent");
                Err(Unavailable::because(reason))
            }
        }
    }
}

impl<M: Materialized> Shared<M> {
    fn apply(&self, batch: &WatchBatch) {
        for events in batch.events.chunk_by(|a, b| a.kv.mod_revision == b.kv.mod_revision) {
            let revision = events[0].kv.mod_revision;
            let mut copy = self.copy.write();
            copy.value.apply(revision, events);
            copy.revision = revision;
        }
        let revision = {
            let mut copy = self.copy.write();
            copy.revision = copy.revision.max(batch.revision);
            copy.revision
        };
        self.applied.send_replace(revision);
    }

    fn reset(&self, revision: Revision, kvs: &[Arc<KeyValue>]) {
        {
            let mut copy = self.copy.write();
            copy.value.reset(revision, kvs);
            copy.revision = revision;
        }
        self.applied.send_replace(revision);
    }
}

async fn follow<M: Materialized>(engine: Arc<dyn Coordination>, range: KeyRange, shared: Arc<Shared<M>>) {
    let mut retry = RETRY_MIN;
    loop {
        let from = shared.applied.borrow().next();
        let error = match engine.watch(WatchRequest::new(range.clone(), from)).await {
            Ok(mut watch) => loop {
                match watch.next().await {
                    Ok(batch) => {
                        shared.apply(&batch);
                        retry = RETRY_MIN;
                    }
                    Err(error) => break error,
                }
            },
            Err(error) => error,
        };
        if let WatchError::Compacted { .. } = error
            && let Ok((revision, kvs)) = load_once(&*engine, &range).await
        {
            shared.reset(revision, &kvs);
            continue;
        }
        tokio::time::sleep(retry).await;
        retry = (retry * 2).min(RETRY_MAX);
    }
}

/// All of `range` at one revision, and which.
pub(crate) async fn load_once(
    engine: &dyn Coordination,
    range: &KeyRange,
) -> Result<(Revision, Vec<Arc<KeyValue>>), Unavailable> {
    let mut request = RangeRequest { limit: PAGE_KEYS, ..RangeRequest::new(range.clone()) };
    let mut kvs: Vec<Arc<KeyValue>> = Vec::new();
    loop {
        match engine.range(request.clone()).await {
            Ok(mut page) => {
                if request.revision == Revision::ZERO {
                    request.revision = page.revision;
                }
                kvs.append(&mut page.kvs);
                match kvs.last() {
                    Some(last) if page.more => {
                        request.range.key = [last.key.as_ref(), b"\0"].concat().into();
                    }
                    _ => return Ok((request.revision, kvs)),
                }
            }
            // Forgotten between two pages: begin again.
            Err(RangeError::Compacted) => {
                kvs.clear();
                request.revision = Revision::ZERO;
                request.range = range.clone();
            }
            Err(RangeError::Unavailable(unavailable)) => return Err(unavailable),
            Err(error) => return Err(Unavailable::because(error.to_string())),
        }
    }
}
