//! Commands that are a family of their own: their members, each with its arity.

use super::{Command, Name, shown};
use crate::Error;

/// A member of such a family.
#[derive(Debug)]
struct Subcommand {
    /// Its name in lower case.
    name: &'static str,
    /// Both names as Redis shows them when the arity is wrong.
    full_name: &'static str,
    /// How many words a call has, the two names among them: exactly, or at least when negative.
    arity: i16,
}

const fn member(name: &'static str, full_name: &'static str, arity: i16) -> Subcommand {
    Subcommand { name, full_name, arity }
}

const MEMORY: &[Subcommand] = &[member("help", "memory|help", 2), member("usage", "memory|usage", -3)];

const OBJECT: &[Subcommand] = &[
    member("encoding", "object|encoding", 3),
    member("freq", "object|freq", 3),
    member("help", "object|help", 2),
    member("idletime", "object|idletime", 3),
    member("refcount", "object|refcount", 3),
];

const XGROUP: &[Subcommand] = &[
    member("create", "xgroup|create", -5),
    member("createconsumer", "xgroup|createconsumer", 5),
    member("delconsumer", "xgroup|delconsumer", 5),
    member("destroy", "xgroup|destroy", 4),
    member("help", "xgroup|help", 2),
    member("setid", "xgroup|setid", -5),
];

const XINFO: &[Subcommand] = &[
    member("consumers", "xinfo|consumers", 4),
    member("groups", "xinfo|groups", 3),
    member("help", "xinfo|help", 2),
    member("stream", "xinfo|stream", -3),
];

impl Command {
    /// Whether its second word names one of several commands.
    pub fn is_family(&self) -> bool {
        !self.subcommands().is_empty()
    }

    /// The members of the family that this is, if it is one.
    fn subcommands(&self) -> &'static [Subcommand] {
        match self.id {
            Name::Memory => MEMORY,
            Name::Object => OBJECT,
            Name::Xgroup => XGROUP,
            Name::Xinfo => XINFO,
            _ => &[],
        }
    }

    /// The subcommand that a call names, if it is one of this command's and the call has as many words as
    /// it needs.
    pub(super) fn check_subcommand(&self, argv: &[&[u8]]) -> Result<(), Error> {
        let (subcommands, Some(named)) = (self.subcommands(), argv.get(1)) else { return Ok(()) };
        if subcommands.is_empty() {
            return Ok(());
        }
        let is_named = |found: &&Subcommand| named.eq_ignore_ascii_case(found.name.as_bytes());
        let Some(found) = subcommands.iter().find(is_named) else {
            let (named, family) = (shown(named), self.name.to_uppercase());
            return Err(Error::Other(format!("ERR unknown subcommand '{named}'. Try {family} HELP.").into()));
        };
        let expected = usize::from(found.arity.unsigned_abs());
        let fits = if found.arity < 0 { argv.len() >= expected } else { argv.len() == expected };
        if fits { Ok(()) } else { Err(Error::Arity(found.full_name)) }
    }
}
