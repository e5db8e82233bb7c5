//! What an engine is and promises, and how it says that it can not be reached.

use std::fmt;

use hyrax_types::Revision;
use thiserror::Error;

/// The engine could not be asked, did not answer in time, or can not do what was asked at the moment.
/// Where etcd has a text for it, it is etcd's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Unavailable {
    /// The disk is full: writes are refused until there is room again. Nothing was changed.
    #[error("etcdserver: mvcc: database space exceeded")]
    NoSpace,
    /// More is waiting for the disk than there is room for. Nothing was changed; try again.
    #[error("etcdserver: too many requests")]
    TooManyRequests,
    /// The engine is being stopped. The request may have happened.
    #[error("etcdserver: server stopped")]
    Stopped,
    /// Anything else, such as an engine that can not be reached. The request may have happened.
    #[error("coordination engine unavailable: {reason}")]
    Other {
        /// What went wrong, for a person.
        reason: String,
    },
}

impl Unavailable {
    /// Unavailable for a reason that only a person understands.
    pub fn because(reason: impl Into<String>) -> Unavailable {
        Unavailable::Other { reason: reason.into() }
    }
}

/// Whether a fencing token can be trusted after the engine lost a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fencing {
    /// A token is never given out twice, and one that was overtaken never passes again.
    Strong,
    /// After a failover an overtaken token may pass.
    Weak,
}

impl fmt::Display for Fencing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fencing::Strong => "strong",
            Fencing::Weak => "weak",
        })
    }
}

/// What holds of an engine beyond the trait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promises {
    /// A read sees every write that was acknowledged before it.
    pub linearizable: bool,
    /// What was acknowledged outlives a restart.
    pub durable: bool,
    /// What a fencing token is worth.
    pub fencing: Fencing,
}

/// Which engine this is and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The engine's name: `embedded`, `etcd`, `redis`.
    pub engine: String,
    /// The last revision taken.
    pub revision: Revision,
    /// The first revision that can still be read.
    pub compacted: Revision,
    /// What it promises.
    pub promises: Promises,
}

/// Why nothing is known of the engine.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StatusError {
    /// It could not be asked.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
