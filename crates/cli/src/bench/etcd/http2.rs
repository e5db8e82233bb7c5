//! gRPC over HTTP/2, as far as a lean client with prepared requests needs it: frames out of templates, and a
//! counter of what comes back, which says what flow control, pings and settings are owed.
//!
//! It forbids the server to keep a table of headers (the setting for its size is zero), so that every block of
//! headers can be read alone.

use super::super::requests::Template;
use super::super::wire::Counted;
use super::status::grpc_status;

/// What the client sends first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes before a frame's payload.
const FRAME_HEAD: usize = 9;
/// The largest payload that a server may send, since nothing else was agreed.
const FRAME_MAX: usize = 16_384;
/// The largest window there is. A new connection's is smaller.
const WINDOW_MAX: u32 = (1 << 31) - 1;
const WINDOW_AT_FIRST: u32 = 65_535;
/// After so many bytes the server is told that they were read. Far from the window's end, so that it never waits.
const WINDOW_RENEWED_AFTER: u32 = 1 << 26;
/// Bytes before a message in gRPC: whether it is compressed, and its length.
const MESSAGE_HEAD: usize = 5;
/// The stream of a connection that has only one.
const ONLY_STREAM: u32 = 1;

/// Kinds of frames.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

/// Flags of frames.
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;

/// Settings, by their numbers.
const HEADER_TABLE_SIZE: u16 = 1;
const ENABLE_PUSH: u16 = 2;
const INITIAL_WINDOW_SIZE: u16 = 4;

/// What a connection waits for, and counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The ends of calls that are answered once.
    Answers,
    /// Messages on one stream of keep-alives.
    KeepAlives,
    /// Events in messages on one stream of watches.
    Events,
}

/// The paths of the calls.
pub const RANGE: &str = "/etcdserverpb.KV/Range";
/// See [`RANGE`].
pub const PUT: &str = "/etcdserverpb.KV/Put";
/// See [`RANGE`].
pub const TXN: &str = "/etcdserverpb.KV/Txn";
/// See [`RANGE`].
pub const LEASE_GRANT: &str = "/etcdserverpb.Lease/LeaseGrant";
/// See [`RANGE`].
pub const LOCK: &str = "/v3lockpb.Lock/Lock";
/// See [`RANGE`].
pub const UNLOCK: &str = "/v3lockpb.Lock/Unlock";
const KEEP_ALIVE: &str = "/etcdserverpb.Lease/LeaseKeepAlive";
const WATCH: &str = "/etcdserverpb.Watch/Watch";

/// What begins a connection; where it is for one stream, that too.
pub fn greeting(awaited: Awaited) -> Vec<u8> {
    let mut bytes = PREFACE.to_vec();
    let settings = [(HEADER_TABLE_SIZE, 0), (ENABLE_PUSH, 0), (INITIAL_WINDOW_SIZE, WINDOW_MAX)];
    let payload: Vec<u8> = settings
        .iter()
        .flat_map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat())
        .collect();
    frame(&mut bytes, SETTINGS, 0, 0, &payload);
    window_update(&mut bytes, 0, WINDOW_MAX - WINDOW_AT_FIRST);
    let path = match awaited {
        Awaited::Answers => return bytes,
        Awaited::KeepAlives => KEEP_ALIVE,
        Awaited::Events => WATCH,
    };
    frame(&mut bytes, HEADERS, END_HEADERS, ONLY_STREAM, &header_block(path));
    bytes
}

/// A call with one message, on a stream of its own.
pub fn call(path: &str, message: &Template) -> Template {
    let mut template = Template::default();
    let block = header_block(path);
    head(&mut template, block.len(), HEADERS, END_HEADERS);
    template.stream(true);
    template.bytes.extend(block);
    head(&mut template, MESSAGE_HEAD + message.bytes.len(), DATA, END_STREAM);
    template.stream(false);
    add_message(&mut template, message);
    template
}

/// One more message on the only stream.
pub fn next_message(message: &Template) -> Template {
    let mut template = Template::default();
    head(&mut template, MESSAGE_HEAD + message.bytes.len(), DATA, 0);
    template.bytes.extend(ONLY_STREAM.to_be_bytes());
    add_message(&mut template, message);
    template
}

fn add_message(template: &mut Template, message: &Template) {
    template.bytes.push(0);
    template.bytes.extend((message.bytes.len() as u32).to_be_bytes());
    template.append(message);
}

/// The beginning of a frame, up to its stream.
fn head(template: &mut Template, length: usize, kind: u8, flags: u8) {
    template.bytes.extend(&(length as u32).to_be_bytes()[1..]);
    template.bytes.extend([kind, flags]);
}

fn frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    bytes.extend(&(payload.len() as u32).to_be_bytes()[1..]);
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
}

fn window_update(bytes: &mut Vec<u8>, stream: u32, by: u32) {
    frame(bytes, WINDOW_UPDATE, 0, stream, &by.to_be_bytes());
}

