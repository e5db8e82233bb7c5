//! Looking after an engine: hashes, sizes, snapshots, alarms.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hyrax_types::Revision;
use thiserror::Error;

use crate::Unavailable;

/// What an engine that keeps its own state offers to those who look after it. An engine that stands
/// on another server has none: its server is looked after there.
pub trait Maintenance: Send + Sync {
    /// A hash of every version of every key that can be read at `revision` or before; zero for now. Two
    /// stores with the same history and the same compaction have the same hash.
    fn hash_kv(&self, revision: Revision) -> BoxFuture<'_, Result<HashKv, HashKvError>>;

    /// A hash of the whole state, leases included.
    fn hash(&self) -> BoxFuture<'_, Result<Hash, Unavailable>>;

    /// How much room the state takes.
    fn size(&self) -> Size;

    /// A consistent copy of the whole state, as it is now, while writes go on.
    fn snapshot(&self) -> BoxFuture<'_, Result<Box<dyn SnapshotStream>, Unavailable>>;

    /// What is wrong now; nothing is, most of the time.
    fn alarms(&self) -> Vec<Alarm>;

    /// Gives back room that is not used. An engine that has no such room does nothing.
    fn defragment(&self) -> BoxFuture<'_, Result<(), Unavailable>>;
}

/// A hash of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashKv {
    /// The engine's revision.
    pub revision: Revision,
    /// The revision up to which it was hashed.
    pub hash_revision: Revision,
    /// The hash.
    pub hash: u32,
    /// The first revision that can be read; what was forgotten is not in the hash.
    pub compacted: Revision,
}

/// Why nothing was hashed. The texts are etcd's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HashKvError {
    /// The revision asked for is forgotten.
    #[error("etcdserver: mvcc: required revision has been compacted")]
    Compacted,
    /// The revision asked for has not come yet.
    #[error("etcdserver: mvcc: required revision is a future revision")]
    FutureRevision,
    /// The engine could not be asked.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A hash of the whole state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash {
    /// The engine's revision.
    pub revision: Revision,
    /// The hash.
    pub hash: u32,
}

/// Room, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// What is taken: on disk, or in memory where there is no disk.
    pub total: u64,
    /// What of it holds state that can still be read.
    pub in_use: u64,
}

/// What is wrong with an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// There is no room on the disk: writes are refused until there is.
    NoSpace,
    /// What is on the disk can not be trusted, or not be written: writes are refused until the process
    /// is started anew.
    Corrupt,
}

/// A snapshot as it is read. Dropping it ends it.
pub trait SnapshotStream: Send {
    /// The revision that the snapshot is of.
    fn revision(&self) -> Revision;

    /// The next piece; `None` at the end. Cancel-safe.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, Unavailable>>;

    /// About how many bytes are still to come; never 0 before the end.
    fn remaining(&self) -> u64;
}
