//! The line door over plain sockets.
//!
//! One task a connection, and nothing allocated while it is idle: bytes are read into a buffer that
//! all connections of a thread share, and pushes are written by whoever makes them. The task sleeps
//! until the socket is readable, or has room again after it was full, or the outbox wants attention.

use super::conversation::Conversation;
use super::input::{Stop, answer_lines, answer_unfinished};
use super::reset;
use crate::core::Core;
use crate::hub::{Failure, Outbox, Socket};
use crate::net::Peer;
use crate::session::Session;
use hyrax_recipes::Cause;
use hyrax_types::limits;
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Sleep;

/// Bytes read at once. A pipeline of some hundred commands fits.
const READ_BYTES: usize = 64 * 1024;

thread_local! {
    static READ_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
    static REPLIES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A socket that can be polled and used without waiting.
pub trait PlainSocket: Socket + Sized {
    /// Polls for bytes to read.
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// Polls for room to write.
    fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// Reads what is there.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize>;
}

macro_rules! plain_socket {
    ($socket:ty) => {
        impl Socket for $socket {
            fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
                <$socket>::try_write(self, bytes)
            }
        }

        impl PlainSocket for $socket {
            fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_read_ready(context)
            }

            fn poll_writable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_write_ready(context)
            }

            fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
                <$socket>::try_read(self, buffer)
            }
        }
    };
}

plain_socket!(TcpStream);
plain_socket!(UnixStream);

/// Why the connection's task woke up.
enum Wake {
    Readable(io::Result<()>),
    Writable(io::Result<()>),
    Attention,
    Stalled,
}

struct Connection<S> {
    conversation: Conversation,
    outbox: Arc<Outbox>,
    socket: Arc<S>,
    /// What was read and is no whole line yet.
    unfinished: Vec<u8>,
    /// Runs out when a client with a full queue has read nothing for too long.
    stall: Option<Pin<Box<Sleep>>>,
}

/// Serves a connection until it ends.
pub async fn serve<S: PlainSocket>(core: Arc<Core>, socket: S, read_ahead: Vec<u8>, peer: Peer) {
    let socket = Arc::new(socket);
    let outbox =
        Outbox::new(Some(socket.clone()), core.limits.load().queue_bytes, core.hub.counters().clone());
    let session = Session::new(core, peer, Some(outbox.clone()));
    let conversation = Conversation { session };
    let mut connection = Connection { conversation, outbox, socket, unfinished: read_ahead, stall: None };
    let cause = connection.run().await;
    connection.conversation.session.end(cause).await;
}

impl<S: PlainSocket> Connection<S> {
    async fn run(&mut self) -> Cause {
        if let Some(cause) = self.answer_unfinished_lines().await {
            return cause;
        }
        loop {
            let ended = match self.wake().await {
                Wake::Readable(Ok(())) => self.read().await,
                Wake::Writable(Ok(())) => {
                    self.stall = None;
                    self.outbox.unblock();
                    self.attend().await
                }
                Wake::Readable(Err(error)) | Wake::Writable(Err(error)) => Some(cause_of(&error)),
                Wake::Attention => self.attend().await,
                Wake::Stalled => {
                    tracing::info!(
                        session = self.conversation.session.id.0,
                        "a client that reads nothing is disconnected"
                    );
                    Some(Cause::Kicked)
                }
            };
            if let Some(cause) = ended {
                return cause;
            }
        }
    }

