//! What the callers, the thread that syncs and the thread that prepares segments share: the records that are to be
//! written, the room that there is for more, and which files there are. All under one lock, which nobody holds
//! while the disk works.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use hyrax_types::limits::JOURNAL_RECORD_BYTES_MAX;
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::format::{FILE_HEADER_BYTES, FrameKind, MARK_BYTES, frame_bytes, push_frame, push_mark, salt};
use crate::pen::Pen;
use crate::recovery::{SegmentFile, SnapshotFile, Tail};
use crate::{AppendError, Disk, Failure, File, JournalSettings, Position};

/// Called after each group.
pub(crate) type Listener = Box<dyn Fn(Result<Position, Failure>) + Send + Sync>;

/// Called where something is pending that somebody is to write.
pub(crate) type Asked = Box<dyn Fn() + Send + Sync>;

/// Bytes that a segment must have beyond its records: its header, and the mark of a clean end.
pub(crate) const SEGMENT_OVERHEAD: u64 = FILE_HEADER_BYTES + MARK_BYTES as u64;

/// A written group's buffer is used again if it is not larger than this.
const BUFFER_KEPT_MAX: usize = 4 * 1024 * 1024;

/// What all threads of a journal share.
pub(crate) struct Shared {
    pub disk: Arc<dyn Disk>,
    pub settings: JournalSettings,
    pub seed: u128,
    pub salt: u32,
    pub state: Mutex<State>,
    /// Held by whoever writes. Locked before the state, if both are.
    pub pen: Mutex<Pen>,
    /// Asks somebody to write in the place of the thread that syncs, if there is somebody.
    pub ask: OnceLock<Asked>,
    /// Told to the thread that syncs: there is something to write, or the end.
    pub work: Condvar,
    /// Told to the thread that prepares segments: one is wanted, or the end.
    pub shortage: Condvar,
    /// Told to who waits: something was synced or prepared, or never will be.
    pub progress: Condvar,
    /// Held while it is called, so that calls do not overlap.
    pub listener: Mutex<Option<Listener>>,
}

/// Where a journal is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Open,
    /// Takes nothing more; a mark of a clean end is to be written when all else is.
    Closing,
    /// Takes nothing more, and ends without a mark when all is written.
    Dropped,
    /// The thread that syncs is done.
    Ended,
}

pub(crate) struct State {
    pub phase: Phase,
    pub failure: Option<Failure>,
    /// The last record appended.
    pub last: u64,
    /// The last one on disk.
    pub synced: u64,
    /// Records that are likely to come before long: as many as were told with the last group, whose clients may
    /// now send others, and those that came while it was synced.
    pub expected: u64,
    /// What is to be written, in order.
    pub pending: Vec<Part>,
    /// A buffer to fill next.
    buffer: Vec<u8>,
    /// Bytes appended and not yet synced.
    pub unsynced_bytes: u64,
    pub room: Room,
    /// The thread that syncs waits until this record is appended, or for something else to do. Zero when it has
    /// nothing to do at all.
    pub wake_at: Option<u64>,
    /// Whether somebody else was asked to write what is pending, or is at it.
    pub is_promised: bool,
    /// Whether a sync takes so little time that somebody else may be asked.
    pub is_quick: bool,
    /// Whether the last attempt to prepare a segment found the disk full.
    pub out_of_space: bool,
    /// Bytes of frames appended since the beginning, to tell how many a snapshot covers.
    pub appended_bytes: u64,
    /// What they were when the newest snapshot was begun.
    pub snapshot_bytes: u64,
    /// Whether one is being written.
    pub snapshotting: bool,
    pub files: Files,
}

/// A piece of a group: what goes to one place of one segment.
pub(crate) struct Part {
    /// A segment that begins with this piece.
    pub begins: Option<Prepared>,
    pub offset: u64,
    pub bytes: Vec<u8>,
    /// Its first record.
    pub first: u64,
    /// Its last one.
    pub last: u64,
}

/// A segment that has its header and its place on disk, but no name.
pub(crate) struct Prepared {
    pub name: String,
    pub file: Box<dyn File>,
    pub bytes: u64,
}

/// Where the next record goes, and what was promised of it.
///
/// What is promised fits whole into the rest of the current segment, or else whole into the prepared one. So
/// whichever record comes first and in whichever order: at the latest in the prepared segment there is room.
pub(crate) struct Room {
    /// Where the current segment is filled up to.
    offset: u64,
    /// Bytes of the current segment.
    size: u64,
    pub prepared: Option<Prepared>,
    /// Bytes promised to reservations.
    pub reserved: u64,
    /// Bytes that a prepared segment must have for whoever waits.
    pub wanted: u64,
}

impl Room {
    fn here(&self) -> u64 {
        self.size.saturating_sub(self.offset + MARK_BYTES as u64)
    }

