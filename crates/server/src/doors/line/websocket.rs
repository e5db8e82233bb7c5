//! The line door over a WebSocket: a frame for each value, either way.

use super::conversation::{Answer, Conversation, Later};
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
use std::collections::VecDeque;
use std::fmt::Display;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, Interval, timeout};

/// One client's connection.
struct Connection {
    conversation: Conversation,
    link: Link,
}

/// What carries frames.
struct Link {
    outbox: Arc<Outbox>,
    socket: WebSocket,
    heard_at: Instant,
    half_open: Duration,
    pings: Interval,
    /// What came while a command waited, to be answered after it.
    ahead: VecDeque<Message>,
    ahead_bytes: usize,
}

/// What there is to do.
enum Wake {
    Attention,
    Message(Option<Result<Message, axum::Error>>),
    Ping,
}

/// Serves a WebSocket until it ends.
pub async fn serve_websocket(core: Arc<Core>, socket: WebSocket, peer: Peer) {
    let outbox = Outbox::new(None, core.limits.load().queue_bytes, core.hub.counters().clone());
    let session = Session::new(core, peer, Some(outbox.clone()));
    let link = Link::new(&session.core, outbox, socket);
    let mut connection = Connection { conversation: Conversation { session }, link };
    let cause = connection.run().await;
    connection.conversation.session.end(cause).await;
}

impl Connection {
    async fn run(&mut self) -> Cause {
        loop {
            let ended = match self.link.ahead.pop_front() {
                Some(message) => {
                    self.link.ahead_bytes -= size(&message);
                    self.hear(message).await
                }
                None => match self.link.wake(true).await {
                    Wake::Message(message) => self.receive(message).await,
                    other => self.link.attend(&self.conversation.session.core, other).await,
                },
            };
            if let Some(cause) = ended {
                return cause;
            }
        }
    }

    async fn receive(&mut self, message: Option<Result<Message, axum::Error>>) -> Option<Cause> {
        match self.link.received(message).await {
            Ok(message) => self.hear(message).await,
            Err(cause) => Some(cause),
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
            self.link.refuse(&problem).await;
            let _ = timeout(Duration::from_secs(1), self.link.socket.send(Message::Close(None))).await;
            return Some(Cause::Kicked);
        }
        let mut out = Vec::new();
        self.conversation.session.begin_command();
        match self.conversation.answer(line, &mut out) {
            Answer::Done => {}
            Answer::Later(later) if later.waits_for_others() => {
                // Boxed, so that what waits is not part of every idle connection.
                if let Some(cause) = Box::pin(self.wait(later, &mut out)).await {
                    return Some(cause);
                }
            }
            Answer::Later(later) => self.conversation.finish(later, &mut out).await,
            Answer::Slow => {
                let text = String::from_utf8_lossy(line);
                Box::pin(self.conversation.answer_slowly(&text, &mut out)).await;
            }
        }
        self.link.outbox.commit(&out);
        self.link.write().await
    }

    /// Waits for what others do, and attends to the client meanwhile; the cause when the connection has
    /// ended before.
    async fn wait(&mut self, later: Later, out: &mut Vec<u8>) -> Option<Cause> {
        let Connection { conversation, link } = self;
        let core = conversation.session.core.clone();
        let ahead_max = core.limits.load().max_frame;
        let mut finished = pin!(conversation.finish(later, out));
        loop {
            let may_read = link.ahead_bytes < ahead_max;
            let wake = tokio::select! {
                biased;
                () = &mut finished => return None,
                wake = link.wake(may_read) => wake,
            };
            let ended = match wake {
                Wake::Message(message) => link.keep(message).await,
                other => link.attend(&core, other).await,
            };
            if ended.is_some() {
                return ended;
            }
        }
    }
}

/// Bytes that a message takes while it is kept.
fn size(message: &Message) -> usize {
    let bytes = match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close(_) => 0,
    };
    bytes + size_of::<Message>()
}

impl Link {
    fn new(core: &Core, outbox: Arc<Outbox>, socket: WebSocket) -> Self {
        // Whoever was silent for the length of a ping and some more when the next is due is gone: found at
        // the third at the latest.
        let half_open = core.limits.load().half_open.max(Duration::from_millis(3));
        let pings = tokio::time::interval(half_open / 3);
        let heard_at = Instant::now();
        Link { outbox, socket, heard_at, half_open, pings, ahead: VecDeque::new(), ahead_bytes: 0 }
    }

    /// Sleeps until there is something to do.
    async fn wake(&mut self, may_read: bool) -> Wake {
        let outbox = &self.outbox;
        let attention =
            poll_fn(|context| if outbox.poll_attention(context) { Poll::Ready(()) } else { Poll::Pending });
        // In no fixed order: many pushes must not keep a client from being heard.
        tokio::select! {
            () = attention => Wake::Attention,
            message = self.socket.recv(), if may_read => Wake::Message(message),
            _ = self.pings.tick() => {
                if !may_read {
                    // Who is not listened to cannot be told to be silent.
                    self.heard_at = Instant::now();
                    return Wake::Ping;
                }
                // What came while this side was busy writing counts.
                self.socket.recv().now_or_never().map_or(Wake::Ping, Wake::Message)
            }
        }
    }

    /// Does what there is to do, but for messages.
    async fn attend(&mut self, core: &Core, wake: Wake) -> Option<Cause> {
        if matches!(wake, Wake::Ping) {
            return self.ping().await;
        }
        if let Some(cause) = self.write().await {
            return Some(cause);
        }
        while reset::next(core, &self.outbox).await {
            if let Some(cause) = self.write().await {
                return Some(cause);
            }
        }
        None
    }

    /// Notes that something came; the cause when the connection has ended.
    async fn received(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<Message, Cause> {
        self.heard_at = Instant::now();
        match message {
            Some(Ok(message)) => Ok(message),
            Some(Err(error)) => Err(self.refuse(&error).await),
            None => Err(Cause::Closed),
        }
    }

    /// Keeps a message that comes while a command waits. A client that closes then is gone: what the command
    /// takes would reach nobody.
    async fn keep(&mut self, message: Option<Result<Message, axum::Error>>) -> Option<Cause> {
        match self.received(message).await {
            Ok(Message::Ping(_) | Message::Pong(_)) => None,
            Ok(Message::Close(_)) => Some(Cause::Closed),
            Ok(message) => {
                self.ahead_bytes += size(&message);
                self.ahead.push_back(message);
                None
            }
            Err(cause) => Some(cause),
        }
    }

    /// A frame that is too large, or no WebSocket's, ends the connection: its end cannot be found.
    async fn refuse(&mut self, error: &(dyn Display + Sync)) -> Cause {
        let mut out = Vec::new();
        Envelope::bare().error(error, &mut out);
        self.outbox.commit(&out);
        self.write().await;
        Cause::Closed
    }

    async fn ping(&mut self) -> Option<Cause> {
        if self.heard_at.elapsed() > self.half_open / 2 {
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
