//! Servers that speak etcd v3's API, met as a client meets them: a real etcd and Hyrax alike.

mod client;
pub mod differential;

pub use client::{EtcdClient, Watching};
