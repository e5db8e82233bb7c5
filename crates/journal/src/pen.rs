//! What writes: takes all that is pending to the disk as one group, syncs it, and tells it. Whoever has the pen writes
//! alone. When that is done, and by which thread, is not known here.

use std::time::{Duration, Instant};

use parking_lot::MutexGuard;

use crate::Position;
use crate::format::{FrameKind, push_mark, segment_name};
use crate::recovery::{SegmentFile, Tail};
use crate::shared::{Part, Prepared, Shared, State};

/// A disk whose syncs take less than this is quick: a thread that has other work may well wait for one of them.
const QUICK: Duration = Duration::from_millis(1);

/// What the time of a sync is taken to be before there was one.
const UNKNOWN: Duration = Duration::from_millis(8);

/// One sync counts for this part of what they are said to take.
const WEIGHT: u32 = 8;

/// What whoever writes holds.
pub(crate) struct Pen {
    /// The segment that is written to, and where its frames end.
    segment: Option<Tail>,
    /// What a sync took, on the whole.
    sync_time: Duration,
}

impl Pen {
    pub(crate) fn new(segment: Option<Tail>) -> Pen {
        Pen { segment, sync_time: UNKNOWN }
    }

    /// Writes, syncs and tells all that is pending. What fails has stopped the journal.
    pub(crate) fn write_pending(&mut self, shared: &Shared, mut state: MutexGuard<'_, State>) {
        let parts = std::mem::take(&mut state.pending);
        drop(state);
        for part in parts {
            if !self.write(shared, part) {
                return;
            }
        }
    }

    /// Writes and syncs one piece of a group, and tells it; false when that failed.
    fn write(&mut self, shared: &Shared, part: Part) -> bool {
        if let Some(prepared) = part.begins
            && !self.begin_segment(shared, prepared, part.first)
        {
            return false;
        }
        let Some(segment) = &mut self.segment else { return false };
        let began = Instant::now();
        if let Err(error) = segment.file.write_at(part.offset, &part.bytes) {
            shared.fail("write", &segment.name, &error);
            return false;
        }
        if let Err(error) = segment.file.sync_data() {
            shared.fail("sync", &segment.name, &error);
            return false;
        }
        segment.offset = part.offset + part.bytes.len() as u64;
        self.sync_time = (self.sync_time * (WEIGHT - 1) + began.elapsed()) / WEIGHT;
        let mut state = shared.state.lock();
        state.expected = state.last - state.synced;
        state.synced = part.last;
        state.unsynced_bytes = state.unsynced_bytes.saturating_sub(part.bytes.len() as u64);
        state.is_quick = self.sync_time < QUICK;
        state.reuse(part.bytes);
        drop(state);
        shared.progress.notify_all();
        shared.tell(Ok(Position(part.last)));
        true
    }

    /// Gives a prepared segment its name: all before it is synced.
    fn begin_segment(&mut self, shared: &Shared, prepared: Prepared, first: u64) -> bool {
        let Prepared { name: unfinished, file, bytes } = prepared;
        let name = segment_name(first);
        let disk = &shared.disk;
        if let Err(error) = disk.rename(&unfinished, &name).and_then(|()| disk.sync_directory()) {
            shared.fail("name", &name, &error);
            return false;
        }
        let mut state = shared.state.lock();
        let State { files, .. } = &mut *state;
        // One without a record that was left by the start before had the same name, and is gone.
        files.segments.retain(|segment| segment.first != first);
        files.segments.push(SegmentFile { name: name.clone(), first, bytes });
        drop(state);
        self.segment = Some(Tail { name, file, offset: 0 });
        // The next one is prepared from now on, and not when the disk had this group to write.
        shared.shortage.notify_one();
        true
    }

    /// Writes that the journal ended here, and gives back what the segment has beyond.
    pub(crate) fn mark_end(&mut self, shared: &Shared) {
        // A journal without a segment has nothing that could be torn.
        let Some(segment) = &self.segment else { return };
        let mut mark = Vec::new();
        let next = shared.state.lock().last + 1;
        push_mark(&mut mark, FrameKind::End, next, segment.offset, shared.salt);
        let written = segment
            .file
            .write_at(segment.offset, &mark)
            .and_then(|()| segment.file.truncate(segment.offset + mark.len() as u64))
            .and_then(|()| segment.file.sync_data());
        if let Err(error) = written {
            shared.fail("end", &segment.name, &error);
        }
    }
}
