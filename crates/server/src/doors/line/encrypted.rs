//! The line door over TLS: the connection's task does all its reading and writing.

use super::conversation::Conversation;
use super::input::{Stop, answer_lines, answer_unfinished};
use super::plain::{cause_of, cause_of_failure};
use super::reset;
use crate::core::Core;
use crate::hub::Outbox;
use crate::net::Peer;
use crate::session::Session;
use hyrax_recipes::Cause;
use hyrax_types::limits;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::timeout;

/// Bytes read at once: a TLS record is decrypted whole, and kept by the session anyway.
const READ_BYTES: usize = 4 * 1024;

struct Connection<S> {
    conversation: Conversation,
    outbox: Arc<Outbox>,
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    unfinished: Vec<u8>,
}

/// Serves a connection until it ends.
pub async fn serve<S: AsyncRead + AsyncWrite>(core: Arc<Core>, stream: S, read_ahead: Vec<u8>, peer: Peer) {
    let outbox = Outbox::new(None, core.limits.load().queue_bytes, core.hub.counters().clone());
    let session = Session::new(core, peer, Some(outbox.clone()));
    let (reader, writer) = tokio::io::split(stream);
    let conversation = Conversation { session };
    let mut connection = Connection { conversation, outbox, reader, writer, unfinished: read_ahead };
    let cause = connection.run().await;
    let _ = timeout(limits::STALLED_MAX, connection.writer.shutdown()).await;
    connection.conversation.session.end(cause).await;
}

impl<S: AsyncRead + AsyncWrite> Connection<S> {
    async fn run(&mut self) -> Cause {
        let mut buffer = vec![0; READ_BYTES];
        if let Some(cause) = self.answer().await {
            return cause;
        }
        loop {
            let outbox = self.outbox.clone();
            let attention =
                poll_fn(
                    |context| {
                        if outbox.poll_attention(context) { Poll::Ready(()) } else { Poll::Pending }
                    },
                );
            // In no fixed order: many pushes must not keep a client from being heard.
            let ended = tokio::select! {
                () = attention => self.attend().await,
                read = self.reader.read(&mut buffer) => match read {
                    Ok(0) => self.close().await,
                    Ok(length) => {
                        self.conversation.session.core.metrics.received(length as u64);
                        self.unfinished.extend_from_slice(&buffer[..length]);
                        self.answer().await
                    }
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Some(Cause::Closed),
                    Err(error) => Some(cause_of(&error)),
                },
            };
            if let Some(cause) = ended {
                return cause;
            }
        }
    }

    /// Answers every whole line.
    async fn answer(&mut self) -> Option<Cause> {
        loop {
            let line_max = self.conversation.session.core.limits.load().max_frame;
            let mut out = Vec::new();
            let (used, stop) = answer_lines(&mut self.conversation, &self.unfinished, line_max, &mut out);
            self.unfinished.drain(..used);
            if !out.is_empty() {
                self.outbox.commit(&out);
                out.clear();
            }
            match stop {
                Stop::Dry => return self.write().await,
                Stop::Full => tokio::task::yield_now().await,
                Stop::TooLong => return self.write().await.or(Some(Cause::Kicked)),
                Stop::Later(later) => {
                    self.conversation.finish(later, &mut out).await;
                    out.push(b'\n');
                    self.outbox.commit(&out);
                }
                Stop::Slow(line) => {
                    Box::pin(self.conversation.answer_slowly(&line, &mut out)).await;
                    out.push(b'\n');
                    self.outbox.commit(&out);
                }
            }
            if let Some(cause) = self.write().await {
                return Some(cause);
            }
        }
    }

    async fn attend(&mut self) -> Option<Cause> {
        if let Some(cause) = self.write().await {
            return Some(cause);
        }
        while reset::next(&self.conversation.session, &self.outbox).await {
            if let Some(cause) = self.write().await {
                return Some(cause);
            }
        }
        None
    }

    async fn close(&mut self) -> Option<Cause> {
        let mut out = Vec::new();
        answer_unfinished(&self.unfinished, &mut out);
        self.outbox.commit(&out);
        self.write().await.or(Some(Cause::Closed))
    }

    /// Writes everything queued; a client that takes none of it for too long is given up.
    async fn write(&mut self) -> Option<Cause> {
        let mut out = Vec::new();
        loop {
            out.clear();
            self.outbox.take(&mut out);
            if let Some(failure) = self.outbox.failure() {
                return Some(cause_of_failure(failure));
            }
            if out.is_empty() {
                return None;
            }
            self.conversation.session.core.metrics.sent(out.len() as u64);
            let written = async {
                self.writer.write_all(&out).await?;
                self.writer.flush().await
            };
            match timeout(limits::STALLED_MAX, written).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Some(cause_of(&error)),
                Err(_) => return Some(Cause::Kicked),
            }
        }
    }
}
