//! The Rust client of etcd's v2 API, on Hyrax and on a real etcd: what it can do, and what it does when servers are
//! cut off, start again, are other ones, say nonsense or nothing.

mod failover;
mod hostile;
mod keys;
mod modules;
mod stage;
mod tls;
mod watching;
