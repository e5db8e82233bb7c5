//! The etcd v3 door: etcd's services over gRPC.
//!
//! [`Etcd`] answers etcd's requests, decoded, with a file for each service; how they come in (over gRPC by
//! `methods`, as JSON through a gateway) is not known to it. Messages become requests of the key space in `wire`, failures
//! become codes and etcd's words in `error`.

mod auth;
mod caller;
mod cluster;
mod election;
pub(crate) mod error;
mod gateway;
mod ids;
mod kv;
mod lease;
mod library;
mod lock;
mod maintenance;
mod methods;
mod snapshot;
mod watch;
mod wire;

use std::sync::Arc;

use hyrax_coordination::Coordination;
use hyrax_etcd::etcdserverpb::ResponseHeader;
use hyrax_types::Revision;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

pub use self::caller::Caller;
pub use self::error::Refusal;
pub(crate) use self::ids::{Ids, TERM};
pub(crate) use self::maintenance::{ETCD_CLUSTER_VERSION, ETCD_VERSION};
use self::methods::Method;
use self::watch::Feeds;
use crate::auth::Identity;
use crate::core::Core;
use crate::grpc::{Call, Connection, Reply};
use crate::http2::{Body, Head};
use crate::net::Peer;

/// etcd's services, as this node answers them.
pub struct Etcd {
    core: Arc<Core>,
    ids: Ids,
    /// What watches share.
    feeds: Feeds,
    /// Services that a library serves: health and reflection.
    library: Routes,
    /// Cancelled when the server stops: what would wait for ever ends then.
    closing: CancellationToken,
    /// Where the methods' names begin among those of the metrics.
    first_method: usize,
}

/// The names of the door's methods, as the metrics count them.
pub fn metrics_names() -> &'static [&'static str] {
    methods::NAMES
}

impl Etcd {
    /// The services over `core`, as the member `ids`; its metrics have the names of its methods from `first_method`
    /// on. What waits ends when `closing` is cancelled.
    pub(crate) fn new(
        core: Arc<Core>,
        ids: Ids,
        first_method: usize,
        closing: CancellationToken,
    ) -> Arc<Etcd> {
        let library = library::routes();
        Arc::new(Etcd { core, ids, feeds: Feeds::default(), library, closing, first_method })
    }

    /// Answers a call.
    pub(crate) async fn answer(
        self: Arc<Self>,
        head: Head,
        body: Body,
        connection: Arc<Connection>,
    ) -> Reply {
        let path = head.path();
        let Some(method) = Method::of(path) else {
            if library::has(path) {
                return library::answer(self.library.clone(), head, body).await;
            }
            return Reply::Refused(methods::unknown(path));
        };
        let caller = self.caller_of(&head, connection.peer);
        match Call::of(&head, body, &connection) {
            Ok(call) => methods::answer(self, method, call, caller, connection).await,
            Err(refusal) => Reply::Refused(refusal),
        }
    }

    /// Who makes a call: who its `token` or `authorization` says.
    fn caller_of(&self, head: &Head, peer: Peer) -> Caller {
        match head.get("token").or_else(|| head.get("authorization")) {
            None => Caller::new(peer, Identity::Anonymous),
            Some(token) => {
                let bare = token.strip_prefix(b"Bearer ").or_else(|| token.strip_prefix(b"bearer "));
                self.caller_with_token(peer, bare.unwrap_or(token))
            }
        }
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

    /// Waits for others, but no longer than the server runs.
    async fn until_closing<T>(
        &self,
        waiting: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        tokio::select! {
            done = waiting => done,
            () = self.closing.cancelled() => Err(Refusal::STOPPED),
        }
    }

    /// Where the key space stands.
    async fn revision(&self) -> Result<Revision, Refusal> {
        Ok(self.space().status().await?.revision)
    }
}
