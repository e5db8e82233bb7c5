//! Typed live values in Redis' words: commands in, replies out, changes on the side.
//!
//! [`Values`] is the trait every engine implements; [`embedded`] is the engine in this process.
//! Nothing here knows a wire format, a session or who may do what: a door hands over the arguments
//! of a command and a [`ReplySink`] that writes the reply in the door's own form.

pub mod command;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod embedded;
mod error;
mod glob;
mod long_double;
#[cfg(any(test, feature = "conformance"))]
pub mod model;
mod number;
mod reply;

pub use command::Command;
pub use error::Error;
pub use glob::glob_matches;
pub use long_double::{LongDouble, LongDoubleError, add_long_double};
pub use number::{format_double, parse_double, parse_integer};
pub use reply::{Reply, ReplySink};

use futures_util::future::BoxFuture;
use hyrax_types::{Change, Revision};

/// One command to run.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// What [`command::lookup`] found for `argv[0]`.
    pub command: &'static Command,
    /// The command's name and its arguments.
    pub argv: &'a [&'a [u8]],
    /// Who the client says it is; monitors are told.
    pub actor: Option<&'a [u8]>,
    /// Whether monitors are not to be told of the changes this makes.
    pub quiet: bool,
}

/// What became of a call.
///
/// The engine in this process always answers at once, and the common path costs no allocation. An
/// engine behind a network has copied what it needs before it returns.
pub enum Execution {
    /// The reply has been written to the sink.
    Done,
    /// The reply comes later; nothing has been written yet.
    Later(BoxFuture<'static, Reply>),
}

/// What became of a snapshot.
pub enum Snapshot {
    /// It has been written to the sink, and `joined` has been called.
    Done,
    /// It comes later, with its revision; nothing has been written, and nobody called.
    Later(BoxFuture<'static, (Reply, Revision)>),
}

/// The kinds of value a snapshot can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A byte string: answered as a bulk.
    String,
    /// A hash: answered as a map.
    Hash,
    /// A list: answered as an array.
    List,
    /// A set: answered as a set.
    Set,
    /// A sorted set: answered as a map of member to score.
    SortedSet,
    /// Whatever the key holds, in the form its own kind has; null when there is none.
    Any,
    /// Nothing of it: null, for whoever wants to know its revision alone.
    Nothing,
}

/// Live values, by Redis' commands.
pub trait Values: Send + Sync + 'static {
    /// Runs a command.
    ///
    /// A failure is a reply like any other ([`ReplySink::error`]), with Redis' own text, and has
    /// changed nothing.
    fn execute(&self, call: &Call<'_>, reply: &mut dyn ReplySink) -> Execution;

    /// Writes the value of `key` and calls `joined` with its revision, as one step: a change up to
    /// that revision is in the value, and one after it reaches the feed after `joined` returned.
    ///
    /// A missing key, or one of another kind, gives the kind's empty value. Where the snapshot comes
    /// later, so does its revision; every change after it reaches the feed, some maybe before the
    /// snapshot is known.
    fn snapshot(
        &self,
        key: &[u8],
        kind: Kind,
        reply: &mut dyn ReplySink,
        joined: &mut dyn FnMut(Revision),
    ) -> Snapshot;

    /// Says that commands on keys of these hashes ([`key_hash`]) follow at once, so that an engine in
    /// memory can have them fetched. Some of the hashes may be of no key.
    fn prefetch(&self, hashes: &[u64]) {
        let _ = hashes;
    }

    /// How many keys there are, where that costs nothing to know.
    fn len_hint(&self) -> Option<usize>;
}

/// Where an engine tells what changed.
///
/// `emit` runs while the engine holds what orders writes of that key, so it must only queue.
/// `settle` follows after the engine has let go, once for each call that emitted.
pub trait Feed: Send + Sync + 'static {
    /// Whether anybody listens to changes of `key`. `hash` is [`key_hash`] of it.
    fn wants(&self, hash: u64, key: &[u8]) -> bool;

    /// Takes one change, in order for its key.
    fn emit(&self, hash: u64, change: &Change<'_>);

    /// Everything emitted by this call may be delivered.
    fn settle(&self);
}

/// The hash by which keys are spread in this process. Not stable over restarts.
pub fn key_hash(key: &[u8]) -> u64 {
    use std::hash::BuildHasher;
    use std::sync::LazyLock;
    static SEED: LazyLock<foldhash::fast::RandomState> = LazyLock::new(foldhash::fast::RandomState::default);
    SEED.hash_one(key)
}
