//! The bytes on disk. All numbers are little-endian; all checksums are CRC-32 (the one of zlib and Ethernet).
//!
//! # The directory
//!
//! | name | what |
//! |---|---|
//! | `LOCK` | locked (`flock`) by the process that uses the directory; holds its number |
//! | `<first>.segment` | records, the first of them numbered `<first>` (16 hexadecimal digits) |
//! | `<position>.snapshot` | all state after the record `<position>` |
//! | `segment-<n>.temp` | the next segment, prepared; nothing is in it yet |
//! | `snapshot-<position>.temp` | a snapshot that is being written |
//!
//! Whatever ends in `.temp` counts for nothing, and is removed at the next start.
//!
//! # A segment
//!
//! A header of 64 bytes, then frames, then zeros to the end of the file:
//!
//! | bytes | header |
//! |---|---|
//! | 0–7 | `hyraxlog` |
//! | 8–11 | format, 1 |
//! | 16–31 | the journal's seed: identity (upper half) and salt (lower half) |
//! | 60–63 | checksum of bytes 0–59 |
//!
//! | bytes | frame |
//! |---|---|
//! | 0–3 | checksum of all that follows, without the padding; it starts from the salt |
//! | 4–7 | length of the payload |
//! | 8–14 | number of the record (56 bits) |
//! | 15 | kind: 1 record, 2 mark, 3 end |
//! | 16– | the payload, padded with zeros to a multiple of 8 |
//!
//! Sixteen bytes of zeros where a frame should begin mean that there is no more. A **mark** begins each group, and so
//! each segment. It has the number of the record that follows, and as its payload the mark's own offset in
//! the file (8 bytes). An **end** has the number that the next record would have, and the same payload. It is the
//! last frame of a journal that was closed; opening takes it off again.
//!
//! # What a crash can leave, and what it can not
//!
//! Groups are written one after the other: a group is written once the sync of the one before it has returned.
//! A segment is made whole with its header, synced, and gets its name only when the segment before it is written and
//! synced. So:
//!
//! - Of the last group, a crash may leave any part: nothing, all, or a later piece without an earlier one. Nobody was told that it is synced.
//! - A **mark proves that all before it was synced**, as it was only written after that. If something in front of a
//!   whole mark is broken, then not by a crash.
//! - So does the existence of a later segment for all in earlier ones, and a snapshot for all records up to its position.
//!
//! Hence reading ends at the first frame that is not whole. If it is in the last segment, with no
//! whole mark behind it and no snapshot that counts on it, the rest is cut off. Else the start is refused.
//! For a mark to be found behind a broken frame it need not be reached from frame to frame: frames are aligned to 8
//! bytes, and a mark tells its own offset. A client can not write a value that is taken for one, as it does
//! not know the salt.
//!
//! What this can not tell from a torn group: damage to the very last group of a journal that was not closed.
//!
//! # A snapshot
//!
//! | bytes | |
//! |---|---|
//! | 0–7 | `hyraxsnp` |
//! | 8–11 | format, 1 |
//! | 16–31 | the journal's seed |
//! | 32–39 | position |
//! | 60–63 | checksum of bytes 0–59 |
//! | 64– | the state, as the journal's user wrote it |
//! | last 16 | length of the state (8 bytes), checksum of all before (4), zeros (4) |

use crc32fast::Hasher;

/// The version of this format.
pub const VERSION: u32 = 1;

/// Bytes before the first frame of a segment, and before the state in a snapshot.
pub const FILE_HEADER_BYTES: u64 = 64;

/// Bytes before a frame's payload.
pub const FRAME_HEADER_BYTES: usize = 16;

/// Bytes of a mark, and of an end.
pub const MARK_BYTES: usize = FRAME_HEADER_BYTES + 8;

/// Bytes after the state in a snapshot.
pub const SNAPSHOT_TRAILER_BYTES: u64 = 16;

/// Frames begin at multiples of this.
pub const ALIGNMENT: u64 = 8;

/// Numbers of records have 56 bits: a million records a second for two thousand years.
const SEQUENCE_MAX: u64 = (1 << 56) - 1;

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FileKind {
    Segment,
    Snapshot,
}

impl FileKind {
    fn magic(self) -> &'static [u8; 8] {
        match self {
            FileKind::Segment => b"hyraxlog",
            FileKind::Snapshot => b"hyraxsnp",
        }
    }
}

/// What is in a file's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FileHeader {
    pub kind: FileKind,
    pub seed: u128,
    /// Of a snapshot; zero in a segment.
    pub position: u64,
}

/// Why a header is not one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BadHeader {
    Damaged,
    Version(u32),
}

impl FileHeader {
    pub(crate) fn encode(&self) -> [u8; FILE_HEADER_BYTES as usize] {
        let mut bytes = [0; FILE_HEADER_BYTES as usize];
        bytes[..8].copy_from_slice(self.kind.magic());
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.seed.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.position.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[..60]);
        bytes[60..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(kind: FileKind, bytes: &[u8]) -> Result<FileHeader, BadHeader> {
        let Some(bytes) = bytes.first_chunk::<{ FILE_HEADER_BYTES as usize }>() else {
            return Err(BadHeader::Damaged);
        };
        if bytes[..8] != *kind.magic() || crc32fast::hash(&bytes[..60]) != u32_at(bytes, 60) {
            return Err(BadHeader::Damaged);
        }
        match u32_at(bytes, 8) {
            VERSION => {
                let mut seed = [0; 16];
                seed.copy_from_slice(&bytes[16..32]);
                Ok(FileHeader { kind, seed: u128::from_le_bytes(seed), position: u64_at(bytes, 32) })
            }
            version => Err(BadHeader::Version(version)),
        }
    }
}

/// The part of a seed that may be shown.
pub(crate) fn identity(seed: u128) -> u64 {
    (seed >> 64) as u64
}

/// What the checksums of frames start from.
pub(crate) fn salt(seed: u128) -> u32 {
    (seed as u64 ^ (seed as u64 >> 32)) as u32
}

/// What a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FrameKind {
    Record = 1,
    Mark = 2,
    End = 3,
}

