//! Families of commands that bring their own words and rules.
//!
//! The types that were there from the start are in `commands.rs`, `words.rs` and `rules.rs`. A family that came
//! later is a file here, with a [`Family`] named in [`ENGINE`] when the engine answers it, or in [`DOOR`] when only
//! a door does.

mod blocking;
mod connection;
mod geo;
mod hyperloglog;
mod keyspace;
mod server;
mod sorting;
mod streams;
mod transactions;

use super::commands::Weighted;
use super::random::Random;
use super::rules::Rule;
use crate::resp::Argv;

pub use blocking::waits;
pub use server::LEFT_OUT as DOOR_LEFT_OUT;
pub use streams::without_times;
pub use transactions::{Step, transaction};

/// Families that the engine answers.
pub const ENGINE: &[&Family] = &[
    &blocking::FAMILY,
    &geo::FAMILY,
    &hyperloglog::FAMILY,
    &keyspace::FAMILY,
    &sorting::FAMILY,
    &sorting::BIT_FIELDS,
    &streams::FAMILY,
];

/// Families that only a door answers.
pub const DOOR: &[&Family] = &[&connection::FAMILY, &server::FAMILY, &transactions::FAMILY];

/// Commands of the table that are not generated, in capitals, each with the reason.
#[cfg(test)]
pub const NOT_GENERATED: &[(&str, &str)] = &[];

/// What the differential tests must know of a family.
pub struct Family {
    /// Its syntaxes, each with how often it comes.
    pub commands: &'static [Weighted],
    /// The kinds of key that it brings, each with the letter that its keys' names begin with: `("stream", b't')`
    /// makes `<stream>` one of `t0` to `t3`, and those become keys for every other command too.
    pub keys: &'static [(&'static str, u8)],
    /// A word of the kind called `name`, where that is one of this family's.
    pub word: fn(name: &str, random: &mut Random) -> Option<Vec<u8>>,
    /// How the replies to a command, whose name is given in upper case, are compared, where that is not
    /// [`Rule::Same`].
    pub rule: fn(name: &[u8], command: &[Vec<u8>]) -> Option<Rule>,
    /// The name and the words after the key that show all of a value of type `kind`, where it is one of this
    /// family's.
    pub dump: fn(kind: &str) -> Option<(&'static str, &'static str)>,
    /// Keeps a command from what could not be compared or would fill the memory.
    pub tame: fn(command: &mut Argv),
}

impl Family {
    /// A family of commands alone: no words, keys or rules of its own.
    pub const fn of(commands: &'static [Weighted]) -> Family {
        Family { commands, keys: &[], word: |_, _| None, rule: |_, _| None, dump: |_| None, tame: |_| {} }
    }
}

/// All families.
pub fn all() -> impl Iterator<Item = &'static Family> {
    ENGINE.iter().chain(DOOR).copied()
}
