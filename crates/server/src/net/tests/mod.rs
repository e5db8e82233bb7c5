//! Servers on real sockets, with a stand-in behind the doors that tells what reached it.

mod bounds;
mod clients;
mod descriptors;
mod protocols;
mod tls;
mod unix;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ws::{Message, WebSocket};
use axum::http::{Request, Response, StatusCode};
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::Code;

use super::*;
use crate::config::{Limits, ListenAddress, Listener};
use crate::grpc::{Connection, Reply as CallReply, Status};
use crate::http::{PlainRequest, Reply};
use crate::http2::{Body as CallBody, Head};
use crate::metrics::{Gauges, Metrics, StorageGauges};

/// Long enough for anything that must happen in a test, be the machine ever so busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(100);

/// Stands behind the doors, and answers with what it was given.
pub(crate) struct StandIn {
    pub(crate) limits: Limits,
    pub(crate) auth: bool,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) disk_is_full: bool,
}

impl Default for StandIn {
    fn default() -> Self {
        let limits = Limits { drain: Duration::from_millis(200), ..Limits::default() };
        let metrics = Metrics::new(&["get"]);
        let shutdown = CancellationToken::new();
        StandIn { limits, auth: false, metrics, shutdown, disk_is_full: false }
    }
}

fn describe(peer: &Peer) -> String {
    let from = if peer.address == PeerAddress::Unix { "unix" } else { "tcp" };
    format!("from={from} tls={} sudo={}", peer.tls, peer.may_sudo)
}

impl Doors for StandIn {
    /// Says who it serves, then echoes until the client or the server ends it.
    async fn line(self: Arc<Self>, mut stream: Stream, read_ahead: Vec<u8>, peer: Peer) {
        let start = format!("line {}\n{}", describe(&peer), String::from_utf8_lossy(&read_ahead));
        let mut buffer = vec![0; 1024];
        if stream.write_all(start.as_bytes()).await.is_err() {
            return;
        }
        loop {
            let read = tokio::select! {
                read = stream.read(&mut buffer) => read,
                () = self.shutdown.cancelled() => return,
            };
            match read {
                Ok(length @ 1..) if stream.write_all(&buffer[..length]).await.is_ok() => {}
                _ => return,
            }
        }
    }

    async fn resp(self: Arc<Self>, stream: Stream, _read_ahead: Vec<u8>, _peer: Peer) {
        farewell(stream, b"+the RESP door\r\n").await;
    }

    async fn websocket(self: Arc<Self>, mut socket: WebSocket, peer: Peer) {
        while let Some(Ok(message)) = socket.recv().await {
            let Ok(text) = message.to_text() else { return };
            let answer = format!("websocket {} {text}", describe(&peer));
            if socket.send(Message::Text(answer.into())).await.is_err() {
                return;
            }
        }
    }

    async fn post(self: Arc<Self>, body: Bytes, peer: Peer, authorization: Option<Authorization>) -> Vec<u8> {
        let body = String::from_utf8_lossy(&body);
        format!("post {} {authorization:?} {body}", describe(&peer)).into_bytes()
    }

    async fn grpc(self: Arc<Self>, head: Head, _body: CallBody, _connection: Arc<Connection>) -> CallReply {
        CallReply::Refused(Status::new(Code::Unimplemented, format!("the gRPC door at {}", head.path())))
    }

    async fn gateway(
        self: Arc<Self>,
        request: Request<Body>,
        peer: Peer,
        authorization: Option<Authorization>,
    ) -> Response<Body> {
        Response::new(
            format!("gateway {} {authorization:?} {}", request.uri().path(), describe(&peer)).into(),
        )
    }

    async fn etcd2(
        self: Arc<Self>,
        request: Request<Body>,
        peer: Peer,
        authorization: Option<Authorization>,
    ) -> Response<Body> {
        let path = request.uri().path();
        Response::new(format!("etcd2 {path} {authorization:?} {}", describe(&peer)).into())
    }

