//! A key, and what is known of it at one revision.

use bytes::Bytes;
use hyrax_types::Revision;

/// A key. Keys are ordered by their bytes.
pub type Key = Bytes;

/// What a key holds.
pub type Value = Bytes;

/// Names a lease. Zero is no lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub i64);

impl LeaseId {
    /// Not attached to any lease; in a grant: let the engine choose.
    pub const NONE: LeaseId = LeaseId(0);
}

/// A key as it was left by one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyValue {
    /// The key.
    pub key: Key,
    /// What it holds; empty in a deletion.
    pub value: Value,
    /// The revision that created the key, after its last deletion; zero in a deletion.
    pub create_revision: Revision,
    /// The revision that wrote this.
    pub mod_revision: Revision,
    /// How many writes since the creation, that one included; zero in a deletion.
    pub version: u64,
    /// The lease that the key hangs on.
    pub lease: LeaseId,
}
