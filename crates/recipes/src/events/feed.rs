//! Following events.

use std::collections::VecDeque;
use std::sync::Arc;

use hyrax_coordination::{
    Coordination, EventKind, KeyRange, Unavailable, WatchBatch, WatchError, WatchRequest, WatchStream,
};
use hyrax_types::Revision;

use super::{Event, KEY, record};
use crate::retry::{Backoff, comes_back};

/// What a follower hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// An event.
    Event(Event),
    /// Events may be missing here: the engine was away for longer than it remembers.
    Missed,
}

/// Events in the order of the engine. A watch that breaks is taken up where it stopped.
pub struct EventFeed {
    engine: Arc<dyn Coordination>,
    watch: Option<Box<dyn WatchStream>>,
    /// Everything up to here has come from the engine.
    reached: Revision,
    ready: VecDeque<Told>,
}

impl EventFeed {
    pub(super) async fn start(engine: Arc<dyn Coordination>) -> Result<EventFeed, Unavailable> {
        let request = WatchRequest::new(KeyRange::single(KEY), Revision::ZERO);
        let watch = engine.watch(request).await.map_err(|error| match error {
            WatchError::Unavailable(unavailable) => unavailable,
            error => Unavailable::because(error.to_string()),
        })?;
        let reached = watch.created_revision();
        Ok(EventFeed { engine, watch: Some(watch), reached, ready: VecDeque::new() })
    }

    /// The next event. Cancel-safe. An engine that does not answer is asked again; the error says that it has been
    /// stopped.
    pub async fn next(&mut self) -> Result<Told, Unavailable> {
        let mut backoff = Backoff::new();
        loop {
            if let Some(told) = self.ready.pop_front() {
                return Ok(told);
            }
            match self.advance().await {
                Ok(()) => backoff = Backoff::new(),
                Err(unavailable) if comes_back(&unavailable) => backoff.wait().await,
                Err(unavailable) => return Err(unavailable),
            }
        }
    }

    async fn advance(&mut self) -> Result<(), Unavailable> {
        let watch = match &mut self.watch {
            Some(watch) => watch,
            none => {
                let request = WatchRequest::new(KeyRange::single(KEY), self.reached.next());
                match self.engine.watch(request).await {
                    Ok(watch) => none.insert(watch),
                    Err(error) => return self.interrupted(error),
                }
            }
        };
        match watch.next().await {
            Ok(batch) => {
                self.take_in(&batch);
                Ok(())
            }
            Err(error) => {
                self.watch = None;
                self.interrupted(error)
            }
        }
    }

    /// Breaks the watch, as an engine that goes away does.
    #[cfg(test)]
    pub(super) fn interrupt(&mut self) {
        self.watch = None;
    }

    fn take_in(&mut self, batch: &WatchBatch) {
        self.reached = self.reached.max(batch.revision);
        let written = batch.events.iter().filter(|event| event.kind == EventKind::Put);
        self.ready.extend(written.flat_map(|event| record::events_of(&event.kv.value)).map(Told::Event));
    }

    fn interrupted(&mut self, error: WatchError) -> Result<(), Unavailable> {
        match error {
            WatchError::Unavailable(unavailable) => Err(unavailable),
            WatchError::Compacted { compacted } => {
                // The next watch begins with what is known.
                self.reached = self.reached.max(Revision(compacted.0.saturating_sub(1)));
                self.ready.push_back(Told::Missed);
                Ok(())
            }
            WatchError::EmptyRange => Err(Unavailable::because(error.to_string())),
        }
    }
}
