//! The etcd v3 door: etcd's services over gRPC.
//!
//! [`Etcd`] answers etcd's requests, decoded, with a file for each service; how they come in (gRPC in `grpc`,
//! JSON in the gateway) is not known to it. Messages become requests of the key space in `wire`, failures
//! become codes and etcd's words in `error`.

mod auth;
mod caller;
mod cluster;
pub(crate) mod error;
mod ids;
mod kv;
mod lease;
mod maintenance;
mod wire;

use std::sync::Arc;

use hyrax_coordination::Coordination;
use hyrax_etcd::etcdserverpb::ResponseHeader;
use hyrax_types::Revision;

pub use self::caller::Caller;
pub use self::error::Refusal;
use self::ids::Ids;
use crate::core::Core;

/// etcd's services, as this node answers them.
pub struct Etcd {
    core: Arc<Core>,
    ids: Ids,
}

impl Etcd {
    /// The services over `core`.
    pub fn new(core: Arc<Core>) -> Arc<Etcd> {
        let ids = Ids::of(&core.node_name);
        Arc::new(Etcd { core, ids })
    }

    /// The key space as clients may see it.
    fn space(&self) -> &dyn Coordination {
        &*self.core.coordination
    }

    /// The header of a response.
    fn header(&self, revision: Revision) -> ResponseHeader {
        self.ids.header(revision)
    }

    /// The header of a response that is not about a revision: the one where the key space stands.
    async fn header_now(&self) -> Result<ResponseHeader, Refusal> {
        Ok(self.header(self.revision().await?))
    }

    /// Where the key space stands.
    async fn revision(&self) -> Result<Revision, Refusal> {
        Ok(self.space().status().await?.revision)
    }
}