    fn there(&self) -> u64 {
        self.prepared.as_ref().map_or(0, |prepared| prepared.bytes.saturating_sub(SEGMENT_OVERHEAD))
    }

    /// Bytes that the next segment is to have, if one is to be prepared.
    pub(crate) fn shortage(&self, segment_bytes: u64) -> Option<u64> {
        let wanted = self.wanted.max(segment_bytes);
        self.prepared.as_ref().is_none_or(|prepared| prepared.bytes < self.wanted).then_some(wanted)
    }
}

/// The files that the journal has.
pub(crate) struct Files {
    /// In order; the last one may be written to.
    pub segments: Vec<SegmentFile>,
    /// The oldest first.
    pub snapshots: VecDeque<SnapshotFile>,
    /// Names of broken ones, to go with the next snapshot.
    pub broken_snapshots: Vec<String>,
}

/// Bytes to promise for a record: it may be the first of a group, and have a mark before it.
pub(crate) fn bytes_promised(record: usize) -> u64 {
    frame_bytes(record) + MARK_BYTES as u64
}

impl State {
    /// Nothing is written yet: `last` is what was found on disk, and a segment is begun with the next record.
    pub(crate) fn new(last: u64, bytes_since_snapshot: u64, files: Files) -> State {
        State {
            phase: Phase::Open,
            failure: None,
            last,
            synced: last,
            expected: 0,
            pending: Vec::new(),
            buffer: Vec::new(),
            unsynced_bytes: 0,
            room: Room { offset: 0, size: 0, prepared: None, reserved: 0, wanted: 0 },
            wake_at: None,
            is_promised: false,
            is_quick: false,
            out_of_space: false,
            appended_bytes: bytes_since_snapshot,
            snapshot_bytes: 0,
            snapshotting: false,
            files,
        }
    }

    /// Promises room, or says why there is none now; none of both where a segment has to be prepared first.
    pub(crate) fn promise(
        &mut self,
        record: usize,
        settings: &JournalSettings,
    ) -> Result<Option<u64>, AppendError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone().into());
        }
        if self.phase != Phase::Open {
            return Err(AppendError::Closed);
        }
        if record as u64 > JOURNAL_RECORD_BYTES_MAX {
            return Err(AppendError::TooLarge { bytes: record as u64, bytes_max: JOURNAL_RECORD_BYTES_MAX });
        }
        let bytes = bytes_promised(record);
        let pending = self.unsynced_bytes + self.room.reserved;
        // One that is larger than all that may be pending has to be let in alone.
        if pending > 0 && pending + bytes > settings.pending_bytes_max {
            return Err(AppendError::TooBusy);
        }
        let promised = self.room.reserved + bytes;
        if promised <= self.room.here() || promised <= self.room.there() {
            self.room.reserved = promised;
            return Ok(Some(bytes));
        }
        if self.out_of_space {
            return Err(AppendError::NoSpace);
        }
        self.room.wanted = self.room.wanted.max(promised + SEGMENT_OVERHEAD);
        Ok(None)
    }

    /// Puts a record behind the others, in the room that was promised.
    pub(crate) fn append(&mut self, promised: u64, record: &[u8], salt: u32) -> Position {
        self.room.reserved -= promised;
        self.last += 1;
        let frame = frame_bytes(record.len());
        let continues = self.pending.last().is_some();
        let mark = if continues { 0 } else { MARK_BYTES as u64 };
        if self.failure.is_some() {
            return Position(self.last);
        }
        if frame + mark <= self.room.size.saturating_sub(self.room.offset + MARK_BYTES as u64) {
            if !continues {
                self.begin_part(None, salt);
            }
        } else if let Some(prepared) = self.room.prepared.take_if(|it| frame <= it.bytes - SEGMENT_OVERHEAD) {
            self.room.offset = FILE_HEADER_BYTES;
            self.room.size = prepared.bytes;
            self.begin_part(Some(prepared), salt);
        } else {
            // Only a record longer than what was reserved for it gets here.
            self.failure = Some(Failure {
                doing: "append to",
                file: "the segment".into(),
                reason: "a record is longer than was reserved for it".into(),
            });
            return Position(self.last);
        }
        if let Some(part) = self.pending.last_mut() {
            push_frame(&mut part.bytes, FrameKind::Record, self.last, record, salt);
            part.last = self.last;
        }
        self.room.offset += frame;
        self.unsynced_bytes += frame;
        self.appended_bytes += frame;
        Position(self.last)
    }

    /// Begins a piece with its mark.
    fn begin_part(&mut self, begins: Option<Prepared>, salt: u32) {
        let offset = self.room.offset;
        let mut bytes = std::mem::take(&mut self.buffer);
        push_mark(&mut bytes, FrameKind::Mark, self.last, offset, salt);
        self.pending.push(Part { begins, offset, bytes, first: self.last, last: self.last });
        self.room.offset += MARK_BYTES as u64;
    }

    /// Takes back the buffer of a piece that was written.
    pub(crate) fn reuse(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= BUFFER_KEPT_MAX {
            buffer.clear();
            self.buffer = buffer;
        }
    }
}

