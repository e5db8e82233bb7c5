//! What the server counts, for a monitoring system to read.
//!
//! The hot path must not feel it: counters are sharded by thread, so that two cores never write the
//! same cache line, and a command costs two relaxed additions. What changes slowly is not counted but
//! asked for when somebody looks ([`Gauges`]). Nothing here knows who counts, or over which door the
//! text leaves.

mod process;
mod render;
mod shard;
mod totals;

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use shard::{Counter, Shard, Shards};
pub use totals::{CommandTotal, Totals};

/// What a connection turned out to be, once it has said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Door {
    /// Has not said anything yet, or not enough.
    Undecided,
    /// JSON lines.
    Line,
    /// JSON lines in a WebSocket.
    WebSocket,
    /// HTTP, of either version.
    Http,
    /// HTTP/2 that has carried gRPC.
    Grpc,
    /// Redis' protocol.
    Resp,
    /// A WebSocket that registers a service or monitors some.
    Discovery,
}

impl Door {
    /// Every door.
    pub const ALL: [Door; 7] =
        [Door::Undecided, Door::Line, Door::WebSocket, Door::Http, Door::Grpc, Door::Resp, Door::Discovery];

    /// The value of the label `door`.
    pub fn name(self) -> &'static str {
        match self {
            Door::Undecided => "undecided",
            Door::Line => "line",
            Door::WebSocket => "websocket",
            Door::Http => "http",
            Door::Grpc => "grpc",
            Door::Resp => "resp",
            Door::Discovery => "discovery",
        }
    }
}

/// What is asked for when the metrics are read, as counting it along the way would cost more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Keys and prefixes monitored, over all sessions.
    pub monitors: u64,
    /// EKG entries held, over all sessions.
    pub ekg_entries: u64,
    /// Bytes queued to clients that have not read them.
    pub queue_bytes: u64,
    /// Live keys that this node keeps.
    pub keys: u64,
    /// Bytes that the process has allocated.
    pub used_bytes: u64,
    /// Keys that went because memory was full, since the start.
    pub evicted: u64,
    /// What the coordination engine keeps; none where it looks after itself elsewhere.
    pub storage: Option<StorageGauges>,
}

/// What is read off a coordination engine that keeps its own state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StorageGauges {
    /// Bytes taken: on disk, or in memory where there is no disk.
    pub bytes: u64,
    /// Whether the disk is full, so that writes are refused.
    pub is_full: bool,
    /// Whether the disk cannot be written or trusted, so that writes are refused until a restart.
    pub is_broken: bool,
}

/// The counters of one server.
pub struct Metrics {
    command_names: Box<[&'static str]>,
    shards: Shards,
}

impl Metrics {
    /// Counters for commands of these names; a command is counted by its place in the list.
    ///
    /// Memory: 256 bytes for each command and shard, with two shards a core (330 commands and
    /// subcommands on two cores: 330 KiB; on 64 cores: 10.6 MiB).
    pub fn new(command_names: &[&'static str]) -> Arc<Metrics> {
        let command_names: Box<[_]> = command_names.into();
        let shards = Shards::new(command_names.len());
        Arc::new(Metrics { command_names, shards })
    }

    /// A command was run: its place among the names, whether it was answered without an error, and
    /// how long it took. A place beyond the names is not counted.
    #[inline]
    pub fn command(&self, index: usize, ok: bool, nanoseconds: u64) {
        self.shards.mine().command(index, ok, nanoseconds);
    }

    /// Pushes written to clients' queues, folded into resets, and dropped with a client.
    #[inline]
    pub fn pushes(&self, sent: u64, folded: u64, dropped: u64) {
        let shard = self.shards.mine();
        shard.add(Counter::PushesSent, sent);
        shard.add(Counter::PushesFolded, folded);
        shard.add(Counter::PushesDropped, dropped);
    }

    /// Bytes read from clients.
    #[inline]
    pub fn received(&self, bytes: u64) {
        self.shards.mine().add(Counter::BytesReceived, bytes);
    }

    /// Bytes written to clients.
    #[inline]
    pub fn sent(&self, bytes: u64) {
        self.shards.mine().add(Counter::BytesSent, bytes);
    }

    /// A connection was refused, as there are as many as there may be.
    pub fn connection_refused(&self) {
        self.shards.mine().add(Counter::ConnectionsRefused, 1);
    }

    /// Counts a connection that nobody has told the door of yet, until what is returned is dropped.
    pub fn connection(self: &Arc<Self>) -> OpenConnection {
        self.shards.mine().opened(Door::Undecided);
        OpenConnection { metrics: Arc::clone(self), door: AtomicU8::new(Door::Undecided as u8) }
    }

    fn shards(&self) -> impl Iterator<Item = &Shard> {
        self.shards.all()
    }
}

/// One connection among those counted as open.
pub struct OpenConnection {
    metrics: Arc<Metrics>,
    door: AtomicU8,
}

impl OpenConnection {
    /// From now on the connection is counted at `door`.
    pub fn becomes(&self, door: Door) {
        let before = self.door.swap(door as u8, Ordering::Relaxed);
        if before != door as u8 {
            let shard = self.metrics.shards.mine();
            shard.closed(Door::ALL[usize::from(before)]);
            shard.opened(door);
        }
    }

    /// The counters that it is counted in.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let door = Door::ALL[usize::from(*self.door.get_mut())];
        self.metrics.shards.mine().closed(door);
    }
}

#[cfg(test)]
mod tests;
