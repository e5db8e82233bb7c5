//! `MEMORY`: how much the server uses. What single keys use is the engine's to say.

use super::super::commands::unknown_subcommand;
use super::super::dialogue::{Conversation, Flow};
use super::super::help::write_help;
use crate::metrics::Metrics;
use hyrax_values::{Error, ReplySink};

/// `MEMORY subcommand …`, but for `USAGE`.
pub fn run(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    match &argv[1].to_ascii_lowercase()[..] {
        b"doctor" => conversation.reply(out).verbatim(
            "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on this base.\n",
        ),
        b"help" => write_help(conversation, argv[0], HELP, out),
        b"malloc-stats" => conversation.reply(out).bulk(b"Stats not supported for the current allocator"),
        b"purge" => conversation.reply(out).status("OK"),
        b"stats" => write_stats(conversation, out),
        _ => return Err(unknown_subcommand("memory", argv[1])),
    }
    Ok(Flow::Done)
}

/// What is known of the process as a whole, by Redis' names.
fn write_stats(conversation: &Conversation, out: &mut Vec<u8>) {
    let core = &conversation.session.core;
    let resident = Metrics::process().map_or(0, |(resident, ..)| resident) as i64;
    let keys = core.values.len_hint().unwrap_or(0) as i64;
    let figures = [
        ("total.allocated", resident),
        ("replication.backlog", 0),
        ("clients.slaves", 0),
        ("clients.normal", core.gauges().queue_bytes as i64),
        ("aof.buffer", 0),
        ("keys.count", keys),
        ("keys.bytes-per-key", if keys > 0 { resident / keys } else { 0 }),
        ("dataset.bytes", resident),
        ("allocator.resident", resident),
    ];
    super::write_figures(&figures, &mut conversation.reply(out));
}

const HELP: &[&str] = &[
    "DOCTOR",
    "    Return memory problems reports.",
    "MALLOC-STATS",
    "    Return internal statistics report from the memory allocator.",
    "PURGE",
    "    Attempt to purge dirty pages for reclamation by the allocator.",
    "STATS",
    "    Return information about the memory usage of the server.",
    "USAGE <key> [SAMPLES <count>]",
    "    Return memory in bytes used by <key> and its value. Nested values are",
    "    sampled up to <count> times (default: 5, 0 means sample all).",
];
