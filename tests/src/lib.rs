//! What the tests from outside stand on: the real servers to compare with, the built `hyrax`, small clients
//! for its wires, and random commands.
//!
//! Only tests use this crate, so whatever goes wrong in the surroundings (a server that does not start, a
//! socket that closes) panics with what happened and what to do. It knows Hyrax by its doors, and
//! the embedded engine by the trait that the doors use.

pub mod cases;
pub mod differential;
pub mod etcd;
pub mod etcd2;
pub mod faults;
pub mod http;
pub mod hyrax;
pub mod linearizability;
pub mod pages;
pub mod peers;
pub mod programs;
pub mod proxy;
pub mod resp;
