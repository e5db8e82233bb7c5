//! The server: sessions, the hub, the authorizer, the doors, and what configures them.

pub mod auth;
mod card;
pub mod config;
pub mod core;
pub mod doors;
mod entrance;
mod errors;
pub mod groups;
mod grpc;
mod http;
mod http2;
pub mod hub;
mod kept_settings;
pub mod metrics;
pub mod net;
mod onlookers;
mod pause;
mod server;
pub mod session;
mod slow_log;
mod storage;

pub use card::{Card, LetGo};
pub use errors::ErrorCounts;
pub use onlookers::Onlookers;
pub use pause::{Pause, Paused};
pub use server::{Crashed, Server, StartError};
pub use slow_log::{Slow, SlowLog};
pub use storage::StorageError;
