//! What the calls of one connection share: who is at its other end, and how much they may hold together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyrax_types::limits::{WATCHED_KEY_BYTES_PER_CONNECTION_MAX, WATCHES_PER_CONNECTION_MAX};

use crate::net::Peer;

/// A connection that carries calls.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Who is at the other end.
    pub(crate) peer: Peer,
    watches: AtomicUsize,
    watched_bytes: AtomicUsize,
}

impl Connection {
    pub(crate) fn new(peer: Peer) -> Arc<Connection> {
        Arc::new(Connection { peer, watches: AtomicUsize::new(0), watched_bytes: AtomicUsize::new(0) })
    }

    /// Room for one more watch, of keys of so many bytes, unless the connection has as many as it may.
    pub(crate) fn watch_room(self: &Arc<Self>, bytes: usize) -> Option<WatchRoom> {
        take(&self.watches, 1, WATCHES_PER_CONNECTION_MAX)?;
        if take(&self.watched_bytes, bytes, WATCHED_KEY_BYTES_PER_CONNECTION_MAX).is_none() {
            self.watches.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(WatchRoom { connection: self.clone(), bytes })
    }
}

fn take(counter: &AtomicUsize, amount: usize, max: usize) -> Option<()> {
    let more = |taken: usize| taken.checked_add(amount).filter(|&taken| taken <= max);
    counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
    Some(())
}

/// One watch's room, which is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct WatchRoom {
    connection: Arc<Connection>,
    bytes: usize,
}

impl Drop for WatchRoom {
    fn drop(&mut self) {
        self.connection.watches.fetch_sub(1, Ordering::Relaxed);
        self.connection.watched_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
