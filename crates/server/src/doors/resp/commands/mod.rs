//! The commands that the door answers itself, and what `COMMAND` says of all.

mod data;
pub mod describe;
mod table;

pub use data::Spec;
pub use table::{metrics_names, names, number_of};

use super::dialogue::{Conversation, Flow};
use hyrax_values::Error;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Answers a command: writes the whole reply, or gives why not.
pub type Run = fn(&mut Conversation, &[&[u8]], &mut Vec<u8>) -> Result<Flow, Error>;

/// What a client needs to run a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// What reading needs.
    Nothing,
    /// What writing needs.
    Write,
    /// To be an operator, or to come from where administration needs no password.
    Operator,
}

/// A command of the door.
pub struct Entry {
    /// Its name in lower case.
    pub name: &'static str,
    /// Answers it.
    pub run: Run,
    /// What is known of it.
    spec: Spec,
    needs: Needs,
    /// Subcommands that need something else.
    but: &'static [(&'static str, Needs)],
}

impl Entry {
    /// What is known of the command, or of its subcommand; refuses words that do not fit.
    pub fn check(&self, argv: &[&[u8]]) -> Result<&Spec, Error> {
        let spec = match argv.get(1) {
            Some(word) if !self.spec.subcommands.is_empty() => {
                self.spec.subcommand(word).ok_or_else(|| unknown_subcommand(self.name, word))?
            }
            _ => &self.spec,
        };
        let expected = spec.arity.unsigned_abs() as usize;
        let fits = if spec.arity < 0 { argv.len() >= expected } else { argv.len() == expected };
        if fits { Ok(spec) } else { Err(wrong_arity(&spec.full_name)) }
    }

    /// The place of a call among the metrics' names: that of its subcommand, if it names one.
    pub fn number(&self, argv: &[&[u8]]) -> usize {
        let of_subcommand = argv.get(1).and_then(|word| self.spec.subcommand(word));
        of_subcommand.unwrap_or(&self.spec).number
    }

    /// Its name, with its subcommand's if it has some (`client|list`).
    pub fn full_name(&self, argv: &[&[u8]]) -> &str {
        let of_subcommand = argv.get(1).and_then(|word| self.spec.subcommand(word));
        of_subcommand.map_or(self.name, |spec| &spec.full_name)
    }

    /// What a client needs to run it.
    pub fn needs(&self, argv: &[&[u8]]) -> Needs {
        let of_subcommand = argv
            .get(1)
            .and_then(|word| self.but.iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes())));
        of_subcommand.map_or(self.needs, |(_, needs)| *needs)
    }

    /// Whether it is not queued in a transaction, but run.
    pub fn ends_queueing(&self) -> bool {
        matches!(self.name, "exec" | "discard" | "multi" | "watch" | "quit" | "reset")
    }

    /// Whether its answer needs what the engine holds as a whole, which cannot be asked while it runs a
    /// transaction.
    pub fn asks_engine(&self) -> bool {
        matches!(self.name, "config" | "debug" | "info" | "memory")
    }

    /// Whether it runs a transaction.
    pub fn executes(&self) -> bool {
        self.name == "exec"
    }

    /// Whether it reaches others, and so is held by a pause of writes. `COMMAND` does not tell.
    pub fn may_replicate(&self) -> bool {
        matches!(self.name, "publish" | "spublish")
    }

    /// Whether those who administer may run it unseen.
    pub fn is_shown(&self, argv: &[&[u8]]) -> bool {
        !argv.get(1).and_then(|word| self.spec.subcommand(word)).unwrap_or(&self.spec).is_admin
    }

    /// Whether it is answered by pushes, which come also to those who want no replies.
    pub fn answers_by_pushes(&self) -> bool {
        self.name.ends_with("subscribe")
    }

    /// Whether who hears pushes in RESP2 may run it.
    pub fn is_for_subscribers(&self) -> bool {
        matches!(
            self.name,
            "ping"
                | "subscribe"
                | "ssubscribe"
                | "psubscribe"
                | "unsubscribe"
                | "sunsubscribe"
                | "punsubscribe"
                | "hmon"
                | "hunmon"
                | "quit"
                | "reset"
        )
    }
}

/// The command of the door called `name`, in any case.
pub fn lookup(name: &[u8]) -> Option<&'static Entry> {
    static BY_NAME: LazyLock<HashMap<&'static str, Entry>> = LazyLock::new(table::entries);
    let lower = std::str::from_utf8(name).ok().filter(|name| name.len() <= NAME_BYTES_MAX)?;
    BY_NAME.get(&*lower.to_ascii_lowercase())
}

/// The longest name; a longer word is no command.
const NAME_BYTES_MAX: usize = 16;

/// Whether this is the beginning of a line of an HTTP request that a browser was made to send here.
pub fn is_attack(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:")
}

/// Redis' refusal of too few or too many words.
pub fn wrong_arity(name: &str) -> Error {
    Error::Other(format!("ERR wrong number of arguments for '{name}' command").into())
}

/// Redis' refusal of a subcommand that there is not.
pub fn unknown_subcommand(command: &str, word: &[u8]) -> Error {
    let word = word[..word.len().min(128)].split(|&byte| byte == 0).next().unwrap_or_default();
    let word = String::from_utf8_lossy(word);
    Error::Other(
        format!("ERR unknown subcommand '{word}'. Try {} HELP.", command.to_ascii_uppercase()).into(),
    )
}

/// Redis' refusal of a subcommand whose words do not fit.
pub fn bad_subcommand(command: &str, word: &[u8]) -> Error {
    let word = String::from_utf8_lossy(&word[..word.len().min(128)]);
    let name = command.to_ascii_uppercase();
    Error::Other(
        format!("ERR unknown subcommand or wrong number of arguments for '{word}'. Try {name} HELP.").into(),
    )
}

/// Redis' refusal of a command that is not for everybody.
pub fn no_permission(name: &str) -> Error {
    Error::Other(format!("NOPERM this user has no permissions to run the '{name}' command").into())
}

/// The metrics' name of a command by its place among them.
pub fn metrics_name(number: usize) -> Option<&'static str> {
    metrics_names().get(number).copied()
}
