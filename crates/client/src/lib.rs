//! The client library of Hyrax: for the server itself, and for the etcd and the Redis that it can stand on.

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
mod tls;

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
