//! Snapshots: all state at one position, in a file of its own.

use std::io::{self, Read, Write};

use crate::{Position, SnapshotError};

/// Writes a snapshot. It counts only once it is finished; dropped before, it leaves nothing.
pub struct SnapshotWriter {}

impl SnapshotWriter {
    /// Ends the snapshot: waits until all records up to its position are synced, puts it in its place, and removes the segments
    /// and snapshots that nobody needs any more. When it returns, a crash finds it so.
    pub fn finish(self) -> Result<(), SnapshotError> {
        unimplemented!()
    }
}

impl Write for SnapshotWriter {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        unimplemented!()
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a snapshot that was found whole. An error while reading, or at its end, says that the disk changed what it
/// had given before.
pub struct SnapshotReader {}

impl SnapshotReader {
    /// The last record whose effect is in it.
    pub fn position(&self) -> Position {
        unimplemented!()
    }

    /// Bytes that were written to it.
    pub fn size(&self) -> u64 {
        unimplemented!()
    }
}

impl Read for SnapshotReader {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        unimplemented!()
    }
}
