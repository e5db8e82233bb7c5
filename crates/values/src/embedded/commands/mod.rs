//! The commands, a file for each family.
//!
//! A handler checks its arguments before it changes anything, writes its reply once nothing can fail
//! any more, and calls [`Keyspace::changed`] for each key it changed.

mod bits;
mod c_text;
mod dump;
mod element_scan;
mod geo;
mod hashes;
mod hyperloglog;
mod keys;
mod lists;
mod numbers;
mod part_sort;
mod sample;
mod sets;
mod sort;
mod sorted_sets;
mod streams;
mod strings;
mod subcommand;

use super::Keyspace;
use super::blocking::Blocking;
use super::values::Value;
use crate::command::Name;
use crate::{Error, Kind, ReplySink};

/// Runs a command and writes its reply.
pub(super) type Run = fn(&mut Keyspace<'_>, &[&[u8]], &mut dyn ReplySink) -> Result<(), Error>;

/// How a command is run.
#[derive(Clone, Copy)]
pub(super) enum Handler {
    /// On the keys it names, locked together.
    Keyed(Run),
    /// On the whole key space, which it visits shard by shard ([`Keyspace::visit`]).
    Whole(Run),
    /// On the keys it names, for which it waits while there is nothing to take.
    Blocking(&'static Blocking),
}

/// The handler of a command.
pub(super) fn handler(name: Name) -> Handler {
    strings::handler(name)
        .or_else(|| bits::handler(name))
        .or_else(|| hashes::handler(name))
        .or_else(|| lists::handler(name))
        .or_else(|| sets::handler(name))
        .or_else(|| sorted_sets::handler(name))
        .or_else(|| streams::handler(name))
        .or_else(|| keys::handler(name))
        .or_else(|| sort::handler(name))
        .or_else(|| dump::handler(name))
        .or_else(|| hyperloglog::handler(name))
        .or_else(|| geo::handler(name))
        .unwrap_or(Handler::Whole(|_, argv, _| Err(crate::command::unknown(argv))))
}

/// Writes a value as a snapshot of the kind asked for.
pub(super) fn write_snapshot(value: Option<&Value>, kind: Kind, reply: &mut dyn ReplySink) {
    match (kind, value) {
        (Kind::Any, None) | (Kind::Nothing, _) => reply.null(),
        (Kind::String, Some(value @ Value::Str(_)))
        | (Kind::Hash, Some(value @ Value::Hash(_)))
        | (Kind::List, Some(value @ Value::List(_)))
        | (Kind::Set, Some(value @ Value::Set(_)))
        | (Kind::SortedSet, Some(value @ Value::SortedSet(_)))
        | (Kind::Any, Some(value)) => value.write(reply),
        (Kind::String, _) => reply.bulk(b""),
        (Kind::Hash | Kind::SortedSet, _) => reply.map(0),
        (Kind::List, _) => reply.array(0),
        (Kind::Set, _) => reply.set(0),
    }
}
