//! `SLOWLOG`: the commands that took longest.

use super::super::commands::bad_subcommand;
use super::super::dialogue::{Conversation, Flow};
use super::super::help::write_help;
use hyrax_values::{Error, ReplySink, parse_integer};

/// Commands shown where no number is asked for.
const SHOWN: usize = 10;

/// `SLOWLOG subcommand …`.
pub fn run(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    let slow_log = &conversation.session.core.slow_log;
    match &argv[1].to_ascii_lowercase()[..] {
        b"get" if argv.len() <= 3 => {
            let count = argv.get(2).map_or(Ok(SHOWN), |count| read_count(count))?;
            write_last(conversation, count, out);
        }
        b"help" => write_help(conversation, argv[0], HELP, out),
        b"len" => conversation.reply(out).integer(slow_log.len() as i64),
        b"reset" => {
            slow_log.reset();
            conversation.reply(out).status("OK");
        }
        _ => return Err(bad_subcommand("slowlog", argv[1])),
    }
    Ok(Flow::Done)
}

fn read_count(word: &[u8]) -> Result<usize, Error> {
    let refused = Error::text("ERR count should be greater than or equal to -1");
    match parse_integer(word) {
        Some(-1) => Ok(usize::MAX),
        Some(count) => usize::try_from(count).map_err(|_| refused),
        None => Err(refused),
    }
}

fn write_last(conversation: &Conversation, count: usize, out: &mut Vec<u8>) {
    let entries = conversation.session.core.slow_log.last(count);
    let mut reply = conversation.reply(out);
    reply.array(entries.len());
    for slow in entries {
        reply.array(6);
        reply.integer(slow.id as i64);
        reply.integer(slow.at_s as i64);
        reply.integer(slow.took_us as i64);
        reply.bulks(slow.words.iter().map(Vec::as_slice));
        reply.bulk(slow.address.as_bytes());
        reply.bulk(&slow.client);
    }
}

const HELP: &[&str] = &[
    "GET [<count>]",
    "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
    "    Entries are made of:",
    "    id, timestamp, time in microseconds, arguments array, client IP and port,",
    "    client name",
    "LEN",
    "    Return the length of the slowlog.",
    "RESET",
    "    Reset the slowlog.",
];
