//! Custom events: from anybody to those who follow some services, or all.
//!
//! ```text
//! service-events  →  [{"event_type":"deploy","event_body":"…","services":["engine"]}, …]
//! ```
//!
//! One key holds the last events that somebody emitted, and each write of it is what was emitted then: a watch sees every
//! write, in one order for everybody, and one that was interrupted sees what it missed, for as far back as the engine
//! remembers. An event to all has `"broadcast":true` instead of services. The key hangs on a short lease, so that
//! what was emitted last does not stay for ever. Any client of the engine can emit by such a put; what can not be
//! understood is passed over.
//!
//! ```
//! # use std::{collections::BTreeSet, sync::Arc};
//! # use hyrax_coordination::{Embedded, EmbeddedSettings};
//! # use hyrax_recipes::events::{Audience, Event, Events, Told};
//! # use hyrax_types::SystemClock;
//! # let engine = || Embedded::start(Arc::new(SystemClock), EmbeddedSettings::default());
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let events = Events::new(Arc::new(engine()));
//! let mut feed = events.follow().await?;
//! let to = Audience::Services(BTreeSet::from(["engine".parse()?]));
//! let event = Event { event_type: "deploy".into(), event_body: "{\"version\":2}".into(), to };
//! events.emit(event.clone()).await?;
//! assert_eq!(feed.next().await?, Told::Event(event));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod feed;
mod record;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hyrax_coordination::{
    Coordination, Key, LeaseGrantError, LeaseGrantRequest, LeaseId, PutError, PutRequest, Unavailable, Value,
};
use hyrax_types::limits::{SERVICE_EVENT_BYTES_MAX, SERVICE_EVENT_RECORD_BYTES_MAX, SERVICES_NAMED_MAX};
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::Instant;

pub use self::feed::{EventFeed, Told};
use crate::services::ServiceName;

/// Where events are.
const KEY: Key = Key::from_static(b"service-events");

/// How long the last event stays. Whoever follows reads the history, not the key.
const KEPT: Duration = Duration::from_secs(60);

/// How often an event is emitted whose lease is gone each time.
const LEASES_TRIED_MAX: usize = 3;

/// To whom an event goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everybody who follows any service.
    Everybody,
    /// Those who follow one of these. Who follows several hears it once.
    Services(BTreeSet<ServiceName>),
}

/// Something that somebody tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What kind of event it is; not empty.
    pub event_type: String,
    /// What it tells. Hyrax does not read it.
    pub event_body: String,
    /// To whom.
    pub to: Audience,
}

/// Why an event was not emitted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EmitError {
    /// It has no type.
    #[error("event_type must not be empty")]
    NoType,
    /// It is for nobody.
    #[error("an event needs broadcast, or services to go to")]
    ForNobody,
    /// It is for more services than can be named.
    #[error(
        "an event goes to at most {SERVICES_NAMED_MAX} services by name, and this one to {0}; broadcast it"
    )]
    TooManyServices(usize),
    /// It is too long.
    #[error(
        "an event has at most {SERVICE_EVENT_BYTES_MAX} bytes (type, body and services together), and {SERVICE_EVENT_RECORD_BYTES_MAX} written as JSON"
    )]
    TooLarge,
    /// The engine could not be asked, or did not answer: the event may have been emitted.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The engine refused it.
    #[error("the coordination engine refused: {0}")]
    Refused(PutError),
}

/// The events in an engine's key space.
pub struct Events {
    engine: Arc<dyn Coordination>,
    /// What the last event hangs on, and since when.
    lease: Mutex<Option<(LeaseId, Instant)>>,
}

impl Events {
    /// The events of that engine.
    pub fn new(engine: Arc<dyn Coordination>) -> Events {
        Events { engine, lease: Mutex::new(None) }
    }

    /// Emits an event. When this returns, it is on its way to everybody, after all whose emission returned before.
    pub async fn emit(&self, event: Event) -> Result<(), EmitError> {
        self.emit_all(vec![event]).await
    }

    /// Emits events in this order, as few writes as hold them. Where one of them is not good, none is emitted.
    pub async fn emit_all(&self, events: Vec<Event>) -> Result<(), EmitError> {
        events.iter().try_for_each(Event::check)?;
        for value in record::values_of(&events)? {
            self.put(value).await?;
        }
        Ok(())
    }

    /// Follows events from now on: when this returns, everything emitted from then on will be heard.
    pub async fn follow(&self) -> Result<EventFeed, Unavailable> {
        EventFeed::start(Arc::clone(&self.engine)).await
    }

    async fn put(&self, value: Value) -> Result<(), EmitError> {
        let mut lost = None;
        for _ in 0..LEASES_TRIED_MAX {
            let lease = self.lease(lost).await?;
            match self.engine.put(PutRequest::new(KEY, value.clone()).on_lease(lease)).await {
                Ok(_) => return Ok(()),
                Err(PutError::LeaseNotFound) => lost = Some(lease),
                Err(PutError::Unavailable(unavailable)) => return Err(unavailable.into()),
                Err(error) => return Err(EmitError::Refused(error)),
            }
        }
        Err(EmitError::Refused(PutError::LeaseNotFound))
    }

    /// A lease that lives for a while yet, other than the one that was lost.
    async fn lease(&self, lost: Option<LeaseId>) -> Result<LeaseId, Unavailable> {
        let mut current = self.lease.lock().await;
        if let Some((lease, since)) = *current
            && Some(lease) != lost
            && since.elapsed() < KEPT / 2
        {
            return Ok(lease);
        }
        let request = LeaseGrantRequest { dies_with_process: true, ..LeaseGrantRequest::new(KEPT) };
        let granted = self.engine.lease_grant(request).await.map_err(|error| match error {
            LeaseGrantError::Unavailable(unavailable) => unavailable,
            error => Unavailable::because(error.to_string()),
        })?;
        *current = Some((granted.id, Instant::now()));
        Ok(granted.id)
    }
}

impl Event {
    /// Whether it can be emitted.
    pub fn check(&self) -> Result<(), EmitError> {
        if self.event_type.is_empty() {
            return Err(EmitError::NoType);
        }
        let mut size = self.event_type.len() + self.event_body.len();
        if let Audience::Services(services) = &self.to {
            if services.is_empty() {
                return Err(EmitError::ForNobody);
            }
            if services.len() > SERVICES_NAMED_MAX {
                return Err(EmitError::TooManyServices(services.len()));
            }
            size += services.iter().map(|service| service.as_str().len()).sum::<usize>();
        }
        if size > SERVICE_EVENT_BYTES_MAX { Err(EmitError::TooLarge) } else { Ok(()) }
    }

    /// Whether it goes to those who follow this service.
    pub fn is_for(&self, service: &str) -> bool {
        match &self.to {
            Audience::Everybody => true,
            Audience::Services(services) => services.contains(service),
        }
    }
}
