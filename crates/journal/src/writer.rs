//! The thread that syncs: takes all that is pending, writes it, syncs it, tells it, and again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::MutexGuard;

use crate::format::{FrameKind, push_mark, segment_name};
use crate::recovery::{SegmentFile, Tail};
use crate::shared::{Part, Phase, Prepared, Shared, State};
use crate::{Failure, Position};

/// How long a group that is to be written waits for the next record that is expected.
const NEXT_WITHIN: Duration = Duration::from_micros(50);

/// How long it waits for all of them: what a sync takes costs more than that, where it has the disk and the
/// processor for itself alone, and others work meanwhile.
const GROUP_WITHIN: Duration = Duration::from_millis(1);

/// What the thread that syncs owns.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    /// Records that are likely to come before long: as many as were told with the last group, whose clients may
    /// now send others, and those that came while it was synced.
    expected: u64,
    /// The segment that is written to, and where its frames end.
    segment: Option<Tail>,
}

/// What is to be done next.
enum Work {
    Write(Vec<Part>),
    /// Nothing can be written any more, and somebody appended.
    Report(Failure),
    /// All is written, and the end is to be marked or not.
    End {
        clean: bool,
    },
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, segment: Option<Tail>) -> Writer {
        Writer { shared, expected: 0, segment }
    }

    /// Works until the journal ends.
    pub(crate) fn run(mut self) {
        // The last record whose failure was reported.
        let mut reported = 0;
        loop {
            match self.next_work(&mut reported) {
                Work::Write(parts) => {
                    for part in parts {
                        if !self.write(part) {
                            break;
                        }
                    }
                }
                Work::Report(failure) => self.tell(Err(failure)),
                Work::End { clean } => {
                    if clean {
                        self.mark_end();
                    }
                    self.shared.state.lock().phase = Phase::Ended;
                    self.shared.progress.notify_all();
                    // It may own whoever owns the journal.
                    *self.shared.listener.lock() = None;
                    return;
                }
            }
        }
    }

    /// Waits for something to do.
    fn next_work(&self, reported: &mut u64) -> Work {
        let mut state = self.shared.state.lock();
        loop {
            if let Some(failure) = &state.failure {
                // Also with nothing pending, so that who waits for nothing yet learns of it.
                if *reported <= state.last {
                    let failure = failure.clone();
                    *reported = state.last + 1;
                    state.pending.clear();
                    return Work::Report(failure);
                }
            } else if !state.pending.is_empty() {
                self.gather(&mut state);
                return Work::Write(std::mem::take(&mut state.pending));
            }
            match state.phase {
                // What is reserved may still be appended, and would be lost behind the mark.
                Phase::Closing if state.room.reserved == 0 || state.failure.is_some() => {
                    return Work::End { clean: state.failure.is_none() };
                }
                Phase::Dropped => return Work::End { clean: false },
                _ => {}
            }
            state.wake_at = Some(0);
            self.shared.work.wait(&mut state);
            state.wake_at = None;
        }
    }

    /// Waits for half of the records that are expected, as long as they keep coming: one half is synced while the
    /// other is being made. A client alone never waits: where one record was told, one is expected.
    fn gather(&self, state: &mut MutexGuard<'_, State>) {
        let whole = state.synced + self.expected.div_ceil(2);
        let mut until: Option<Instant> = None;
        loop {
            let last = state.last;
            if last >= whole || state.phase != Phase::Open || state.failure.is_some() {
                return;
            }
            let now = Instant::now();
            if now >= *until.get_or_insert(now + GROUP_WITHIN) {
                return;
            }
            state.wake_at = Some(whole);
            self.shared.work.wait_for(state, NEXT_WITHIN);
            state.wake_at = None;
            if state.last == last {
                return;
            }
        }
    }

    /// Writes and syncs one piece of a group, and tells it; false when that failed.
    fn write(&mut self, part: Part) -> bool {
        if let Some(prepared) = part.begins
            && !self.begin_segment(prepared, part.first)
        {
            return false;
        }
        let Some(segment) = &mut self.segment else { return false };
        if let Err(error) = segment.file.write_at(part.offset, &part.bytes) {
            self.shared.fail("write", &segment.name, &error);
            return false;
        }
        if let Err(error) = segment.file.sync_data() {
            self.shared.fail("sync", &segment.name, &error);
            return false;
        }
        segment.offset = part.offset + part.bytes.len() as u64;
        {
            let mut state = self.shared.state.lock();
            self.expected = state.last - state.synced;
            state.synced = part.last;
            state.unsynced_bytes = state.unsynced_bytes.saturating_sub(part.bytes.len() as u64);
            state.reuse(part.bytes);
        }
        self.shared.progress.notify_all();
        self.tell(Ok(Position(part.last)));
        true
    }

    /// Gives a prepared segment its name: all before it is synced.
    fn begin_segment(&mut self, prepared: Prepared, first: u64) -> bool {
        let Prepared { name: unfinished, file, bytes } = prepared;
        let name = segment_name(first);
        let disk = &self.shared.disk;
        if let Err(error) = disk.rename(&unfinished, &name).and_then(|()| disk.sync_directory()) {
            self.shared.fail("name", &name, &error);
            return false;
        }
        let mut state = self.shared.state.lock();
        let State { files, .. } = &mut *state;
        // One without a record that was left by the start before had the same name, and is gone.
        files.segments.retain(|segment| segment.first != first);
        files.segments.push(SegmentFile { name: name.clone(), first, bytes });
        drop(state);
        self.segment = Some(Tail { name, file, offset: 0 });
        // The next one is prepared from now on, and not when the disk had this group to write.
        self.shared.shortage.notify_one();
        true
    }

    /// Writes that the journal ended here, and gives back what the segment has beyond.
    fn mark_end(&mut self) {
        // A journal without a segment has nothing that could be torn.
        let Some(segment) = &self.segment else { return };
        let mut mark = Vec::new();
        let next = self.shared.state.lock().last + 1;
        push_mark(&mut mark, FrameKind::End, next, segment.offset, self.shared.salt);
        let written = segment
            .file
            .write_at(segment.offset, &mark)
            .and_then(|()| segment.file.truncate(segment.offset + mark.len() as u64))
            .and_then(|()| segment.file.sync_data());
        if let Err(error) = written {
            self.shared.fail("end", &segment.name, &error);
        }
    }

    fn tell(&self, outcome: Result<Position, Failure>) {
        if let Some(listener) = &*self.shared.listener.lock() {
            listener(outcome);
        }
    }
}
