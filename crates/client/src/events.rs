//! Custom events: from anybody to those who follow some services, or all.

use std::collections::BTreeSet;
use std::sync::Arc;

use hyrax_coordination::{Coordination, Unavailable};
use hyrax_recipes::events::{self, Audience, EmitError, Event, EventFeed};
use hyrax_recipes::services::{ServiceName, ServiceNameError};
use thiserror::Error;

/// Why an event was not emitted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EventError {
    /// A service cannot be called that.
    #[error(transparent)]
    Name(#[from] ServiceNameError),
    /// It was refused, or the engine did not answer.
    #[error(transparent)]
    Emit(#[from] EmitError),
}

/// The events of an engine: those that the discovery door of a Hyrax server takes and tells.
#[derive(Clone)]
pub struct Events {
    recipe: Arc<events::Events>,
}

impl Events {
    pub(crate) fn new(engine: Arc<dyn Coordination>) -> Events {
        Events { recipe: Arc::new(events::Events::new(engine)) }
    }

    /// Tells everybody who follows events.
    pub async fn broadcast(&self, event_type: &str, event_body: &str) -> Result<(), EventError> {
        self.emit(event_type, event_body, Audience::Everybody).await
    }

    /// Tells those who follow one of these services.
    pub async fn send(
        &self,
        services: &[&str],
        event_type: &str,
        event_body: &str,
    ) -> Result<(), EventError> {
        let names = services.iter().map(|name| ServiceName::new(name)).collect::<Result<BTreeSet<_>, _>>()?;
        self.emit(event_type, event_body, Audience::Services(names)).await
    }

    /// Follows events from now on: when this returns, whatever is emitted from then on will be heard.
    pub async fn follow(&self) -> Result<EventFeed, Unavailable> {
        self.recipe.follow().await
    }

    async fn emit(&self, event_type: &str, event_body: &str, to: Audience) -> Result<(), EventError> {
        let event = Event { event_type: event_type.to_owned(), event_body: event_body.to_owned(), to };
        Ok(self.recipe.emit(event).await?)
    }
}
