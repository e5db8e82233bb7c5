//! Dialogues over plain sockets.
//!
//! One task a connection, and nothing allocated while it is idle: bytes are read into a buffer that
//! all connections of a thread share, and pushes are written by whoever makes them. The task sleeps
//! until the socket is readable, or has room again after it was full, or the outbox wants attention.

use super::ending::{cause_of, cause_of_failure};
use super::input::{Input, READ_BYTES};
use super::socket::PlainSocket;
use super::{Dialogue, Stop};
use crate::core::Core;
use crate::hub::{Failure, Outbox};
use crate::net::Peer;
use crate::session::Session;
use hyrax_recipes::Cause;
use hyrax_types::{SessionId, limits};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use tokio::time::{Sleep, timeout};

thread_local! {
    static READ_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
    static REPLIES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Why the connection's task woke up.
enum Wake {
    Readable(io::Result<()>),
    Writable(io::Result<()>),
    Attention,
    Stalled,
}

/// What carries a dialogue.
struct Carriage<S> {
    core: Arc<Core>,
    id: SessionId,
    outbox: Arc<Outbox>,
    socket: Arc<S>,
    input: Input,
    /// Runs out when a client with a full queue has read nothing for too long.
    stall: Option<Pin<Box<Sleep>>>,
}

struct Connection<D, S> {
    dialogue: D,
    carriage: Carriage<S>,
}

/// Serves a connection until it ends.
pub async fn serve<D: Dialogue, S: PlainSocket>(
    core: Arc<Core>,
    socket: S,
    read_ahead: Vec<u8>,
    peer: Peer,
    make: impl FnOnce(Session) -> D,
) {
    let socket = Arc::new(socket);
    let outbox =
        Outbox::new(Some(socket.clone()), core.limits.load().queue_bytes, core.hub.counters().clone());
    let session = Session::new(core.clone(), peer, Some(outbox.clone()));
    let carriage =
        Carriage { core, id: session.id, outbox, socket, input: Input::new(read_ahead), stall: None };
    let dialogue = make(session);
    let mut connection = Connection { dialogue, carriage };
    let cause = connection.run().await;
    connection.dialogue.into_session().end(cause).await;
}

impl<D: Dialogue, S: PlainSocket> Connection<D, S> {
    async fn run(&mut self) -> Cause {
        if let Some(cause) = self.answer_input().await {
            return cause;
        }
        loop {
            let standing = self.carriage.outbox.standing();
            if standing.failure.is_some() {
                return self.carriage.failure(D::GOODBYE).unwrap_or(Cause::Closed);
            }
            // Who does not read replies gets no more of them.
            let may_read = standing.reply_bytes < limits::REPLY_BYTES_MAX;
            let ended = match self.carriage.wake(may_read, standing.is_blocked).await {
                Wake::Readable(Ok(())) => self.read().await,
                other => self.carriage.attend::<D>(other).await,
            };
            if let Some(cause) = ended {
                return cause;
            }
        }
    }

    /// Reads once and answers; the cause when the connection has ended.
    async fn read(&mut self) -> Option<Cause> {
        let Connection { dialogue, carriage } = self;
        if let Some(space) = carriage.input.space_for_much() {
            let read = carriage.socket.try_read_into(space);
            return self.read_more(read).await;
        }
        let outcome = READ_BUFFER.with_borrow_mut(|buffer| {
            let read = match carriage.socket.try_read(buffer) {
                Ok(length @ 1..) => &buffer[..length],
                other => return Err(other),
            };
            if !carriage.input.is_empty() {
                carriage.input.extend(read);
                return Err(Ok(read.len()));
            }
            carriage.core.metrics.received(read.len() as u64);
            let (used, stop) = answer_and_commit(dialogue, &carriage.outbox, read);
            carriage.input.extend(&read[used..]);
            Ok(stop)
        });
        match outcome {
            Ok(stop) => self.go_on(stop).await,
            Err(read) => self.read_more(read).await,
        }
    }

    /// Goes on after a read whose bytes, if any, are in the input.
    async fn read_more(&mut self, read: io::Result<usize>) -> Option<Cause> {
        match read {
            Ok(0) => {
                let mut out = Vec::new();
                self.dialogue.answer_unfinished(self.carriage.input.bytes(), &mut out);
                self.carriage.outbox.commit(&out);
                Some(Cause::Closed)
            }
            Ok(length) => {
                self.carriage.core.metrics.received(length as u64);
                if self.carriage.input.may_be_whole() { self.answer_input().await } else { None }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => Some(cause_of(&error)),
        }
    }

    /// Answers what lies in the input.
    async fn answer_input(&mut self) -> Option<Cause> {
        let stop = self.answer_once();
        self.go_on(stop).await
    }

    fn answer_once(&mut self) -> Stop<D::Pending> {
        let Connection { dialogue, carriage } = self;
        let (used, stop) = answer_and_commit(dialogue, &carriage.outbox, carriage.input.bytes());
        carriage.input.consume(used);
        stop
    }

    /// Does what commands could not be answered without, until no whole one is left.
    async fn go_on(&mut self, mut stop: Stop<D::Pending>) -> Option<Cause> {
        loop {
            match stop {
                Stop::Dry { needed } => {
                    self.carriage.input.needs(needed);
                    return None;
                }
                Stop::Close => {
                    Box::pin(self.carriage.say_farewell::<D>()).await;
                    return Some(self.dialogue.cause_of_close());
                }
                Stop::Full => tokio::task::yield_now().await,
                Stop::Pending(pending) => {
                    // Boxed, so that what waits is not part of every idle connection.
                    if let Some(cause) = Box::pin(self.finish(pending)).await {
                        return Some(cause);
                    }
                }
            }
            if let Some(cause) = self.carriage.wait_for_room::<D>().await {
                return Some(cause);
            }
            stop = self.answer_once();
        }
    }

    /// Does what is pending.
    async fn finish(&mut self, pending: D::Pending) -> Option<Cause> {
        let Connection { dialogue, carriage } = self;
        let mut out = Vec::new();
        if D::waits_for_others(&pending) {
            let finished = pin!(dialogue.finish(pending, &mut out));
            if let Some(cause) = carriage.attend_until::<D>(finished).await {
                return Some(cause);
            }
        } else {
            dialogue.finish(pending, &mut out).await;
        }
        carriage.outbox.commit(&out);
        carriage.failure(D::GOODBYE)
    }
}

impl<S: PlainSocket> Carriage<S> {
    /// Sleeps until there is something to do.
    async fn wake(&mut self, may_read: bool, blocked: bool) -> Wake {
        if !blocked {
            self.stall = None;
        }
        poll_fn(|context| {
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

    /// Writes what is queued, and sends the resets that are owed; the cause when the connection has ended.
    async fn attend<D: Dialogue>(&mut self, wake: Wake) -> Option<Cause> {
        match wake {
            Wake::Readable(Ok(())) => return None,
            Wake::Attention => self.outbox.flush(),
            Wake::Writable(Ok(())) => {
                self.stall = None;
                self.outbox.unblock();
            }
            Wake::Readable(Err(error)) | Wake::Writable(Err(error)) => return Some(cause_of(&error)),
            Wake::Stalled => {
                tracing::info!(session = self.id.0, "a client that reads nothing is disconnected");
                return Some(Cause::Kicked);
            }
        }
        while D::reset(&self.core, &self.outbox).await {}
        self.failure(D::GOODBYE)
    }

    /// Attends to the client until `finished`; the cause when the connection has ended before.
    async fn attend_until<D: Dialogue>(
        &mut self,
        mut finished: Pin<&mut (impl Future<Output = ()> + Send)>,
    ) -> Option<Cause> {
        loop {
            let may_read = !self.input.is_far_ahead();
            let blocked = self.outbox.standing().is_blocked;
            let socket = self.socket.clone();
            let wake = tokio::select! {
                biased;
                () = &mut finished => return None,
                // What was read ahead hides the end of the connection, though not its breaking.
                () = socket.broken(), if !may_read => return Some(Cause::Closed),
                wake = self.wake(may_read, blocked) => wake,
            };
            let ended = match wake {
                Wake::Readable(Ok(())) => self.read_ahead(),
                other => self.attend::<D>(other).await,
            };
            if ended.is_some() {
                return ended;
            }
        }
    }

    /// Reads while a command waits. A client that ends its side then is gone: what the command takes might
    /// reach nobody.
    fn read_ahead(&mut self) -> Option<Cause> {
        READ_BUFFER.with_borrow_mut(|buffer| match self.socket.try_read(buffer) {
            Ok(0) => Some(Cause::Closed),
            Ok(length) => {
                self.core.metrics.received(length as u64);
                self.input.extend(&buffer[..length]);
                None
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => Some(cause_of(&error)),
        })
    }

    /// Waits while the client has too many replies to read; the cause when the connection has ended.
    async fn wait_for_room<D: Dialogue>(&mut self) -> Option<Cause> {
        loop {
            let standing = self.outbox.standing();
            if standing.failure.is_some() {
                return self.failure(D::GOODBYE);
            }
            if standing.reply_bytes < limits::REPLY_BYTES_MAX {
                return None;
            }
            let wake = self.wake(false, standing.is_blocked).await;
            if let Some(cause) = self.attend::<D>(wake).await {
                return Some(cause);
            }
        }
    }

    /// Writes what is queued and ends the connection, in such a way that it arrives: a socket closed while
    /// it holds unread bytes resets the connection, and the client's system may then throw it away. So what
    /// still comes is read, for a while, and forgotten.
    async fn say_farewell<D: Dialogue>(&mut self) {
        while !self.outbox.is_empty() {
            let blocked = self.outbox.standing().is_blocked;
            let ended = match self.wake(true, blocked).await {
                Wake::Readable(Ok(())) => !self.read_and_forget(),
                other => self.attend::<D>(other).await.is_some(),
            };
            if ended {
                return;
            }
        }
        if self.socket.end_writing().is_err() {
            return;
        }
        // Nothing reaches the client from here on.
        self.outbox.close();
        let closed = async {
            while poll_fn(|context| self.socket.poll_readable(context)).await.is_ok()
                && self.read_and_forget()
            {}
        };
        // Whether it has ended by then or not: it is of no more use.
        let _ = timeout(limits::FAREWELL_MAX, closed).await;
    }

    /// Reads once for nobody; whether more may come.
    fn read_and_forget(&self) -> bool {
        match READ_BUFFER.with_borrow_mut(|buffer| self.socket.try_read(buffer)) {
            Ok(length) => length > 0,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }

    fn failure(&self, goodbye: &[u8]) -> Option<Cause> {
        self.outbox.failure().map(|failure| {
            if failure == Failure::Kicked && !goodbye.is_empty() {
                // Best effort: the socket may be full, and then the client is not reading anyway.
                let _ = self.socket.try_write(goodbye);
            }
            cause_of_failure(failure)
        })
    }
}

/// Has commands answered with this thread's reply buffer and commits the replies.
fn answer_and_commit<D: Dialogue>(
    dialogue: &mut D,
    outbox: &Outbox,
    data: &[u8],
) -> (usize, Stop<D::Pending>) {
    REPLIES.with_borrow_mut(|out| {
        out.clear();
        let (used, stop) = dialogue.answer(data, out);
        outbox.commit(out);
        if out.capacity() > 4 * READ_BYTES {
            *out = Vec::new();
        }
        (used, stop)
    })
}
