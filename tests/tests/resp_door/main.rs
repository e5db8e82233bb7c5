//! The RESP door of a running `hyrax`, beside a real redis-server.

mod blocking;
mod pubsub;
mod script;
mod transactions;
