//! The subcommands, a file each.

pub mod bench;
pub mod cmd;
pub mod completions;
pub mod demo;
pub mod ekg;
pub mod elect;
pub mod event;
pub mod group;
pub mod lock;
pub mod mon;
pub mod register;
pub mod serve;
pub mod services;
pub mod sign;
pub mod snapshot;
