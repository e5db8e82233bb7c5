//! What can go wrong, and what to do about it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

/// Why a journal could not be opened. Each says what to do.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has the directory.
    #[error(
        "the data directory {} is in use by {}; stop that one first, or choose another directory",
        directory.display(),
        holder.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
    )]
    Locked {
        /// The directory.
        directory: PathBuf,
        /// The process that holds it, if it is known.
        holder: Option<u32>,
    },
    /// The system refused something.
    #[error("cannot {doing} {file}: {source}")]
    Io {
        /// What was tried: a verb.
        doing: &'static str,
        /// The file or directory.
        file: String,
        /// The system's answer.
        source: io::Error,
    },
    /// Something that was safely on disk is there no more.
    #[error(
        "{file} is damaged at byte {offset} ({what}), where a crash can not have damaged it: this is a fault of \
         the disk, or somebody wrote there. Nothing was changed. Restore the directory from a snapshot \
         (`hyrax snapshot restore`), or from a copy of {file}"
    )]
    Damaged {
        /// The file.
        file: String,
        /// Where in it.
        offset: u64,
        /// What was found.
        what: String,
    },
    /// A file that must be there is not.
    #[error(
        "records {first} to {last} are missing: no file in the data directory has them. Nothing was changed. Put \
         the missing file back, or restore the directory from a snapshot (`hyrax snapshot restore`)"
    )]
    Missing {
        /// The first record that is missing.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// A file of another journal.
    #[error("{file} belongs to another journal than the other files; move it out of the data directory")]
    Foreign {
        /// The file.
        file: String,
    },
    /// A file written by a version that this one does not know.
    #[error(
        "{file} has format {found}, and this version reads format {known}; start the version that wrote it"
    )]
    Version {
        /// The file.
        file: String,
        /// Its format.
        found: u32,
        /// Ours.
        known: u32,
    },
}

/// Why nothing can be appended.
#[derive(Clone, Debug, Error)]
pub enum AppendError {
    /// The disk is full. It is tried again by itself; once there is room, appending goes on.
    #[error("the disk of the data directory is full: make room; nothing was changed, reading goes on")]
    NoSpace,
    /// The disk does not keep up, and too much waits for it.
    #[error("too much waits to be written to disk: try again later")]
    TooBusy,
    /// The record is longer than any may be.
    #[error("a record of {bytes} bytes is longer than the {bytes_max} that one may have")]
    TooLarge {
        /// Its length.
        bytes: u64,
        /// The longest there may be.
        bytes_max: u64,
    },
    /// A write or a sync failed before. Nothing is accepted until the next start.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
}

/// A write or sync failed: the journal is as it was on disk, and takes nothing more. What was not reported as
/// synced may or may not be found at the next start.
#[derive(Clone, Debug, Error)]
#[error("the journal stopped, as it could not {doing} {file}: {reason}. Mend the disk and start again")]
pub struct Failure {
    /// What was tried: a verb.
    pub doing: &'static str,
    /// The file.
    pub file: Arc<str>,
    /// The system's answer.
    pub reason: Arc<str>,
}

/// Why a record or a snapshot that was whole when the journal was opened could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The system refused to read.
    #[error("cannot read {file}: {source}")]
    Io {
        /// The file.
        file: String,
        /// The system's answer.
        source: io::Error,
    },
    /// It changed since.
    #[error(
        "{file} changed at byte {offset} while it was read: is somebody else writing to the data directory?"
    )]
    Changed {
        /// The file.
        file: String,
        /// Where in it.
        offset: u64,
    },
}

/// Why a snapshot was not made. The journal goes on without it.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// The system refused something; a full disk for one.
    #[error("cannot {doing} {file}: {source}")]
    Io {
        /// What was tried: a verb.
        doing: &'static str,
        /// The file.
        file: String,
        /// The system's answer.
        source: io::Error,
    },
    /// It is of records that are not there yet.
    #[error("a snapshot of {position} can not be made: the last record is {last}")]
    Ahead {
        /// What the snapshot was to be of.
        position: crate::Position,
        /// The last record.
        last: crate::Position,
    },
    /// Another snapshot is being made, or one of the same or a later place is there.
    #[error("a snapshot of {position} or later is being made, or there already")]
    Superseded {
        /// What the snapshot was to be of.
        position: crate::Position,
    },
    /// The journal stopped.
    #[error(transparent)]
    Failed(#[from] Failure),
}
