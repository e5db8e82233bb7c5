//! Starting from what is on the disk.

use std::fmt;
use std::io::BufReader;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyrax_journal::{
    AppendError, Cut, Disk, Failure, Journal, JournalSettings, Position, ReadError, Recovered,
};
use hyrax_types::{Clock, Revision};
use thiserror::Error;

use super::gate::Gate;
use super::holes::Hole;
use super::record::{Item, Malformed};
use super::replay::Replay;
use super::shared::Shared;
use super::snapshot::{self, SnapshotReadError};
use super::store::Store;
use super::{Embedded, EmbeddedSettings, Engine, room, syncing};

/// Bytes read from a snapshot at a time.
const READ_BYTES: usize = 1024 * 1024;

/// Why an engine does not start. Each says what to do.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The journal can not be opened.
    #[error(transparent)]
    Journal(#[from] hyrax_journal::OpenError),
    /// What was found whole can not be read any more.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The snapshot is whole, but makes no sense.
    #[error("{0}; restore the data directory from another snapshot (`hyrax snapshot restore`)")]
    Snapshot(#[from] SnapshotReadError),
    /// A record is whole, but makes no sense.
    #[error(
        "record {position} of the journal makes no sense: {what}; start the version that wrote it, or restore \
         the data directory from a snapshot (`hyrax snapshot restore`)"
    )]
    Record {
        /// Which one.
        position: Position,
        /// What is wrong with it.
        what: Malformed,
    },
    /// There is no room for what a start has to write.
    #[error(
        "the disk of the data directory is too full to start: a start writes to a segment of its own, which takes \
         some {} MiB; make room", hyrax_types::limits::JOURNAL_SEGMENT_BYTES.div_ceil(1024 * 1024)
    )]
    NoRoom,
    /// What a start has to write was refused.
    #[error(transparent)]
    Append(AppendError),
    /// What a start has to write was not written.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The system gives no sockets for the journal to be heard by.
    #[error("the system gives no sockets for the journal: {0}; raise the limit of open files")]
    Bell(std::io::Error),
}

impl From<AppendError> for OpenError {
    fn from(error: AppendError) -> OpenError {
        match error {
            AppendError::NoSpace => OpenError::NoRoom,
            other => OpenError::Append(other),
        }
    }
}

/// What was found on the disk, and what became of it.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// The revision at which the store goes on.
    pub revision: Revision,
    /// The first revision that can be read.
    pub compacted: Revision,
    /// How many keys there are.
    pub keys: u64,
    /// How many leases, each with its full time to live.
    pub leases: u64,
    /// Records read after the snapshot.
    pub records: u64,
    /// Whether the end before was a clean one, or nothing was there.
    pub clean: bool,
    /// What was cut off the end of the journal, as a crash tore it; nobody was told that it was kept.
    pub cut: Option<Cut>,
    /// Snapshots that were broken and passed over.
    pub broken_snapshots: Vec<String>,
    /// The last revision found, if some after it may have been shown and are never used again.
    pub jumped_from: Option<Revision>,
    /// Leases ended, with what hung on them, as they belonged to the process that is gone.
    pub ended_leases: u64,
    /// How long it took.
    pub took: Duration,
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Recovery { revision, keys, leases, records, took, .. } = self;
        write!(f, "{keys} keys and {leases} leases at revision {revision}, with {records} records after ")?;
        write!(f, "the last snapshot, in {} ms", took.as_millis())?;
        if !self.clean {
            f.write_str("; the last end was not a clean one")?;
        }
        if let Some(cut) = &self.cut {
            write!(f, "; {} torn bytes were cut off {} at byte {}", cut.bytes, cut.file, cut.offset)?;
        }
        if let Some(last) = self.jumped_from {
            write!(f, "; revisions after {last} may have been shown and were skipped")?;
        }
        if self.ended_leases > 0 {
            write!(f, "; {} leases of the process before were ended", self.ended_leases)?;
        }
        for name in &self.broken_snapshots {
            write!(f, "; the snapshot {name} is broken and was passed over")?;
        }
        Ok(())
    }
}

