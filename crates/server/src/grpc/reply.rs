//! What a call is answered with.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::Response;
use bytes::Bytes;
use hyper::body::Body as _;
use tokio::time::{Sleep, sleep};

use super::FramedReplies;
use super::status::Status;
use crate::http2::{Answer, Block, Content, Piece, Pieces};

/// The head of every answer that is not refused: status 200, and `content-type: application/grpc`.
const HEAD: &[u8] = b"\x88\x0f\x10\x10application/grpc";

/// The trailers of a call that went well: `grpc-status: 0`.
const WELL: &[u8] = b"\x00\x0bgrpc-status\x010";

/// What a call is answered with.
pub enum Reply {
    /// One message, framed.
    Message(Bytes),
    /// Nothing but why.
    Refused(Status),
    /// Messages as they come, and how it ended.
    Stream(Box<Replies>),
    /// What a service answers that a library serves.
    Library(Response<tonic::body::Body>),
}

/// Messages as they come, until the client's time is over.
pub struct Replies {
    replies: FramedReplies,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Reply {
    pub(super) fn stream(replies: FramedReplies, deadline: Option<Duration>) -> Reply {
        let deadline = deadline.map(|deadline| Box::pin(sleep(deadline)));
        Reply::Stream(Box::new(Replies { replies, deadline }))
    }

    /// The same as HTTP/2 sends it.
    pub(crate) fn into_answer(self) -> Answer {
        let head = Block::Fixed(HEAD);
        match self {
            Reply::Message(framed) => Answer { head, content: Content::Whole(framed, Block::Fixed(WELL)) },
            Reply::Stream(replies) => Answer { head, content: Content::Pieces(Box::into_pin(replies)) },
            Reply::Refused(status) => {
                let mut block = HEAD.to_vec();
                status.put(&mut block);
                Answer { head: Block::Made(block), content: Content::None }
            }
            Reply::Library(response) => {
                let (head, body) = response.into_parts();
                let content = if body.is_end_stream() {
                    Content::None
                } else {
                    Content::Pieces(Box::pin(OfLibrary(body)))
                };
                Answer { head: Block::of_head(head.status.as_u16(), &head.headers), content }
            }
        }
    }
}

impl Pieces for Replies {
    fn poll_piece(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Piece> {
        if let Poll::Ready(next) = self.replies.as_mut().poll_next(cx) {
            return Poll::Ready(match next {
                Some(Ok(framed)) => Piece::Data(framed),
                Some(Err(status)) => ended(&status),
                None => Piece::Trailers(Block::Fixed(WELL)),
            });
        }
        match &mut self.deadline {
            Some(deadline) => {
                ready!(deadline.as_mut().poll(cx));
                Poll::Ready(ended(&Status::DEADLINE_EXCEEDED))
            }
            None => Poll::Pending,
        }
    }
}

fn ended(status: &Status) -> Piece {
    let mut block = Vec::new();
    status.put(&mut block);
    Piece::Trailers(Block::Made(block))
}

/// The pieces of a library's body.
struct OfLibrary(tonic::body::Body);

impl Pieces for OfLibrary {
    fn poll_piece(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Piece> {
        let frame = match ready!(Pin::new(&mut self.0).poll_frame(cx)) {
            None => return Poll::Ready(Piece::End),
            Some(Err(error)) => {
                return Poll::Ready(ended(&Status::new(error.code(), error.message().to_owned())));
            }
            Some(Ok(frame)) => frame,
        };
        Poll::Ready(match frame.into_data() {
            Ok(data) => Piece::Data(data),
            Err(frame) => match frame.into_trailers() {
                Ok(trailers) => Piece::Trailers(Block::of_trailers(&trailers)),
                Err(_) => Piece::End,
            },
        })
    }
}
