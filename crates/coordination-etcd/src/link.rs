//! The connection to the cluster: one at a time, to a member that has a leader.
//!
//! A task opens it, and the next one when it is closed, or left by a caller that found its member of no use. Everybody
//! else takes what there is, or waits for it. The token of who asks belongs to a connection: a stale one is renewed
//! by leaving the connection.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyrax_etcd::etcdserverpb as pb;
use hyrax_types::limits::{
    ETCD_CONNECTION_WINDOW, ETCD_PING_EVERY, ETCD_PING_MAX, ETCD_RETRY_MAX, ETCD_RETRY_MIN,
    ETCD_STREAM_WINDOW,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tonic::Request;
use tonic::body::Body;
use tonic::codegen::http;
use tonic::metadata::{Ascii, MetadataValue};
use tower::Service;

use crate::call;
use crate::settings::{Credentials, Endpoint, EtcdSettings};
use crate::tls::Tls;

/// The first releases of 3.4 and 3.5 whose notices of progress never overtake events.
const ORDERED_PROGRESS: [(u64, u64); 2] = [(4, 25), (5, 8)];

/// etcd's words to who gives no name where one is needed.
const USER_EMPTY: &str = "etcdserver: user name is empty";

/// How the connection stands.
#[derive(Clone)]
pub(crate) enum State {
    /// There is none, and why.
    Down { reason: Arc<str>, refused: bool },
    /// There is one.
    Up(Connection),
}

/// The connection, whichever it is at the moment.
pub(crate) struct Link {
    state: watch::Sender<State>,
}

impl Link {
    pub(crate) fn new() -> Arc<Link> {
        let state = State::Down { reason: "it was not tried yet".into(), refused: false };
        Arc::new(Link { state: watch::Sender::new(state) })
    }

    /// Waits for a connection; for ever where the cluster stays away.
    pub(crate) async fn connection(&self) -> Connection {
        let mut states = self.state.subscribe();
        loop {
            if let State::Up(connection) = &*states.borrow_and_update() {
                return connection.clone();
            }
            // The sender is this link's own: it can not be gone.
            _ = states.changed().await;
        }
    }

    /// Waits until there is a connection, or one is refused for good: the password is wrong, for one.
    pub(crate) async fn decided(&self) -> Result<Connection, Arc<str>> {
        let mut states = self.state.subscribe();
        loop {
            match &*states.borrow_and_update() {
                State::Up(connection) => return Ok(connection.clone()),
                State::Down { reason, refused: true } => return Err(reason.clone()),
                State::Down { .. } => {}
            }
            _ = states.changed().await;
        }
    }

    /// Why there is no connection, where there is none.
    pub(crate) fn trouble(&self) -> Option<Arc<str>> {
        match &*self.state.borrow() {
            State::Down { reason, .. } => Some(reason.clone()),
            State::Up(_) => None,
        }
    }

    /// Gives the connection up for one to another member, if it is still this one.
    pub(crate) fn leave(&self, connection: &Connection, why: &str) {
        let left = self.state.send_if_modified(|state| {
            let same = matches!(state, State::Up(current) if current.number == connection.number);
            if same {
                *state = State::Down { reason: format!("{}: {why}", connection.peer).into(), refused: false };
            }
            same
        });
        if left {
            tracing::debug!(etcd = %connection.peer, why, "leaving this member for another");
        }
    }

    /// Waits until the connection is another, or gone.
    pub(crate) async fn replaced(&self, connection: &Connection) {
        let same = |state: &State| matches!(state, State::Up(current) if current.number == connection.number);
        _ = self.state.subscribe().wait_for(|state| !same(state)).await;
    }

    /// Keeps a connection. Never ends.
    pub(crate) async fn keep(self: Arc<Link>, settings: EtcdSettings, tls: Option<Tls>) {
        // Clients spread over the members.
        let mut at = RandomState::new().hash_one(0) as usize;
        let mut wait = ETCD_RETRY_MIN;
        for number in 1.. {
            let endpoint = &settings.endpoints[at % settings.endpoints.len()];
            let opening = open(endpoint, number, &settings, tls.as_ref());
            let opened = timeout(settings.timeouts.connect, opening).await;
            let opened = opened.unwrap_or_else(|_| Err(Refused::because("it does not answer".to_owned())));
            at = at.wrapping_add(1);
            match opened {
                Ok((connection, closed)) => {
                    tracing::debug!(etcd = %connection.peer, "connected");
                    let began = Instant::now();
                    self.state.send_replace(State::Up(connection.clone()));
                    tokio::select! {
                        () = closed => self.lose(&connection),
                        () = self.replaced(&connection) => {}
                    }
                    if began.elapsed() > ETCD_RETRY_MAX {
                        wait = ETCD_RETRY_MIN;
                        continue;
                    }
                }
                Err(Refused { reason, for_good, .. }) => {
                    let reason = format!("{endpoint}: {reason}").into();
                    self.state.send_replace(State::Down { reason, refused: for_good });
                }
            }
            // All of them were tried: one that fails at once is not asked again and again.
            if at.is_multiple_of(settings.endpoints.len()) {
                tokio::time::sleep(wait).await;
                wait = next_wait(wait);
            }
        }
    }

    fn lose(&self, connection: &Connection) {
        tracing::warn!(etcd = %connection.peer, "the connection was lost; connecting anew");
        let reason = format!("{}: the connection was lost", connection.peer).into();
        self.state.send_replace(State::Down { reason, refused: false });
    }
}

/// Why a member is not connected to.
struct Refused {
    reason: String,
    /// Trying again makes no difference.
    for_good: bool,
    /// It wants to know who asks.
    asks_for_a_name: bool,
}

impl Refused {
    fn because(reason: impl Into<String>) -> Refused {
        Refused { reason: reason.into(), for_good: false, asks_for_a_name: false }
    }
}

impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Refused {
        Refused::because(error.to_string())
    }
}

