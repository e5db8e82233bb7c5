//! Services: who offers what where, kept as long as whoever registered it lives, and told to whoever follows.
//!
//! A node is a key of the visible key space (the layout is in the head of `layout`), so that any client of the engine
//! can register one, by a plain put on a lease of its own, and list them.
//!
//! A node that goes is told as [`KeyEvent::Expire`] when the lease that it hung on ran out, or whoever kept it for
//! a client found the client silent; and as [`KeyEvent::Delete`] when it was removed. What is registered by this
//! recipe is told apart for certain. Of a node that somebody else wrote, the engine is asked whether its lease is
//! gone, so that a lease revoked on purpose looks like one that ran out.
//!
//! ```
//! # use std::{sync::Arc, time::Duration};
//! # use hyrax_coordination::{Coordination, Embedded, EmbeddedSettings};
//! # use hyrax_recipes::NodeLease;
//! # use hyrax_recipes::services::{Following, KeyEvent, Services};
//! # use hyrax_types::SystemClock;
//! # let engine = || Embedded::start(Arc::new(SystemClock), EmbeddedSettings::default());
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let engine: Arc<dyn Coordination> = Arc::new(engine());
//! let services = Services::new(engine.clone());
//! let mut feed = services.follow(Following::All).await?;
//!
//! let lease = Arc::new(NodeLease::start(engine, Duration::from_secs(5)).await?);
//! let registrar = services.registrar(lease);
//! let registration = registrar.register("engine".parse()?, "10.0.0.1:80".parse()?).await?;
//! let event = feed.next().await?;
//! assert_eq!((event.key_event, event.services.len()), (KeyEvent::Put, 1));
//!
//! registration.deregister().await;
//! assert_eq!(feed.next().await?.key_event, KeyEvent::Delete);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod feed;
mod layout;
mod name;
mod registrar;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeSet;
use std::sync::Arc;

use hyrax_coordination::{Coordination, KeyRange, RangeError, RangeRequest, Unavailable};
use hyrax_types::Revision;

pub use self::feed::ServiceFeed;
pub use self::name::{ServiceName, ServiceNameError, ServiceNode, ServiceNodeError};
pub use self::registrar::{RegisterError, Registrar, Registration};
use crate::mirror::load_once;
use crate::node_lease::NodeLease;

/// What happened to a service's nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyEvent {
    /// One was registered, or registered again.
    Put,
    /// One was removed deliberately.
    Delete,
    /// One is gone because its lease ran out, or its client fell silent.
    Expire,
}

impl KeyEvent {
    /// The event as clients are told it.
    pub fn word(self) -> &'static str {
        match self {
            KeyEvent::Put => "PUT",
            KeyEvent::Delete => "DELETE",
            KeyEvent::Expire => "EXPIRE",
        }
    }
}

/// A change of a service. Where one revision does the same to several nodes, it is one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceEvent {
    /// What happened.
    pub key_event: KeyEvent,
    /// To which service.
    pub service: ServiceName,
    /// The nodes that it has after that revision, in order.
    pub services: Arc<[ServiceNode]>,
    /// The engine's revision.
    pub revision: Revision,
}

/// The services in an engine's key space.
#[derive(Clone)]
pub struct Services {
    engine: Arc<dyn Coordination>,
}

impl Services {
    /// The services of that engine.
    pub fn new(engine: Arc<dyn Coordination>) -> Services {
        Services { engine }
    }

    /// The services that have a node, by name. However many nodes one has, few of them are read.
    pub async fn list(&self) -> Result<Vec<ServiceName>, Unavailable> {
        let mut names: Vec<ServiceName> = Vec::new();
        let mut rest = layout::all_nodes();
        loop {
            let request = RangeRequest { limit: LISTED_PER_READ, ..RangeRequest::new(rest.clone()) };
            let page = self.engine.range(request).await.map_err(unavailable)?;
            for kv in &page.kvs {
                if let Some(service) = layout::service_of(&kv.key)
                    && layout::node_of(&kv.value).is_some()
                    && names.last() != Some(&service)
                {
                    names.push(service);
                }
            }
            let Some(last) = page.kvs.last().filter(|_| page.more) else { break };
            let known = layout::service_of(&last.key).filter(|service| names.last() == Some(service));
            rest = match known {
                Some(service) => layout::after_nodes_of(&service),
                None => KeyRange::between([&last.key, b"\0".as_ref()].concat(), rest.range_end),
            };
        }
        // A name that begins with another may come before it as a key.
        names.sort_unstable();
        Ok(names)
    }

    /// The nodes of a service, in order; none where nobody knows the service.
    pub async fn nodes(&self, service: &ServiceName) -> Result<Vec<ServiceNode>, Unavailable> {
        let (_, kvs) = load_once(&*self.engine, &layout::nodes_of(service)).await?;
        let nodes: BTreeSet<_> = kvs.iter().filter_map(|kv| layout::node_of(&kv.value)).collect();
        Ok(nodes.into_iter().collect())
    }

    /// Follows these services, or all, from now on. One watch of the engine sees all services, whichever are
    /// followed.
    pub async fn follow(&self, services: Following) -> Result<ServiceFeed, Unavailable> {
        let wanted = match services {
            Following::All => None,
            Following::Named(names) => Some(names.into_iter().collect()),
        };
        ServiceFeed::start(Arc::clone(&self.engine), wanted).await
    }

    /// Registers nodes on a lease that is kept alive.
    pub fn registrar(&self, lease: Arc<NodeLease>) -> Registrar {
        Registrar::new(Arc::clone(&self.engine), lease)
    }
}

/// Which services are followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Following {
    /// Every one, those included that come later.
    All,
    /// Those of these names.
    Named(Vec<ServiceName>),
}

/// Keys read at once to find services' names.
const LISTED_PER_READ: usize = 100;

fn unavailable(error: RangeError) -> Unavailable {
    match error {
        RangeError::Unavailable(unavailable) => unavailable,
        error => Unavailable::because(error.to_string()),
    }
}
