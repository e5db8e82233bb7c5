//! Frames of HTTP/2 (RFC 9113): their heads, and those that are written whole.

/// Bytes before a frame's payload.
pub(super) const HEAD_BYTES: usize = 9;

/// What a client sends before anything else.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The largest payload that a client may send, which is also the largest that one takes without saying more.
pub(super) const PAYLOAD_BYTES_MAX: usize = 16_384;

/// The largest window, and the window that each side begins with.
pub(super) const WINDOW_MAX: i64 = (1 << 31) - 1;
pub(super) const WINDOW_AT_FIRST: i64 = 65_535;

/// The largest number of a stream.
pub(super) const STREAM_MAX: u32 = (1 << 31) - 1;

/// Kinds of frames.
pub(super) mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Flags of frames.
pub(super) mod flag {
    pub const END_STREAM: u8 = 1;
    pub const ACK: u8 = 1;
    pub const END_HEADERS: u8 = 4;
    pub const PADDED: u8 = 8;
    pub const PRIORITY: u8 = 0x20;
}

/// Settings.
pub(super) mod setting {
    pub const ENABLE_PUSH: u16 = 2;
    pub const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub const INITIAL_WINDOW_SIZE: u16 = 4;
    pub const MAX_FRAME_SIZE: u16 = 5;
    pub const MAX_HEADER_LIST_SIZE: u16 = 6;
}

/// Why a stream or a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Reason {
    NoError = 0,
    Protocol = 1,
    Internal = 2,
    FlowControl = 3,
    StreamClosed = 5,
    FrameSize = 6,
    RefusedStream = 7,
    Compression = 9,
    EnhanceYourCalm = 11,
}

/// What stands before a frame's payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameHead {
    pub length: usize,
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
}

impl FrameHead {
    pub(super) fn read(bytes: &[u8; HEAD_BYTES]) -> FrameHead {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = *bytes;
        FrameHead {
            length: u32::from_be_bytes([0, l0, l1, l2]) as usize,
            kind,
            flags,
            stream: u32::from_be_bytes([s0, s1, s2, s3]) & STREAM_MAX,
        }
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Appends what stands before a payload of at most the largest frame's bytes.
pub(super) fn put_head(length: usize, kind: u8, flags: u8, stream: u32, out: &mut Vec<u8>) {
    let [_, l0, l1, l2] = (length as u32).to_be_bytes();
    let [s0, s1, s2, s3] = stream.to_be_bytes();
    out.extend_from_slice(&[l0, l1, l2, kind, flags, s0, s1, s2, s3]);
}

/// Appends a block of fields, in as many frames as it takes.
pub(super) fn put_block(block: &[u8], ends_stream: bool, stream: u32, out: &mut Vec<u8>) {
    let mut kind = kind::HEADERS;
    let mut flags = if ends_stream { flag::END_STREAM } else { 0 };
    let mut rest = block;
    loop {
        let (payload, more) = rest.split_at(rest.len().min(PAYLOAD_BYTES_MAX));
        if more.is_empty() {
            flags |= flag::END_HEADERS;
        }
        put_head(payload.len(), kind, flags, stream, out);
        out.extend_from_slice(payload);
        if more.is_empty() {
            return;
        }
        (kind, flags, rest) = (kind::CONTINUATION, 0, more);
    }
}

/// Appends a piece of a stream's data, of at most the largest frame's bytes.
pub(super) fn put_data(data: &[u8], ends_stream: bool, stream: u32, out: &mut Vec<u8>) {
    put_head(data.len(), kind::DATA, if ends_stream { flag::END_STREAM } else { 0 }, stream, out);
    out.extend_from_slice(data);
}

pub(super) fn put_settings(settings: &[(u16, u32)], out: &mut Vec<u8>) {
    put_head(settings.len() * 6, kind::SETTINGS, 0, 0, out);
    for (setting, value) in settings {
        out.extend_from_slice(&setting.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
}

pub(super) fn put_settings_ack(out: &mut Vec<u8>) {
    put_head(0, kind::SETTINGS, flag::ACK, 0, out);
}

pub(super) fn put_ping(flags: u8, content: &[u8], out: &mut Vec<u8>) {
    put_head(content.len(), kind::PING, flags, 0, out);
    out.extend_from_slice(content);
}

pub(super) fn put_reset(stream: u32, reason: Reason, out: &mut Vec<u8>) {
    put_head(4, kind::RST_STREAM, 0, stream, out);
    out.extend_from_slice(&(reason as u32).to_be_bytes());
}

pub(super) fn put_go_away(last: u32, reason: Reason, out: &mut Vec<u8>) {
    put_head(8, kind::GOAWAY, 0, 0, out);
    out.extend_from_slice(&last.to_be_bytes());
    out.extend_from_slice(&(reason as u32).to_be_bytes());
}

pub(super) fn put_window_update(stream: u32, bytes: u32, out: &mut Vec<u8>) {
    put_head(4, kind::WINDOW_UPDATE, 0, stream, out);
    out.extend_from_slice(&bytes.to_be_bytes());
}