/// Connects, and makes sure that there is a member with a leader who lets us in.
async fn open(
    endpoint: &Endpoint,
    number: u64,
    settings: &EtcdSettings,
    tls: Option<&Tls>,
) -> Result<(Connection, impl Future<Output = ()> + use<>), Refused> {
    let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await?;
    stream.set_nodelay(true)?;
    let (sender, closed) = match tls {
        None => greet(stream).await?,
        Some(tls) => {
            let name =
                tls.server_name(&endpoint.host).map_err(|error| Refused::because(error.to_string()))?;
            greet(tls.connector.connect(name, stream).await?).await?
        }
    };
    let scheme = if tls.is_some() { http::uri::Scheme::HTTPS } else { http::uri::Scheme::HTTP };
    let authority: http::uri::Authority =
        endpoint.to_string().parse().map_err(|_| Refused::because("its name can not be sent"))?;
    let peer = authority.as_str().into();
    let mut connection = Connection {
        number,
        peer,
        sender,
        scheme,
        authority,
        token: None,
        cluster: 0,
        orders_progress: false,
    };
    match (connection.examine().await, &settings.credentials) {
        (examined, None) => examined?,
        (Ok(()), Some(credentials)) => connection.log_in(credentials).await?,
        // Some servers tell nothing to whom they do not know; but who has no leader can not let anybody in.
        (Err(refused), Some(_)) if !refused.asks_for_a_name => return Err(refused),
        (Err(_), Some(credentials)) => {
            connection.log_in(credentials).await?;
            connection.examine().await?;
        }
    }
    Ok((connection, closed))
}

type Closed = BoxFuture<'static, ()>;

/// Speaks HTTP/2 over the stream, with a task of its own.
async fn greet<S>(stream: S) -> Result<(SendRequest<Body>, Closed), Refused>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let greeted = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(ETCD_STREAM_WINDOW)
        .initial_connection_window_size(ETCD_CONNECTION_WINDOW)
        // While nothing is under way etcd takes pings for an attack.
        .keep_alive_while_idle(false)
        .keep_alive_interval(ETCD_PING_EVERY)
        .keep_alive_timeout(ETCD_PING_MAX)
        .handshake(TokioIo::new(stream))
        .await;
    let (sender, connection) = greeted.map_err(|error| Refused::because(error.to_string()))?;
    let running = tokio::spawn(connection);
    let closed = async move { _ = running.await };
    Ok((sender, Box::pin(closed)))
}

/// An open connection, and who speaks. Clones share it.
#[derive(Clone)]
pub(crate) struct Connection {
    /// Tells it from those before it.
    number: u64,
    /// Where it leads.
    pub(crate) peer: Arc<str>,
    sender: SendRequest<Body>,
    scheme: http::uri::Scheme,
    authority: http::uri::Authority,
    token: Option<MetadataValue<Ascii>>,
    /// The number of the cluster.
    pub(crate) cluster: u64,
    /// Whether a notice of progress comes after the events that it speaks of.
    pub(crate) orders_progress: bool,
}

