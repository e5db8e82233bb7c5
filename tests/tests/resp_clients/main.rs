//! Redis' own clients and tools use Hyrax as they use Redis.
//!
//! What a client does is done to a real Redis too: a test that asks for what Redis does not do is wrong itself.

mod ioredis;
mod redis_benchmark;
mod redis_cli;
mod redis_py;
mod rust_client;
mod stage;
