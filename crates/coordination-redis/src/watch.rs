//! A watch as its reader sees it: what the feed hands over, or, where that is not enough, what the log says.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use hyrax_coordination::{WatchBatch, WatchError, WatchStream};
use hyrax_types::Revision;
use hyrax_types::limits::{REDIS_LOG_PAGE_ENTRIES, WATCH_PROGRESS_EVERY};
use tokio::time::{Instant, sleep_until};

use crate::call::Caller;
use crate::entry::{Assembly, Change, page};
use crate::feed::{Feed, Found, Standing, Watcher};

/// A watch that stands.
pub(crate) struct RedisWatch {
    watcher: Arc<Watcher>,
    feed: Arc<Feed>,
    caller: Caller,
    created: Revision,
    /// Handed over, and not read.
    ready: VecDeque<WatchBatch>,
    wants_progress: bool,
    /// When its reader heard something last.
    heard: Instant,
}

impl RedisWatch {
    pub(crate) fn new(
        watcher: Arc<Watcher>,
        feed: Arc<Feed>,
        caller: Caller,
        created: Revision,
    ) -> RedisWatch {
        RedisWatch {
            watcher,
            feed,
            caller,
            created,
            ready: VecDeque::new(),
            wants_progress: false,
            heard: Instant::now(),
        }
    }

    async fn next_batch(&mut self) -> Result<WatchBatch, WatchError> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(batch);
            }
            match self.watcher.take() {
                Found::Batches(batches) => self.ready.extend(batches),
                Found::Behind(from) => self.read_log(from).await?,
                Found::End(error) => return Err(error),
                Found::Nothing if self.wants_progress => {
                    if let Some(revision) = self.progress().await? {
                        self.wants_progress = false;
                        return Ok(WatchBatch { revision, events: Vec::new() });
                    }
                }
                Found::Nothing => {
                    let quiet_until = self.heard + WATCH_PROGRESS_EVERY;
                    tokio::select! {
                        () = self.watcher.filled() => {}
                        () = sleep_until(quiet_until), if self.watcher.request.progress_notify => {
                            self.heard = Instant::now();
                            self.wants_progress = true;
                        }
                    }
                }
            }
        }
    }

    /// How far the watch is, as soon as that is as far as the key space is now; none where there is something to be read
    /// first.
    async fn progress(&self) -> Result<Option<Revision>, WatchError> {
        let standing = Standing::ask(&self.caller).await?;
        tokio::select! {
            () = self.feed.reached(standing.revision) => Ok(self.feed.position_of(&self.watcher)),
            () = self.watcher.filled() => Ok(None),
        }
    }

    /// Reads a page of the log. Nothing is lost where this is given up halfway: it is read again.
    async fn read_log(&mut self, from: Revision) -> Result<(), WatchError> {
        let standing = Standing::ask(&self.caller).await?;
        if from < standing.compacted {
            return Err(WatchError::Compacted { compacted: standing.compacted });
        }
        let changes = self.changes(from, &standing).await?;
        let next = match changes.last() {
            Some(last) => last.revision.next(),
            None => from.max(standing.revision.next()),
        };
        for Change { revision, events } in changes {
            let events = self.watcher.seen(&events);
            if !events.is_empty() {
                self.ready.push_back(WatchBatch { revision, events });
            }
        }
        self.feed.caught_up(&self.watcher, next);
        Ok(())
    }

    /// Whole revisions from `from` on, at least one if there is one.
    async fn changes(&self, from: Revision, standing: &Standing) -> Result<Vec<Change>, WatchError> {
        if from > standing.revision {
            return Ok(Vec::new());
        }
        let mut assembly = Assembly::default();
        let mut name = format!("{from}-0");
        let changes: Vec<Change> = loop {
            let page = page(&self.caller.names.log, &name, REDIS_LOG_PAGE_ENTRIES);
            let changes = assembly.take(self.caller.read(&page).await?)?;
            if !changes.is_empty() {
                break changes;
            }
            match &assembly.mark {
                // A revision of more entries than a page has.
                Some(mark) if !assembly.is_whole() && name != mark.name => name = format!("({}", mark.name),
                _ => break changes,
            }
        };
        let mut expected = from;
        let in_order = changes
            .iter()
            .all(|change| std::mem::replace(&mut expected, change.revision.next()) == change.revision);
        if !in_order || changes.is_empty() {
            // It was forgotten since it was asked how far the past reaches.
            let compacted = Standing::ask(&self.caller).await?.compacted;
            return Err(WatchError::Compacted { compacted });
        }
        Ok(changes)
    }
}

impl WatchStream for RedisWatch {
    fn created_revision(&self) -> Revision {
        self.created
    }

    fn next(&mut self) -> BoxFuture<'_, Result<WatchBatch, WatchError>> {
        Box::pin(async move {
            let batch = self.next_batch().await?;
            self.heard = Instant::now();
            Ok(batch)
        })
    }

    fn request_progress(&mut self) {
        self.wants_progress = true;
    }
}

impl Drop for RedisWatch {
    fn drop(&mut self) {
        self.feed.remove(&self.watcher);
    }
}

/// Where a watch begins, and where the key space stands: refused where the past that it asks for is forgotten.
pub(crate) async fn begin(caller: &Caller, start: Revision) -> Result<(Revision, Revision), WatchError> {
    let standing = Standing::ask(caller).await?;
    if start != Revision::ZERO && start < standing.compacted {
        return Err(WatchError::Compacted { compacted: standing.compacted });
    }
    let from = if start == Revision::ZERO { standing.revision.next() } else { start };
    Ok((from, standing.revision))
}
