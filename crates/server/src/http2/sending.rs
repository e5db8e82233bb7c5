//! What goes to the client: answers, as far as windows and the socket allow.

use std::task::{Context, Poll};

use bytes::Bytes;

use super::answer::{Answer, Content, Piece};
use super::body::Body;
use super::connection::Connection;
use super::frame::{self, Reason};
use super::head::Head;
use super::streams::{Rest, Work};

/// How sending went.
enum Sent {
    /// There is more than goes now.
    Stalled(Bytes, Rest),
    /// More is to come.
    Waiting(Rest),
    All,
    Broken,
}

impl<M, A> Connection<M, A>
where
    M: Fn(Head, Body) -> A,
    A: Future<Output = Answer>,
{
    /// Sends the head of an answer, and has what follows sent.
    pub(super) fn begin_to_send(&mut self, place: usize, answer: Answer) {
        let Some(stream) = self.streams.stream_at(place) else { return };
        let ends = matches!(answer.content, Content::None);
        frame::put_block(answer.head.bytes(), ends, stream.id, &mut self.out);
        stream.work = match answer.content {
            Content::None => return self.finish(place),
            Content::Whole(data, trailers) => Work::Sending(data, Rest::Trailers(trailers)),
            Content::Pieces(pieces) => Work::Sending(Bytes::new(), Rest::Pieces(pieces)),
        };
    }

    /// Sends what a stream has to send, as far as it goes.
    pub(super) fn send(&mut self, place: usize) {
        let Some((id, data, rest)) = self.take_sending(place) else { return };
        let sent = self.send_all(place, id, data, rest);
        let Some(stream) = self.streams.stream_at(place) else { return };
        match sent {
            Sent::All => self.finish(place),
            Sent::Broken => self.break_off(id, Reason::Internal),
            Sent::Waiting(rest) => stream.work = Work::Sending(Bytes::new(), rest),
            Sent::Stalled(data, rest) => {
                // Where its own window is what is missing, the client wakes it.
                let has_window = data.is_empty() || stream.send_window > 0;
                stream.work = Work::Sending(data, rest);
                if has_window && !std::mem::replace(&mut stream.is_stalled, true) {
                    self.stalled.push(place);
                }
            }
        }
    }

    fn send_all(&mut self, place: usize, id: u32, mut data: Bytes, mut rest: Rest) -> Sent {
        loop {
            if !self.send_data(place, id, &mut data) {
                return Sent::Stalled(data, rest);
            }
            match &mut rest {
                Rest::End => {
                    frame::put_data(&[], true, id, &mut self.out);
                    return Sent::All;
                }
                Rest::Trailers(trailers) => {
                    frame::put_block(trailers.bytes(), true, id, &mut self.out);
                    return Sent::All;
                }
                Rest::Pieces(pieces) => {
                    // Whoever makes pieces is asked for one when it can leave.
                    if !self.has_room() {
                        return Sent::Stalled(data, rest);
                    }
                    let Some(it) = self.streams.at(place) else { return Sent::Broken };
                    match pieces.as_mut().poll_piece(&mut Context::from_waker(&it.waker)) {
                        Poll::Pending => return Sent::Waiting(rest),
                        Poll::Ready(Piece::Data(piece)) => data = piece,
                        Poll::Ready(Piece::Trailers(trailers)) => rest = Rest::Trailers(trailers),
                        Poll::Ready(Piece::End) => rest = Rest::End,
                        Poll::Ready(Piece::Broken) => return Sent::Broken,
                    }
                }
            }
        }
    }

    /// Sends data in frames; whether all of it went.
    fn send_data(&mut self, place: usize, id: u32, data: &mut Bytes) -> bool {
        while !data.is_empty() {
            let Some(stream) = self.streams.stream_at(place) else { return false };
            let window = self.send_window.min(stream.send_window).max(0) as usize;
            let length = data.len().min(window).min(self.payload_max);
            if length == 0 || self.out.len() >= super::OUT_BYTES {
                return false;
            }
            stream.send_window -= length as i64;
            self.send_window -= length as i64;
            frame::put_data(&data.split_to(length), false, id, &mut self.out);
        }
        true
    }
}
