//! The line door: one JSON value a line over TCP and Unix sockets, a frame over WebSocket, a body
//! over POST.
//!
//! The wire is in `json`, `message`, `encode`, `envelope`, `push`; what a client says is answered by a
//! `conversation`, with a file for each family of commands; and sockets, whose `input` is cut into lines,
//! `websocket`s and a `post` carry it.

mod admin;
mod conversation;
mod elections;
mod encode;
mod envelope;
mod fence;
mod groups;
mod input;
mod json;
mod live;
mod locks;
mod message;
mod monitors;
mod options;
mod post;
mod presence;
mod proof;
mod push;
mod reset;
mod status;
mod verbs;
mod websocket;

pub(super) use encode::write_value;
pub use groups::PUSHES as GROUP_PUSHES;
pub use locks::write_lost;
pub(super) use monitors::{write_presence_reset, write_reset};
pub use post::post;
pub(super) use push::FLAT;
pub use verbs::names as verb_names;
pub use websocket::serve_websocket;

use super::carrier;
use crate::core::Core;
use crate::net::{Peer, Stream};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// Serves a connection until it ends. `read_ahead` is what was read of it to tell the protocol.
pub fn serve(core: Arc<Core>, stream: Stream, read_ahead: Vec<u8>, peer: Peer) -> BoxFuture<'static, ()> {
    carrier::serve(core, stream, read_ahead, peer, input::Lines::new)
}
