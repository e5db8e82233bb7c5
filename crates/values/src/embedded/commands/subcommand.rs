//! Commands that are a family of their own, each with its arity.

use super::c_text::printed;
use crate::{Error, ReplySink};

/// A subcommand.
pub(super) struct Subcommand<T> {
    /// Its name in lower case.
    pub name: &'static str,
    /// Both names as Redis shows them when the arity is wrong.
    pub full_name: &'static str,
    /// How many words a call has, the two names among them: exactly, or at least when negative.
    pub arity: i16,
    /// What runs it.
    pub run: T,
}

/// The subcommand that a call names, if the call has as many words as it needs.
pub(super) fn find<'a, T>(
    subcommands: &'a [Subcommand<T>],
    command: &str,
    argv: &[&[u8]],
) -> Result<&'a Subcommand<T>, Error> {
    let named = |subcommand: &&Subcommand<T>| argv[1].eq_ignore_ascii_case(subcommand.name.as_bytes());
    let Some(found) = subcommands.iter().find(named) else {
        let shown = printed(&argv[1][..argv[1].len().min(128)]);
        return Err(Error::Other(format!("ERR unknown subcommand '{shown}'. Try {command} HELP.").into()));
    };
    let expected = usize::from(found.arity.unsigned_abs());
    let fits = if found.arity < 0 { argv.len() >= expected } else { argv.len() == expected };
    if fits { Ok(found) } else { Err(Error::Arity(found.full_name)) }
}

/// The refusal of a call whose words do not fit its subcommand.
pub(super) fn misused(command: &str, argv: &[&[u8]]) -> Error {
    let shown = printed(&argv[1][..argv[1].len().min(128)]);
    let what = "unknown subcommand or wrong number of arguments for";
    Error::Other(format!("ERR {what} '{shown}'. Try {command} HELP.").into())
}

/// Writes what a `HELP` answers. Its first line and its last two are the same for every command.
pub(super) fn write_help(first: &'static str, lines: &[&'static str], reply: &mut dyn ReplySink) {
    reply.array(lines.len() + 3);
    reply.status(first);
    lines.iter().for_each(|line| reply.status(line));
    reply.status("HELP");
    reply.status("    Prints this help.");
}
