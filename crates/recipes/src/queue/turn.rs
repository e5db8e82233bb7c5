//! Waiting for one's turn, and hearing that a place is gone.

use hyrax_coordination::{Key, KeyRange, RangeRequest, SortOrder, SortTarget, WatchError, WatchRequest};
use hyrax_types::Revision;

use super::{Place, Queue, QueueError};
use crate::retry::{Backoff, comes_back};

/// What the queue looks like from a place.
enum Look {
    /// The place has the turn.
    First(Revision),
    /// Another has its turn before.
    After { other: Key, revision: Revision },
}

impl Queue {
    /// Waits until the place has the turn; the engine's revision then. Fails as soon as the place is gone.
    /// An engine that does not answer is asked again: the place is kept for as long as the lease lives.
    pub(crate) async fn turn(&self, place: &Place) -> Result<Revision, QueueError> {
        let mut backoff = Backoff::new();
        loop {
            match self.look(place).await {
                Ok(Look::First(revision)) => return Ok(revision),
                Ok(Look::After { other, revision }) => {
                    backoff = Backoff::new();
                    // Whichever goes, the queue is looked at again.
                    tokio::select! {
                        () = self.deleted(&other, revision) => {}
                        () = self.deleted(&place.key, revision) => {}
                    }
                }
                Err(QueueError::Unavailable(unavailable)) if comes_back(&unavailable) => backoff.wait().await,
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until the place is gone.
    pub(crate) async fn gone(&self, place: &Place) {
        let mut backoff = Backoff::new();
        let mut since = place.token;
        loop {
            self.deleted(&place.key, since).await;
            match self.check(place).await {
                Ok(revision) => since = revision,
                Err(QueueError::Lost) => return,
                Err(_) => backoff.wait().await,
            }
        }
    }

    /// The engine's revision, if the place is there then; else it is lost.
    pub(crate) async fn check(&self, place: &Place) -> Result<Revision, QueueError> {
        let own = RangeRequest { keys_only: true, ..RangeRequest::new(KeyRange::single(place.key.clone())) };
        let response = self.engine.range(own).await?;
        let is_there = response.kvs.first().is_some_and(|kv| kv.create_revision == place.token);
        if is_there { Ok(response.revision) } else { Err(QueueError::Lost) }
    }

    async fn look(&self, place: &Place) -> Result<Look, QueueError> {
        let before = RangeRequest {
            limit: 1,
            sort_target: SortTarget::CreateRevision,
            sort_order: SortOrder::Descending,
            keys_only: true,
            max_create_revision: Revision(place.token.0.saturating_sub(1)),
            ..RangeRequest::new(self.range())
        };
        let response = self.engine.range(before).await?;
        if let Some(other) = response.kvs.first() {
            self.check(place).await?;
            return Ok(Look::After { other: other.key.clone(), revision: response.revision });
        }
        // Nobody can come before it any more. So if it is still there, it has the turn.
        self.check(place).await.map(Look::First)
    }

    /// Waits until the key was deleted after `since`, or that cannot be known and must be looked up.
    async fn deleted(&self, key: &Key, since: Revision) {
        let mut backoff = Backoff::new();
        let mut from = since.next();
        loop {
            let request =
                WatchRequest { no_put: true, ..WatchRequest::new(KeyRange::single(key.clone()), from) };
            let error = match self.engine.watch(request).await {
                Ok(mut watch) => loop {
                    match watch.next().await {
                        Ok(batch) if !batch.events.is_empty() => return,
                        Ok(batch) => from = from.max(batch.revision.next()),
                        Err(error) => break error,
                    }
                },
                Err(error) => error,
            };
            match error {
                WatchError::Unavailable(_) => backoff.wait().await,
                WatchError::Compacted { .. } | WatchError::EmptyRange => return,
            }
        }
    }
}
