//! What listeners and HTTP lead to: every door, over one core.

use crate::config::Limits;
use crate::core::Core;
use crate::doors::discovery::Discovery;
use crate::doors::etcd2::Etcd2;
use crate::doors::etcd3::Etcd;
use crate::doors::{line, resp};
use crate::grpc::{Connection, Reply as CallReply};
use crate::http::{PlainRequest, Reply};
use crate::http2::{Body as CallBody, Head};
use crate::metrics::{Gauges, Metrics};
use crate::net::{Authorization, Doors, Peer, Seat, Stream};
use axum::body::Body;
use axum::extract::ws::WebSocket;
use axum::http::{Request, Response};
use bytes::Bytes;
use std::sync::Arc;

/// Every door of a server.
pub(crate) struct Entrance {
    core: Arc<Core>,
    etcd: Arc<Etcd>,
    etcd2: Arc<Etcd2>,
    discovery: Arc<Discovery>,
}

impl Entrance {
    /// The doors over `core`.
    pub(crate) fn new(
        core: Arc<Core>,
        etcd: Arc<Etcd>,
        etcd2: Arc<Etcd2>,
        discovery: Arc<Discovery>,
    ) -> Arc<Entrance> {
        Arc::new(Entrance { core, etcd, etcd2, discovery })
    }
}

impl Doors for Entrance {
    async fn line(self: Arc<Self>, stream: Stream, read_ahead: Vec<u8>, peer: Peer) {
        line::serve(self.core.clone(), stream, read_ahead, peer).await;
    }

    async fn resp(self: Arc<Self>, stream: Stream, read_ahead: Vec<u8>, peer: Peer) {
        resp::serve(self.core.clone(), stream, read_ahead, peer).await;
    }

    async fn websocket(self: Arc<Self>, socket: WebSocket, peer: Peer) {
        line::serve_websocket(self.core.clone(), socket, peer).await;
    }

    async fn post(self: Arc<Self>, body: Bytes, peer: Peer, authorization: Option<Authorization>) -> Vec<u8> {
        line::post(self.core.clone(), &body, peer, authorization).await
    }

    async fn grpc(self: Arc<Self>, head: Head, body: CallBody, connection: Arc<Connection>) -> CallReply {
        self.etcd.clone().answer(head, body, connection).await
    }

    async fn gateway(
        self: Arc<Self>,
        request: Request<Body>,
        peer: Peer,
        authorization: Option<Authorization>,
    ) -> Response<Body> {
        self.etcd.clone().gateway(request, peer, authorization).await
    }

    async fn etcd2(
        self: Arc<Self>,
        request: Request<Body>,
        peer: Peer,
        authorization: Option<Authorization>,
    ) -> Response<Body> {
        self.etcd2.clone().answer(request, peer, authorization).await
    }

    async fn discovery(
        self: Arc<Self>,
        request: Request<Body>,
        peer: Peer,
        authorization: Option<Authorization>,
        seat: Arc<Seat>,
    ) -> Response<Body> {
        self.discovery.clone().answer(request, peer, authorization, seat).await
    }

    async fn etcd2_key(&self, request: &PlainRequest<'_>, peer: Peer, reply: Reply<'_>) -> bool {
        self.etcd2.answer_directly(request, peer, reply).await
    }

    fn limits(&self) -> Limits {
        Limits::clone(&self.core.limits.load())
    }

    fn auth_enabled(&self) -> bool {
        self.core.authorizer.is_on()
    }

    fn allows_origin(&self, origin: &str) -> bool {
        self.core.allowed_origins.iter().any(|allowed| allowed == origin)
    }

    fn metrics(&self) -> &Arc<Metrics> {
        &self.core.metrics
    }

    fn gauges(&self) -> Gauges {
        self.core.gauges()
    }
}
