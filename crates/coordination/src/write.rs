//! Writing and deleting keys, alone or as an operation of a transaction.

use std::sync::Arc;

use hyrax_types::Revision;
use thiserror::Error;

use crate::{Key, KeyRange, KeyValue, LeaseId, Unavailable, Value};

/// What to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutRequest {
    /// The key.
    pub key: Key,
    /// What it shall hold.
    pub value: Value,
    /// The lease it shall hang on, instead of the one it had.
    pub lease: LeaseId,
    /// Answer what was there before.
    pub prev_kv: bool,
    /// Keep the value; the key must exist.
    pub ignore_value: bool,
    /// Keep the lease; the key must exist.
    pub ignore_lease: bool,
}

impl PutRequest {
    /// `value` at `key`, on no lease.
    pub fn new(key: impl Into<Key>, value: impl Into<Value>) -> PutRequest {
        PutRequest { key: key.into(), value: value.into(), ..PutRequest::default() }
    }

    /// The same on a lease.
    #[must_use]
    pub fn on_lease(self, lease: LeaseId) -> PutRequest {
        PutRequest { lease, ..self }
    }
}

/// What a put did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutResponse {
    /// The revision that wrote it.
    pub revision: Revision,
    /// What was there before, when asked for.
    pub prev_kv: Option<Arc<KeyValue>>,
}

/// Why nothing was written. The texts are etcd's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PutError {
    /// The key is empty.
    #[error("etcdserver: key is not provided")]
    EmptyKey,
    /// A value beside `ignore_value`.
    #[error("etcdserver: value is provided")]
    ValueProvided,
    /// A lease beside `ignore_lease`.
    #[error("etcdserver: lease is provided")]
    LeaseProvided,
    /// There is no such lease.
    #[error("etcdserver: requested lease not found")]
    LeaseNotFound,
    /// What should be kept is not there.
    #[error("etcdserver: key not found")]
    KeyNotFound,
    /// The key is not for who writes it; only of [`Visible`](crate::Visible).
    #[error("etcdserver: permission denied")]
    Reserved,
    /// The engine could not be asked, or did not answer: the write may have happened.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What to delete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteRangeRequest {
    /// The keys.
    pub range: KeyRange,
    /// Answer what was there before.
    pub prev_kv: bool,
}

impl DeleteRangeRequest {
    /// All of `range`.
    pub fn new(range: KeyRange) -> DeleteRangeRequest {
        DeleteRangeRequest { range, prev_kv: false }
    }
}

/// What a deletion did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteRangeResponse {
    /// The engine's revision after it.
    pub revision: Revision,
    /// How many keys it deleted.
    pub deleted: u64,
    /// What was there before, when asked for.
    pub prev_kvs: Vec<Arc<KeyValue>>,
}

/// Why nothing was deleted. The texts are etcd's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DeleteRangeError {
    /// The range begins with an empty key.
    #[error("etcdserver: key is not provided")]
    EmptyKey,
    /// The keys are not for who deletes them; only of [`Visible`](crate::Visible).
    #[error("etcdserver: permission denied")]
    Reserved,
    /// The engine could not be asked, or did not answer: the deletion may have happened.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
