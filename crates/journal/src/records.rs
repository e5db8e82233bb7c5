//! The records after the snapshot, one at a time.

use std::sync::Arc;

use crate::format::FrameKind;
use crate::frames::{FrameReader, Step};
use crate::{Disk, Position, ReadError};

/// A record, as it was appended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// Its number.
    pub position: Position,
    /// What was appended.
    pub bytes: &'a [u8],
}

/// What was cut off the end of the journal, as a crash tore it. It had not been reported as synced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cut {
    /// The file.
    pub file: String,
    /// Where in it the last whole record ends.
    pub offset: u64,
    /// Bytes from there to the last one that was written.
    pub bytes: u64,
}

/// A segment that was found whole up to `end`.
pub(crate) struct SegmentToRead {
    pub name: String,
    pub end: u64,
    pub salt: u32,
}

/// The records after the snapshot in their order, read as they are asked for. To be read to the end before the next
/// snapshot is finished, as that one may remove them.
pub struct Records {
    disk: Arc<dyn Disk>,
    /// The segments that were not begun yet, the next one last.
    segments: Vec<SegmentToRead>,
    /// The segment that is being read, with its name.
    reading: Option<(String, FrameReader)>,
    /// The record that was given last.
    last: u64,
}

impl Records {
    /// Records after `position`.
    pub(crate) fn new(disk: Arc<dyn Disk>, mut segments: Vec<SegmentToRead>, position: Position) -> Records {
        segments.reverse();
        Records { disk, segments, reading: None, last: position.0 }
    }

    /// The next record, or none after the last.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        loop {
            if self.reading.is_none() && !self.begin_segment()? {
                return Ok(None);
            }
            if self.advance()? {
                break;
            }
            self.reading = None;
        }
        let position = Position(self.last);
        Ok(self.reading.as_ref().map(|(_, reader)| Record { position, bytes: reader.payload() }))
    }

    /// Opens the next segment, if there is one.
    fn begin_segment(&mut self) -> Result<bool, ReadError> {
        let Some(segment) = self.segments.pop() else { return Ok(false) };
        let file = self
            .disk
            .open(&segment.name)
            .map_err(|source| ReadError::Io { file: segment.name.clone(), source })?;
        self.reading = Some((segment.name, FrameReader::new(file, segment.end, segment.salt)));
        Ok(true)
    }

    /// Goes to the next record of the segment; false where it has no more.
    fn advance(&mut self) -> Result<bool, ReadError> {
        let Some((name, reader)) = &mut self.reading else { return Ok(false) };
        loop {
            match reader.next().map_err(|source| ReadError::Io { file: name.clone(), source })? {
                Step::Frame { kind: FrameKind::Record, sequence, .. } if sequence <= self.last => {}
                Step::Frame { kind: FrameKind::Record, sequence, .. } if sequence == self.last + 1 => {
                    self.last = sequence;
                    return Ok(true);
                }
                Step::Frame { kind: FrameKind::Mark | FrameKind::End, .. } => {}
                Step::Nothing => return Ok(false),
                Step::Frame { .. } | Step::Broken(_) => {
                    return Err(ReadError::Changed { file: name.clone(), offset: reader.offset() });
                }
            }
        }
    }
}
