//! The subcommands, a file each.

pub mod bench;
pub mod cmd;
pub mod completions;
pub mod demo;
pub mod ekg;
pub mod etcd2;
pub mod import;
pub mod mon;
pub mod serve;
pub mod sign;
pub mod snapshot;
