//! One connection as a machine: bytes in, bytes out. It knows neither sockets nor what requests mean.
//!
//! What comes is taken in `receiving`, what goes is made in `sending`; here is what both share, and the requests in
//! between. All that was read is looked at before any request is begun, so that what a client sends at one time is
//! there whole.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyrax_types::limits::{
    HTTP2_CONNECTION_WINDOW, HTTP2_HEAD_BYTES_MAX, HTTP2_STREAM_WINDOW, HTTP2_STREAMS_MAX,
};

use super::allowance::Allowance;
use super::answer::Answer;
use super::body::{Body, Reset};
use super::frame::{self, PAYLOAD_BYTES_MAX, Reason, STREAM_MAX, WINDOW_AT_FIRST, setting};
use super::head::Head;
use super::hpack::Decoder;
use super::ready::Ready;
use super::receiving::OpenBlock;
use super::streams::{Streams, Work};

/// By what the ping is known that finds out which streams a client has opened.
pub(super) const GOODBYE: [u8; 8] = *b"goodbye!";

/// Whether the connection is to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Going {
    On,
    /// The client is told to open no more streams, and those that it opened before it heard are served.
    Asked,
    /// It ends with the last stream.
    Away,
}

/// A connection whose requests are answered by what `answer` makes.
pub(super) struct Connection<M, A> {
    pub(super) answer: M,
    pub(super) ready: Arc<Ready>,
    pub(super) streams: Streams<A>,
    pub(super) decoder: Decoder,
    /// A block of fields that has not ended.
    pub(super) block: Option<OpenBlock>,
    /// How much of the preface has come, and whether the settings have.
    pub(super) preface: usize,
    pub(super) has_settings: bool,
    /// Streams that are to be begun.
    pub(super) new: Vec<u32>,
    /// Places of streams that wait for room to send.
    pub(super) stalled: Vec<usize>,
    /// The last stream that the client has opened.
    pub(super) last_stream: u32,
    /// Bytes that may still be sent, in all and of a new stream, and in one frame.
    pub(super) send_window: i64,
    pub(super) send_window_of_new: i64,
    pub(super) payload_max: usize,
    /// Bytes that the client may still send, and those of which it has not been told that they were read.
    pub(super) receive_window: i64,
    untold: usize,
    /// Streams that the client may break off.
    pub(super) resets: Allowance,
    pub(super) going: Going,
    /// What is to be written.
    pub(super) out: Vec<u8>,
    /// Places that are being looked at.
    places: Vec<usize>,
}

