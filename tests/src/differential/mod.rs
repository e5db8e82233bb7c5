//! Random Redis commands, run against two servers whose replies and state must be the same.
//!
//! - [`Generator`] makes commands from Redis' own syntax notation (`commands.rs`, `families/`) and words that
//!   collide (`words.rs`), some of them spoiled on purpose.
//! - [`Target`] is whatever answers commands; a real redis-server is one, the embedded engine another, and Hyrax
//!   behind its RESP door the third.
//! - [`Pair`] plays commands on a reference and a subject and compares, by the rule of each command
//!   (`rules.rs`), and their whole state.
//! - [`Campaign`] does that in episodes, and shrinks what it finds to the commands that matter.
//!
//! Time is kept out: an expiry is either at least a thousand seconds away or already past, and no two relative
//! ones are equal, so no outcome depends on how fast anything runs. Expiry on time is tested elsewhere.

mod agree;
mod campaign;
mod commands;
mod engine;
mod families;
mod generator;
mod pair;
mod random;
mod rules;
mod shrink;
mod state;
mod syntax;
mod target;
mod words;

pub use agree::engine_agrees;
pub use campaign::{Campaign, Finding, Tally};
pub use engine::EngineTarget;
pub use families::{DOOR_LEFT_OUT, waits};
pub use generator::{Generator, Vocabulary};
pub use pair::{Difference, Pair};
pub use random::Random;
pub use shrink::shrink;
pub use target::{Protocol, RedisTarget, Target};
