//! What a request is answered with.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::http::{HeaderMap, Response, header};
use bytes::Bytes;

use super::hpack;

/// An answer: a head, and what follows it.
pub(crate) struct Answer {
    /// The block of the head's fields, the status first.
    pub(crate) head: Block,
    /// What follows.
    pub(crate) content: Content,
}

/// A block of fields, compressed without a table.
pub(crate) enum Block {
    /// One that is always the same.
    Fixed(&'static [u8]),
    /// One that was made.
    Made(Vec<u8>),
}

/// What follows the head of an answer.
pub(crate) enum Content {
    /// Nothing.
    None,
    /// This, and then these trailers.
    Whole(Bytes, Block),
    /// Pieces as they come.
    Pieces(Pin<Box<dyn Pieces>>),
}

/// A piece of an answer.
pub(crate) enum Piece {
    /// Bytes of it.
    Data(Bytes),
    /// Its end, with trailers.
    Trailers(Block),
    /// Its end.
    End,
    /// There is no end: what was to come is lost.
    Broken,
}

/// Gives an answer piece by piece. What is given has been taken off before it is asked for more.
pub(crate) trait Pieces: Send {
    /// The next piece.
    fn poll_piece(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Piece>;
}

impl Block {
    /// One of a status and fields.
    pub(crate) fn of_head(status: u16, fields: &HeaderMap) -> Block {
        let mut block = Vec::with_capacity(128);
        hpack::put_status(status, &mut block);
        put_fields(fields, &mut block);
        Block::Made(block)
    }

    /// One of trailers.
    pub(crate) fn of_trailers(fields: &HeaderMap) -> Block {
        let mut block = Vec::with_capacity(64);
        put_fields(fields, &mut block);
        Block::Made(block)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Block::Fixed(bytes) => bytes,
            Block::Made(bytes) => bytes,
        }
    }
}

impl Answer {
    /// What a library answers.
    pub(crate) fn of<B>(response: Response<B>) -> Answer
    where
        B: hyper::body::Body<Data = Bytes> + Send + 'static,
    {
        let (head, body) = response.into_parts();
        let content = if body.is_end_stream() {
            Content::None
        } else {
            Content::Pieces(Box::pin(OfBody(Box::pin(body))))
        };
        Answer { head: Block::of_head(head.status.as_u16(), &head.headers), content }
    }
}

/// The pieces of a library's body.
struct OfBody<B>(Pin<Box<B>>);

impl<B> Pieces for OfBody<B>
where
    B: hyper::body::Body<Data = Bytes> + Send,
{
    fn poll_piece(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Piece> {
        self.0.as_mut().poll_frame(cx).map(|frame| match frame {
            None => Piece::End,
            Some(Err(_)) => Piece::Broken,
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => Piece::Data(data),
                Err(frame) => frame
                    .into_trailers()
                    .map_or(Piece::End, |trailers| Piece::Trailers(Block::of_trailers(&trailers))),
            },
        })
    }
}

/// Appends fields, but those of a connection of HTTP/1.
fn put_fields(fields: &HeaderMap, block: &mut Vec<u8>) {
    for (name, value) in fields {
        if *name != header::CONNECTION && *name != header::TRANSFER_ENCODING && *name != header::UPGRADE {
            hpack::put_field(name.as_str().as_bytes(), value.as_bytes(), block);
        }
    }
}
