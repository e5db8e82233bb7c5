//! The Rust client library, on a Hyrax server and on a real etcd.

mod coordination;
mod ekgs;
mod interop;
mod monitors;
mod proxy;
mod values;
