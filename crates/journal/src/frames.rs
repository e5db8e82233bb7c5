//! Reads the frames of a segment, one after the other, and looks for what proves that a broken one was whole once.
//! Knows one file, and not what the files before and after it hold.

use std::io;
use std::ops::Range;

use hyrax_types::limits::JOURNAL_RECORD_BYTES_MAX;

use crate::File;
use crate::format::{
    ALIGNMENT, FILE_HEADER_BYTES, FRAME_HEADER_BYTES, FrameHeader, FrameKind, MARK_BYTES, frame_bytes,
    is_mark_at,
};

/// Bytes read at a time.
const CHUNK: usize = 1024 * 1024;

/// What is at one place of a segment.
pub(crate) enum Step<'a> {
    Frame {
        kind: FrameKind,
        sequence: u64,
        payload: &'a [u8],
    },
    /// The file ends here, or holds zeros.
    Nothing,
    /// Something that is no whole frame.
    Broken(&'static str),
}

/// Reads frames in order.
pub(crate) struct FrameReader {
    file: Box<dyn File>,
    /// Where reading ends, whatever the file holds behind it.
    limit: u64,
    salt: u32,
    /// Bytes read ahead: those of `buffer[start..filled]` lie at `offset`.
    buffer: Vec<u8>,
    start: usize,
    filled: usize,
    offset: u64,
    /// Bytes of the frame last given, to be passed over by the next call.
    given: u64,
    /// Where in `buffer` its payload is.
    payload: Range<usize>,
}

impl FrameReader {
    /// Reads from behind the file's header up to `limit`.
    pub(crate) fn new(file: Box<dyn File>, limit: u64, salt: u32) -> FrameReader {
        let offset = FILE_HEADER_BYTES;
        FrameReader {
            file,
            limit,
            salt,
            buffer: Vec::new(),
            start: 0,
            filled: 0,
            offset,
            given: 0,
            payload: 0..0,
        }
    }

    /// Where the frame lies that was given last, or else what was found instead.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Where the frame would lie that is looked for next.
    pub(crate) fn offset_of_next(&self) -> u64 {
        self.offset + self.given
    }

    /// The payload of the frame that was given last.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.buffer[self.payload.clone()]
    }

    /// The next frame. After anything else than a frame it stays where it is.
    pub(crate) fn next(&mut self) -> io::Result<Step<'_>> {
        let given = (self.given as usize).min(self.filled - self.start);
        self.offset += self.given;
        self.start += given;
        self.given = 0;

        let left = self.limit.saturating_sub(self.offset);
        if self.read_ahead(FRAME_HEADER_BYTES)? < FRAME_HEADER_BYTES {
            let nothing = self.buffer[self.start..self.filled].iter().all(|byte| *byte == 0);
            return Ok(if nothing { Step::Nothing } else { Step::Broken("the file ends within a frame") });
        }
        let mut head = [0; FRAME_HEADER_BYTES];
        head.copy_from_slice(&self.buffer[self.start..self.start + FRAME_HEADER_BYTES]);
        if head == [0; FRAME_HEADER_BYTES] {
            return Ok(Step::Nothing);
        }
        let Some(header) = FrameHeader::decode(&head) else {
            return Ok(Step::Broken("no frame begins like that"));
        };
        if u64::from(header.length) > JOURNAL_RECORD_BYTES_MAX {
            return Ok(Step::Broken("a record longer than any may be"));
        }
        let length = FRAME_HEADER_BYTES + header.length as usize;
        if length as u64 > left || self.read_ahead(length)? < length {
            return Ok(Step::Broken("the file ends within a frame"));
        }
        let frame = &self.buffer[self.start..self.start + length];
        if !header.is_whole(frame, self.salt) {
            return Ok(Step::Broken("the checksum is wrong"));
        }
        self.given = frame_bytes(header.length as usize).min(left);
        self.payload = self.start + FRAME_HEADER_BYTES..self.start + length;
        Ok(Step::Frame {
            kind: header.kind,
            sequence: header.sequence,
            payload: &frame[FRAME_HEADER_BYTES..],
        })
    }

    /// Has at least `bytes` bytes ready where the file has so many, and says how many there are, up to that.
    fn read_ahead(&mut self, bytes: usize) -> io::Result<usize> {
        if self.filled - self.start < bytes {
            self.buffer.copy_within(self.start..self.filled, 0);
            self.filled -= self.start;
            self.start = 0;
            let left = self.limit.saturating_sub(self.offset);
            let wanted = left.min(bytes.max(CHUNK) as u64) as usize;
            if self.buffer.len() < wanted {
                self.buffer.resize(wanted, 0);
            }
            let at = self.offset + self.filled as u64;
            self.filled += self.file.read_at(at, &mut self.buffer[self.filled..wanted.max(self.filled)])?;
        }
        Ok((self.filled - self.start).min(bytes))
    }
}

/// What lies behind the last whole frame of a segment.
#[derive(Default)]
pub(crate) struct Rest {
    /// Bytes up to the last one that is not zero.
    pub written: u64,
    /// Where a whole mark is that proves that all before it was synced.
    pub proof: Option<u64>,
}

/// Looks through all that lies at `from` and behind it.
pub(crate) fn look_behind(file: &dyn File, from: u64, size: u64, salt: u32) -> io::Result<Rest> {
    let mut rest = Rest::default();
    let mut buffer = vec![0; size.saturating_sub(from).min(CHUNK as u64) as usize + ALIGNMENT as usize];
    // The start of a frame, or the end of a file that is cut within one.
    let mut base =
        from.next_multiple_of(ALIGNMENT) - if from.is_multiple_of(ALIGNMENT) { 0 } else { ALIGNMENT };
    while base < size {
        let wanted = (size - base).min(buffer.len() as u64) as usize;
        let filled = file.read_at(base, &mut buffer[..wanted])?;
        let chunk = &buffer[..filled];
        let last = base + filled as u64 >= size || filled < wanted;
        if let Some(at) = chunk.iter().rposition(|byte| *byte != 0) {
            rest.written = (base + at as u64 + 1).saturating_sub(from);
            // A mark at `from` itself says nothing of what follows it.
            let mut at = if base <= from { ALIGNMENT as usize } else { 0 };
            while rest.proof.is_none() && at + MARK_BYTES <= chunk.len() {
                if is_mark_at(&chunk[at..], base + at as u64, salt) {
                    rest.proof = Some(base + at as u64);
                }
                at += ALIGNMENT as usize;
            }
        }
        if last {
            break;
        }
        // A mark may lie across the end of the chunk.
        base += (buffer.len() - MARK_BYTES) as u64 / ALIGNMENT * ALIGNMENT;
    }
    Ok(rest)
}
