//! The journal as its user meets it.

use std::sync::Arc;

use crate::{
    AppendError, Cut, Disk, Failure, JournalSettings, OpenError, Position, Records, SnapshotError,
    SnapshotReader, SnapshotWriter,
};

/// A journal that is open. All of it may be called from any thread.
pub struct Journal {}

/// What was on disk when the journal was opened.
pub struct Recovered {
    /// The newest whole snapshot.
    pub snapshot: Option<SnapshotReader>,
    /// The records after it.
    pub records: Records,
    /// The last record: the next to be appended has the number after it.
    pub last: Position,
    /// What was cut off the end, if a crash tore it.
    pub cut: Option<Cut>,
    /// Whether the journal was closed the last time, or is new. If not, there may have been records that nobody
    /// reported as synced.
    pub clean: bool,
    /// Snapshots that were found broken and passed over: their names.
    pub broken_snapshots: Vec<String>,
}

/// Room on disk for one record. Dropped, it is given back.
pub struct Reservation {}

impl Journal {
    /// Opens what is on `disk`, or starts a new journal where nothing is.
    pub fn open(_disk: Arc<dyn Disk>, _settings: JournalSettings) -> Result<(Journal, Recovered), OpenError> {
        unimplemented!()
    }

    /// The journal's public name, the same for as long as it exists: random, given when it was made.
    pub fn identity(&self) -> u64 {
        unimplemented!()
    }

    /// Takes room for a record of at most `bytes` bytes. Usually this is some additions under a lock; where a
    /// record is longer than a segment, or others were faster than segments are prepared, it waits for one.
    pub fn reserve(&self, _bytes: usize) -> Result<Reservation, AppendError> {
        unimplemented!()
    }

    /// Appends a record of at most the bytes that were reserved. Records have the order of these calls. Neither waits for the disk nor fails:
    /// what can not be written is reported by [`Journal::on_synced`].
    pub fn append(&self, _reservation: Reservation, _record: &[u8]) -> Position {
        unimplemented!()
    }

    /// Has `listener` told, from the thread that syncs, after each group: that all records up to a position are on disk, or
    /// that the journal stopped. Every appended record is followed by such a call. The listener should be quick: the next group waits for it. Replaces an earlier listener.
    pub fn on_synced(&self, _listener: Box<dyn Fn(Result<Position, Failure>) + Send + Sync>) {
        unimplemented!()
    }

    /// The last record appended.
    pub fn last(&self) -> Position {
        unimplemented!()
    }

    /// The last record that is on disk, all before it included.
    pub fn synced(&self) -> Position {
        unimplemented!()
    }

    /// Waits until all records up to `position` are on disk. Blocks the thread.
    pub fn wait_synced(&self, _position: Position) -> Result<(), Failure> {
        unimplemented!()
    }

    /// Bytes of records appended since the newest snapshot: when they are many, it is time for another.
    pub fn bytes_since_snapshot(&self) -> u64 {
        unimplemented!()
    }

    /// Bytes that the journal's files have on disk.
    pub fn disk_bytes(&self) -> u64 {
        unimplemented!()
    }

    /// Whether the disk is so full that no further segment could be prepared.
    pub fn out_of_space(&self) -> bool {
        unimplemented!()
    }

    /// Begins a snapshot of the state after the record at `position`, which must have been appended. May be called
    /// and written from any thread while appending goes on; one at a time.
    pub fn snapshot(&self, _position: Position) -> Result<SnapshotWriter, SnapshotError> {
        unimplemented!()
    }

    /// Ends the journal: takes nothing more, waits for what is pending, and marks a clean end. What was only
    /// reserved is lost. Without it (the journal dropped) what is pending is written all the same, but the end is not a clean one.
    pub fn close(&self) -> Result<(), Failure> {
        unimplemented!()
    }
}
