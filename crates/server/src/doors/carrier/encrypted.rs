//! Dialogues over TLS: the connection's task does all its reading and writing.

use super::ending::{cause_of, cause_of_failure};
use super::input::Input;
use super::{Dialogue, Stop};
use crate::core::Core;
use crate::hub::{Failure, Outbox};
use crate::net::Peer;
use crate::session::Session;
use hyrax_recipes::Cause;
use hyrax_types::limits;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::timeout;

/// Bytes read at once: a TLS record is decrypted whole, and kept by the session anyway.
const READ_BYTES: usize = 4 * 1024;

/// What carries a dialogue.
struct Carriage<S> {
    core: Arc<Core>,
    outbox: Arc<Outbox>,
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    buffer: Box<[u8]>,
    input: Input,
}

struct Connection<D, S> {
    dialogue: D,
    carriage: Carriage<S>,
}

/// Why the connection's task woke up.
enum Wake {
    /// So much was read, and is in the input.
    Read(io::Result<usize>),
    Attention,
}

/// Serves a connection until it ends.
pub async fn serve<D: Dialogue, S: AsyncRead + AsyncWrite + Send>(
    core: Arc<Core>,
    stream: S,
    read_ahead: Vec<u8>,
    peer: Peer,
    make: impl FnOnce(Session) -> D,
) {
    let outbox = Outbox::new(None, core.limits.load().queue_bytes, core.hub.counters().clone());
    let dialogue = make(Session::new(core.clone(), peer, Some(outbox.clone())));
    let (reader, writer) = tokio::io::split(stream);
    let buffer = vec![0; READ_BYTES].into();
    let carriage = Carriage { core, outbox, reader, writer, buffer, input: Input::new(read_ahead) };
    let mut connection = Connection { dialogue, carriage };
    let cause = connection.run().await;
    let _ = timeout(limits::STALLED_MAX, connection.carriage.writer.shutdown()).await;
    connection.dialogue.into_session().end(cause).await;
}

impl<D: Dialogue, S: AsyncRead + AsyncWrite + Send> Connection<D, S> {
    async fn run(&mut self) -> Cause {
        if let Some(cause) = self.answer().await {
            return cause;
        }
        loop {
            let ended = match self.carriage.wake(true).await {
                Wake::Attention => self.carriage.attend::<D>().await,
                Wake::Read(Ok(0)) => self.close().await,
                Wake::Read(Ok(_)) if !self.carriage.input.may_be_whole() => None,
                Wake::Read(Ok(_)) => self.answer().await,
                Wake::Read(Err(error)) => Some(cause_of(&error)),
            };
            if let Some(cause) = ended {
                return cause;
            }
        }
    }

    /// Answers every whole command.
    async fn answer(&mut self) -> Option<Cause> {
        loop {
            let Connection { dialogue, carriage } = self;
            let mut out = Vec::new();
            let (used, stop) = dialogue.answer(carriage.input.bytes(), &mut out);
            carriage.input.consume(used);
            carriage.outbox.commit(&out);
            match stop {
                Stop::Dry { needed } => {
                    carriage.input.needs(needed);
                    return carriage.write::<D>().await;
                }
                Stop::Full => tokio::task::yield_now().await,
                Stop::Close => {
                    let ended = carriage.write::<D>().await;
                    if ended.is_none() {
                        carriage.read_and_forget().await;
                    }
                    return ended.or(Some(dialogue.cause_of_close()));
                }
                Stop::Pending(pending) => {
                    // Boxed, so that what waits is not part of every idle connection.
                    if let Some(cause) = Box::pin(self.finish(pending)).await {
                        return Some(cause);
                    }
                }
            }
            if let Some(cause) = self.carriage.write::<D>().await {
                return Some(cause);
            }
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
        None
    }

    /// The client has ended its side.
    async fn close(&mut self) -> Option<Cause> {
        let mut out = Vec::new();
        self.dialogue.answer_unfinished(self.carriage.input.bytes(), &mut out);
        self.carriage.outbox.commit(&out);
        self.carriage.write::<D>().await.or(Some(Cause::Closed))
    }
}

impl<S: AsyncRead + AsyncWrite + Send> Carriage<S> {
    /// Sleeps until something was read, if it `may_read`, or the outbox wants attention.
    async fn wake(&mut self, may_read: bool) -> Wake {
        let attention =
            poll_fn(
                |context| {
                    if self.outbox.poll_attention(context) { Poll::Ready(()) } else { Poll::Pending }
                },
            );
        // In no fixed order: many pushes must not keep a client from being heard.
        tokio::select! {
            () = attention => Wake::Attention,
            read = self.reader.read(&mut self.buffer), if may_read => Wake::Read(match read {
                Ok(length) => {
                    self.core.metrics.received(length as u64);
                    self.input.extend(&self.buffer[..length]);
                    Ok(length)
                }
                Err(error) => Err(error),
            }),
        }
    }

    /// Writes what is queued, and the resets that are owed.
    async fn attend<D: Dialogue>(&mut self) -> Option<Cause> {
        if let Some(cause) = self.write::<D>().await {
            return Some(cause);
        }
        while D::reset(&self.core, &self.outbox).await {
            if let Some(cause) = self.write::<D>().await {
                return Some(cause);
            }
        }
        None
    }

    /// Attends to the client until `finished`; the cause when the connection has ended before. A client
    /// that ends its side is gone: what the command takes might reach nobody.
    async fn attend_until<D: Dialogue>(
        &mut self,
        mut finished: Pin<&mut (impl Future<Output = ()> + Send)>,
    ) -> Option<Cause> {
        loop {
            let may_read = !self.input.is_far_ahead();
            let wake = tokio::select! {
                biased;
                () = &mut finished => return None,
                wake = self.wake(may_read) => wake,
            };
            let ended = match wake {
                Wake::Attention => self.attend::<D>().await,
                Wake::Read(Ok(0)) => Some(Cause::Closed),
                Wake::Read(Ok(_)) => None,
                Wake::Read(Err(error)) => Some(cause_of(&error)),
            };
            if ended.is_some() {
                return ended;
            }
        }
    }

    /// Ends this side and reads what still comes, for a while: a socket closed while it holds unread bytes
    /// resets the connection, and the client's system may throw the last words away.
    async fn read_and_forget(&mut self) {
        let closed = async {
            if self.writer.shutdown().await.is_ok() {
                while let Ok(1..) = self.reader.read(&mut self.buffer).await {}
            }
        };
        // Whether it has ended by then or not: it is of no more use.
        let _ = timeout(limits::FAREWELL_MAX, closed).await;
    }

    /// Writes everything queued; a client that takes none of it for too long is given up.
    async fn write<D: Dialogue>(&mut self) -> Option<Cause> {
        let mut out = Vec::new();
        loop {
            out.clear();
            self.outbox.take(&mut out);
            if let Some(failure) = self.outbox.failure() {
                if failure == Failure::Kicked {
                    // Best effort: a client that does not read it is not waited for.
                    let _ = timeout(limits::FAREWELL_MAX, self.write_now(D::GOODBYE)).await;
                }
                return Some(cause_of_failure(failure));
            }
            if out.is_empty() {
                return None;
            }
            self.core.metrics.sent(out.len() as u64);
            match timeout(limits::STALLED_MAX, self.write_now(&out)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Some(cause_of(&error)),
                Err(_) => return Some(Cause::Kicked),
            }
        }
    }

    async fn write_now(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes).await?;
        self.writer.flush().await
    }
}
