//! A stream of which something was read ahead.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that first gives back what was read from it to tell its protocol.
pub struct Replayed<S> {
    read_ahead: Vec<u8>,
    given: usize,
    stream: S,
}

impl<S> Replayed<S> {
    pub(crate) fn new(read_ahead: Vec<u8>, stream: S) -> Self {
        Replayed { read_ahead, given: 0, stream }
    }

    /// What has been read ahead, and not given back yet.
    pub(crate) fn read_ahead(&self) -> &[u8] {
        &self.read_ahead[self.given..]
    }

    /// That, and the stream.
    pub(crate) fn into_parts(mut self) -> (Vec<u8>, S) {
        self.read_ahead.drain(..self.given);
        (self.read_ahead, self.stream)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Replayed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = &self.read_ahead[self.given..];
        if left.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, into);
        }
        let given = left.len().min(into.remaining());
        into.put_slice(&left[..given]);
        self.given += given;
        if self.given == self.read_ahead.len() {
            self.read_ahead = Vec::new();
            self.given = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Replayed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
