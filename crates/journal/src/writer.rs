//! The thread that syncs, where nobody else has promised to: takes all that is pending, has it written and told, and
//! again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::MutexGuard;

use crate::Failure;
use crate::pen::Pen;
use crate::shared::{Phase, Shared, State};

/// How long a group that is to be written waits for the next record that is expected.
const NEXT_WITHIN: Duration = Duration::from_micros(50);

/// How long it waits for all of them: what a sync takes costs more than that, where it has the disk and the
/// processor for itself alone, and others work meanwhile.
const GROUP_WITHIN: Duration = Duration::from_millis(1);

/// What the thread does next.
enum Work {
    /// Nothing, until it is woken.
    Wait,
    Write,
    /// Nothing can be written any more, and somebody appended.
    Report(Failure),
    /// All is written, and the end is to be marked or not.
    End {
        clean: bool,
    },
}

/// Works until the journal ends.
pub(crate) fn run(shared: &Arc<Shared>) {
    // The last record whose failure was reported.
    let mut reported = 0;
    loop {
        // Before the state, as whoever has it may be about to look at that.
        let mut pen = shared.pen.lock();
        let mut state = shared.state.lock();
        match next_work(&state, reported) {
            Work::Wait => {
                drop(pen);
                state.wake_at = Some(0);
                shared.work.wait(&mut state);
                state.wake_at = None;
            }
            Work::Write => {
                gather(shared, &mut state);
                pen.write_pending(shared, state);
            }
            Work::Report(failure) => {
                reported = state.last + 1;
                state.pending.clear();
                drop(state);
                shared.tell(Err(failure));
            }
            Work::End { clean } => {
                drop(state);
                return end(shared, &mut pen, clean);
            }
        }
    }
}

fn next_work(state: &State, reported: u64) -> Work {
    // At the end a promise may not be kept any more.
    let is_promised = state.is_promised && state.phase == Phase::Open;
    if let Some(failure) = &state.failure {
        // Also with nothing pending, so that who waits for nothing yet learns of it.
        if reported <= state.last {
            return Work::Report(failure.clone());
        }
    } else if !state.pending.is_empty() && !is_promised {
        return Work::Write;
    }
    match state.phase {
        // What is reserved may still be appended, and would be lost behind the mark.
        Phase::Closing if state.room.reserved == 0 || state.failure.is_some() => {
            Work::End { clean: state.failure.is_none() }
        }
        Phase::Dropped => Work::End { clean: false },
        _ => Work::Wait,
    }
}

/// Waits for half of the records that are expected, as long as they keep coming: one half is synced while the
/// other is being made. A client alone never waits: where one record was told, one is expected.
fn gather(shared: &Shared, state: &mut MutexGuard<'_, State>) {
    let whole = state.synced + state.expected.div_ceil(2);
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
        shared.work.wait_for(state, NEXT_WITHIN);
        state.wake_at = None;
        if state.last == last {
            return;
        }
    }
}

fn end(shared: &Shared, pen: &mut Pen, clean: bool) {
    if clean {
        pen.mark_end(shared);
    }
    shared.state.lock().phase = Phase::Ended;
    shared.progress.notify_all();
    // It may own whoever owns the journal.
    *shared.listener.lock() = None;
}