/// What is before a frame's payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FrameHeader {
    pub kind: FrameKind,
    pub sequence: u64,
    pub length: u32,
    pub checksum: u32,
}

impl FrameHeader {
    /// Reads a header; none where no kind of frame begins like that.
    pub(crate) fn decode(bytes: &[u8; FRAME_HEADER_BYTES]) -> Option<FrameHeader> {
        let kind = match bytes[15] {
            1 => FrameKind::Record,
            2 => FrameKind::Mark,
            3 => FrameKind::End,
            _ => return None,
        };
        Some(FrameHeader {
            kind,
            sequence: u64_at(bytes, 8) & SEQUENCE_MAX,
            length: u32_at(bytes, 4),
            checksum: u32_at(bytes, 0),
        })
    }

    /// Whether `frame`, header and payload, has the checksum that it says.
    pub(crate) fn is_whole(&self, frame: &[u8], salt: u32) -> bool {
        frame.get(4..).is_some_and(|covered| checksum(covered, salt) == self.checksum)
    }
}

/// Bytes of a frame, padding included, with a payload of `length` bytes.
pub(crate) fn frame_bytes(length: usize) -> u64 {
    ((FRAME_HEADER_BYTES + length) as u64).next_multiple_of(ALIGNMENT)
}

/// Appends a frame to `out`. The payload's length fits 32 bits: the bound on records is far below.
pub(crate) fn push_frame(out: &mut Vec<u8>, kind: FrameKind, sequence: u64, payload: &[u8], salt: u32) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&(sequence & SEQUENCE_MAX | (kind as u64) << 56).to_le_bytes());
    out.extend_from_slice(payload);
    let checksum = checksum(&out[start + 4..], salt);
    out[start..start + 4].copy_from_slice(&checksum.to_le_bytes());
    out.resize(start + frame_bytes(payload.len()) as usize, 0);
}

/// Appends a mark or an end that will lie at `offset`.
pub(crate) fn push_mark(out: &mut Vec<u8>, kind: FrameKind, sequence: u64, offset: u64, salt: u32) {
    push_frame(out, kind, sequence, &offset.to_le_bytes(), salt);
}

/// Whether `bytes`, which lie at `offset`, begin with a whole mark or end.
pub(crate) fn is_mark_at(bytes: &[u8], offset: u64, salt: u32) -> bool {
    let Some(frame) = bytes.first_chunk::<MARK_BYTES>() else { return false };
    // The cheap comparisons first: this is asked for each 8 bytes of a torn segment.
    matches!(frame[15], 2 | 3)
        && u32_at(frame, 4) == 8
        && u64_at(frame, FRAME_HEADER_BYTES) == offset
        && checksum(&frame[4..], salt) == u32_at(frame, 0)
}

fn checksum(bytes: &[u8], salt: u32) -> u32 {
    let mut hasher = Hasher::new_with_initial(salt);
    hasher.update(bytes);
    hasher.finalize()
}

/// The number at `at`, within bytes that are known to be long enough.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

/// What ends a snapshot, which has `length` bytes of state and `checksum` over all before the checksum.
pub(crate) fn snapshot_trailer(mut hasher: Hasher, length: u64) -> [u8; SNAPSHOT_TRAILER_BYTES as usize] {
    let mut trailer = [0; SNAPSHOT_TRAILER_BYTES as usize];
    trailer[..8].copy_from_slice(&length.to_le_bytes());
    hasher.update(&trailer[..8]);
    trailer[8..12].copy_from_slice(&hasher.finalize().to_le_bytes());
    trailer
}

/// A file of the journal, by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FileName {
    Segment { first: u64 },
    Snapshot { position: u64 },
    Unfinished,
}

impl FileName {
    /// None for a name that is none of ours.
    pub(crate) fn parse(name: &str) -> Option<FileName> {
        if let Some(digits) = name.strip_suffix(".segment") {
            return Some(FileName::Segment { first: number(digits)? });
        }
        if let Some(digits) = name.strip_suffix(".snapshot") {
            return Some(FileName::Snapshot { position: number(digits)? });
        }
        let unfinished = name.strip_suffix(".temp")?;
        (unfinished.starts_with("segment-") || unfinished.starts_with("snapshot-"))
            .then_some(FileName::Unfinished)
    }
}

/// The number of 16 hexadecimal digits in lower case, as [`segment_name`] writes it.
fn number(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if digits.len() != 16 || !plain {
        return None;
    }
    u64::from_str_radix(digits, 16).ok().filter(|number| *number <= SEQUENCE_MAX)
}

pub(crate) fn segment_name(first: u64) -> String {
    format!("{first:016x}.segment")
}

pub(crate) fn snapshot_name(position: u64) -> String {
    format!("{position:016x}.snapshot")
}

pub(crate) fn unfinished_segment_name(number: u64) -> String {
    format!("segment-{number}.temp")
}

pub(crate) fn unfinished_snapshot_name(position: u64) -> String {
    format!("snapshot-{position:016x}.temp")
}