/// The headers of a call, none of them to be remembered. Each is shorter than 127 bytes, so that a length is a byte.
fn header_block(path: &str) -> Vec<u8> {
    // `:method: POST` and `:scheme: http` by their places in the static table.
    let mut block = vec![0x83, 0x86];
    // A name by its place, as `:path`, `:authority` and `content-type` are; the last one's takes two bytes.
    for (name, value) in [(&[4][..], path), (&[1], "bench"), (&[15, 16], "application/grpc")] {
        block.extend(name);
        block.push(value.len() as u8);
        block.extend(value.as_bytes());
    }
    for text in ["\0te", "trailers"] {
        let (mark, text) = text.strip_prefix('\0').map_or((None, text), |name| (Some(0), name));
        block.extend(mark);
        block.push(text.len() as u8);
        block.extend(text.as_bytes());
    }
    block
}

/// Counts what arrives on one connection.
#[derive(Clone, Debug)]
pub struct GrpcCounter {
    awaited: Awaited,
    /// The beginning of a frame whose end has not arrived.
    frame: Vec<u8>,
    /// The same of a message.
    message: Vec<u8>,
    /// Bytes read since the server was told so.
    read: u32,
    owed: Vec<u8>,
}

impl GrpcCounter {
    /// A counter for a fresh connection.
    pub fn new(awaited: Awaited) -> GrpcCounter {
        GrpcCounter { awaited, frame: Vec::new(), message: Vec::new(), read: 0, owed: Vec::new() }
    }

    /// Moves to `sending` what is to be sent for what came.
    pub fn take_owed(&mut self, sending: &mut Vec<u8>) {
        sending.append(&mut self.owed);
    }

    /// Takes the next bytes of the connection.
    pub fn feed(&mut self, bytes: &[u8]) -> Counted {
        let mut counted = Counted::default();
        let mut kept = std::mem::take(&mut self.frame);
        let bytes = if kept.is_empty() {
            bytes
        } else {
            kept.extend_from_slice(bytes);
            &kept
        };
        let mut rest = bytes;
        while let Some((head, after)) = rest.split_at_checked(FRAME_HEAD) {
            let length = number(&head[..3]);
            if length > FRAME_MAX {
                counted.errors += 1;
                return counted;
            }
            let Some((payload, next)) = after.split_at_checked(length) else { break };
            self.frame_arrived(head[3], head[4], payload, &mut counted);
            rest = next;
        }
        self.frame = rest.to_vec();
        counted
    }

    fn frame_arrived(&mut self, kind: u8, flags: u8, payload: &[u8], counted: &mut Counted) {
        match kind {
            DATA => self.data_arrived(flags, payload, counted),
            HEADERS => {
                let ok = flags & END_HEADERS != 0
                    && without_padding(flags, payload).is_some_and(|block| {
                        let skipped = if flags & PRIORITY != 0 { 5 } else { 0 };
                        flags & END_STREAM == 0
                            || block.get(skipped..).and_then(grpc_status) == Some(b"0".to_vec())
                    });
                self.ended(flags, ok, counted);
            }
            RESET_STREAM => self.ended(END_STREAM, false, counted),
            GO_AWAY => counted.errors += 1,
            SETTINGS if flags & ACK == 0 => frame(&mut self.owed, SETTINGS, ACK, 0, &[]),
            PING if flags & ACK == 0 => frame(&mut self.owed, PING, ACK, 0, payload),
            _ => {}
        }
    }

    /// Headers came, or no more will.
    fn ended(&mut self, flags: u8, ok: bool, counted: &mut Counted) {
        counted.errors += u64::from(!ok);
        if flags & END_STREAM != 0 {
            match self.awaited {
                Awaited::Answers => counted.whole += 1,
                // These streams have no end of their own.
                Awaited::KeepAlives | Awaited::Events => counted.errors += u64::from(ok),
            }
        }
    }

    fn data_arrived(&mut self, flags: u8, payload: &[u8], counted: &mut Counted) {
        self.read += payload.len() as u32;
        if self.read >= WINDOW_RENEWED_AFTER {
            window_update(&mut self.owed, 0, self.read);
            if self.awaited != Awaited::Answers {
                window_update(&mut self.owed, ONLY_STREAM, self.read);
            }
            self.read = 0;
        }
        if self.awaited == Awaited::Answers {
            return;
        }
        let Some(data) = without_padding(flags, payload) else {
            counted.errors += 1;
            return;
        };
        let mut kept = std::mem::take(&mut self.message);
        let mut rest = if kept.is_empty() {
            data
        } else {
            kept.extend_from_slice(data);
            &kept
        };
        while let Some((head, after)) = rest.split_at_checked(MESSAGE_HEAD) {
            let Some((message, next)) = after.split_at_checked(number(&head[1..])) else { break };
            self.message_arrived(message, counted);
            rest = next;
        }
        self.message = rest.to_vec();
    }

    fn message_arrived(&mut self, message: &[u8], counted: &mut Counted) {
        let tally = match self.awaited {
            Awaited::Answers => return,
            Awaited::KeepAlives => super::messages::kept_alive(message),
            Awaited::Events => super::messages::events(message),
        };
        match tally {
            Some(whole) => counted.whole += whole,
            None => counted.errors += 1,
        }
    }
}

