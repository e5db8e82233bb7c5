//! Following who leads.

use std::collections::VecDeque;
use std::sync::Arc;

use hyrax_coordination::{
    Event, EventKind, KeyRange, KeyValue, RangeError, WatchError, WatchRequest, WatchStream,
};
use hyrax_types::Revision;

use crate::queue::{Queue, QueueError};
use crate::retry::{Backoff, comes_back};

/// Who leads from a revision on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The leader's place with what it proclaims; none while nobody leads.
    pub leader: Option<Arc<KeyValue>>,
    /// The revision that made it so; of the first one, the engine's then.
    pub revision: Revision,
}

/// Tells who leads now, then every leader, proclamation and vacancy in order, each once. Only where the
/// engine has forgotten the past meanwhile, it goes on with who leads then.
///
/// While there is a leader, that key alone is watched; what the engine knows of the past tells exactly who
/// came next. So an observer costs the same, however many candidates there are.
pub struct Observation {
    queue: Queue,
    /// What was told last.
    last: Option<Observed>,
    watch: Option<Box<dyn WatchStream>>,
    /// What the watch yielded, not looked at yet.
    pending: VecDeque<Event>,
    /// Everything up to here has been looked at.
    reached: Revision,
}

impl Observation {
    pub(super) fn new(queue: Queue) -> Observation {
        let (pending, reached) = (VecDeque::new(), Revision::ZERO);
        Observation { queue, last: None, watch: None, pending, reached }
    }

    /// What happens next; at first, how it stands. Cancel-safe. An engine that does not answer is asked
    /// again.
    pub async fn next(&mut self) -> Result<Observed, QueueError> {
        let mut backoff = Backoff::new();
        loop {
            match self.advance().await {
                Ok(Some(observed)) => {
                    self.last = Some(observed.clone());
                    return Ok(observed);
                }
                Ok(None) => backoff = Backoff::new(),
                Err(QueueError::Unavailable(unavailable)) if comes_back(&unavailable) => {
                    self.watch = None;
                    backoff.wait().await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// One step. What is forgotten when it is dropped in the middle is asked for again.
    async fn advance(&mut self) -> Result<Option<Observed>, QueueError> {
        let Some(last) = &self.last else {
            let (leader, revision) = self.queue.first(Revision::ZERO).await?;
            self.moved_to(revision);
            return Ok(Some(Observed { leader, revision }));
        };
        if let Some(event) = self.pending.front().cloned() {
            return self.take(&event).await;
        }
        let range = match &last.leader {
            Some(leader) => KeyRange::single(leader.key.clone()),
            None => self.queue.range(),
        };
        if self.watch.is_none() {
            let request = WatchRequest::new(range, self.reached.next());
            match self.queue.engine.watch(request).await {
                Ok(watch) => self.watch = Some(watch),
                Err(error) => return self.interrupted(error).await,
            }
        }
        let Some(watch) = &mut self.watch else { return Ok(None) };
        match watch.next().await {
            Ok(batch) if batch.events.is_empty() => self.reached = self.reached.max(batch.revision),
            Ok(batch) => self.pending.extend(batch.events),
            Err(error) => return self.interrupted(error).await,
        }
        Ok(None)
    }

    /// Looks at what happened to the leader, or, while there is none, to any place.
    async fn take(&mut self, event: &Event) -> Result<Option<Observed>, QueueError> {
        let revision = event.kv.mod_revision;
        let led = self.last.as_ref().is_some_and(|last| last.leader.is_some());
        if led && event.kind == EventKind::Put {
            self.pending.pop_front();
            self.reached = self.reached.max(revision);
            return Ok(Some(Observed { leader: Some(Arc::clone(&event.kv)), revision }));
        }
        // The leader is gone, or somebody came where nobody was: as of that revision, who is the first?
        match self.queue.first(revision).await {
            Ok((leader, _)) => {
                self.moved_to(revision);
                let is_news = led || leader.is_some();
                Ok(is_news.then_some(Observed { leader, revision }))
            }
            Err(RangeError::Compacted) => self.begin_anew().await,
            Err(error) => Err(error.into()),
        }
    }

    async fn interrupted(&mut self, error: WatchError) -> Result<Option<Observed>, QueueError> {
        self.watch = None;
        match error {
            WatchError::Unavailable(unavailable) => Err(unavailable.into()),
            WatchError::Compacted { .. } | WatchError::EmptyRange => self.begin_anew().await,
        }
    }

    /// Goes on with who leads now, which is told if it is news.
    async fn begin_anew(&mut self) -> Result<Option<Observed>, QueueError> {
        let (leader, revision) = self.queue.first(Revision::ZERO).await?;
        self.moved_to(revision);
        let is_news = self.last.as_ref().is_none_or(|last| last.leader != leader);
        Ok(is_news.then_some(Observed { leader, revision }))
    }

    /// Everything up to `revision` is known; from there on another key may have to be watched.
    fn moved_to(&mut self, revision: Revision) {
        self.reached = revision;
        self.watch = None;
        self.pending.clear();
    }
}
