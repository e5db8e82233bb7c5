//! Live values over Redis, one server or a cluster: [`hyrax_values::Values`] for many nodes that share them.
//!
//! # A write
//!
//! A command that may change something runs in a function inside Redis (`library`, `functions/*.lua`), which
//!
//! 1. asks who listens to its keys (`PUBSUB SHARDNUMSUB`: a key that nobody monitors costs that one look);
//! 2. runs the command as it was sent;
//! 3. tells from the reply what has changed: each command has a rule (`functions/keys.lua`, `aggregates.lua`,
//!    `streams.lua`), most of them one of four forms (always, as many as are counted, if it was there, what was
//!    taken), and looks before and after only where the reply does not tell. What counts as a change, and how it is
//!    told, is what the engine in the process does: the conformance suite compares them;
//! 4. takes a revision for each changed key from the slot's counter, which is kept in the slot. Revisions follow the time in microseconds, so
//!    that none is met twice after Redis has lost some of the past: after a restart, or when a replica took over;
//! 5. announces each change on the key's sharded channel, if anybody listens.
//!
//! All that is one step. Every node, the writer's included, hears of it from Redis alone, so all see one order.
//! Reads go straight through. Commands that answer that memory is full are refused as Redis refuses them: there are
//! two entries into the function, one of which Redis does not let in then.
//!
//! # A monitor
//!
//! A node subscribes to the channels of the keys that its sessions monitor, and to nothing else (`feed`); while
//! somebody monitors a prefix or everything, to the channel that each slot has. A snapshot waits for the
//! subscription and then reads value and revision in one step; what was announced before is left out. When a
//! connection is lost, or a slot has moved, the subscription is made anew and the monitors of its keys are told the
//! value again ([`hyrax_values::Feed::lost`]).
//!
//! # What nobody has written
//!
//! A key expires, is evicted, or another client of that Redis writes it. Every announcement, and every snapshot,
//! says when the key expires, and the nodes that follow it look at that time; of evictions and foreign writes Redis
//! tells by keyspace events, where it is let (`CONFIG SET notify-keyspace-events`). Whoever notices calls a function
//! which announces it under a revision, once: for a monitored key Redis keeps when it expires and, after a foreign
//! write, a digest of the value. So that events of our own writes are not taken for those of others, the function says
//! on the same channel where its own begin and end.
//!
//! # What waits
//!
//! A function cannot wait, so `BLPOP` and its kin wait in the node and are tried again when a key has changed
//! (`waiting`): in order at one node, and whoever is first between nodes. `WATCH` has a connection of its own
//! (`transaction`).
//!
//! # What is not promised
//!
//! Redis replicates asynchronously: what was acknowledged may be lost when a replica takes over. When a connection
//! is lost while a write is under way, nobody knows whether it was made; it fails, and is not tried again.

mod address;
mod blocking;
mod call;
mod engine;
mod feed;
mod library;
mod names;
mod nodes;
mod notice;
mod reply;
mod slot;
mod transaction;
mod waiting;
mod whole;

pub use address::{Address, BadAddress};
pub use engine::{ConnectError, RedisValues};
