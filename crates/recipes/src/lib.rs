//! What is built from coordination alone: the node's lease, presence, groups and what they remember, assignments,
//! locks, elections, services and their events, stored secrets, the tree, the nodes that
//! serve.
//!
//! Every recipe stands on `Arc<dyn Coordination>` and nothing else, so it runs over any engine, in a
//! server or in a client process. A recipe's key layout is documented in its module, and is stable.
//! Nothing here knows a wire format or a connection.

pub mod assignment;
pub mod data;
pub mod election;
pub mod events;
pub mod group;
mod layout;
pub mod lock;
pub mod members;
mod mirror;
mod names;
mod node_lease;
pub mod presence;
mod queue;
pub mod rendezvous;
mod retry;
mod secrets;
pub mod services;
#[cfg(test)]
mod simulation;
mod task;
pub mod tree;

pub use assignment::{AssignmentError, AssignmentEvent, Assignments, Revocation};
pub use data::{Ephemeral, Persistent};
pub use election::Election;
pub use events::Events;
pub use group::{Group, GroupError, GroupEvent, LeaveCause, MemberFeed, Seat};
pub use lock::{Fence, FenceError, Lock, LockListener, Locks, LocksError};
pub use names::BadName;
pub use node_lease::NodeLease;
pub use presence::{
    Cause, EntryKind, Member, Presence, PresenceError, PresenceEvent, PresenceEventKind, PresenceListener,
    Scope, SessionRef,
};
pub use queue::{Owner, QueueError};
pub use secrets::{Secrets, SecretsError};
pub use services::{ServiceName, ServiceNode, Services};