/// A frame's payload without its padding.
fn without_padding(flags: u8, payload: &[u8]) -> Option<&[u8]> {
    if flags & PADDED == 0 {
        return Some(payload);
    }
    let (&padding, rest) = payload.split_first()?;
    rest.get(..rest.len().checked_sub(usize::from(padding))?)
}

/// A number of a few bytes, the highest first.
fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, &byte| number << 8 | usize::from(byte))
}

#[cfg(test)]
mod tests {
    use super::super::messages;
    use super::*;

    /// Checks the count, and what is owed, however the bytes are cut.
    fn check(awaited: Awaited, bytes: &[u8], expected: Counted, owed: &[u8]) {
        for size in [1, 2, 3, 7, 16, bytes.len()] {
            let mut counter = GrpcCounter::new(awaited);
            let (mut total, mut sending) = (Counted::default(), Vec::new());
            for part in bytes.chunks(size) {
                let counted = counter.feed(part);
                total.whole += counted.whole;
                total.errors += counted.errors;
                counter.take_owed(&mut sending);
            }
            assert_eq!(total, expected, "by {size}");
            assert_eq!(sending, owed, "by {size}");
        }
    }

    fn frames(list: &[(u8, u8, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (kind, flags, payload) in list {
            frame(&mut bytes, *kind, *flags, 1, payload);
        }
        bytes
    }

    const OK: &[u8] = b"\0\x0bgrpc-status\x010";
    const FAILED: &[u8] = b"\0\x0bgrpc-status\x015";

    #[test]
    fn answers_are_counted_by_their_trailers() {
        let arrived = frames(&[
            (SETTINGS, 0, &[]),
            (HEADERS, END_HEADERS, &[0x88]),
            (DATA, 0, b"\0\0\0\0\x02ab"),
            (HEADERS, END_HEADERS | END_STREAM, OK),
            (HEADERS, END_HEADERS | END_STREAM, FAILED),
            (RESET_STREAM, 0, &[0; 4]),
            (PING, 0, b"12345678"),
            (PING, ACK, b"12345678"),
        ]);
        let mut owed = Vec::new();
        frame(&mut owed, SETTINGS, ACK, 0, &[]);
        frame(&mut owed, PING, ACK, 0, b"12345678");
        check(Awaited::Answers, &arrived, Counted { whole: 3, errors: 2, resets: 0 }, &owed);
    }

    #[test]
    fn padding_and_priority_are_no_part_of_headers() {
        let padded = [&[2][..], &[0; 5], OK, &[0, 0]].concat();
        let arrived = frames(&[(HEADERS, END_HEADERS | END_STREAM | PADDED | PRIORITY, &padded)]);
        check(Awaited::Answers, &arrived, Counted { whole: 1, errors: 0, resets: 0 }, &[]);
    }

    #[test]
    fn messages_are_counted_across_frames() {
        let message = |bytes: &[u8]| [&[0, 0, 0, 0, bytes.len() as u8], bytes].concat();
        let alive = [message(&messages::tests::KEPT_ALIVE), message(&messages::tests::ENDED)].concat();
        let arrived = frames(&[(DATA, 0, &alive[..7]), (DATA, 0, &alive[7..])]);
        check(Awaited::KeepAlives, &arrived, Counted { whole: 1, errors: 1, resets: 0 }, &[]);
        let arrived = frames(&[(HEADERS, END_HEADERS | END_STREAM, OK)]);
        check(Awaited::Events, &arrived, Counted { whole: 0, errors: 1, resets: 0 }, &[]);
    }

    #[test]
    fn a_window_is_renewed_before_it_ends() {
        let mut counter = GrpcCounter::new(Awaited::Events);
        let full = frames(&[(DATA, 0, &message_of(FRAME_MAX))]);
        let mut owed = Vec::new();
        for _ in 0..WINDOW_RENEWED_AFTER as usize / FRAME_MAX {
            assert!(owed.is_empty());
            counter.feed(&full);
            counter.take_owed(&mut owed);
        }
        let mut expected = Vec::new();
        window_update(&mut expected, 0, WINDOW_RENEWED_AFTER);
        window_update(&mut expected, ONLY_STREAM, WINDOW_RENEWED_AFTER);
        assert_eq!(owed, expected);
    }

    fn message_of(bytes: usize) -> Vec<u8> {
        let length = (bytes - MESSAGE_HEAD) as u32;
        [&[0][..], &length.to_be_bytes(), &vec![0x7f; length as usize]].concat()
    }

    #[test]
    fn a_call_is_two_frames_of_one_stream() {
        let mut message = Template::default();
        message.bytes.extend(b"abc");
        let call = call(RANGE, &message);
        let headers = number(&call.bytes[..3]);
        assert_eq!(&call.bytes[3..9], [HEADERS, END_HEADERS, 0, 0, 0, 1]);
        let data = &call.bytes[FRAME_HEAD + headers..];
        assert_eq!(data, [&[0, 0, 8, DATA, END_STREAM, 0, 0, 0, 1, 0, 0, 0, 0, 3], &b"abc"[..]].concat());
    }
}
