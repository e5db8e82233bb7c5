//! `hyrax bench`: what a server does, and what it costs, beside another server in the same run.
//!
//! A *case* is a workload with its numbers; a *target* is a server to put it to. Every case is put to
//! every target in turn, several times, and the medians are shown. The load comes from this process
//! while the server is another, so that the server's CPU time can be told from the generator's; it is
//! that CPU time per operation, rather than operations per second, that says what a server costs on
//! a machine which it shares with its load.

mod case;
mod etcd;
mod etcd2;
mod generator;
mod groups;
mod latency;
mod launch;
mod measure;
mod plain;
mod process;
mod register;
mod report;
mod requests;
mod target;
mod wire;

pub use case::{Case, Sizes, Workload};
pub use measure::{Measurement, measure};
pub use plain::Door;
pub use report::{Report, Row};
pub use target::TargetSpec;
