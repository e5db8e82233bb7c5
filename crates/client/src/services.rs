//! Services: who offers what where, and whoever wants to know.

use hyrax_coordination::Unavailable;
use hyrax_recipes::rendezvous;
use hyrax_recipes::services::{
    self, Following, RegisterError, Registration, ServiceFeed, ServiceName, ServiceNameError, ServiceNode,
    ServiceNodeError,
};
use thiserror::Error;

use crate::connection::{Connection, NoLease};

/// Why something could not be done with services.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ServicesError {
    /// A service cannot be called that.
    #[error(transparent)]
    Name(#[from] ServiceNameError),
    /// A node is not there.
    #[error(transparent)]
    Node(#[from] ServiceNodeError),
    /// This process could not have a lease.
    #[error(transparent)]
    NoLease(#[from] NoLease),
    /// The node was not registered.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// The engine could not be asked.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The services that an engine knows: the same that the discovery door of a Hyrax server shows.
#[derive(Clone)]
pub struct Services {
    connection: Connection,
    recipe: services::Services,
}

impl Services {
    pub(crate) fn new(connection: Connection) -> Services {
        let recipe = services::Services::new(connection.coordination());
        Services { connection, recipe }
    }

    /// Registers a node of a service until the registration is dropped or this process dies. When the lease was lost,
    /// it is registered again.
    ///
    /// Cancel-safe: dropping the future removes the node again.
    pub async fn register(&self, service: &str, ip: &str, port: u16) -> Result<Registration, ServicesError> {
        let service = ServiceName::new(service)?;
        let node = ServiceNode::parse(ip, &port.to_string())?;
        Ok(self.connection.registrar().await?.register(service, node).await?)
    }

    /// The services that have a node, by name.
    pub async fn list(&self) -> Result<Vec<ServiceName>, ServicesError> {
        Ok(self.recipe.list().await?)
    }

    /// The nodes of a service, in order; none where nobody knows the service.
    pub async fn nodes(&self, service: &str) -> Result<Vec<ServiceNode>, ServicesError> {
        Ok(self.recipe.nodes(&ServiceName::new(service)?).await?)
    }

    /// The node of a service that a key belongs to, as everybody finds it who sees the same nodes; none where there is
    /// none.
    pub async fn node_for(&self, service: &str, key: &[u8]) -> Result<Option<ServiceNode>, ServicesError> {
        let nodes = self.nodes(service).await?;
        Ok(rendezvous::node_for(key, &nodes).copied())
    }

    /// Follows some services, or all where none is named: who is there, and what happens from here on.
    pub async fn monitor(&self, services: &[&str]) -> Result<ServiceFeed, ServicesError> {
        let names = services.iter().map(|name| ServiceName::new(name)).collect::<Result<Vec<_>, _>>()?;
        let following = if names.is_empty() { Following::All } else { Following::Named(names) };
        Ok(self.recipe.follow(following).await?)
    }
}