impl<M, A> Connection<M, A>
where
    M: Fn(Head, Body) -> A,
    A: Future<Output = Answer>,
{
    pub(super) fn new(answer: M) -> Connection<M, A> {
        let mut out = Vec::new();
        let settings = [
            (setting::MAX_CONCURRENT_STREAMS, HTTP2_STREAMS_MAX),
            (setting::INITIAL_WINDOW_SIZE, HTTP2_STREAM_WINDOW),
            (setting::MAX_HEADER_LIST_SIZE, HTTP2_HEAD_BYTES_MAX),
        ];
        frame::put_settings(&settings, &mut out);
        frame::put_window_update(0, HTTP2_CONNECTION_WINDOW - WINDOW_AT_FIRST as u32, &mut out);
        Connection {
            answer,
            ready: Arc::default(),
            streams: Streams::default(),
            decoder: Decoder::default(),
            block: None,
            preface: 0,
            has_settings: false,
            new: Vec::new(),
            stalled: Vec::new(),
            last_stream: 0,
            send_window: WINDOW_AT_FIRST,
            send_window_of_new: WINDOW_AT_FIRST,
            payload_max: PAYLOAD_BYTES_MAX,
            receive_window: i64::from(HTTP2_CONNECTION_WINDOW),
            untold: 0,
            resets: Allowance::default(),
            going: Going::On,
            out,
            places: Vec::new(),
        }
    }

    /// Asks the client to open no more streams, and ends with the last one that it has opened by then.
    pub(super) fn go_away(&mut self) {
        if self.going != Going::On {
            return;
        }
        if self.streams.is_empty() {
            return self.go_away_now();
        }
        self.going = Going::Asked;
        frame::put_go_away(STREAM_MAX, Reason::NoError, &mut self.out);
        frame::put_ping(0, &GOODBYE, &mut self.out);
    }

    /// Opens no more streams.
    pub(super) fn go_away_now(&mut self) {
        self.going = Going::Away;
        frame::put_go_away(self.last_stream, Reason::NoError, &mut self.out);
    }

    /// Whether nothing is left to be done.
    pub(super) fn is_over(&self) -> bool {
        self.going == Going::Away && self.streams.is_empty()
    }

    /// Begins what is new, and goes on with what wants to.
    pub(super) fn work(&mut self) {
        let mut new = std::mem::take(&mut self.new);
        for id in new.drain(..) {
            // It may have been broken off meanwhile.
            if let Some(place) = self.streams.place_of(id) {
                self.begin(place);
            }
        }
        self.new = new;
        let mut places = std::mem::take(&mut self.places);
        self.ready.take(&mut places);
        for place in places.drain(..) {
            if let Some(it) = self.streams.at(place) {
                it.place_waker.rearm();
            }
            self.go_on(place);
        }
        self.places = places;
        if self.has_room() && self.send_window > 0 && !self.stalled.is_empty() {
            for place in std::mem::take(&mut self.stalled) {
                if let Some(stream) = self.streams.stream_at(place) {
                    stream.is_stalled = false;
                }
                self.go_on(place);
            }
        }
    }

    /// Begins to answer a request.
    fn begin(&mut self, place: usize) {
        let Some(it) = self.streams.at(place) else { return };
        let Some(stream) = &mut it.stream else { return };
        let mut read = 0;
        let inlet = if stream.is_whole && stream.inlet.is_none() {
            read = std::mem::take(&mut stream.held);
            None
        } else {
            Some(Arc::clone(stream.inlet(&it.place_waker)))
        };
        let Work::New(head, first) = std::mem::replace(&mut stream.work, Work::Busy) else { return };
        let body = inlet.map_or_else(|| Body::whole(first), Body::coming);
        stream.work = Work::Answering(Box::pin((self.answer)(head, body)));
        self.was_read(read);
        self.go_on(place);
    }

    /// Goes on with a stream, as far as it goes.
    fn go_on(&mut self, place: usize) {
        let Some(it) = self.streams.at(place) else { return };
        let Some(stream) = &mut it.stream else { return };
        if let Work::Answering(answering) = &mut stream.work
            && let Poll::Ready(answer) = answering.as_mut().poll(&mut Context::from_waker(&it.waker))
        {
            self.begin_to_send(place, answer);
        }
        self.send(place);
        self.tell_what_was_read(place);
    }

    /// Tells the client of what a stream's body was read of.
    fn tell_what_was_read(&mut self, place: usize) {
        let Some(stream) = self.streams.stream_at(place) else { return };
        let Some(inlet) = &stream.inlet else { return };
        let read = inlet.take_taken();
        if read == 0 {
            return;
        }
        stream.held = stream.held.saturating_sub(read);
        stream.untold += read;
        if !stream.is_whole && stream.untold >= HTTP2_STREAM_WINDOW as usize / 2 {
            let untold = std::mem::take(&mut stream.untold);
            stream.receive_window += untold as i64;
            frame::put_window_update(stream.id, untold as u32, &mut self.out);
        }
        self.was_read(read);
    }

    /// So many bytes of some stream's body were read, or never will be.
    pub(super) fn was_read(&mut self, bytes: usize) {
        self.untold += bytes;
        if self.untold >= HTTP2_CONNECTION_WINDOW as usize / 2 {
            let untold = std::mem::take(&mut self.untold);
            self.receive_window += untold as i64;
            frame::put_window_update(0, untold as u32, &mut self.out);
        }
    }

    /// Ends a stream of which all is said, and tells the client that no more is wanted if it has not sent all.
    pub(super) fn finish(&mut self, place: usize) {
        let Some(stream) = self.streams.stream_at(place) else { return };
        if !stream.is_whole {
            frame::put_reset(stream.id, Reason::NoError, &mut self.out);
        }
        self.close(place);
    }

    /// Breaks a stream off.
    pub(super) fn break_off(&mut self, id: u32, reason: Reason) {
        frame::put_reset(id, reason, &mut self.out);
        if let Some(place) = self.streams.place_of(id) {
            self.close(place);
        }
    }

    /// Forgets a stream.
    pub(super) fn close(&mut self, place: usize) {
        let Some(stream) = self.streams.remove(place) else { return };
        if let Some(inlet) = &stream.inlet {
            inlet.end(Err(Reset));
        }
        self.was_read(stream.held);
    }

    /// Whether streams wait that can go on when something was written.
    pub(super) fn has_stalled(&self) -> bool {
        self.send_window > 0 && !self.stalled.is_empty()
    }

    /// Whether more may be made before what there is was written.
    pub(super) fn has_room(&self) -> bool {
        self.out.len() < super::OUT_BYTES
    }

    /// The answer to a head that is too large to be looked at.
    pub(super) fn refuse_head(&mut self, id: u32, is_whole: bool) {
        const STATUS_431: &[u8] = &[0x08, 0x03, b'4', b'3', b'1'];
        frame::put_block(STATUS_431, true, id, &mut self.out);
        if !is_whole {
            frame::put_reset(id, Reason::NoError, &mut self.out);
        }
    }

    /// The bytes that a stream is about to send, and nothing, if it is at that.
    pub(super) fn take_sending(&mut self, place: usize) -> Option<(u32, Bytes, super::streams::Rest)> {
        let stream = self.streams.stream_at(place)?;
        match std::mem::replace(&mut stream.work, Work::Busy) {
            Work::Sending(data, rest) => Some((stream.id, data, rest)),
            other => {
                stream.work = other;
                None
            }
        }
    }
}
