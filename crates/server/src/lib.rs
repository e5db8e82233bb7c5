//! The server: sessions, the hub, the authorizer, the doors, and what configures them.

pub mod auth;
pub mod config;
pub mod core;
pub mod doors;
mod http;
pub mod hub;
pub mod metrics;
pub mod net;
mod server;
pub mod session;
pub mod signing;

pub use server::{Crashed, Server, StartError};