impl Embedded {
    /// Starts an engine with what is on `disk`, and journals to it: nothing is acknowledged or shown
    /// before it is synced. Reads what may be gigabytes, so it blocks the thread; the tasks run on the
    /// current tokio runtime.
    ///
    /// A lease that was there has its full time to live again.
    ///
    /// # Panics
    /// When called outside a tokio runtime.
    pub fn open(
        clock: Arc<dyn Clock>,
        settings: EmbeddedSettings,
        disk: Arc<dyn Disk>,
        journal: JournalSettings,
    ) -> Result<(Embedded, Recovery), OpenError> {
        let began = Instant::now();
        let (journal, mut recovered) = Journal::open(disk, journal)?;
        let snapshot_bytes = recovered.snapshot.as_ref().map_or(0, |snapshot| snapshot.size());
        let now_ms = clock.now_ms();
        let (mut replay, records) = read(&mut recovered, &settings, now_ms)?;
        let Recovered { clean, cut, broken_snapshots, .. } = recovered;
        let mut recovery = Recovery { records, clean, cut, broken_snapshots, ..Recovery::default() };
        let ceiling = begin(&journal, &mut replay, &mut recovery)?;
        let store = replay.store;
        recovery.revision = store.revision();
        recovery.compacted = store.compacted();
        recovery.keys = store.keys.len() as u64;
        recovery.leases = store.leases.len() as u64;
        recovery.took = began.elapsed();
        let gate = Gate::new(journal.synced(), ceiling);
        let shared = Arc::new(Shared::new(store, Some(gate), &settings));
        let ears = syncing::listen(&journal, settings.syncs_in_runtime).map_err(OpenError::Bell)?;
        let engine = Engine { shared, journal: Some(journal), clock, settings };
        Ok((Embedded::run(engine, Some(ears), snapshot_bytes), recovery))
    }
}

/// The store as the disk has it, and how many records were read after the snapshot.
fn read(
    recovered: &mut Recovered,
    settings: &EmbeddedSettings,
    now_ms: u64,
) -> Result<(Replay, u64), OpenError> {
    let mut replay = match recovered.snapshot.take() {
        Some(reader) => snapshot::load(BufReader::with_capacity(READ_BYTES, reader), settings.store, now_ms)?,
        None => Replay::new(settings.store, now_ms),
    };
    let mut records = 0;
    while let Some(record) = recovered.records.next_record()? {
        let position = record.position;
        replay.record(record.bytes).map_err(|what| OpenError::Record { position, what })?;
        records += 1;
    }
    Ok((replay, records))
}

/// Writes down what a start changes: the revisions skipped, the leases ended, the new ceiling. Answers that.
fn begin(journal: &Journal, replay: &mut Replay, recovery: &mut Recovery) -> Result<Revision, OpenError> {
    let mut owned: Vec<_> =
        replay.store.leases.grants().into_iter().filter(|grant| grant.dies_with_process).collect();
    // In one order, whatever the table's is.
    owned.sort_unstable_by_key(|grant| grant.id);
    let reservation = journal.reserve((owned.len() + 3) * room::ITEM)?;
    replay.store.keep_changes();
    let last = replay.store.revision();
    if !recovery.clean && replay.ceiling > last {
        let to = replay.ceiling.next();
        recovery.jumped_from = Some(last);
        replay.store.changes.push(Item::Jump { last, to });
        // It goes on from its own revision, which nothing can be wrong with.
        _ = replay.jump(Hole { last, to });
    }
    for grant in &owned {
        _ = replay.store.lease_revoke(grant.id);
    }
    recovery.ended_leases = owned.len() as u64;
    let ceiling = Gate::ceiling_above(replay.store.revision());
    let store: &mut Store = &mut replay.store;
    store.changes.push(Item::Ceiling { revision: ceiling });
    if let Some(position) = store.changes.take(|record, _| journal.append(reservation, record)) {
        journal.wait_synced(position)?;
    }
    store.show(store.revision());
    Ok(ceiling)
}
