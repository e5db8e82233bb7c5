//! gRPC over HTTP/2, as a server needs it: messages in frames, status in trailers, deadlines.
//!
//! A library does the same for services of every kind, through layers that each box what they hand on; a call that
//! reads one key would pay more for them than for the key. Here a call is one future, its message is a slice of what
//! was read, and its reply one allocation. Which methods there are, and what messages mean, is not known here.

mod connection;
mod reader;
mod reply;
mod status;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::http::Method;
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::Stream;
use prost::Message;
use tonic::Code;

pub(crate) use self::connection::{Connection, WatchRoom};
pub use self::reader::Messages;
pub use self::reply::Reply;
pub use self::status::Status;
use crate::http2::{Body, Head};

/// What stands before each message: whether it is compressed, and how long it is.
pub(crate) const PREFIX_BYTES: usize = 5;

/// Whether a request with this `content-type` is a gRPC call, and not what people call HTTP.
pub(crate) fn is_call(content_type: Option<&[u8]>) -> bool {
    content_type.is_some_and(|kind| kind.starts_with(b"application/grpc"))
}

/// One call: its messages, and how long its client waits for the answer.
pub struct Call {
    /// What the client sends.
    pub messages: Messages,
    /// When the client will have given up, from the beginning of the call on.
    deadline: Option<Duration>,
}

impl Call {
    /// The call that a request is, or why it is none.
    pub(crate) fn of(head: &Head, body: Body, connection: &Arc<Connection>) -> Result<Call, Status> {
        if head.method() != Method::POST {
            let message = format!("gRPC calls are made by POST, and this is {}", head.method());
            return Err(Status::new(Code::Internal, message));
        }
        if let Some(encoding) = head.get("grpc-encoding")
            && encoding != b"identity"
        {
            let encoding = String::from_utf8_lossy(encoding);
            let message = format!("grpc: Decompressor is not installed for grpc-encoding {encoding:?}");
            return Err(Status::new(Code::Unimplemented, message));
        }
        let deadline = match head.get("grpc-timeout") {
            None => None,
            Some(text) => Some(timeout(text).ok_or_else(|| {
                let text = String::from_utf8_lossy(text);
                Status::new(Code::Internal, format!("malformed grpc-timeout: {text:?}"))
            })?),
        };
        Ok(Call { messages: Messages::new(body, connection.clone()), deadline })
    }

    /// Answers a call of one message by one message.
    pub async fn unary<Q: Message + Default, R: Message>(
        mut self,
        answer: impl AsyncFnOnce(Q) -> Result<R, Status>,
    ) -> Reply {
        let deadline = self.deadline;
        let answered = async move {
            let request = self.messages.only().await?;
            answer(request).await
        };
        match within(deadline, answered).await {
            Ok(reply) => Reply::Message(framed(&reply)),
            Err(status) => Reply::Refused(status),
        }
    }

    /// Answers a call by a stream of messages, each already framed, or several at once.
    pub fn streaming(self, replies: impl FnOnce(Messages) -> FramedReplies) -> Reply {
        Reply::stream(replies(self.messages), self.deadline)
    }
}

/// Replies of a call, framed; an error ends it.
pub type FramedReplies = std::pin::Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

/// Runs what answers a call for as long as its client waits. Most answers are there at once, and then no timer
/// is set.
async fn within<T>(
    deadline: Option<Duration>,
    answered: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    let mut answered = pin!(answered);
    if let Poll::Ready(answer) = poll_fn(|cx| Poll::Ready(answered.as_mut().poll(cx))).await {
        return answer;
    }
    match deadline {
        None => answered.await,
        Some(deadline) => {
            tokio::time::timeout(deadline, answered).await.unwrap_or(Err(Status::DEADLINE_EXCEEDED))
        }
    }
}

/// What `grpc-timeout` says: up to eight digits and a unit.
fn timeout(text: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(text).ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

/// A message with what stands before it.
pub fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(PREFIX_BYTES + length);
    put_prefix(&mut frame, length);
    // The room that it asked for is there, so nothing can fail.
    message.encode_raw(&mut frame);
    frame.freeze()
}

/// Appends a message with what stands before it.
pub fn put_framed(message: &impl Message, frames: &mut BytesMut) {
    let length = message.encoded_len();
    frames.reserve(PREFIX_BYTES + length);
    put_prefix(frames, length);
    message.encode_raw(frames);
}

/// Appends what stands before a message of so many bytes. None reaches four gigabytes: what is read out of the
/// key space to be sent is bounded by memory long before, and a client takes no such message.
pub(crate) fn put_prefix(frames: &mut impl BufMut, length: usize) {
    frames.put_u8(0);
    frames.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
}
