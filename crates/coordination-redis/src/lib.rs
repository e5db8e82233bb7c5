//! Coordination over Redis 7: functions for the changes, a stream for the watches, one slot for each namespace.
//!
//! [`RedisCoordination`] is the engine, [`RedisSettings`] says where it is (and reads `redis://` URLs).
//!
//! # What is promised
//!
//! Everything that the trait says, as long as one Redis serves. Redis replicates and, by default, syncs to disk some time
//! after it has answered: a failover or a crash can take back what was acknowledged, and then a fencing token that was given
//! out may be given out again. [`Status`](hyrax_coordination::Status) says so. What was taken back is found out: watches that
//! saw it end as compacted, so that their readers begin anew.
//!
//! # What lies in Redis
//!
//! A namespace `NS` is these keys, all in the slot of `{NS}`, under the prefix that Hyrax' doors hide
//! (`\0hyrax/{NS}/…`). Numbers are decimal texts where they are alone; a *record* is three numbers of eight bytes, big
//! endian (the revision of the creation, that of the last write, the version), the lease, and the value. A *lease* is eight
//! bytes, big endian, the sign bit turned over, so that bytes are ordered as numbers are.
//!
//! | key | type | what |
//! |---|---|---|
//! | `meta` | hash | `revision`; `compacted`, the first revision that can be read; `born`, when the namespace began (µs); `logged`, bytes ever logged, and `trimmed`, how many of them are forgotten; `swept`, when leases were looked after last (ms) |
//! | `keys` | sorted set | every key, with score 0: in the order of their bytes |
//! | `records` | hash | the record of each key |
//! | `leases` | sorted set | every lease, by the time at which it ends (ms) |
//! | `ttls` | hash | for how long each lease lives after a renewal (ms) |
//! | `attached` | sorted set | lease and key together, with score 0, for each key that hangs on a lease |
//! | `log` | stream | what each revision did: entry `REVISION-N` |
//!
//! A log entry begins with the field `.`, or `+` where more entries of the revision follow; its value is the time (µs) and the
//! bytes logged before it. Then come, for each event, the key with its new record and an empty field with the record before;
//! empty texts stand for no record. Past revisions are read by undoing what the log has of later ones. It is kept for
//! 100,000 revisions and 64 MiB, or as far as somebody compacts it.
//!
//! A revision is one more than the one before. The first is the time in microseconds, so that a Redis that has lost
//! everything is not mistaken for the one that it was.
//!
//! # Who does what
//!
//! All changes are made by the functions in `lua/`, a library that each engine loads when it connects. Each engine reads
//! the log with a connection of its own (`feed`) and hands events to its watches; one that is slow reads the log itself
//! (`watch`). Leases are ended by whichever engine looks first.

mod call;
mod coordination;
mod entry;
mod feed;
mod library;
mod link;
mod request;
mod response;
mod settings;
mod watch;

pub use coordination::{ConnectError, RedisCoordination};
pub use settings::{BadUrl, RedisSettings};
