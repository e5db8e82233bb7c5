//! Accepts connections until the server is told to stop, and then waits for those that there are.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyrax_types::limits::FAREWELLS_MAX;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::connection::{Connections, serve};
use super::listeners::{Bound, Socket};
use super::{Doors, Listeners, Peer, PeerAddress, Stream, TlsServer, farewell};
use crate::config::DoorSet;

/// How long accepting pauses when the system has no descriptor or memory for another connection. Those
/// that wait are accepted when others have closed.
const PAUSE: Duration = Duration::from_millis(100);

impl Listeners {
    /// Serves connections until `shutdown` is cancelled. Then it closes the listening sockets and the
    /// connections that are idle in HTTP or have not said anything, and waits, as long as `drain`
    /// allows, for those that the doors still serve. Returns how many of these are left.
    ///
    /// With `tls`, TCP connections may be encrypted; without, a client that asks for it is told.
    pub(crate) async fn serve<D: Doors>(
        self,
        doors: Arc<D>,
        tls: Option<TlsServer>,
        shutdown: CancellationToken,
    ) -> usize {
        let connections = Arc::new(Connections::new(Arc::clone(&doors), tls, shutdown));
        let mut accepting = JoinSet::new();
        for bound in self.0 {
            accepting.spawn(accept(bound, Arc::clone(&connections)));
        }
        accepting.join_all().await;
        // What is left when the time is over is the caller's to count.
        let _ = timeout(doors.limits().drain, connections.seats.emptied()).await;
        connections.seats.taken()
    }
}

/// Accepts from one socket.
async fn accept<D: Doors>(bound: Bound, connections: Arc<Connections<D>>) {
    let refusals = Arc::new(Semaphore::new(FAREWELLS_MAX));
    let mut failing = false;
    loop {
        let accepted = tokio::select! {
            accepted = accept_one(&bound.socket) => accepted,
            () = connections.shutdown.cancelled() => return,
        };
        match accepted {
            Ok((stream, address)) => {
                failing = false;
                admit(stream, address, bound.doors, &connections, &refusals);
            }
            // A client that was gone before it was accepted.
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                if !failing {
                    tracing::warn!(address = %bound.address, %error, "cannot accept connections, trying on");
                }
                failing = true;
                tokio::select! {
                    () = sleep(PAUSE) => {}
                    () = connections.shutdown.cancelled() => return,
                }
            }
        }
    }
}

async fn accept_one(socket: &Socket) -> io::Result<(Stream, PeerAddress)> {
    match socket {
        Socket::Tcp(listener) => {
            let (stream, address) = listener.accept().await?;
            Ok((Stream::Tcp(stream), PeerAddress::tcp(address)))
        }
        Socket::Unix { listener, .. } => {
            let (stream, _) = listener.accept().await?;
            Ok((Stream::Unix(stream), PeerAddress::Unix))
        }
    }
}

fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Has a connection served, or refused where there are as many as there may be.
fn admit<D: Doors>(
    stream: Stream,
    address: PeerAddress,
    open: DoorSet,
    connections: &Arc<Connections<D>>,
    refusals: &Arc<Semaphore>,
) {
    let limits = connections.doors.limits();
    if let Stream::Tcp(stream) = &stream
        && let Err(error) = prepare(stream, limits.half_open)
    {
        // Most likely it is closed already, which reading will show.
        tracing::debug!(%address, %error, "a connection's options could not be set");
    }
    match connections.seats.take(limits.max_connections) {
        Some(seat) => {
            let local = stream.local_address();
            let peer = Peer { address, local, tls: false, may_sudo: true };
            tokio::spawn(serve(Arc::clone(connections), stream, peer, Arc::new(seat), open));
        }
        None => {
            connections.doors.metrics().connection_refused();
            let Ok(permit) = Arc::clone(refusals).try_acquire_owned() else { return };
            tokio::spawn(async move {
                let limit = limits.max_connections;
                let message = format!("{{\"error\":\"too many connections (limit {limit})\"}}\n");
                farewell(stream, message.as_bytes()).await;
                drop(permit);
            });
        }
    }
}

/// Answers leave at once, and a peer that vanished is found within `half_open`: an idle connection by
/// probes, within half of it; and one with bytes under way by the lack of an acknowledgement, again
/// within half of it, as those bytes may have been sent just before the probes would have told, and
/// keep them from it.
pub(super) fn prepare(stream: &TcpStream, half_open: Duration) -> io::Result<()> {
    const PROBES: u32 = 3;
    let least = Duration::from_secs(1);
    let silence = (half_open / 2).max(least);
    let first = (silence / 2).max(least);
    let between = (silence / 2 / PROBES).max(least);
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new().with_time(first).with_interval(between).with_retries(PROBES);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(silence))?;
    Ok(())
}
