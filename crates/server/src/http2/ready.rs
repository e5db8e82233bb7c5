//! Which of a connection's streams want to go on. Each has a waker of its own, so that a connection with thousands of
//! calls that wait looks only at those that something happened to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

/// The places of streams that want to go on, and the task that serves them.
#[derive(Default)]
pub(super) struct Ready {
    places: Mutex<Vec<usize>>,
    /// Whether the task is at work. It then looks by itself before it sleeps, and need not be woken.
    has_turn: AtomicBool,
    pub(super) task: AtomicWaker,
}

/// Wakes one place. Whoever has the place next inherits it, and may be woken for nothing.
pub(super) struct PlaceWaker {
    place: usize,
    is_ready: AtomicBool,
    ready: Arc<Ready>,
}

impl Ready {
    pub(super) fn waker(self: &Arc<Self>, place: usize) -> Arc<PlaceWaker> {
        Arc::new(PlaceWaker { place, is_ready: AtomicBool::new(false), ready: Arc::clone(self) })
    }

    /// The task is at work from now on.
    pub(super) fn begin_turn(&self) {
        self.has_turn.store(true, Ordering::SeqCst);
    }

    /// The task is about to sleep; whether it has to go on instead.
    pub(super) fn end_turn(&self) -> bool {
        // In one order with what a waker does: either it sees this, or its place is seen here.
        self.has_turn.store(false, Ordering::SeqCst);
        self.has_some()
    }

    /// Whether somebody wants to go on.
    pub(super) fn has_some(&self) -> bool {
        !self.places.lock().is_empty()
    }

    /// Takes the places that want to go on. `places` is empty.
    pub(super) fn take(&self, places: &mut Vec<usize>) {
        std::mem::swap(&mut *self.places.lock(), places);
    }
}

impl PlaceWaker {
    /// From now on it can be woken again.
    pub(super) fn rearm(&self) {
        self.is_ready.store(false, Ordering::SeqCst);
    }
}

impl Wake for PlaceWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_ready.swap(true, Ordering::SeqCst) {
            return;
        }
        self.ready.places.lock().push(self.place);
        if !self.ready.has_turn.load(Ordering::SeqCst) {
            self.ready.task.wake();
        }
    }
}
