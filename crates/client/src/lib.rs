//! The client library of Hyrax: for the server itself, and for the etcd and the Redis that it can stand on.

mod address;
pub mod live;
mod secret;
mod tls;

pub use address::{Address, AddressError, EtcdAddress, HyraxAddress, Login, Socket};
pub use hyrax_types::{Revision, signing};
pub use live::{Client, Error, Settings};
pub use secret::Secret;
