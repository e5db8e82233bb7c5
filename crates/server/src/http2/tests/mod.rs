//! The server's side of HTTP/2 against a library's client, and against bytes that no library sends.

mod any_bytes;
mod bounds;
mod faults;
mod library;

use std::future::pending;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::http::{HeaderMap, HeaderValue};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::frame::{FrameHead, HEAD_BYTES, PREFACE, flag, kind};
use super::*;
use crate::metrics::Metrics;
use crate::net::Stream;
use crate::net::tests::PATIENCE;

/// A server of one connection.
pub(super) struct Running {
    pub shutdown: CancellationToken,
    pub served: JoinHandle<std::io::Result<()>>,
}

/// Serves the other end of a socket: `/echo` answers with the body as it comes, `/bytes/N` with N bytes, `/silent`
/// never, and `/late` when it is told to.
pub(super) fn start() -> (UnixStream, Running) {
    let (client, server) = UnixStream::pair().unwrap();
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let served = tokio::spawn(async move {
        let metrics = Metrics::new(&["get"]);
        let late = stop.clone();
        let answer = move |head, body| answer(head, body, late.clone());
        serve(Stream::Unix(server), Vec::new(), answer, &metrics, &stop).await
    });
    (client, Running { shutdown, served })
}

pub(super) async fn answer(head: Head, body: Body, late: CancellationToken) -> Answer {
    let trailers = || {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-end", HeaderValue::from_static("here"));
        Block::of_trailers(&trailers)
    };
    let head_block = Block::of_head(200, &HeaderMap::new());
    let content = match head.path() {
        "/echo" => Content::Pieces(Box::pin(Echo(body))),
        "/silent" => pending().await,
        "/late" => {
            late.cancelled().await;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            Content::Whole(Bytes::from_static(b"late"), trailers())
        }
        "/nothing" => Content::None,
        other => {
            let length = other.strip_prefix("/bytes/").and_then(|length| length.parse().ok()).unwrap_or(0);
            Content::Whole(vec![b'x'; length.min(1 << 20)].into(), trailers())
        }
    };
    Answer { head: head_block, content }
}

/// A body that is sent back.
struct Echo(Body);

impl Pieces for Echo {
    fn poll_piece(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Piece> {
        self.0.poll_piece(cx).map(|piece| match piece {
            None => Piece::End,
            Some(Ok(piece)) => Piece::Data(piece),
            Some(Err(Reset)) => Piece::Broken,
        })
    }
}

/// A frame.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::put_head(payload.len(), kind, flags, stream, &mut bytes);
    bytes.extend_from_slice(payload);
    bytes
}

/// The block of a request for `path`.
pub(super) fn block(path: &str) -> Vec<u8> {
    let mut block = vec![0x83, 0x86];
    put_field(b":path", path.as_bytes(), &mut block);
    block
}

/// The head of a request.
pub(super) fn request(stream: u32, path: &str, ends: bool) -> Vec<u8> {
    let ends = if ends { flag::END_STREAM } else { 0 };
    frame(kind::HEADERS, flag::END_HEADERS | ends, stream, &block(path))
}

/// What a client begins with.
pub(super) fn hello() -> Vec<u8> {
    [PREFACE, &frame(kind::SETTINGS, 0, 0, &[])].concat()
}

/// The next frame that the server sends, but for what it sends anyway: settings, and the window.
pub(super) async fn next(client: &mut UnixStream) -> (FrameHead, Vec<u8>) {
    loop {
        let mut head = [0; HEAD_BYTES];
        timeout(PATIENCE, client.read_exact(&mut head))
            .await
            .expect("a frame comes")
            .expect("the connection stands");
        let head = FrameHead::read(&head);
        let mut payload = vec![0; head.length];
        client.read_exact(&mut payload).await.unwrap();
        if head.kind != kind::SETTINGS && (head.kind != kind::WINDOW_UPDATE || head.stream != 0) {
            return (head, payload);
        }
    }
}

/// Sends bytes on a new connection.
pub(super) async fn send(bytes: &[u8]) -> (UnixStream, Running) {
    let (mut client, running) = start();
    client.write_all(&[&hello(), bytes].concat()).await.unwrap();
    (client, running)
}
