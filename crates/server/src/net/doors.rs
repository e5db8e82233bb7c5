//! What is behind the doors, as the network sees it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ws::WebSocket;
use axum::http::{Request, Response};
use bytes::Bytes;

use super::{Peer, Seat, Stream};
use crate::config::Limits;
use crate::grpc::{Connection, Reply as CallReply};
use crate::http::{PlainRequest, Reply};
use crate::http2::{Body as CallBody, Head};
use crate::metrics::{Gauges, Metrics};

/// Who an HTTP request says it comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum Authorization {
    /// A name and a password.
    Basic {
        /// The name.
        name: String,
        /// The password.
        password: String,
    },
    /// A token, as it was sent.
    Bearer(String),
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Authorization::Basic { name, .. } => {
                f.debug_struct("Basic").field("name", name).finish_non_exhaustive()
            }
            Authorization::Bearer(_) => f.write_str("Bearer(..)"),
        }
    }
}

/// What answers behind the doors of a server.
///
/// When the server is told to stop, the network takes no more connections, and waits for those that
/// `line`, `resp` and `websocket` serve, and for calls under way: these must hear of it by themselves and end.
pub(crate) trait Doors: Send + Sync + 'static {
    /// Serves JSON lines until the connection ends. `read_ahead` is what was read of them to tell the
    /// protocol; it is not empty.
    fn line(
        self: Arc<Self>,
        stream: Stream,
        read_ahead: Vec<u8>,
        peer: Peer,
    ) -> impl Future<Output = ()> + Send;

    /// Serves Redis' protocol until the connection ends. `read_ahead` is what was read of it to tell the
    /// protocol; it is not empty.
    fn resp(
        self: Arc<Self>,
        stream: Stream,
        read_ahead: Vec<u8>,
        peer: Peer,
    ) -> impl Future<Output = ()> + Send;

    /// Serves JSON in the text frames of a WebSocket until it ends. What it carries is counted in the
    /// metrics of bytes already.
    fn websocket(self: Arc<Self>, socket: WebSocket, peer: Peer) -> impl Future<Output = ()> + Send;

    /// Answers JSON posted to `/hyrax` with JSON. The body is no longer than a frame may be.
    fn post(
        self: Arc<Self>,
        body: Bytes,
        peer: Peer,
        authorization: Option<Authorization>,
    ) -> impl Future<Output = Vec<u8>> + Send;

    /// Answers a gRPC call over HTTP/2. `connection` is what the calls of its connection share.
    fn grpc(
        self: Arc<Self>,
        head: Head,
        body: CallBody,
        connection: Arc<Connection>,
    ) -> impl Future<Output = CallReply> + Send;

    /// Answers a request of etcd's JSON gateway.
    fn gateway(
        self: Arc<Self>,
        request: Request<Body>,
        peer: Peer,
        authorization: Option<Authorization>,
    ) -> impl Future<Output = Response<Body>> + Send;

    /// Answers a request of etcd's v2 API.
    fn etcd2(
        self: Arc<Self>,
        request: Request<Body>,
        peer: Peer,
        authorization: Option<Authorization>,
    ) -> impl Future<Output = Response<Body>> + Send;

    /// Answers a request of the discovery door. A WebSocket that it becomes keeps the seat.
    fn discovery(
        self: Arc<Self>,
        request: Request<Body>,
        peer: Peer,
        authorization: Option<Authorization>,
        seat: Arc<Seat>,
    ) -> impl Future<Output = Response<Body>> + Send;

    /// Answers a request for a key of etcd's v2 API at once. False where that cannot be, and nothing was done.
    fn etcd2_key(
        &self,
        request: &PlainRequest<'_>,
        peer: Peer,
        reply: Reply<'_>,
    ) -> impl Future<Output = bool> + Send;

    /// How much clients may use, as of now.
    fn limits(&self) -> Limits;

    /// Whether writing needs a secret or a password, as of now.
    fn auth_enabled(&self) -> bool;

    /// Whether a browser's page of this origin may talk to the server although nobody needs a secret.
    /// Loopback's always may, and are not asked for.
    fn allows_origin(&self, origin: &str) -> bool;

    /// Where everything is counted.
    fn metrics(&self) -> &Arc<Metrics>;

    /// What is shown beside what is counted.
    fn gauges(&self) -> Gauges;
}
