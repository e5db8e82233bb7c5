//! The consumer's end of a watch: its queue first, the history when it fell behind.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::{BoxFuture, poll_fn};
use hyrax_types::Revision;
use tokio::time::Instant;

use super::shared::Shared;
use super::watchers::Watcher;
use crate::{WatchBatch, WatchError, WatchStream};

/// Events of the history looked at in one hold of the engine's lock.
const CATCH_UP_EVENTS_MAX: usize = 1_024;

/// A watch on the embedded engine.
pub(super) struct EmbeddedWatch {
    shared: Arc<Shared>,
    watcher: Arc<Watcher>,
    created_revision: Revision,
    progress_requested: bool,
    /// How long nothing may happen before progress is told unasked.
    progress_every: Option<Duration>,
}

impl EmbeddedWatch {
    pub(super) fn new(
        shared: Arc<Shared>,
        watcher: Arc<Watcher>,
        created_revision: Revision,
        progress_every: Option<Duration>,
    ) -> EmbeddedWatch {
        EmbeddedWatch { shared, watcher, created_revision, progress_requested: false, progress_every }
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<WatchBatch, WatchError>> {
        {
            let mut queue = self.watcher.queue.lock();
            if let Some(last) = queue.events.back() {
                let revision = last.kv.mod_revision;
                let events = std::mem::take(&mut queue.events);
                drop(queue);
                return Poll::Ready(Ok(WatchBatch { revision, events: events.into() }));
            }
            if queue.behind_from.is_none() && !self.progress_requested {
                queue.waker = Some(context.waker().clone());
                return Poll::Pending;
            }
        }
        match self.catch_up() {
            Ok(None) => {
                // Nothing found in this stretch of the history: let others run, then go on.
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Ok(Some(batch)) => Poll::Ready(Ok(batch)),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Reads on in the history; when its end is reached the queue is fed again.
    fn catch_up(&mut self) -> Result<Option<WatchBatch>, WatchError> {
        let state = self.shared.state.lock();
        let mut queue = self.watcher.queue.lock();
        if !queue.events.is_empty() {
            return Ok(None);
        }
        let current = state.store.visible();
        let Some(from) = queue.behind_from else {
            self.progress_requested = false;
            return Ok(Some(WatchBatch { revision: current, events: Vec::new() }));
        };
        let compacted = state.store.compacted();
        if from < compacted {
            return Err(WatchError::Compacted { compacted });
        }
        let mut found = Vec::new();
        let mut reached = from;
        let mut rest = None;
        for (looked_at, event) in state.store.events_between(from, current).enumerate() {
            if looked_at >= CATCH_UP_EVENTS_MAX && event.kv.mod_revision != reached {
                rest = Some(event.kv.mod_revision);
                break;
            }
            reached = event.kv.mod_revision;
            if self.watcher.wants(event) {
                found.push(self.watcher.told(event));
            }
        }
        queue.behind_from = rest;
        drop(queue);
        drop(state);
        let revision = rest.map_or(current, |_| reached);
        Ok((!found.is_empty()).then_some(WatchBatch { revision, events: found }))
    }
}

impl WatchStream for EmbeddedWatch {
    fn created_revision(&self) -> Revision {
        self.created_revision
    }

    fn next(&mut self) -> BoxFuture<'_, Result<WatchBatch, WatchError>> {
        Box::pin(async move {
            let Some(every) = self.progress_every else {
                return poll_fn(|context| self.poll_next(context)).await;
            };
            let quiet_until = Instant::now() + every;
            let next = poll_fn(|context| self.poll_next(context));
            if let Ok(batch) = tokio::time::timeout_at(quiet_until, next).await {
                return batch;
            }
            self.progress_requested = true;
            poll_fn(|context| self.poll_next(context)).await
        })
    }

    fn request_progress(&mut self) {
        self.progress_requested = true;
    }
}

impl Drop for EmbeddedWatch {
    fn drop(&mut self) {
        self.shared.state.lock().watchers.remove(&self.watcher);
    }
}
