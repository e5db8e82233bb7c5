//! The places that connections take, of which there is a number.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use crate::metrics::{Door, Metrics, OpenConnection};

/// All the places of a server.
pub(super) struct Seats {
    taken: AtomicUsize,
    emptied: Notify,
    metrics: Arc<Metrics>,
}

impl Seats {
    pub(super) fn new(metrics: Arc<Metrics>) -> Arc<Seats> {
        Arc::new(Seats { taken: AtomicUsize::new(0), emptied: Notify::new(), metrics })
    }

    /// A place, unless `limit` of them are taken.
    pub(super) fn take(self: &Arc<Self>, limit: usize) -> Option<Seat> {
        let more = |taken: usize| (taken < limit).then_some(taken + 1);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Seat { seats: Arc::clone(self), connection: self.metrics.connection() })
    }

    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }

    /// Waits until no place is taken.
    pub(super) async fn emptied(&self) {
        loop {
            let mut emptied = std::pin::pin!(self.emptied.notified());
            // From here on a wake-up is not missed, be it before the await.
            emptied.as_mut().enable();
            if self.taken() == 0 {
                return;
            }
            emptied.await;
        }
    }
}

/// One connection's place, which is free again when this is dropped.
pub(crate) struct Seat {
    seats: Arc<Seats>,
    connection: OpenConnection,
}

impl Seat {
    /// The only place of a server that has one.
    #[cfg(test)]
    pub(crate) fn alone(metrics: Arc<Metrics>) -> Option<Seat> {
        Seats::new(metrics).take(1)
    }

    /// The connection turned out to be one of `door`.
    pub(crate) fn becomes(&self, door: Door) {
        self.connection.becomes(door);
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        self.connection.metrics()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.seats.taken.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.seats.emptied.notify_waiters();
        }
    }
}
