//! The records after the snapshot, one at a time.

use crate::{Position, ReadError};

/// A record, as it was appended.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its number.
    pub position: Position,
    /// What was appended.
    pub bytes: &'a [u8],
}

/// The records after the snapshot in their order, read as they are asked for. To be read before the next
/// snapshot is made, as that one removes them.
pub struct Records {}

impl Records {
    /// The next record, or none after the last.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        unimplemented!()
    }
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
