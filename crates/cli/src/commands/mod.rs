//! The subcommands, a file each.

pub mod bench;
pub mod cmd;
pub mod completions;
pub mod demo;
pub mod ekg;
pub mod elect;
pub mod etcd2;
pub mod event;
pub mod group;
pub mod import;
pub mod lock;
pub mod mon;
pub mod register;
pub mod serve;
pub mod services;
pub mod sign;
pub mod snapshot;
