//! The bytes of a connection, whatever carries them.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

use super::Replayed;

/// A connection. What it carries is visible, so that a door can read and write a plain socket
/// without a detour.
pub enum Stream {
    /// A plain TCP connection.
    Tcp(TcpStream),
    /// A connection over a Unix socket.
    Unix(UnixStream),
    /// An encrypted TCP connection. The session is some kilobytes, and would else be paid for by the
    /// plain connections too.
    Tls(Box<TlsStream<Replayed<TcpStream>>>),
}

impl Stream {
    /// Where the other end is connected to, where that is an address of the network.
    pub(super) fn local_address(&self) -> Option<SocketAddr> {
        match self {
            Stream::Tcp(socket) => socket.local_addr().ok(),
            Stream::Unix(_) | Stream::Tls(_) => None,
        }
    }
}

/// Does the same with whatever carries the bytes.
macro_rules! with_carrier {
    ($stream:expr, $carrier:ident => $action:expr) => {
        match $stream.get_mut() {
            Stream::Tcp(carrier) => {
                let $carrier = Pin::new(carrier);
                $action
            }
            Stream::Unix(carrier) => {
                let $carrier = Pin::new(carrier);
                $action
            }
            Stream::Tls(carrier) => {
                let $carrier = Pin::new(&mut **carrier);
                $action
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        with_carrier!(self, carrier => carrier.poll_read(cx, into))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        with_carrier!(self, carrier => carrier.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        with_carrier!(self, carrier => carrier.poll_write_vectored(cx, parts))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Stream::Tcp(carrier) => carrier.is_write_vectored(),
            Stream::Unix(carrier) => carrier.is_write_vectored(),
            Stream::Tls(carrier) => carrier.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_carrier!(self, carrier => carrier.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        with_carrier!(self, carrier => carrier.poll_shutdown(cx))
    }
}
