//! What `HELP` answers, in Redis' form.

use super::dialogue::Conversation;
use hyrax_values::ReplySink;

/// Writes the help of a command as statuses, line by line.
pub fn write_help(conversation: &Conversation, command: &[u8], lines: &[&str], out: &mut Vec<u8>) {
    let name = String::from_utf8_lossy(command).to_ascii_uppercase();
    let mut reply = conversation.reply(out);
    reply.array(lines.len() + 3);
    reply.words(&format!("{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    lines.iter().for_each(|line| reply.words(line));
    reply.words("HELP");
    reply.words("    Prints this help.");
}
