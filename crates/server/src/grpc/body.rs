//! What a call is answered with.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::HeaderMap;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::FramedReplies;
use super::status::{self, Status};

/// The body of a reply to a call.
pub enum ReplyBody {
    /// None: the headers said it all.
    Nothing,
    /// One message, then the trailers.
    Message(Bytes),
    /// The trailers alone.
    End,
    /// Messages as they come, and trailers that tell how it ended.
    Stream(Box<Replies>),
    /// What a service answers that a library serves.
    Library(tonic::body::Body),
}

/// Messages as they come, until the client's time is over.
pub struct Replies {
    replies: FramedReplies,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl ReplyBody {
    pub(super) fn message(framed: Bytes) -> ReplyBody {
        ReplyBody::Message(framed)
    }

    pub(super) fn stream(replies: FramedReplies, deadline: Option<Duration>) -> ReplyBody {
        let deadline = deadline.map(|deadline| Box::pin(sleep(deadline)));
        ReplyBody::Stream(Box::new(Replies { replies, deadline }))
    }
}

impl Replies {
    /// The next messages, or the trailers.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, HeaderMap>> {
        let failed = |status: Status| {
            let mut trailers = HeaderMap::with_capacity(2);
            status.put(&mut trailers);
            Err(trailers)
        };
        if let Poll::Ready(next) = self.replies.as_mut().poll_next(cx) {
            return Poll::Ready(match next {
                Some(Ok(framed)) => Ok(framed),
                Some(Err(status)) => failed(status),
                None => Err(status::well()),
            });
        }
        match &mut self.deadline {
            Some(deadline) => {
                ready!(deadline.as_mut().poll(cx));
                Poll::Ready(failed(Status::DEADLINE_EXCEEDED))
            }
            None => Poll::Pending,
        }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match &mut *self {
            ReplyBody::Nothing => return Poll::Ready(None),
            ReplyBody::Message(framed) => (Frame::data(std::mem::take(framed)), ReplyBody::End),
            ReplyBody::End => (Frame::trailers(status::well()), ReplyBody::Nothing),
            ReplyBody::Stream(replies) => match ready!(replies.poll_next(cx)) {
                Ok(framed) => return Poll::Ready(Some(Ok(Frame::data(framed)))),
                Err(trailers) => (Frame::trailers(trailers), ReplyBody::Nothing),
            },
            ReplyBody::Library(body) => match ready!(Pin::new(body).poll_frame(cx)) {
                Some(Ok(frame)) => return Poll::Ready(Some(Ok(frame))),
                Some(Err(error)) => {
                    let mut trailers = HeaderMap::with_capacity(2);
                    Status::new(error.code(), error.message().to_owned()).put(&mut trailers);
                    (Frame::trailers(trailers), ReplyBody::Nothing)
                }
                None => return Poll::Ready(None),
            },
        };
        let (frame, rest) = next;
        *self = rest;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ReplyBody::Nothing => true,
            ReplyBody::Library(body) => body.is_end_stream(),
            ReplyBody::Message(_) | ReplyBody::End | ReplyBody::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            ReplyBody::Library(body) => body.size_hint(),
            // gRPC names no length: there are trailers behind.
            _ => SizeHint::default(),
        }
    }
}
