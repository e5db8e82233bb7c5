//! The journal as its user meets it.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::format::identity;
use crate::recovery::recover;
use crate::shared::{Asked, Files, Listener, Phase, Shared, State};
use crate::{
    AppendError, Cut, Disk, Failure, JournalSettings, OpenError, Position, Records, SnapshotError,
    SnapshotReader, SnapshotWriter, preparer, writer,
};

/// How long a reservation waits for a segment to be prepared.
const PREPARED_WITHIN: Duration = Duration::from_secs(2);

/// A journal that is open. All of it may be called from any thread.
pub struct Journal {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

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
pub struct Reservation {
    shared: Arc<Shared>,
    /// Zero once it was used.
    bytes: u64,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.bytes > 0 {
            let mut state = self.shared.state.lock();
            state.room.reserved -= self.bytes;
            if state.phase == Phase::Closing {
                self.shared.wake_writer(state);
            }
        }
    }
}

impl Journal {
    /// Opens what is on `disk`, or starts a new journal where nothing is.
    pub fn open(disk: Arc<dyn Disk>, settings: JournalSettings) -> Result<(Journal, Recovered), OpenError> {
        let found = recover(disk.as_ref())?;
        let position = found.snapshot.as_ref().map_or(Position(0), SnapshotReader::position);
        let files = Files {
            segments: found.segments,
            snapshots: found.snapshots.into(),
            broken_snapshots: found.broken_snapshots.clone(),
        };
        let state = State::new(found.last, found.bytes_since_snapshot, files);
        let seed = found.seed.unwrap_or(settings.seed);
        let shared = Arc::new(Shared::new(Arc::clone(&disk), settings, seed, state, found.tail));
        let journal = Journal { shared: Arc::clone(&shared), threads: Mutex::new(Vec::new()) };
        let writing = Arc::clone(&shared);
        journal.start("journal sync", move || writer::run(&writing))?;
        journal.start("journal space", move || preparer::run(&shared))?;
        let recovered = Recovered {
            snapshot: found.snapshot,
            records: Records::new(disk, found.to_read, position),
            last: Position(found.last),
            cut: found.cut,
            clean: found.clean,
            broken_snapshots: found.broken_snapshots,
        };
        Ok((journal, recovered))
    }

    fn start(&self, name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), OpenError> {
        let started = thread::Builder::new().name(name.to_owned()).spawn(run);
        let thread =
            started.map_err(|source| OpenError::Io { doing: "start", file: name.to_owned(), source })?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// The journal's public name, the same for as long as it exists: random, given when it was made.
    pub fn identity(&self) -> u64 {
        identity(self.shared.seed)
    }

    /// Takes room for a record of at most `bytes` bytes. Usually this is some additions under a lock; where a
    /// record is longer than a segment, or others were faster than segments are prepared, it waits for one.
    pub fn reserve(&self, bytes: usize) -> Result<Reservation, AppendError> {
        let shared = &self.shared;
        let mut state = shared.state.lock();
        let mut deadline = None;
        loop {
            if let Some(bytes) = state.promise(bytes, &shared.settings)? {
                return Ok(Reservation { shared: Arc::clone(shared), bytes });
            }
            shared.shortage.notify_one();
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + PREPARED_WITHIN);
            if shared.progress.wait_until(&mut state, deadline).timed_out() {
                return Err(AppendError::TooBusy);
            }
        }
    }

    /// Appends a record of at most the bytes that were reserved. Records have the order of these calls. Neither
    /// waits for the disk nor fails: what can not be written is reported by [`Journal::on_synced`].
    pub fn append(&self, mut reservation: Reservation, record: &[u8]) -> Position {
        let promised = std::mem::take(&mut reservation.bytes);
        let mut state = self.shared.state.lock();
        let position = state.append(promised, record, self.shared.salt);
        self.shared.appended(state);
        position
    }

