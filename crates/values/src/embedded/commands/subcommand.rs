//! Commands that are a family of their own.

use super::Run;
use super::c_text::printed;
use crate::embedded::Keyspace;
use crate::{Error, ReplySink};

/// Runs the subcommand that a call names. That it names one, with as many words as that needs, was checked
/// before ([`Command::check_words`](crate::command::Command::check_words)).
pub(super) fn run(
    subcommands: &[(&str, Run)],
    keys: &mut Keyspace<'_>,
    argv: &[&[u8]],
    reply: &mut dyn ReplySink,
) -> Result<(), Error> {
    let named = |(name, _): &&(&str, Run)| argv[1].eq_ignore_ascii_case(name.as_bytes());
    match subcommands.iter().find(named) {
        Some((_, run)) => run(keys, argv, reply),
        None => Err(Error::Syntax),
    }
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
