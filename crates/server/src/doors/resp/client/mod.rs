//! `CLIENT`: what clients may know of each other, and do to each other.

mod kill;
mod list;
pub mod tracking;
mod wait;

use super::commands::bad_subcommand;
use super::dialogue::{Conversation, Flow, Replies};
use super::help::write_help;
use hyrax_values::{Error, ReplySink};
use std::sync::atomic::Ordering::Relaxed;

/// `CLIENT subcommand …`.
pub fn run(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    match &argv[1].to_ascii_lowercase()[..] {
        b"caching" => tracking::caching(conversation, argv[2], out)?,
        b"getname" => match conversation.session.card.name() {
            Some(name) => conversation.reply(out).bulk(&name),
            None => conversation.reply(out).null(),
        },
        b"getredir" => conversation.reply(out).integer(tracking::redirection(conversation)),
        b"help" => write_help(conversation, argv[0], HELP, out),
        b"id" => conversation.reply(out).integer(conversation.session.id.0 as i64),
        b"info" => list::info(conversation, out),
        b"kill" => return kill::run(conversation, argv, out),
        b"list" => list::run(conversation, argv, out)?,
        b"no-evict" => {
            let protected = on_or_off(argv[2])?;
            conversation.session.card.no_evict.store(protected, Relaxed);
            conversation.reply(out).status("OK");
        }
        b"pause" if argv.len() <= 4 => wait::pause(conversation, argv, out)?,
        b"reply" => reply(conversation, argv[2], out)?,
        b"setname" => {
            conversation.take_name(argv[2])?;
            conversation.reply(out).status("OK");
        }
        b"tracking" => tracking::run(conversation, argv, out)?,
        b"trackinginfo" => tracking::info(conversation, out),
        b"unblock" if argv.len() <= 4 => wait::unblock(conversation, argv, out)?,
        b"unpause" => wait::unpause(conversation, out),
        _ => return Err(bad_subcommand("client", argv[1])),
    }
    Ok(Flow::Done)
}

fn on_or_off(word: &[u8]) -> Result<bool, Error> {
    match &word.to_ascii_lowercase()[..] {
        b"on" => Ok(true),
        b"off" => Ok(false),
        _ => Err(Error::Syntax),
    }
}

/// `CLIENT REPLY ON|OFF|SKIP`.
fn reply(conversation: &mut Conversation, how: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    match &how.to_ascii_lowercase()[..] {
        b"on" => {
            conversation.replies = Replies::On;
            conversation.reply(out).status("OK");
        }
        b"off" => conversation.replies = Replies::Off,
        b"skip" if conversation.replies == Replies::Off => {}
        b"skip" => conversation.replies = Replies::SkipNext,
        _ => return Err(Error::Syntax),
    }
    Ok(())
}

const HELP: &[&str] = &[
    "CACHING (YES|NO)",
    "    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
    "GETREDIR",
    "    Return the client ID we are redirecting to when tracking is enabled.",
    "GETNAME",
    "    Return the name of the current connection.",
    "ID",
    "    Return the ID of the current connection.",
    "INFO",
    "    Return information about the current client connection.",
    "KILL <ip:port>",
    "    Kill connection made from <ip:port>.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Kill connections. Options are:",
    "    * ADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made from the specified address",
    "    * LADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made to specified local address",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Kill connections by type.",
    "    * USER <username>",
    "      Kill connections authenticated by <username>.",
    "    * SKIPME (YES|NO)",
    "      Skip killing current connection (default: yes).",
    "LIST [options ...]",
    "    Return information about client connections. Options:",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Return clients of specified type.",
    "UNPAUSE",
    "    Stop the current client pause, resuming traffic.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Suspend all, or just write, clients for <timeout> milliseconds.",
    "REPLY (ON|OFF|SKIP)",
    "    Control the replies sent to the current connection.",
    "SETNAME <name>",
    "    Assign the name <name> to the current connection.",
    "UNBLOCK <clientid> [TIMEOUT|ERROR]",
    "    Unblock the specified blocked client.",
    "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
    "         [OPTIN] [OPTOUT] [NOLOOP]",
    "    Control server assisted client side caching.",
    "TRACKINGINFO",
    "    Report tracking status for the current connection.",
    "NO-EVICT (ON|OFF)",
    "    Protect current client connection from eviction.",
];
