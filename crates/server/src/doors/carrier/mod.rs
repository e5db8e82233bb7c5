//! Carries a dialogue over a connection: reads, has what is whole answered, and lets replies and pushes
//! out in one order. Knows no wire format: a door implements [`Dialogue`].

mod encrypted;
mod ending;
mod input;
mod plain;
mod socket;
#[cfg(test)]
mod tests;

pub use ending::cause_of_failure;

use crate::core::Core;
use crate::hub::Outbox;
use crate::net::{Peer, Stream};
use crate::session::Session;
use futures_util::future::BoxFuture;
use hyrax_recipes::Cause;
use std::sync::Arc;

/// One client's side of a door whose commands and replies are a stream of bytes.
pub trait Dialogue: Send + Sized + 'static {
    /// What has to be waited for before the next command is answered.
    type Pending: Send;

    /// What a client is told that the server disconnects.
    const GOODBYE: &'static [u8];

    /// What the client owns.
    fn session(&self) -> &Session;

    /// Takes the session, when the connection has ended.
    fn into_session(self) -> Session;

    /// Answers the whole commands at the front of `data` until something has to be waited for, or others
    /// should have their turn. Gives how many bytes are done with, and why it stopped. The bytes that are
    /// not come again, followed by others.
    fn answer(&mut self, data: &[u8], out: &mut Vec<u8>) -> (usize, Stop<Self::Pending>);

    /// Whether what is pending waits for what others do, maybe for hours. It is then given up when the
    /// client goes; what is done soon is done even for a client that has ended its side, as what that one
    /// sent after it is to be answered too.
    fn waits_for_others(pending: &Self::Pending) -> bool {
        let _ = pending;
        true
    }

    /// Does what could not be done at once, and writes its answer. Dropped when the client goes meanwhile.
    fn finish(&mut self, pending: Self::Pending, out: &mut Vec<u8>) -> impl Future<Output = ()> + Send;

    /// The client said that it ends, in the middle of this command (maybe of none).
    fn answer_unfinished(&mut self, rest: &[u8], out: &mut Vec<u8>);

    /// Queues one reset that the outbox owes, if everything before it has been written; whether there was
    /// one. It may come while something is pending.
    fn reset(core: &Core, outbox: &Outbox) -> impl Future<Output = bool> + Send;

    /// How the connection ended, where it was [`Stop::Close`] that ended it.
    fn cause_of_close(&self) -> Cause {
        Cause::Closed
    }
}

/// What stopped a dialogue.
pub enum Stop<P> {
    /// No whole command is left; the next one is not whole before what is left has this many bytes.
    Dry {
        /// Bytes, those that are there included. One more than there are, where nothing better is known.
        needed: usize,
    },
    /// Something has to be waited for.
    Pending(P),
    /// Much has been answered, or took long: it should be written, and others have their turn.
    Full,
    /// The connection is to be closed once what was answered is written.
    Close,
}

/// Serves a connection until it ends. `read_ahead` is what was read of it to tell the protocol; `make`
/// begins the dialogue.
///
/// Boxed: what carries the bytes differs, and a task that could be any would have room for all of them.
pub fn serve<D: Dialogue>(
    core: Arc<Core>,
    stream: Stream,
    read_ahead: Vec<u8>,
    peer: Peer,
    make: impl FnOnce(Session) -> D + Send + 'static,
) -> BoxFuture<'static, ()> {
    core.metrics.received(read_ahead.len() as u64);
    match stream {
        Stream::Tcp(socket) => Box::pin(plain::serve(core, socket, read_ahead, peer, make)),
        Stream::Unix(socket) => Box::pin(plain::serve(core, socket, read_ahead, peer, make)),
        Stream::Tls(socket) => Box::pin(encrypted::serve(core, *socket, read_ahead, peer, make)),
    }
}
