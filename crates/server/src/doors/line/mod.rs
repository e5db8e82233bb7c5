//! The line door: one JSON value a line over TCP and Unix sockets, a frame over WebSocket, a body
//! over POST.
//!
//! The wire is in `json`, `message`, `encode`, `envelope`, `push`; what a client says is answered by a
//! `conversation`, with a file for each family of commands; and `plain` sockets, `encrypted` ones,
//! `websocket`s and a `post` carry it.

mod admin;
mod conversation;
mod encode;
mod encrypted;
mod envelope;
mod input;
mod json;
mod live;
mod message;
mod monitors;
mod plain;
mod post;
mod presence;
mod proof;
mod push;
mod reset;
mod verbs;
mod websocket;

pub use post::post;
pub use verbs::names as verb_names;
pub use websocket::serve_websocket;

use crate::core::Core;
use crate::net::{Peer, Stream};
use std::sync::Arc;

/// Serves a connection until it ends. `read_ahead` is what was read of it to tell the protocol.
pub async fn serve(core: Arc<Core>, stream: Stream, read_ahead: Vec<u8>, peer: Peer) {
    core.metrics.received(read_ahead.len() as u64);
    match stream {
        Stream::Tcp(socket) => plain::serve(core, socket, read_ahead, peer).await,
        Stream::Unix(socket) => plain::serve(core, socket, read_ahead, peer).await,
        Stream::Tls(socket) => encrypted::serve(core, *socket, read_ahead, peer).await,
    }
}
