//! `LATENCY`: how long commands take. Events that stopped a whole server, which Redis samples, there are
//! none here: no command runs for all clients at once.

use super::super::commands::{bad_subcommand, metrics_names};
use super::super::dialogue::{Conversation, Flow};
use super::super::encode::RespSink;
use super::super::help::write_help;
use super::settings::Setting;
use crate::core::Core;
use crate::metrics::CommandTotal;
use hyrax_values::{Error, ReplySink};

/// `LATENCY subcommand …`.
pub fn run(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    match &argv[1].to_ascii_lowercase()[..] {
        b"doctor" => {
            let is_on = Setting::named(b"latency-monitor-threshold")
                .is_some_and(|threshold| threshold.get(conversation) != "0");
            conversation.reply(out).verbatim(if is_on { NO_SPIKES } else { IS_OFF });
        }
        b"graph" => {
            let event = String::from_utf8_lossy(argv[2]);
            return Err(Error::Other(format!("ERR No samples available for event '{event}'").into()));
        }
        b"help" => write_help(conversation, argv[0], HELP, out),
        b"histogram" => write_histograms(conversation, &argv[2..], out),
        b"history" | b"latest" => conversation.reply(out).array(0),
        b"reset" => conversation.reply(out).integer(0),
        _ => return Err(bad_subcommand("latency", argv[1])),
    }
    Ok(Flow::Done)
}

/// What Redis says while its latency monitor is off.
const IS_OFF: &str = "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You may use \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order to enable it. If we weren't in a deep space mission I'd suggest to take a look at https://redis.io/topics/latency-monitor.\n";

/// What it says when nothing was slow.
const NO_SPIKES: &str = "Dave, no latency spike was observed during the lifetime of this Redis instance, not in the slightest bit. I honestly think you ought to sit down calmly, take a stress pill, and think things over.\n";

/// Commands that were run, with what was counted of them since the counting began anew.
pub fn command_totals(core: &Core) -> Vec<(&'static str, CommandTotal)> {
    // Behind this door's are those of another.
    let names = core.metrics.command_names().iter().take(metrics_names().len()).enumerate();
    let counted = names.map(|(number, name)| {
        let before = core.counted_before.command(number);
        (*name, core.metrics.command_total(number).since(&before))
    });
    counted.filter(|(_, total)| total.calls > 0).collect()
}

fn write_histograms(conversation: &Conversation, asked: &[&[u8]], out: &mut Vec<u8>) {
    let mut totals = command_totals(&conversation.session.core);
    if !asked.is_empty() {
        let is_asked = |name: &str| {
            let family = name.split('|').next().unwrap_or(name);
            let is =
                |word: &&[u8]| [name, family].iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()));
            asked.iter().any(is)
        };
        totals.retain(|(name, _)| is_asked(name));
    }
    let mut reply = conversation.reply(out);
    reply.map(totals.len());
    for (name, total) in totals {
        reply.bulk(name.as_bytes());
        write_histogram(&total, &mut reply);
    }
}

/// The number of calls, and how many took up to how many microseconds.
fn write_histogram(total: &CommandTotal, reply: &mut RespSink<'_>) {
    reply.map(2);
    reply.bulk(b"calls");
    reply.integer(total.calls as i64);
    reply.bulk(b"histogram_usec");
    let mut calls = 0;
    let mut steps: Vec<(u64, u64)> = Vec::new();
    for (bucket, count) in total.buckets.iter().enumerate().filter(|(_, count)| **count > 0) {
        calls += count;
        let bound_us = CommandTotal::bound(bucket).map_or(i64::MAX as u64, |bound| bound.div_ceil(1000));
        match steps.last_mut() {
            Some((bound, sum)) if *bound == bound_us => *sum = calls,
            _ => steps.push((bound_us, calls)),
        }
    }
    reply.map(steps.len());
    for (bound_us, calls) in steps {
        reply.integer(bound_us as i64);
        reply.integer(calls as i64);
    }
}

const HELP: &[&str] = &[
    "DOCTOR",
    "    Return a human readable latency analysis report.",
    "GRAPH <event>",
    "    Return an ASCII latency graph for the <event> class.",
    "HISTORY <event>",
    "    Return time-latency samples for the <event> class.",
    "LATEST",
    "    Return the latest latency samples for all events.",
    "RESET [<event> ...]",
    "    Reset latency data of one or more <event> classes.",
    "    (default: reset all data for all event classes)",
    "HISTOGRAM [COMMAND ...]",
    "    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.",
    "    If no commands are specified then all histograms are replied.",
];