    /// Has `ask` called where a record is pending whose client is alone, while the disk is quick: it promises that some
    /// thread calls [`Journal::sync_pending`] at once. To hand one record to the journal's own thread, and to be told by
    /// that one, costs more than to sync it. Otherwise nobody is asked, and the journal's own thread does it. `ask`
    /// should do no more than wake somebody. It can be set once.
    pub fn on_pending(&self, ask: Asked) {
        // Who was there first stays.
        _ = self.shared.ask.set(ask);
    }

    /// Writes and syncs what is pending, and has the listener told, by this thread; it waits for the disk once.
    pub fn sync_pending(&self) {
        self.shared.sync_pending();
    }

    /// Has `listener` told, from the thread that synced, after each group: that all records up to a position are on
    /// disk, or that the journal stopped. Every appended record is followed by such a call. The listener should be
    /// quick: the next group waits for it. Replaces an earlier listener.
    pub fn on_synced(&self, listener: Listener) {
        *self.shared.listener.lock() = Some(listener);
    }

    /// The last record appended.
    pub fn last(&self) -> Position {
        Position(self.shared.state.lock().last)
    }

    /// The last record that is on disk, all before it included.
    pub fn synced(&self) -> Position {
        Position(self.shared.state.lock().synced)
    }

    /// Waits until all records up to `position` are on disk. Blocks the thread.
    pub fn wait_synced(&self, position: Position) -> Result<(), Failure> {
        self.shared.wait_synced(position)
    }

    /// Bytes of records appended since the newest snapshot was begun: when they are many, it is time for another.
    pub fn bytes_since_snapshot(&self) -> u64 {
        let state = self.shared.state.lock();
        state.appended_bytes - state.snapshot_bytes
    }

    /// Bytes that the journal's files have on disk.
    pub fn disk_bytes(&self) -> u64 {
        let state = self.shared.state.lock();
        let segments: u64 = state.files.segments.iter().map(|segment| segment.bytes).sum();
        let snapshots: u64 = state.files.snapshots.iter().map(|snapshot| snapshot.bytes).sum();
        segments + snapshots + state.room.prepared.as_ref().map_or(0, |prepared| prepared.bytes)
    }

    /// Whether the disk is so full that no further segment could be prepared.
    pub fn out_of_space(&self) -> bool {
        self.shared.state.lock().out_of_space
    }

    /// Begins a snapshot of the state after the record at `position`, which must have been appended. May be called
    /// and written from any thread while appending goes on; one at a time.
    pub fn snapshot(&self, position: Position) -> Result<SnapshotWriter, SnapshotError> {
        let appended_bytes = {
            let mut state = self.shared.state.lock();
            if let Some(failure) = &state.failure {
                return Err(failure.clone().into());
            }
            let last = Position(state.last);
            if position > last {
                return Err(SnapshotError::Ahead { position, last });
            }
            let newest = state.files.snapshots.back();
            if state.snapshotting || newest.is_some_and(|newest| newest.position >= position.0) {
                return Err(SnapshotError::Superseded { position });
            }
            state.snapshotting = true;
            state.appended_bytes
        };
        SnapshotWriter::new(Arc::clone(&self.shared), position, appended_bytes)
    }

    /// Ends the journal: takes nothing more, waits for what is reserved or pending, and marks a clean end. Whoever
    /// calls this must hold no reservation. Without it (the journal dropped) what is pending is written all the same,
    /// but the end is not a clean one.
    pub fn close(&self) -> Result<(), Failure> {
        self.end(Phase::Closing);
        self.shared.state.lock().failure.clone().map_or(Ok(()), Err)
    }

    /// Has the threads end, and waits for them.
    fn end(&self, phase: Phase) {
        let mut state = self.shared.state.lock();
        if state.phase == Phase::Open {
            state.phase = phase;
        }
        self.shared.wake_writer(state);
        self.shared.shortage.notify_all();
        self.shared.progress.notify_all();
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            // The listener may hold the last owner of the journal; a thread can not wait for itself.
            if thread.thread().id() != thread::current().id() && thread.join().is_err() {
                tracing::error!("a thread of the journal panicked");
            }
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.end(Phase::Dropped);
    }
}
