//! A socket that registers a node, or monitors: it is told, and says nothing but that it is there.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use hyrax_recipes::Cause;
use hyrax_types::limits::{FAREWELL_MAX, STALLED_MAX};
use tokio::time::{Instant, Interval, interval_at, timeout};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::audience::Listening;
use super::link::Link;
use crate::hub::{Failure, Outbox};
use crate::session::Session;

/// One client's socket.
pub(super) struct Socket {
    session: Session,
    outbox: Arc<Outbox>,
    listening: Listening,
    link: Link,
    heard_at: Instant,
    half_open: Duration,
    pings: Interval,
}

/// How a socket ended.
enum Ending {
    /// The client closed it.
    Closed,
    /// It broke without a word, or the client fell silent.
    Lost,
    /// The server closes it, for this reason.
    Kicked(Failure),
}

/// What there is to do.
enum Wake {
    Attention,
    Message(Option<Result<Message, Error>>),
    Ping,
}

impl Socket {
    /// The socket of a session whose outbox is told by `listening`.
    pub(super) fn new(session: Session, outbox: Arc<Outbox>, listening: Listening, link: Link) -> Socket {
        // Whoever was silent for the length of a ping and some more when the next is due is gone: found at the
        // third at the latest.
        let half_open = session.core.limits.load().half_open.max(Duration::from_millis(3));
        let pings = interval_at(Instant::now() + half_open / 3, half_open / 3);
        Socket { session, outbox, listening, link, heard_at: Instant::now(), half_open, pings }
    }

    /// Serves it until it ends. What it registered goes as its end says.
    pub(super) async fn serve(mut self) {
        let ending = loop {
            let wake = self.wake().await;
            let ended = match wake {
                Wake::Attention => self.write().await,
                Wake::Message(message) => self.hear(message),
                Wake::Ping => self.ping().await,
            };
            if let Some(ending) = ended {
                break ending;
            }
        };
        let Socket { session, listening, mut link, .. } = self;
        drop(listening);
        // Before the farewell, which may take its time: others are not to find who is gone.
        session.end(ending.cause()).await;
        ending.say_farewell(&mut link).await;
    }

    async fn wake(&mut self) -> Wake {
        let outbox = &self.outbox;
        let attention =
            poll_fn(|context| if outbox.poll_attention(context) { Poll::Ready(()) } else { Poll::Pending });
        // In no fixed order: much news must not keep a client from being heard.
        tokio::select! {
            () = attention => Wake::Attention,
            message = self.link.receive() => Wake::Message(message),
            // What came while this side was busy writing counts.
            _ = self.pings.tick() => self.link.receive().now_or_never().map_or(Wake::Ping, Wake::Message),
        }
    }

    /// Whatever a client says tells that it is there, and nothing else.
    fn hear(&mut self, message: Option<Result<Message, Error>>) -> Option<Ending> {
        self.heard_at = Instant::now();
        match message {
            Some(Ok(Message::Close(_))) => Some(Ending::Closed),
            Some(Ok(_)) => None,
            Some(Err(_)) | None => Some(Ending::Lost),
        }
    }

    async fn ping(&mut self) -> Option<Ending> {
        if self.heard_at.elapsed() > self.half_open / 2 {
            return Some(Ending::Lost);
        }
        self.write_one(None).await
    }

    /// Writes everything queued, a frame each.
    async fn write(&mut self) -> Option<Ending> {
        loop {
            if let Some(failure) = self.outbox.failure() {
                return Some(Ending::Kicked(failure));
            }
            let message = self.outbox.take_one()?;
            if let Some(ending) = self.write_one(Some(message)).await {
                return Some(ending);
            }
        }
    }

    /// Writes a message, or a ping, unless the client is to be disconnected before it has taken it.
    async fn write_one(&mut self, message: Option<Bytes>) -> Option<Ending> {
        let (outbox, link) = (&self.outbox, &mut self.link);
        let writes = async {
            match message {
                Some(text) => link.tell(text).await,
                None => link.ping().await,
            }
        };
        let fails = poll_fn(|context| {
            // More to write calls attention, too: that is written next.
            while outbox.poll_attention(context) {
                if let Some(failure) = outbox.failure() {
                    return Poll::Ready(failure);
                }
            }
            Poll::Pending
        });
        tokio::select! {
            biased;
            written = timeout(STALLED_MAX, writes) => match written {
                Ok(Ok(())) => None,
                Ok(Err(_)) | Err(_) => Some(Ending::Lost),
            },
            failure = fails => Some(Ending::Kicked(failure)),
        }
    }
}

impl Ending {
    /// The same for what the session owns: what did not end deliberately runs out.
    fn cause(&self) -> Cause {
        match self {
            Ending::Closed => Cause::Closed,
            Ending::Kicked(Failure::Kicked) => Cause::Kicked,
            Ending::Lost | Ending::Kicked(Failure::Broken | Failure::Overwhelmed) => Cause::Timeout,
        }
    }

    async fn say_farewell(self, link: &mut Link) {
        let reason = match self {
            // The library has the answer to the client's own farewell ready.
            Ending::Closed => None,
            Ending::Lost => return,
            Ending::Kicked(Failure::Overwhelmed) => {
                let reason = "what there was to tell was not read fast enough (queue_bytes)";
                Some((CloseCode::Policy, reason))
            }
            Ending::Kicked(_) => Some((CloseCode::Away, "the server closes this socket")),
        };
        // Whether the client has heard it or not: after this long it is of no more use.
        _ = timeout(FAREWELL_MAX, link.close(reason)).await;
    }
}
