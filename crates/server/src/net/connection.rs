//! One connection: from its first bytes to its door.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyrax_types::limits::{FIRST_LINE_WAIT_MAX, TLS_HANDSHAKE_MAX};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::seats::Seats;
use super::sniff::{Protocol, is_blank, sniff};
use super::{Doors, Peer, Replayed, Seat, Stream, TlsServer, farewell};
use crate::config::{Door as Opened, DoorSet};
use crate::http::{self, Arrival, Http};
use crate::metrics::Door;

/// Bytes read at a time until the protocol is known.
const READ_BYTES: usize = 4 * 1024;

/// TLS' own way to say no: a fatal alert, `handshake_failure`.
const TLS_REFUSAL: &[u8] = &[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x28];

/// What the connections of a server share.
pub(super) struct Connections<D> {
    pub(super) doors: Arc<D>,
    pub(super) seats: Arc<Seats>,
    pub(super) shutdown: CancellationToken,
    tls: Option<TlsServer>,
    http: Http<D>,
}

impl<D: Doors> Connections<D> {
    pub(super) fn new(doors: Arc<D>, tls: Option<TlsServer>, shutdown: CancellationToken) -> Self {
        let seats = Seats::new(Arc::clone(doors.metrics()));
        let http = Http::new(Arc::clone(&doors), shutdown.clone());
        Connections { doors, seats, shutdown, tls, http }
    }
}

/// Serves an accepted connection until it ends.
pub(super) async fn serve<D: Doors>(
    connections: Arc<Connections<D>>,
    mut stream: Stream,
    peer: Peer,
    seat: Arc<Seat>,
    open: DoorSet,
) {
    let Some((protocol, read_ahead)) = first_bytes(&mut stream, &connections.shutdown).await else { return };
    match (protocol, stream) {
        (Protocol::Tls, Stream::Tcp(stream)) => {
            // Boxed, as what follows is large, and plain connections need not pay for it.
            Box::pin(serve_tls(connections, Replayed::new(read_ahead, stream), peer, seat, open)).await;
        }
        (protocol, stream) => enter(connections, protocol, stream, read_ahead, peer, seat, open).await,
    }
}

async fn serve_tls<D: Doors>(
    connections: Arc<Connections<D>>,
    stream: Replayed<tokio::net::TcpStream>,
    peer: Peer,
    seat: Arc<Seat>,
    open: DoorSet,
) {
    let Some(TlsServer(acceptor)) = &connections.tls else {
        tracing::debug!(address = %peer.address, "a client asked for TLS, but there is no certificate");
        return farewell(stream, TLS_REFUSAL).await;
    };
    let mut stream = match timeout(TLS_HANDSHAKE_MAX, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Stream::Tls(Box::new(stream)),
        Ok(Err(error)) => {
            tracing::debug!(address = %peer.address, %error, "a TLS handshake failed");
            return;
        }
        Err(_) => return,
    };
    let peer = Peer { tls: true, ..peer };
    let Some((protocol, read_ahead)) = first_bytes(&mut stream, &connections.shutdown).await else { return };
    enter(connections, protocol, stream, read_ahead, peer, seat, open).await;
}

/// Leads a connection to the door that it asks for.
async fn enter<D: Doors>(
    connections: Arc<Connections<D>>,
    protocol: Protocol,
    stream: Stream,
    read_ahead: Vec<u8>,
    peer: Peer,
    seat: Arc<Seat>,
    open: DoorSet,
) {
    match protocol {
        Protocol::Line => {
            seat.becomes(Door::Line);
            if open.contains(Opened::Line) {
                Arc::clone(&connections.doors).line(stream, read_ahead, peer).await;
            } else {
                let message = format!(
                    "{{\"error\":\"the line door is not open on this listener, which opens {open}\"}}\n"
                );
                farewell(stream, message.as_bytes()).await;
            }
        }
        Protocol::Resp => {
            seat.becomes(Door::Resp);
            if open.contains(Opened::Resp) {
                Arc::clone(&connections.doors).resp(stream, read_ahead, peer).await;
            } else {
                let message =
                    format!("-ERR the RESP door is not open on this listener, which opens {open}\r\n");
                farewell(stream, message.as_bytes()).await;
            }
        }
        Protocol::Http1 | Protocol::Http2 => {
            seat.becomes(Door::Http);
            let version = if protocol == Protocol::Http2 { http::Version::Two } else { http::Version::One };
            let arrival = Arrival { peer, seat, open };
            Box::pin(connections.http.serve(version, stream, read_ahead, arrival)).await;
        }
        // Over a Unix socket, or inside of TLS, where it makes no sense.
        Protocol::Tls => farewell(stream, TLS_REFUSAL).await,
    }
}

/// Reads until the protocol is known, and returns what was read, without the blanks at its beginning.
/// None when the connection ended before, took too long over its first line, or the server stops.
///
/// A client that says nothing may stay, and holds no buffer here.
async fn first_bytes(stream: &mut Stream, shutdown: &CancellationToken) -> Option<(Protocol, Vec<u8>)> {
    let mut gathered = Vec::new();
    let mut deadline = None;
    loop {
        let read = async {
            match deadline {
                None => Ok(read_some(Pin::new(&mut *stream), &mut gathered).await),
                Some(deadline) => {
                    timeout_at(deadline, read_some(Pin::new(&mut *stream), &mut gathered)).await
                }
            }
        };
        let read = tokio::select! {
            read = read => read,
            () = shutdown.cancelled() => return None,
        };
        match read {
            Ok(Ok(1..)) => {}
            Ok(Ok(0) | Err(_)) => return None,
            Err(_) => {
                let seconds = FIRST_LINE_WAIT_MAX.as_secs();
                let message =
                    format!("{{\"error\":\"the first line took longer than {seconds} seconds\"}}\n");
                farewell(stream, message.as_bytes()).await;
                return None;
            }
        }
        let blanks = gathered.iter().take_while(|&&byte| is_blank(byte)).count();
        gathered.drain(..blanks);
        if let Some(protocol) = sniff(&gathered) {
            return Some((protocol, gathered));
        }
        if gathered.is_empty() {
            gathered = Vec::new();
        } else {
            deadline.get_or_insert_with(|| Instant::now() + FIRST_LINE_WAIT_MAX);
        }
    }
}

/// Adds what there is to read, up to some kilobytes, to `gathered`, and returns how much it was: nothing
/// at the end of the stream. Until there is something, no space is held for it.
pub(crate) async fn read_some(
    mut stream: Pin<&mut (impl AsyncRead + ?Sized)>,
    gathered: &mut Vec<u8>,
) -> io::Result<usize> {
    poll_fn(|cx| poll_read_some(stream.as_mut(), cx, gathered)).await
}

fn poll_read_some(
    stream: Pin<&mut (impl AsyncRead + ?Sized)>,
    cx: &mut Context<'_>,
    gathered: &mut Vec<u8>,
) -> Poll<io::Result<usize>> {
    let mut space = [MaybeUninit::uninit(); READ_BYTES];
    let mut space = ReadBuf::uninit(&mut space);
    ready!(stream.poll_read(cx, &mut space))?;
    gathered.extend_from_slice(space.filled());
    Poll::Ready(Ok(space.filled().len()))
}
