//! What presence tells: members, and what becomes of them.

use hyrax_coordination::{Key, LeaseId};
use hyrax_types::{Revision, SessionId};

/// A session, wherever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionRef {
    /// The lease of its node.
    pub node: LeaseId,
    /// Its name there.
    pub session: SessionId,
}

impl SessionRef {
    /// Before every other.
    pub(super) const FIRST: SessionRef = SessionRef { node: LeaseId(i64::MIN), session: SessionId(u64::MIN) };
}

/// How an entry was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// As the one id of a connection.
    Flat,
    /// As one of the names of a connection.
    Named,
}

/// Whose entries are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of all nodes.
    Cluster,
    /// Those of this node's sessions.
    Local,
}

/// One entry of an EKG.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    /// The name or id.
    pub name: Key,
    /// Whose it is.
    pub session: SessionRef,
    /// How it was added.
    pub kind: EntryKind,
    /// When, in milliseconds since the Unix epoch, by the clock of its node.
    pub joined_ms: u64,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The client closed it.
    Closed,
    /// The client fell silent.
    Timeout,
    /// The server closed it.
    Kicked,
    /// Its node died, or was cut off for longer than its lease.
    NodeLost,
}

/// What happened to an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PresenceEventKind {
    /// It came.
    Added {
        /// Under this name or id.
        id: Key,
        /// In place of this flat id of the same connection, which is gone with it.
        replaces: Option<Key>,
    },
    /// Its session removed it.
    Removed {
        /// The registered name or id.
        id: Key,
        /// The id that the session gave for itself as it removed it.
        given: Option<Key>,
    },
    /// Its session ended.
    Closed {
        /// The registered name or id.
        id: Key,
        /// Why.
        cause: Cause,
    },
    /// Events were lost; this is who is there now.
    Reset {
        /// Everybody, ordered by name.
        members: Vec<Member>,
    },
}

/// A change of one EKG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceEvent {
    /// Which EKG.
    pub ekg: Key,
    /// The revision of the change. For one EKG it never shrinks; changes made in one transaction
    /// share it.
    pub erev: Revision,
    /// Whose entry, and how it was added; none in a reset.
    pub session: Option<(SessionRef, EntryKind)>,
    /// What happened.
    pub kind: PresenceEventKind,
}

/// Who hears of changes.
pub trait PresenceListener: Send + Sync + 'static {
    /// Hears of one change, in order, while the view is locked: it must not block, nor call back
    /// into presence. What was added or removed quietly is not told.
    fn presence(&self, event: PresenceEvent);
}
