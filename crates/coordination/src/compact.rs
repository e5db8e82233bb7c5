//! Forgetting the past.

use hyrax_types::Revision;
use thiserror::Error;

use crate::Unavailable;

/// What to forget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompactRequest {
    /// The first revision that can be read afterwards.
    pub revision: Revision,
    /// Answer when what is forgotten has been dropped, not merely when it can not be read any more.
    pub physical: bool,
}

impl CompactRequest {
    /// Forgets what only revisions before `revision` can see.
    pub fn new(revision: Revision) -> CompactRequest {
        CompactRequest { revision, physical: false }
    }
}

/// The past is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactResponse {
    /// The engine's revision.
    pub revision: Revision,
}

/// Why nothing was forgotten. The texts are etcd's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CompactError {
    /// It was forgotten before.
    #[error("etcdserver: mvcc: required revision has been compacted")]
    Compacted,
    /// The revision has not come yet.
    #[error("etcdserver: mvcc: required revision is a future revision")]
    FutureRevision,
    /// The engine could not be asked, or did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
