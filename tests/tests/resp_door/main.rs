//! The RESP door of a running `hyrax`, beside a real redis-server.

mod auth;
mod blocking;
mod bounds;
mod bytes;
mod commands;
mod connection;
mod hyrax_commands;
mod pauses;
mod protocol;
mod pubsub;
mod queues;
mod script;
mod server;
mod settings;
mod tracking;
mod transactions;