    /// Sleeps until there is something to do.
    async fn wake(&mut self) -> Wake {
        let blocked = self.outbox.blocked_since().is_some();
        // Who does not read replies gets no more of them.
        let may_read = self.outbox.reply_bytes() < limits::REPLY_BYTES_MAX;
        if !blocked {
            self.stall = None;
        }
        std::future::poll_fn(|context| {
            if self.outbox.poll_attention(context) {
                return Poll::Ready(Wake::Attention);
            }
            if may_read && let Poll::Ready(ready) = self.socket.poll_readable(context) {
                return Poll::Ready(Wake::Readable(ready));
            }
            if blocked {
                if let Poll::Ready(ready) = self.socket.poll_writable(context) {
                    return Poll::Ready(Wake::Writable(ready));
                }
                let stall =
                    self.stall.get_or_insert_with(|| Box::pin(tokio::time::sleep(limits::STALLED_MAX)));
                if stall.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Wake::Stalled);
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Reads once and answers; the cause when the connection has ended.
    async fn read(&mut self) -> Option<Cause> {
        let line_max = self.conversation.session.core.limits.load().max_frame;
        let outcome = READ_BUFFER.with_borrow_mut(|buffer| {
            let length = match self.socket.try_read(buffer) {
                Ok(0) => return Err(None),
                Ok(length) => length,
                Err(error) => return Err(Some(error)),
            };
            self.conversation.session.core.metrics.received(length as u64);
            if !self.unfinished.is_empty() {
                self.unfinished.extend_from_slice(&buffer[..length]);
                // A long line that comes in small pieces is not looked through for each of them.
                let may_be_whole = buffer[..length].contains(&b'\n') || self.unfinished.len() > line_max;
                return Ok(if may_be_whole { None } else { Some(Stop::Dry) });
            }
            let (used, stop) =
                answer_and_commit(&mut self.conversation, &self.outbox, &buffer[..length], line_max);
            self.unfinished.extend_from_slice(&buffer[used..length]);
            Ok(Some(stop))
        });
        match outcome {
            Ok(Some(stop)) => self.go_on(stop).await,
            Ok(None) => self.answer_unfinished_lines().await,
            Err(None) => {
                let mut out = Vec::new();
                answer_unfinished(&self.unfinished, &mut out);
                self.outbox.commit(&out);
                Some(Cause::Closed)
            }
            Err(Some(error)) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(Some(error)) => Some(cause_of(&error)),
        }
    }

    /// Answers what lies in `unfinished`.
    async fn answer_unfinished_lines(&mut self) -> Option<Cause> {
        let line_max = self.conversation.session.core.limits.load().max_frame;
        let mut data = std::mem::take(&mut self.unfinished);
        let (used, stop) = answer_and_commit(&mut self.conversation, &self.outbox, &data, line_max);
        data.drain(..used);
        if !data.is_empty() {
            self.unfinished = data;
        }
        self.go_on(stop).await
    }

    /// Does what lines could not be answered without, until no whole line is left.
    async fn go_on(&mut self, mut stop: Stop) -> Option<Cause> {
        loop {
            match stop {
                Stop::Dry => return self.failure(),
                Stop::TooLong => {
                    self.read_and_forget().await;
                    return Some(Cause::Kicked);
                }
                Stop::Full => tokio::task::yield_now().await,
                Stop::Later(later) => {
                    let mut out = Vec::new();
                    self.conversation.finish(later, &mut out).await;
                    self.commit(out);
                }
                Stop::Slow(line) => {
                    let mut out = Vec::new();
                    // Boxed, so that the long way's state is not part of every idle connection.
                    Box::pin(self.conversation.answer_slowly(&line, &mut out)).await;
                    self.commit(out);
                }
            }
            if self.failure().is_some() {
                return self.failure();
            }
            self.wait_for_room().await;
            let line_max = self.conversation.session.core.limits.load().max_frame;
            let mut data = std::mem::take(&mut self.unfinished);
            let (used, next) = answer_and_commit(&mut self.conversation, &self.outbox, &data, line_max);
            data.drain(..used);
            if !data.is_empty() {
                self.unfinished = data;
            }
            stop = next;
        }
    }

    /// Reads what a refused client still sends, for a while: a socket closed while it holds unread bytes
    /// resets the connection, and the client's system may throw the refusal away.
    async fn read_and_forget(&mut self) {
        let closed = async {
            loop {
                let readable = std::future::poll_fn(|context| self.socket.poll_readable(context)).await;
                let read = READ_BUFFER.with_borrow_mut(|buffer| self.socket.try_read(buffer));
                match (readable, read) {
                    (Ok(()), Ok(1..)) => {}
                    (Ok(()), Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                    _ => return,
                }
            }
        };
        // Whether it has ended by then or not: it is of no more use.
        let _ = tokio::time::timeout(limits::FAREWELL_MAX, closed).await;
    }

    fn commit(&self, mut out: Vec<u8>) {
        out.push(b'\n');
        self.outbox.commit(&out);
    }

    /// Waits while the client has too many replies to read.
    async fn wait_for_room(&mut self) {
        while self.outbox.reply_bytes() >= limits::REPLY_BYTES_MAX && self.outbox.failure().is_none() {
            match self.wake().await {
                Wake::Writable(Ok(())) => {
                    self.stall = None;
                    self.outbox.unblock();
                }
                Wake::Attention => {}
                Wake::Readable(_) | Wake::Writable(Err(_)) | Wake::Stalled => self.outbox.close(),
            }
        }
    }

    /// Writes what is queued and sends the resets that are owed.
    async fn attend(&mut self) -> Option<Cause> {
        self.outbox.flush();
        while reset::next(&self.conversation.session, &self.outbox).await {}
        self.failure()
    }

    fn failure(&self) -> Option<Cause> {
        self.outbox.failure().map(|failure| {
            if failure == Failure::Kicked {
                // Best effort: the socket may be full, and then the client is not reading anyway.
                let _ = self.socket.try_write(reset::GOODBYE);
            }
            cause_of_failure(failure)
        })
    }
}

/// Answers lines with this thread's reply buffer and commits the replies.
fn answer_and_commit(
    conversation: &mut Conversation,
    outbox: &Outbox,
    data: &[u8],
    line_max: usize,
) -> (usize, Stop) {
    REPLIES.with_borrow_mut(|out| {
        out.clear();
        let (used, stop) = answer_lines(conversation, data, line_max, out);
        if !out.is_empty() {
            outbox.commit(out);
        }
        if out.capacity() > 4 * READ_BYTES {
            *out = Vec::new();
        }
        (used, stop)
    })
}

/// What an error of the socket says about how the connection ended.
pub fn cause_of(error: &io::Error) -> Cause {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Cause::Timeout
        }
        _ => Cause::Closed,
    }
}

/// What a failure of the outbox says about how the connection ended.
pub fn cause_of_failure(failure: Failure) -> Cause {
    match failure {
        Failure::Broken => Cause::Closed,
        Failure::Overwhelmed | Failure::Kicked => Cause::Kicked,
    }
}
