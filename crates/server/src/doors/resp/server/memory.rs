//! `MEMORY`: how much the server uses. What single keys use is the engine's to say.

use super::super::commands::bad_subcommand;
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
        _ => return Err(bad_subcommand("memory", argv[1])),
    }
    Ok(Flow::Done)
}

/// What is known of the process as a whole, by Redis' names.
fn write_stats(conversation: &Conversation, out: &mut Vec<u8>) {
    let core = &conversation.session.core;
    let resident = Metrics::process().map_or(0, |(resident, ..)| resident);
    let statistics = core.values.statistics();
    let used = match statistics.used_bytes {
        0 => resident,
        used => used,
    };
    let figures = [
        ("total.allocated", used),
        ("replication.backlog", 0),
        ("clients.slaves", 0),
        ("clients.normal", core.gauges().queue_bytes),
        ("aof.buffer", 0),
        ("keys.count", statistics.keys),
        ("keys.bytes-per-key", used.checked_div(statistics.keys).unwrap_or(0)),
        ("dataset.bytes", used),
        ("allocator.resident", resident),
    ]
    .map(|(name, figure)| (name, figure as i64));
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
