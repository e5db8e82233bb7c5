//! What comes from the client: frames, in their order, and what is wrong with them.

use hyrax_types::limits::HTTP2_STREAMS_MAX;

use super::answer::Answer;
use super::body::Body;
use super::connection::{Connection, GOODBYE, Going};
use super::fields::Fields;
use super::frame::{
    self, FrameHead, HEAD_BYTES, PAYLOAD_BYTES_MAX, PREFACE, Reason, STREAM_MAX, WINDOW_MAX, flag, kind,
    setting,
};
use super::head::Head;
use super::streams::{Stream, Work};

/// Bytes of a block of fields before it is looked at, and the frames that it may come in. What is a little too large
/// is refused alone, and this ends the connection.
const BLOCK_BYTES_MAX: usize = 64 * 1024;
const BLOCK_FRAMES_MAX: usize = 32;

/// A block of fields that goes on in the next frame.
pub(super) struct OpenBlock {
    stream: u32,
    ends_stream: bool,
    bytes: Vec<u8>,
    frames: usize,
}

/// What is wrong with a frame.
pub(super) enum Fault {
    /// It ends the connection.
    Connection(Reason),
    /// It ends its stream.
    Stream(Reason),
}

use Fault::Connection as Fatal;

impl<M, A> Connection<M, A>
where
    M: Fn(Head, Body) -> A,
    A: Future<Output = Answer>,
{
    /// Takes what is whole of these bytes; how many those are, or why the connection ends.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<usize, Reason> {
        let mut rest = bytes;
        if self.preface < PREFACE.len() {
            let expected = &PREFACE[self.preface..];
            let length = expected.len().min(rest.len());
            if rest[..length] != expected[..length] {
                return Err(Reason::Protocol);
            }
            self.preface += length;
            rest = &rest[length..];
        }
        while let Some((head, after)) = rest.split_first_chunk::<HEAD_BYTES>() {
            let head = FrameHead::read(head);
            if head.length > PAYLOAD_BYTES_MAX {
                return Err(Reason::FrameSize);
            }
            let Some((payload, after)) = after.split_at_checked(head.length) else { break };
            rest = after;
            match self.frame(head, payload) {
                Ok(()) => {}
                Err(Fault::Connection(reason)) => return Err(reason),
                // What a client gets broken off by its own fault costs as much as what it breaks off itself.
                Err(Fault::Stream(_)) if !self.resets.spend() => return Err(Reason::EnhanceYourCalm),
                Err(Fault::Stream(reason)) => self.break_off(head.stream, reason),
            }
        }
        Ok(bytes.len() - rest.len())
    }

    /// Takes one frame.
    fn frame(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Fault> {
        if !self.has_settings {
            if head.kind != kind::SETTINGS || head.has(flag::ACK) {
                return Err(Fatal(Reason::Protocol));
            }
            self.has_settings = true;
        }
        if self.block.is_some() != (head.kind == kind::CONTINUATION) {
            return Err(Fatal(Reason::Protocol));
        }
        let is_of_stream = match head.kind {
            kind::DATA | kind::HEADERS | kind::PRIORITY | kind::RST_STREAM | kind::CONTINUATION => true,
            kind::SETTINGS | kind::PING | kind::GOAWAY => false,
            _ => head.stream != 0,
        };
        if is_of_stream != (head.stream != 0) {
            return Err(Fatal(Reason::Protocol));
        }
        match head.kind {
            kind::DATA => self.data(head, payload),
            kind::HEADERS => self.headers(head, payload),
            kind::CONTINUATION => self.continuation(head, payload),
            kind::RST_STREAM => self.reset(head, payload),
            kind::SETTINGS => self.settings(head, payload),
            kind::PING => self.ping(head, payload),
            kind::WINDOW_UPDATE => self.window_update(head, payload),
            kind::PRIORITY if payload.len() != 5 => Err(Fault::Stream(Reason::FrameSize)),
            kind::PUSH_PROMISE => Err(Fatal(Reason::Protocol)),
            kind::GOAWAY => {
                // It opens no more streams, and takes what it has asked for.
                if self.going != Going::Away {
                    self.go_away_now();
                }
                Ok(())
            }
            // Nothing is said about which streams matter more, and what is unknown is passed over.
            _ => Ok(()),
        }
    }

    fn data(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Fault> {
        let data = unpadded(head, payload).ok_or(Fatal(Reason::Protocol))?;
        // Windows count what pads, too.
        self.receive_window -= payload.len() as i64;
        if self.receive_window < 0 {
            return Err(Fatal(Reason::FlowControl));
        }
        let Some(place) = self.streams.place_of(head.stream) else {
            self.was_read(payload.len());
            return self.is_past(head.stream).then_some(()).ok_or(Fatal(Reason::Protocol));
        };
        let padding = payload.len() - data.len();
        self.was_read(padding);
        let Some(it) = self.streams.at(place) else { return Ok(()) };
        let Some(stream) = &mut it.stream else { return Ok(()) };
        stream.held += data.len();
        stream.untold += padding;
        stream.receive_window -= payload.len() as i64;
        if stream.is_whole {
            return Err(Fault::Stream(Reason::StreamClosed));
        }
        if stream.receive_window < 0 {
            return Err(Fault::Stream(Reason::FlowControl));
        }
        let ends = head.has(flag::END_STREAM);
        stream.take(data, ends, &it.place_waker).ok_or(Fault::Stream(Reason::Protocol))
    }

    fn headers(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Fault> {
        let mut block = unpadded(head, payload).ok_or(Fatal(Reason::Protocol))?;
        if head.has(flag::PRIORITY) {
            block = block.get(5..).ok_or(Fatal(Reason::FrameSize))?;
        }
        let ends_stream = head.has(flag::END_STREAM);
        if head.has(flag::END_HEADERS) {
            return self.fields(head.stream, ends_stream, block);
        }
        self.block = Some(OpenBlock { stream: head.stream, ends_stream, bytes: block.to_vec(), frames: 1 });
        Ok(())
    }

    fn continuation(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Fault> {
        let Some(mut open) = self.block.take().filter(|open| open.stream == head.stream) else {
            return Err(Fatal(Reason::Protocol));
        };
        open.bytes.extend_from_slice(payload);
        open.frames += 1;
        if open.bytes.len() > BLOCK_BYTES_MAX || open.frames > BLOCK_FRAMES_MAX {
            return Err(Fatal(Reason::EnhanceYourCalm));
        }
        if head.has(flag::END_HEADERS) {
            return self.fields(open.stream, open.ends_stream, &open.bytes);
        }
        self.block = Some(open);
        Ok(())
    }

    /// Takes a whole block: a request's head, or its trailers. It is read in any case, as others may refer to it.
    fn fields(&mut self, id: u32, ends_stream: bool, block: &[u8]) -> Result<(), Fault> {
        let mut fields = Fields::with_usual_room();
        self.decoder.decode(block, &mut fields).map_err(|_| Fatal(Reason::Compression))?;
        if let Some(place) = self.streams.place_of(id) {
            let Some(it) = self.streams.at(place) else { return Ok(()) };
            let Some(stream) = &mut it.stream else { return Ok(()) };
            if stream.is_whole {
                return Err(Fault::Stream(Reason::StreamClosed));
            }
            // Trailers of a request mean nothing, but that it ends.
            let ends = ends_stream.then(|| stream.take(&[], true, &it.place_waker)).flatten();
            return ends.ok_or(Fault::Stream(Reason::Protocol));
        }
        if id.is_multiple_of(2) {
            return Err(Fatal(Reason::Protocol));
        }
        if id <= self.last_stream {
            return Err(Fatal(Reason::StreamClosed));
        }
        self.last_stream = id;
        if self.going == Going::Away || self.streams.len() >= HTTP2_STREAMS_MAX as usize {
            return Err(Fault::Stream(Reason::RefusedStream));
        }
        if fields.is_too_large() {
            self.refuse_head(id, ends_stream);
            return Ok(());
        }
        let head = Head::of(fields).ok_or(Fault::Stream(Reason::Protocol))?;
        if ends_stream && head.content_length.is_some_and(|length| length > 0) {
            return Err(Fault::Stream(Reason::Protocol));
        }
        self.streams.insert(Stream::new(id, head, ends_stream, self.send_window_of_new), &self.ready);
        self.new.push(id);
        Ok(())
    }

    fn reset(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Fault> {
        if payload.len() != 4 {
            return Err(Fatal(Reason::FrameSize));
        }
        let Some(place) = self.streams.place_of(head.stream) else {
            return self.is_past(head.stream).then_some(()).ok_or(Fatal(Reason::Protocol));
        };
        self.close(place);
        if self.resets.spend() { Ok(()) } else { Err(Fatal(Reason::EnhanceYourCalm)) }
    }

    fn settings(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Fault> {
        let is_ack = head.has(flag::ACK);
        if !payload.len().is_multiple_of(6) || is_ack && !payload.is_empty() {
            return Err(Fatal(Reason::FrameSize));
        }
        if is_ack {
            return Ok(());
        }
        for it in payload.chunks_exact(6) {
            let (name, value) =
                (u16::from_be_bytes([it[0], it[1]]), u32::from_be_bytes([it[2], it[3], it[4], it[5]]));
            match name {
                setting::ENABLE_PUSH if value > 1 => return Err(Fatal(Reason::Protocol)),
                setting::INITIAL_WINDOW_SIZE => self.resize_windows(i64::from(value))?,
                setting::MAX_FRAME_SIZE => {
                    let size = value as usize;
                    if !(PAYLOAD_BYTES_MAX..1 << 24).contains(&size) {
                        return Err(Fatal(Reason::Protocol));
                    }
                    // Larger ones would only keep other streams waiting.
                    self.payload_max = PAYLOAD_BYTES_MAX;
                }
                _ => {}
            }
        }
        frame::put_settings_ack(&mut self.out);
        Ok(())
    }

    /// Has the windows of streams begin with another size, and those that are open changed by as much.
    fn resize_windows(&mut self, size: i64) -> Result<(), Fault> {
        if size > WINDOW_MAX {
            return Err(Fatal(Reason::FlowControl));
        }
        let change = size - std::mem::replace(&mut self.send_window_of_new, size);
        let mut wider = Vec::new();
        for (place, stream) in self.streams.iter_mut() {
            stream.send_window += change;
            if stream.send_window > WINDOW_MAX {
                return Err(Fatal(Reason::FlowControl));
            }
            if change > 0 && matches!(stream.work, Work::Sending(..)) {
                wider.push(place);
            }
        }
        wider.into_iter().for_each(|place| self.wake(place));
        Ok(())
    }

    fn ping(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Fault> {
        if payload.len() != 8 {
            return Err(Fatal(Reason::FrameSize));
        }
        if !head.has(flag::ACK) {
            frame::put_ping(flag::ACK, payload, &mut self.out);
        } else if self.going == Going::Asked && payload == GOODBYE {
            self.go_away_now();
        }
        Ok(())
    }

    fn window_update(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Fault> {
        let Ok(bytes) = payload.try_into().map(u32::from_be_bytes) else {
            return Err(Fatal(Reason::FrameSize));
        };
        let bytes = i64::from(bytes & STREAM_MAX);
        if head.stream == 0 {
            self.send_window += bytes;
            let is_good = bytes > 0 && self.send_window <= WINDOW_MAX;
            let reason = if bytes == 0 { Reason::Protocol } else { Reason::FlowControl };
            return if is_good { Ok(()) } else { Err(Fatal(reason)) };
        }
        let Some(place) = self.streams.place_of(head.stream) else {
            return self.is_past(head.stream).then_some(()).ok_or(Fatal(Reason::Protocol));
        };
        let Some(stream) = self.streams.stream_at(place) else { return Ok(()) };
        if bytes == 0 {
            return Err(Fault::Stream(Reason::Protocol));
        }
        stream.send_window += bytes;
        if stream.send_window > WINDOW_MAX {
            return Err(Fault::Stream(Reason::FlowControl));
        }
        self.wake(place);
        Ok(())
    }

    /// Has a stream go on.
    fn wake(&mut self, place: usize) {
        if let Some(it) = self.streams.at(place) {
            it.waker.wake_by_ref();
        }
    }

    /// Whether a stream was open once. What still comes for it means nothing.
    fn is_past(&self, id: u32) -> bool {
        !id.is_multiple_of(2) && id <= self.last_stream
    }
}

/// A payload without what pads it.
fn unpadded(head: FrameHead, payload: &[u8]) -> Option<&[u8]> {
    if !head.has(flag::PADDED) {
        return Some(payload);
    }
    let (&padding, rest) = payload.split_first()?;
    rest.get(..rest.len().checked_sub(usize::from(padding))?)
}
