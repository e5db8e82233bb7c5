//! The messages of a call, cut out of what its client sends.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use hyrax_types::limits::GRPC_MESSAGE_BYTES_MAX;
use prost::Message;
use tonic::Code;

use super::PREFIX_BYTES;
use super::connection::{Connection, GatherRoom};
use super::status::Status;
use crate::http2::{Body, Reset};

/// What a client sends in one call.
pub struct Messages {
    body: Body,
    /// What was read and not yet given out: one piece as it came, which usually is one message.
    piece: Bytes,
    /// The beginning of a message that came in several pieces.
    gathered: BytesMut,
    /// The room that this takes.
    room: GatherRoom,
    ended: bool,
}

impl Messages {
    pub(super) fn new(body: Body, connection: Arc<Connection>) -> Messages {
        let room = GatherRoom::none(connection);
        Messages { body, piece: Bytes::new(), gathered: BytesMut::new(), room, ended: false }
    }

    /// The message of a call that has one.
    pub async fn only<Q: Message + Default>(&mut self) -> Result<Q, Status> {
        let message = poll_fn(|cx| self.poll_message(cx)).await?;
        decode(message.ok_or(Status::fixed(Code::Internal, "unexpected EOF"))?)
    }

    /// The next message, or none when the client will send no more. Cancel-safe.
    pub async fn next<Q: Message + Default>(&mut self) -> Result<Option<Q>, Status> {
        poll_fn(|cx| self.poll_message(cx)).await?.map(decode).transpose()
    }

    /// The next message's bytes, if it is there.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>> {
        loop {
            if let Some(message) = self.cut()? {
                return Poll::Ready(Ok(Some(message)));
            }
            if self.ended {
                let broken = !self.gathered.is_empty();
                let end =
                    if broken { Err(Status::fixed(Code::Internal, "unexpected EOF")) } else { Ok(None) };
                return Poll::Ready(end);
            }
            match ready!(self.body.poll_piece(cx)) {
                Some(Ok(piece)) => self.piece = piece,
                Some(Err(Reset)) => {
                    self.ended = true;
                    return Poll::Ready(Err(Status::fixed(Code::Cancelled, "context canceled")));
                }
                None => self.ended = true,
            }
        }
    }

    /// Cuts a message off what has been read, if there is a whole one.
    fn cut(&mut self) -> Result<Option<Bytes>, Status> {
        if self.gathered.is_empty() {
            if self.piece.len() >= PREFIX_BYTES {
                let end = PREFIX_BYTES + length(&self.piece)?;
                if self.piece.len() >= end {
                    return Ok(Some(self.piece.split_to(end).slice(PREFIX_BYTES..)));
                }
            }
        } else {
            // Complete the prefix first, and then just the message.
            while self.gathered.len() < PREFIX_BYTES && self.piece.has_remaining() {
                self.gather(1)?;
            }
            if self.gathered.len() >= PREFIX_BYTES {
                let end = PREFIX_BYTES + length(&self.gathered)?;
                let missing = (end - self.gathered.len()).min(self.piece.len());
                self.gather(missing)?;
                if self.gathered.len() == end {
                    self.room.give_back();
                    let mut message = std::mem::take(&mut self.gathered).freeze();
                    message.advance(PREFIX_BYTES);
                    return Ok(Some(message));
                }
            }
            return Ok(None);
        }
        self.gather(self.piece.len())?;
        Ok(None)
    }

    /// Keeps bytes of the piece for when the rest of their message comes.
    fn gather(&mut self, bytes: usize) -> Result<(), Status> {
        self.room.take(bytes).ok_or(Status::fixed(
            Code::ResourceExhausted,
            "too many messages of this connection are not whole yet",
        ))?;
        self.gathered.extend_from_slice(&self.piece.split_to(bytes));
        Ok(())
    }
}

/// The length that a prefix names. `frame` holds a whole one.
fn length(frame: &[u8]) -> Result<usize, Status> {
    if frame[0] != 0 {
        return Err(Status::fixed(
            Code::Internal,
            "grpc: compressed flag set with identity or empty encoding",
        ));
    }
    let length = u32::from_be_bytes([frame[1], frame[2], frame[3], frame[4]]) as usize;
    if length > GRPC_MESSAGE_BYTES_MAX {
        let message =
            format!("grpc: received message larger than max ({length} vs. {GRPC_MESSAGE_BYTES_MAX})");
        return Err(Status::new(Code::ResourceExhausted, message));
    }
    Ok(length)
}

fn decode<Q: Message + Default>(message: Bytes) -> Result<Q, Status> {
    Q::decode(message)
        .map_err(|error| Status::new(Code::Internal, format!("grpc: error unmarshalling request: {error}")))
}
