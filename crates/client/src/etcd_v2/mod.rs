//! A client of etcd's v2 API, for a Hyrax or for an etcd that serves it (`--enable-v2`, up to 3.5).
//!
//! ```no_run
//! use std::time::Duration;
//! use hyrax_client::etcd_v2::{self, Compare, WatchOptions};
//!
//! # async fn example() -> Result<(), etcd_v2::Error> {
//! let client = etcd_v2::connect("http://127.0.0.1:2379").await?;
//!
//! client.set("/foo/bar", "Hello World").ttl(Duration::from_secs(60)).await?;
//! let read = client.get("/foo/bar").await?;
//! assert_eq!(read.node.value.as_deref(), Some("Hello World"));
//!
//! client.compare_and_swap("/foo/bar", "Goodbye", Compare::value("Hello World")).await?;
//! let change = client.watch("/foo/bar", &WatchOptions::new().after(read.index)).await?;
//! assert_eq!(change.node.value.as_deref(), Some("Goodbye"));
//! # Ok(())
//! # }
//! ```
//!
//! | | |
//! |---|---|
//! | read | [`get`](Client::get), [`exists`](Client::exists) |
//! | write | [`set`](Client::set), [`create`](Client::create), [`create_in_order`](Client::create_in_order), [`update`](Client::update), [`refresh`](Client::refresh), [`delete`](Client::delete) |
//! | directories | [`set_dir`](Client::set_dir), [`create_dir`](Client::create_dir), [`update_dir`](Client::update_dir), [`delete_dir`](Client::delete_dir) |
//! | compare | [`compare_and_swap`](Client::compare_and_swap), [`test_and_set`](Client::test_and_set), [`compare_and_delete`](Client::compare_and_delete) |
//! | watch | [`watch`](Client::watch), [`keep_watching`](Client::keep_watching), [`watch_until`](Client::watch_until) |
//! | locks | [`lock_acquire`](Client::lock_acquire), [`lock_renew`](Client::lock_renew), [`lock_release`](Client::lock_release), [`lock_retrieve`](Client::lock_retrieve), [`lock_value`](Client::lock_value) |
//! | leaders | [`set_leader`](Client::set_leader), [`get_leader`](Client::get_leader), [`delete_leader`](Client::delete_leader) |
//! | the cluster | [`machines`](Client::machines), [`members`](Client::members), [`leader`](Client::leader), [`store_stats`](Client::store_stats), [`self_stats`](Client::self_stats), [`leader_stats`](Client::leader_stats), [`version`](Client::version), [`is_healthy`](Client::is_healthy), [`sync`](Client::sync) |
//!
//! Requests that take options are built and then awaited. Several servers may be named, one of which is enough; what is
//! sent to another when one fails is told with [`Error::Unreachable`]. etcd's refusals are [`Error::Etcd`], with its
//! number, message, cause and index.
//!
//! It knows HTTP and JSON, and nothing of the rest of Hyrax.

mod ask;
mod client;
mod cluster;
mod endpoint;
mod error;
mod keys;
mod modules;
mod node;
mod settings;
mod tls;
mod transport;
mod watch;

pub use client::{Client, connect};
pub use cluster::{
    Counts, FollowerStats, Latency, LeaderInfo, LeaderStats, Member, SelfStats, StoreStats, Version,
};
pub use error::{Attempt, Error, ErrorCode, EtcdError, Failure, Result};
pub use keys::{Compare, Delete, Get, Sent, Set, Write};
pub use modules::{LockAcquire, LockPlace};
pub use node::{Action, Node, Response};
pub use settings::Settings;
pub use tls::Tls;
pub use watch::{Cleared, Events, WatchEvent, WatchOptions};
