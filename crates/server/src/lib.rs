//! The server: sessions, the hub, the authorizer, the doors, and what configures them.

pub mod config;
pub mod hub;
mod http;
pub mod metrics;
pub mod net;
pub mod signing;
