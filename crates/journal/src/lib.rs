//! A journal on disk: records in order, group commit, snapshots, recovery.
//!
//! What is appended is written and synced in groups by one thread; whatever is appended while a sync runs goes
//! with the next. A record that comes alone may be synced by the thread that has appended it ([`Journal::on_pending`]). A record is opaque bytes: the journal knows its number, its length and its checksum, and nothing
//! of what it means, of clients, or of time.
//!
//! The life of a journal:
//!
//! 1. [`Journal::open`] locks nothing itself (its [`Disk`] does), reads what is there, cuts a tail that a crash tore,
//!    refuses damage that no crash explains, and gives the newest whole snapshot and the records after it.
//! 2. [`Journal::reserve`] before a change: a full disk is known before anything happened.
//! 3. [`Journal::append`] as the change is made, in its order. It never waits and cannot fail.
//! 4. [`Journal::on_synced`] tells how far all is on disk: only now the change may be acknowledged.
//! 5. [`Journal::snapshot`] now and then; segments and snapshots that nobody needs any more go.
//! 6. [`Journal::close`] leaves a mark by which the next start knows that the end was a clean one.
//!
//! The bytes on disk are described in [`mod@format`].

pub mod disk;
mod error;
pub mod format;
mod frames;
mod journal;
mod pen;
mod preparer;
mod records;
mod recovery;
mod settings;
mod shared;
mod snapshot;
mod writer;

pub use disk::{Disk, File, RealDisk};
pub use error::{AppendError, Failure, OpenError, ReadError, SnapshotError};
pub use journal::{Journal, Recovered, Reservation};
pub use records::{Cut, Record, Records};
pub use settings::JournalSettings;
pub use snapshot::{SnapshotReader, SnapshotWriter};

/// The number of a record: the first one of a journal has 1, and each one more than the one before it. Zero is
/// the place before all records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Position(pub u64);

impl std::fmt::Display for Position {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(out)
    }
}
