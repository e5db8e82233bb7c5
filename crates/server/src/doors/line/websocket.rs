//! The line door over a WebSocket: a frame for each value, either way.

use super::conversation::{Answer, Conversation};
use super::envelope::Envelope;
use super::reset;
use crate::core::Core;
use crate::doors::carrier::cause_of_failure;
use crate::hub::Outbox;
use crate::net::Peer;
use crate::session::Session;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use futures_util::FutureExt;
use hyrax_recipes::Cause;
use hyrax_types::limits;
use std::fmt::Display;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, timeout};

struct Connection {
    conversation: Conversation,
    outbox: Arc<Outbox>,
    socket: WebSocket,
    heard_at: Instant,
}

/// Serves a WebSocket until it ends.
pub async fn serve_websocket(core: Arc<Core>, socket: WebSocket, peer: Peer) {
    let outbox = Outbox::new(None, core.limits.load().queue_bytes, core.hub.counters().clone());
    let session = Session::new(core, peer, Some(outbox.clone()));
    let mut connection =
        Connection { conversation: Conversation { session }, outbox, socket, heard_at: Instant::now() };
    let cause = connection.run().await;
    connection.conversation.session.end(cause).await;
}

impl Connection {
    async fn run(&mut self) -> Cause {
        // Whoever was silent for the length of a ping and some more when the next is due is gone: found at
        // the third at the latest.
        let half_open = self.conversation.session.core.limits.load().half_open.max(Duration::from_millis(3));
        let mut pings = tokio::time::interval(half_open / 3);
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
                message = self.socket.recv() => self.receive(message).await,
                // What came while this side was busy writing counts.
                _ = pings.tick() => match self.socket.recv().now_or_never() {
                    Some(message) => self.receive(message).await,
                    None => self.ping(half_open).await,
                },
            };
            if let Some(cause) = ended {
                return cause;
            }
        }
    }

    async fn receive(&mut self, message: Option<Result<Message, axum::Error>>) -> Option<Cause> {
        self.heard_at = Instant::now();
        match message {
            Some(Ok(message)) => self.hear(message).await,
            Some(Err(error)) => Some(self.refuse(&error).await),
            None => Some(Cause::Closed),
        }
    }

    async fn hear(&mut self, message: Message) -> Option<Cause> {
        match message {
            Message::Text(text) => self.answer(text.as_bytes()).await,
            Message::Binary(bytes) => self.answer(&bytes).await,
            Message::Ping(_) | Message::Pong(_) => None,
            Message::Close(_) => Some(Cause::Closed),
        }
    }

    async fn answer(&mut self, text: &[u8]) -> Option<Cause> {
        let line = text.trim_ascii();
        if line.is_empty() {
            return None;
        }
        let line_max = self.conversation.session.core.limits.load().max_frame;
        if line.len() > line_max {
            let problem =
                format!("a message has at most {line_max} bytes (max_frame): the connection is closed");
            self.refuse(&problem).await;
            let _ = timeout(Duration::from_secs(1), self.socket.send(Message::Close(None))).await;
            return Some(Cause::Kicked);
        }
        let mut out = Vec::new();
        self.conversation.session.begin_command();
        match self.conversation.answer(line, &mut out) {
            Answer::Done => {}
            Answer::Later(later) => self.conversation.finish(later, &mut out).await,
            Answer::Slow => {
                let text = String::from_utf8_lossy(line);
                Box::pin(self.conversation.answer_slowly(&text, &mut out)).await;
            }
        }
        self.outbox.commit(&out);
        self.write().await
    }

    /// A frame that is too large, or no WebSocket's, ends the connection: its end cannot be found.
    async fn refuse(&mut self, error: &(dyn Display + Sync)) -> Cause {
        let mut out = Vec::new();
        Envelope::bare().error(error, &mut out);
        self.outbox.commit(&out);
        self.write().await;
        Cause::Closed
    }

    async fn attend(&mut self) -> Option<Cause> {
        if let Some(cause) = self.write().await {
            return Some(cause);
        }
        while reset::next(&self.conversation.session.core, &self.outbox).await {
            if let Some(cause) = self.write().await {
                return Some(cause);
            }
        }
        None
    }

    async fn ping(&mut self, half_open: Duration) -> Option<Cause> {
        if self.heard_at.elapsed() > half_open / 2 {
            return Some(Cause::Timeout);
        }
        self.send(Message::Ping(Bytes::new())).await
    }

    /// Writes everything queued, a frame each.
    async fn write(&mut self) -> Option<Cause> {
        loop {
            if let Some(failure) = self.outbox.failure() {
                let _ = timeout(Duration::from_secs(1), self.socket.send(Message::Close(None))).await;
                return Some(cause_of_failure(failure));
            }
            let message = self.outbox.take_one()?;
            // Whatever was queued was written as JSON, and is UTF-8.
            let text = Utf8Bytes::try_from(message).unwrap_or_default();
            if let Some(cause) = self.send(Message::Text(text)).await {
                return Some(cause);
            }
        }
    }

    async fn send(&mut self, message: Message) -> Option<Cause> {
        match timeout(limits::STALLED_MAX, self.socket.send(message)).await {
            Ok(Ok(())) => None,
            Ok(Err(_)) => Some(Cause::Closed),
            Err(_) => Some(Cause::Kicked),
        }
    }
}
