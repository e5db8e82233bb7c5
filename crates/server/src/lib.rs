//! The server: sessions, the hub, the authorizer, the doors, and what configures them.

pub mod config;
pub mod signing;
