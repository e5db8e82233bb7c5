//! What every door must know of a command before it runs: its arity, whether it writes, and which
//! arguments are keys.
//!
//! The facts are those of Redis 7.0's `COMMAND` reply; a test compares them with the real server.

mod keys;
mod subcommand;
mod table;

pub use keys::{Access, KeyAt, KeySpec, Options, Place};
pub use table::{COMMANDS, Name};

use crate::Error;
use std::collections::HashMap;
use std::sync::LazyLock;

/// One command of the value engines.
#[derive(Debug)]
pub struct Command {
    /// Which one, for an engine to match on.
    pub id: Name,
    /// Its name in lower case.
    pub name: &'static str,
    /// How many words, its name among them: exactly, or at least when negative.
    pub arity: i16,
    /// Whether it can change a value.
    pub writes: bool,
    /// Whether it can make the data larger, and is refused when memory is full.
    pub grows: bool,
    /// Whether its cost does not depend on the size of the data.
    pub fast: bool,
    /// Where its keys are.
    pub keys: &'static [KeySpec],
}

impl Command {
    /// Whether Redis tells its replicas of it: what writes, and what notes its result beside the data. A
    /// pause of writes holds it.
    pub fn may_replicate(&self) -> bool {
        self.writes || self.id == Name::Pfcount
    }

    /// Refuses a call with too few or too many words.
    pub fn check_arity(&self, words: usize) -> Result<(), Error> {
        let expected = usize::from(self.arity.unsigned_abs());
        let fits = if self.arity < 0 { words >= expected } else { words == expected };
        if fits { Ok(()) } else { Err(Error::Arity(self.name)) }
    }

    /// Refuses a call with too few or too many words, and one of a family of commands that names none of
    /// these or has the wrong number of words for it.
    pub fn check_words(&self, argv: &[&[u8]]) -> Result<(), Error> {
        self.check_arity(argv.len())?;
        self.check_subcommand(argv)
    }

    /// The keys among the words of a call, in Redis' order.
    ///
    /// Malformed calls give the keys that can be found; the engine then refuses the call.
    pub fn keys<'a>(&self, argv: &'a [&'a [u8]]) -> impl Iterator<Item = KeyAt<'a>> {
        self.keys.iter().flat_map(move |spec| spec.find(argv))
    }

    /// Whether a call looks at keys besides those among its words, any there are.
    pub fn reaches_further(&self, argv: &[&[u8]]) -> bool {
        self.keys.iter().any(|spec| spec.reaches_further(argv))
    }

    /// The position of the key of a command that always has just one. (One with subcommands may have none.)
    pub fn only_key(&self) -> Option<usize> {
        match self.keys {
            [KeySpec { place: Place::At(position), .. }]
                if *position < usize::from(self.arity.unsigned_abs()) =>
            {
                Some(*position)
            }
            _ => None,
        }
    }

    /// Whether a call names more than one key.
    pub fn has_several_keys(&self, argv: &[&[u8]]) -> bool {
        self.only_key().is_none() && self.keys(argv).nth(1).is_some()
    }
}

/// The longest name in the table; a longer word is no command.
const NAME_BYTES_MAX: usize = 20;

/// The command called `name`, in any case.
pub fn lookup(name: &[u8]) -> Option<&'static Command> {
    static BY_NAME: LazyLock<HashMap<&'static [u8], &'static Command, foldhash::fast::RandomState>> =
        LazyLock::new(|| COMMANDS.iter().map(|command| (command.name.as_bytes(), command)).collect());
    let mut lower = [0; NAME_BYTES_MAX];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    BY_NAME.get(&*lower).copied()
}

/// A word as it is shown in a refusal: shortened, and up to a zero byte, as C prints it.
fn shown(word: &[u8]) -> String {
    let word = word[..word.len().min(128)].split(|&byte| byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(word).replace(['\r', '\n'], " ")
}

/// Redis' refusal of a command that is not in the table.
pub fn unknown(argv: &[&[u8]]) -> Error {
    let (name, args) = argv.split_first().map_or((&[][..], &[][..]), |(name, args)| (*name, args));
    let mut quoted = String::new();
    for arg in args {
        if quoted.len() >= 128 {
            break;
        }
        let shown = shown(&arg[..arg.len().min(128 - quoted.len())]);
        quoted.push_str(&format!("'{shown}' "));
    }
    Error::UnknownCommand { name: shown(name), args: quoted }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_fits_and_is_found_in_any_case() {
        for command in COMMANDS {
            assert!(command.name.len() <= NAME_BYTES_MAX, "{}", command.name);
            let found = lookup(command.name.to_uppercase().as_bytes());
            assert!(found.is_some_and(|found| found.id == command.id), "{}", command.name);
        }
        assert!(lookup(b"nosuchcommand").is_none());
        assert!(lookup(&[b'x'; 10_000]).is_none());
    }
}
