//! Leases: keys that live as long as somebody says so.

use std::time::Duration;

use hyrax_types::Revision;
use thiserror::Error;

use crate::{Key, LeaseId, Unavailable};

/// The longest time to live that a lease may have: etcd's, some 285 years.
pub const LEASE_TTL_MAX: Duration = Duration::from_secs(9_000_000_000);

/// Which lease to create.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeaseGrantRequest {
    /// Its name; [`LeaseId::NONE`] lets the engine choose.
    pub id: LeaseId,
    /// How long it lives after each renewal. An engine raises what is too short for it and may
    /// round up to whole seconds: the response says what was granted.
    pub ttl: Duration,
    /// Whether what hangs on it is gone when the process that asks is. An engine in that process then
    /// need not wait for the disk; its keys are deleted when it starts again. Other engines ignore it.
    pub dies_with_process: bool,
}

impl LeaseGrantRequest {
    /// A lease of the engine's choosing, that lives for `ttl` after each renewal.
    pub fn new(ttl: Duration) -> LeaseGrantRequest {
        LeaseGrantRequest { ttl, ..LeaseGrantRequest::default() }
    }
}

/// The lease created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseGrantResponse {
    /// The engine's revision.
    pub revision: Revision,
    /// Its name.
    pub id: LeaseId,
    /// How long it lives after each renewal.
    pub ttl: Duration,
}

/// Why no lease was created. The texts are etcd's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LeaseGrantError {
    /// There is one of that name.
    #[error("etcdserver: lease already exists")]
    AlreadyExists,
    /// Longer than [`LEASE_TTL_MAX`].
    #[error("etcdserver: too large lease TTL")]
    TtlTooLarge,
    /// The engine could not be asked, or did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The lease is gone, and its keys with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseRevokeResponse {
    /// The engine's revision after it.
    pub revision: Revision,
}

/// Why a lease was not revoked. The texts are etcd's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LeaseRevokeError {
    /// There is none of that name.
    #[error("etcdserver: requested lease not found")]
    NotFound,
    /// The engine could not be asked, or did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The lease lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseKeepAliveResponse {
    /// The engine's revision.
    pub revision: Revision,
    /// For how long, from now.
    pub ttl: Duration,
}

/// Why a lease was not renewed. The texts are etcd's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LeaseKeepAliveError {
    /// There is none of that name, or its time has run out.
    #[error("etcdserver: requested lease not found")]
    NotFound,
    /// The engine could not be asked, or did not answer: the lease may run out.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// How a lease stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseTimeToLiveResponse {
    /// The engine's revision.
    pub revision: Revision,
    /// How long it has left.
    pub ttl: Duration,
    /// How long it lives after each renewal.
    pub granted_ttl: Duration,
    /// What hangs on it, in order, when asked for.
    pub keys: Vec<Key>,
}

/// Why nothing is said of a lease. The texts are etcd's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LeaseTimeToLiveError {
    /// There is none of that name.
    #[error("etcdserver: requested lease not found")]
    NotFound,
    /// The engine could not be asked.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Every lease.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaseListResponse {
    /// The engine's revision.
    pub revision: Revision,
    /// The one to expire next first.
    pub leases: Vec<LeaseId>,
}

/// Why the leases were not listed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LeaseListError {
    /// The engine could not be asked.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