impl Shared {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        settings: JournalSettings,
        seed: u128,
        state: State,
        tail: Option<Tail>,
    ) -> Shared {
        Shared {
            disk,
            settings,
            seed,
            salt: salt(seed),
            state: Mutex::new(state),
            pen: Mutex::new(Pen::new(tail)),
            ask: OnceLock::new(),
            work: Condvar::new(),
            shortage: Condvar::new(),
            progress: Condvar::new(),
            listener: Mutex::new(None),
        }
    }

    /// Stops the journal for good.
    pub(crate) fn fail(&self, doing: &'static str, file: &str, reason: &std::io::Error) {
        tracing::error!(doing, file, %reason, "the journal stopped");
        let mut state = self.state.lock();
        state.failure.get_or_insert_with(|| Failure {
            doing,
            file: file.into(),
            reason: reason.to_string().into(),
        });
        self.wake_writer(state);
        self.progress.notify_all();
        self.shortage.notify_all();
    }

    /// Has the thread that syncs look, whatever it waits for.
    pub(crate) fn wake_writer(&self, mut state: MutexGuard<'_, State>) {
        // Who works looks by itself before it sleeps.
        let waits = state.wake_at.take().is_some();
        drop(state);
        if waits {
            self.work.notify_one();
        }
    }

    /// Has somebody look at what was appended, unless somebody will look anyway: where its client is alone and would
    /// not wait for long, whoever can be asked, or else the thread that syncs.
    pub(crate) fn appended(&self, mut state: MutexGuard<'_, State>) {
        let works = state.phase == Phase::Open && state.failure.is_none();
        if works && state.is_promised || state.wake_at.is_none_or(|record| record > state.last) {
            return;
        }
        let is_idle = state.wake_at == Some(0);
        match self.ask.get() {
            Some(ask) if works && is_idle && state.is_quick && state.expected <= 1 => {
                state.is_promised = true;
                drop(state);
                ask();
            }
            _ => self.wake_writer(state),
        }
    }

    /// Writes, syncs and tells what is pending, by this thread. Should more have come meanwhile, the client is not
    /// alone, and the thread that syncs goes on.
    pub(crate) fn sync_pending(&self) {
        let mut pen = self.pen.lock();
        let state = self.state.lock();
        if !state.pending.is_empty() && state.failure.is_none() {
            pen.write_pending(self, state);
        } else {
            drop(state);
        }
        let mut state = self.state.lock();
        state.is_promised = false;
        if !state.pending.is_empty() {
            self.wake_writer(state);
        }
    }

    /// Waits until all records up to `position` are on disk.
    pub(crate) fn wait_synced(&self, position: Position) -> Result<(), Failure> {
        let mut state = self.state.lock();
        while state.synced < position.0.min(state.last) {
            if let Some(failure) = &state.failure {
                return Err(failure.clone());
            }
            if state.is_promised {
                // Whoever promised may wait for this very thread.
                drop(state);
                self.sync_pending();
                state = self.state.lock();
            } else {
                self.progress.wait(&mut state);
            }
        }
        Ok(())
    }

    /// Tells the listener.
    pub(crate) fn tell(&self, outcome: Result<Position, Failure>) {
        if let Some(listener) = &*self.listener.lock() {
            listener(outcome);
        }
    }

    /// Counts a snapshot that is in its place, and removes what only older ones needed.
    pub(crate) fn snapshot_made(&self, made: SnapshotFile, appended_bytes: u64) {
        let (obsolete, retry) = {
            let mut state = self.state.lock();
            state.snapshot_bytes = appended_bytes;
            let files = &mut state.files;
            files.snapshots.push_back(made);
            let mut obsolete = std::mem::take(&mut files.broken_snapshots);
            while files.snapshots.len() > self.settings.snapshots_kept.max(1) {
                obsolete.extend(files.snapshots.pop_front().map(|snapshot| snapshot.name));
            }
            let oldest = files.snapshots.front().map_or(0, |snapshot| snapshot.position);
            // The segment that has the next record stays, and the last one in any case.
            let from =
                files.segments.partition_point(|segment| segment.first <= oldest + 1).saturating_sub(1);
            obsolete.extend(files.segments.drain(..from).map(|segment| segment.name));
            (obsolete, state.out_of_space)
        };
        for name in obsolete {
            if let Err(error) = self.disk.remove(&name) {
                tracing::warn!(file = name, %error, "an old file was left behind");
            }
        }
        if retry {
            self.shortage.notify_one();
        }
    }
}