impl Connection {
    /// A request in the name of who logged in. A member that has lost its leader refuses it, rather than to let it
    /// wait or, for a stream, hear nothing for ever.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
        if let Some(token) = &self.token {
            request.metadata_mut().insert("token", token.clone());
        }
        request
    }

    /// Whether it speaks in somebody's name.
    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    async fn examine(&mut self) -> Result<(), Refused> {
        let asked = call::unary(self, call::STATUS, pb::StatusRequest {}).await;
        let status: pb::StatusResponse = asked.map_err(|status| {
            let asks_for_a_name = status.message() == USER_EMPTY;
            let reason = match status.message() {
                USER_EMPTY => {
                    "it wants to know who asks: NAME:PASSWORD@ is missing before the hosts".to_owned()
                }
                words => format!("it does not answer as etcd does: {words}"),
            };
            Refused { reason, for_good: asks_for_a_name, asks_for_a_name }
        })?;
        if status.leader == 0 {
            return Err(Refused::because("it has no leader"));
        }
        self.orders_progress = orders_progress(&status.version);
        self.cluster = status.header.map_or(0, |header| header.cluster_id);
        Ok(())
    }

    async fn log_in(&mut self, credentials: &Credentials) -> Result<(), Refused> {
        let Credentials { name, password } = credentials.clone();
        let asked = call::unary(self, call::AUTHENTICATE, pb::AuthenticateRequest { name, password }).await;
        let answer: Result<pb::AuthenticateResponse, _> = asked;
        match answer {
            Ok(answer) => {
                let token = answer.token.parse();
                self.token = Some(token.map_err(|_| Refused::because("its token can not be sent"))?);
                Ok(())
            }
            // Whoever may come in without a name may also come in with one.
            Err(status) if status.message() == "etcdserver: authentication is not enabled" => Ok(()),
            Err(status) => {
                let for_good = status.message().contains("authentication failed");
                Err(Refused { for_good, ..Refused::because(status.message()) })
            }
        }
    }
}

/// Whether a server of this version is known to order its notices of progress.
fn orders_progress(version: &str) -> bool {
    let mut parts = version.split(['.', '-', '+']).map(|part| part.parse::<u64>().ok());
    let (Some(Some(major)), Some(Some(minor)), Some(Some(patch))) =
        (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    match major {
        3 => ORDERED_PROGRESS.iter().any(|(of, since)| minor == *of && patch >= *since) || minor > 5,
        major => major > 3,
    }
}

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) struct ConnectionError {
    /// Whether it may have reached the server.
    pub(crate) sent: bool,
    reason: String,
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for ConnectionError {}

impl Service<http::Request<Body>> for Connection {
    type Response = http::Response<Incoming>;
    type Error = ConnectionError;
    type Future = BoxFuture<'static, Result<Self::Response, ConnectionError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        if self.sender.is_closed() {
            return Poll::Ready(Err(ConnectionError {
                sent: false,
                reason: "the connection was lost".to_owned(),
            }));
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        match http::Uri::from_parts(parts) {
            Ok(uri) => *request.uri_mut() = uri,
            Err(error) => {
                let error = ConnectionError { sent: false, reason: error.to_string() };
                return Box::pin(std::future::ready(Err(error)));
            }
        }
        let sending = self.sender.try_send_request(request);
        Box::pin(async move {
            sending.await.map_err(|error| ConnectionError {
                // What comes back was not begun to be sent.
                sent: error.message().is_none(),
                reason: told(error.error()),
            })
        })
    }
}

/// What went wrong, down to its cause.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// How long to wait before what failed is tried again.
pub(crate) fn next_wait(wait: Duration) -> Duration {
    (wait * 2).min(ETCD_RETRY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_with_ordered_progress_are_known() {
        for version in ["3.4.25", "3.4.30", "3.5.8", "3.5.21", "3.6.0-rc.1", "3.10.0", "4.0.0"] {
            assert!(orders_progress(version), "{version}");
        }
        for version in ["3.4.23", "3.5.7", "3.3.99", "3.5", "", "x.y.z", "3.5.x"] {
            assert!(!orders_progress(version), "{version}");
        }
    }
}
