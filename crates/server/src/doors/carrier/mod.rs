//! Carries a dialogue over a connection: reads, has what is whole answered, and lets replies and pushes
//! out in one order. Knows no wire format: a door implements [`Dialogue`].

use crate::hub::Outbox;
use crate::session::Session;

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
    /// should have their turn. Gives how many bytes are done with, and why it stopped.
    fn answer(&mut self, data: &[u8], out: &mut Vec<u8>) -> (usize, Stop<Self::Pending>);

    /// Does what could not be done at once, and writes its answer. Dropped when the client goes meanwhile.
    fn finish(&mut self, pending: Self::Pending, out: &mut Vec<u8>) -> impl Future<Output = ()> + Send;

    /// The client said that it ends, in the middle of this command (maybe of none).
    fn answer_unfinished(&mut self, rest: &[u8], out: &mut Vec<u8>);

    /// Queues one reset that the outbox owes, if everything before it has been written; whether there was
    /// one.
    fn reset(&mut self, outbox: &Outbox) -> impl Future<Output = bool> + Send;
}

/// What stopped a dialogue.
pub enum Stop<P> {
    /// No whole command is left; the next one is not whole before `data` has this many bytes.
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
