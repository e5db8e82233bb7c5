//! The client library of Hyrax: for the server itself, and for the etcd and the Redis that it can stand on.
//!
//! - [`connect`] gives a [`Connection`] to whatever coordinates: `hyrax://…`, `etcd://…`,
//!   `redis://…`, or `embedded:` in the process. Of
//!   it are made a [`Lock`], an [`Election`], a [`Group`] with its [`Assignments`], [`Services`] and [`Events`]. They stand
//!   on the recipes of `hyrax-recipes`, which run over any engine.
//! - [`Client`] is for live values, over the line protocol of a Hyrax server: commands, monitors, EKGs ([`live`]).
//! - [`etcd_v2`] is a client of etcd's v2 API.
//!
//! Nothing is lost silently: whoever holds a lock, leads or is a member is told when that ends, by this machine's own
//! clock where nothing else can; a monitor that missed something is told the value anew.

mod address;
mod connection;
mod election;
pub mod etcd_v2;
mod events;
mod group;
pub mod live;
mod lock;
mod secret;
mod services;
pub mod tls;

pub use address::{Address, AddressError, HyraxAddress, Login, Socket};
pub use connection::{ConnectError, Connection, LiveError, NoLease, Options, connect, connect_with};
pub use election::{Election, ElectionError, Leader, Leadership, Observer};
pub use events::{EventError, Events};
pub use group::{Group, GroupError, GroupOptions, Loss, Losses, host_name};
pub use hyrax_coordination::Coordination;
pub use hyrax_recipes::Fence;
pub use hyrax_recipes::assignment::{AssignmentEvent, Assignments, Revocation};
pub use hyrax_recipes::events::{Audience, Event, EventFeed, Told};
pub use hyrax_recipes::group::{GroupEvent, LeaveCause, Member, MemberFeed};
pub use hyrax_recipes::lock::Holder;
pub use hyrax_recipes::services::{
    KeyEvent, Registration, ServiceEvent, ServiceFeed, ServiceName, ServiceNode,
};
pub use hyrax_types::{Revision, signing};
pub use live::{Client, Error, Settings};
pub use lock::{Lock, LockError, LockGuard};
pub use secret::Secret;
pub use services::{Services, ServicesError};

/// The page of this library, whose examples run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/rust.md")]
struct Page;
