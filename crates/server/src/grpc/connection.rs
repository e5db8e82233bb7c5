//! What the calls of one connection share: who is at its other end, and how much they may hold together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyrax_types::limits::{
    GATHERED_BYTES_PER_CONNECTION_MAX, WATCHED_KEY_BYTES_PER_CONNECTION_MAX, WATCHES_PER_CONNECTION_MAX,
};

use crate::net::Peer;

/// A connection that carries calls.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Who is at the other end.
    pub(crate) peer: Peer,
    watches: AtomicUsize,
    watched_bytes: AtomicUsize,
    gathered_bytes: AtomicUsize,
}

impl Connection {
    pub(crate) fn new(peer: Peer) -> Arc<Connection> {
        Arc::new(Connection {
            peer,
            watches: AtomicUsize::new(0),
            watched_bytes: AtomicUsize::new(0),
            gathered_bytes: AtomicUsize::new(0),
        })
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

/// Room that messages take which are not whole yet.
#[derive(Debug)]
pub(super) struct GatherRoom {
    connection: Arc<Connection>,
    bytes: usize,
}

impl GatherRoom {
    pub(super) fn none(connection: Arc<Connection>) -> GatherRoom {
        GatherRoom { connection, bytes: 0 }
    }

    /// Takes room for more bytes, unless the connection has as much as it may.
    pub(super) fn take(&mut self, bytes: usize) -> Option<()> {
        take(&self.connection.gathered_bytes, bytes, GATHERED_BYTES_PER_CONNECTION_MAX)?;
        self.bytes += bytes;
        Some(())
    }

    /// Gives all of it back.
    pub(super) fn give_back(&mut self) {
        self.connection.gathered_bytes.fetch_sub(std::mem::take(&mut self.bytes), Ordering::Relaxed);
    }
}

impl Drop for GatherRoom {
    fn drop(&mut self) {
        self.give_back();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::PeerAddress;

    #[test]
    fn what_a_connection_holds_is_bounded_and_given_back() {
        let peer = Peer { address: PeerAddress::Unix, local: None, tls: false, may_sudo: false };
        let connection = Connection::new(peer);
        let half = WATCHED_KEY_BYTES_PER_CONNECTION_MAX / 2;
        let first = connection.watch_room(half);
        let second = connection.watch_room(half);
        assert!(first.is_some() && second.is_some());
        assert!(connection.watch_room(1).is_none());
        drop(first);
        assert!(connection.watch_room(half).is_some());

        let mut one = GatherRoom::none(connection.clone());
        let mut other = GatherRoom::none(connection.clone());
        assert!(one.take(GATHERED_BYTES_PER_CONNECTION_MAX).is_some());
        assert!(other.take(1).is_none());
        one.give_back();
        assert!(other.take(GATHERED_BYTES_PER_CONNECTION_MAX).is_some());
        drop(other);
        assert!(one.take(1).is_some());
    }
}
