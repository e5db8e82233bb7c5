//! The RESP door: Redis' protocol, versions 2 and 3.
//!
//! The wire is in `parse`, `inline`, `gather` and `encode`; what a client says is answered by a
//! `dialogue`, which gives Redis' commands on values to the engine and finds the others in `commands`, with
//! a file for each family of them.

mod client;
mod commands;
mod connection;
mod dialogue;
mod encode;
mod gather;
mod help;
mod hyrax;
mod inline;
mod monitor;
mod owed;
mod parse;
mod pubsub;
mod push;
mod reset;
mod server;
mod transaction;
mod waiting;

pub use commands::metrics_names;

use super::carrier;
use crate::core::Core;
use crate::net::{Peer, Stream};
use dialogue::Conversation;
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// Serves a connection until it ends. `read_ahead` is what was read of it to tell the protocol.
pub fn serve(core: Arc<Core>, stream: Stream, read_ahead: Vec<u8>, peer: Peer) -> BoxFuture<'static, ()> {
    carrier::serve(core, stream, read_ahead, peer, Conversation::new)
}