    async fn discovery(
        self: Arc<Self>,
        request: Request<Body>,
        peer: Peer,
        authorization: Option<Authorization>,
        _seat: Arc<Seat>,
    ) -> Response<Body> {
        let path = request.uri().path();
        Response::new(format!("discovery {path} {authorization:?} {}", describe(&peer)).into())
    }

    /// What waits is left to [`StandIn::etcd2`].
    async fn etcd2_key(&self, request: &PlainRequest<'_>, peer: Peer, reply: Reply<'_>) -> bool {
        let is_plain = !request.query.starts_with(b"wait");
        if is_plain {
            let [key, body] = [request.key, request.body].map(String::from_utf8_lossy);
            let text = format!("directly {} {key} {body} {}", request.method, describe(&peer));
            reply.begin(StatusCode::OK).end(text.as_bytes());
        }
        is_plain
    }

    fn limits(&self) -> Limits {
        self.limits.clone()
    }

    fn auth_enabled(&self) -> bool {
        self.auth
    }

    fn allows_origin(&self, origin: &str) -> bool {
        origin == "https://friend.example"
    }

    fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    fn gauges(&self) -> Gauges {
        let storage = StorageGauges { is_full: self.disk_is_full, ..Default::default() };
        Gauges { keys: 42, storage: Some(storage), ..Gauges::default() }
    }
}

/// A running server.
pub(crate) struct Running {
    pub(crate) addresses: Vec<ListenAddress>,
    pub(crate) stand_in: Arc<StandIn>,
    served: JoinHandle<usize>,
}

impl Running {
    pub(crate) async fn start(stand_in: StandIn, listeners: &[&str], tls: Option<TlsServer>) -> Running {
        let listeners: Vec<Listener> = listeners.iter().map(|text| text.parse().unwrap()).collect();
        let bound = Listeners::bind(&listeners).await.unwrap();
        let addresses = bound.addresses().cloned().collect();
        let stand_in = Arc::new(stand_in);
        let shutdown = stand_in.shutdown.clone();
        let served = tokio::spawn(bound.serve(Arc::clone(&stand_in), tls, shutdown));
        Running { addresses, stand_in, served }
    }

    pub(crate) async fn plain() -> Running {
        Running::start(StandIn::default(), &["127.0.0.1:0"], None).await
    }

    pub(crate) fn address(&self) -> SocketAddr {
        match &self.addresses[0] {
            ListenAddress::Tcp { host, port } => format!("{host}:{port}").parse().unwrap(),
            ListenAddress::Unix(_) => panic!("the first listener is a Unix socket"),
        }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address()).await.unwrap()
    }

    /// Sends bytes on a new connection, and returns all that is answered until it is closed.
    pub(crate) async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        read_to_end(&mut stream).await
    }

    /// Stops it, and returns how many connections were left.
    pub(crate) async fn stop(self) -> usize {
        self.stand_in.shutdown.cancel();
        timeout(PATIENCE, self.served).await.expect("the server stops").unwrap()
    }
}

/// Reads until the stream ends, which it must.
pub(crate) async fn read_to_end(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut all = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut all)).await.expect("the connection is closed").unwrap();
    String::from_utf8(all).unwrap()
}

/// Reads until `end` was read.
pub(crate) async fn read_until(stream: &mut (impl AsyncRead + Unpin), end: &str) -> String {
    let mut all = Vec::new();
    while !all.ends_with(end.as_bytes()) {
        let so_far = || format!("`{end}` after `{}`", all.escape_ascii());
        let byte = timeout(PATIENCE, stream.read_u8()).await.unwrap_or_else(|_| panic!("no {}", so_far()));
        let byte = byte.unwrap_or_else(|error| panic!("{error} before {}", so_far()));
        all.push(byte);
    }
    String::from_utf8(all).unwrap()
}

/// Sends bytes one at a time, each in a packet of its own.
pub(crate) async fn trickle(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) {
    for byte in bytes {
        stream.write_all(&[*byte]).await.unwrap();
        stream.flush().await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
