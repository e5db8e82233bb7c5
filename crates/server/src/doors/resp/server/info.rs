//! `INFO`: what the server is and what it counts, in Redis' sections and by Redis' names. A figure that
//! Redis has and Hyrax does not measure is left out; what there is none of here is 0.

use super::super::connection::REDIS_VERSION;
use super::super::dialogue::{Conversation, Flow};
use super::latency::command_totals;
use super::settings::{SHOWN_PERCENTILES, Setting, show_percentile};
use crate::core::Core;
use crate::hub::Space;
use crate::metrics::{Metrics, Totals};
use hyrax_values::Error;
use std::fmt::Write;
use std::time::Duration;

/// Writes a section's lines.
type Section = fn(&Conversation, &mut String) -> std::fmt::Result;

/// The sections in their order: name, heading, whether it is shown when none is asked for.
static SECTIONS: &[(&str, &str, bool, Section)] = &[
    ("server", "Server", true, server),
    ("clients", "Clients", true, clients),
    ("memory", "Memory", true, memory),
    ("persistence", "Persistence", true, persistence),
    ("stats", "Stats", true, stats),
    ("replication", "Replication", true, replication),
    ("cpu", "CPU", true, cpu),
    ("modules", "Modules", true, |_, _| Ok(())),
    ("commandstats", "Commandstats", false, command_stats),
    ("errorstats", "Errorstats", true, error_stats),
    ("latencystats", "Latencystats", false, latency_stats),
    ("cluster", "Cluster", true, |_, text| text.write_str("cluster_enabled:0\r\n")),
    ("keyspace", "Keyspace", true, keyspace),
];

/// `INFO [section …]`.
pub fn run(conversation: &mut Conversation, argv: &[&[u8]], out: &mut Vec<u8>) -> Result<Flow, Error> {
    let asked: Vec<Vec<u8>> = argv[1..].iter().map(|word| word.to_ascii_lowercase()).collect();
    let has = |name: &str| asked.iter().any(|word| word == name.as_bytes());
    let (all, default) = (has("all") || has("everything"), asked.is_empty() || has("default"));
    let mut text = String::new();
    for (name, heading, by_default, write) in SECTIONS {
        if !(all || has(name) || (default && *by_default)) {
            continue;
        }
        if !text.is_empty() {
            text.push_str("\r\n");
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "# {heading}\r\n").and_then(|()| write(conversation, &mut text));
    }
    conversation.reply(out).verbatim(&text);
    Ok(Flow::Done)
}

/// What was counted since the counting began anew.
fn totals(core: &Core) -> Totals {
    let (now, before) = (core.metrics.totals(), core.counted_before.totals());
    Totals {
        opened: now.opened.saturating_sub(before.opened),
        open: now.open,
        refused: now.refused.saturating_sub(before.refused),
        received: now.received.saturating_sub(before.received),
        sent: now.sent.saturating_sub(before.sent),
        commands: now.commands.saturating_sub(before.commands),
        errors: now.errors.saturating_sub(before.errors),
    }
}

fn server(conversation: &Conversation, text: &mut String) -> std::fmt::Result {
    let core = &conversation.session.core;
    let now_us = conversation.session.now_us();
    let uptime_s = (now_us / 1_000_000).saturating_sub(core.began_s);
    let uname = rustix::system::uname();
    let os = [uname.sysname(), uname.release(), uname.machine()].map(|part| part.to_string_lossy());
    write!(text, "redis_version:{REDIS_VERSION}\r\n")?;
    write!(text, "redis_git_sha1:00000000\r\nredis_git_dirty:0\r\nredis_build_id:0\r\n")?;
    write!(text, "redis_mode:standalone\r\nos:{}\r\narch_bits:{}\r\n", os.join(" "), usize::BITS)?;
    write!(text, "hyrax_version:{}\r\nhyrax_node:{}\r\n", env!("CARGO_PKG_VERSION"), core.node_name)?;
    write!(text, "hyrax_values:{}\r\n", core.values.name())?;
    write!(text, "process_id:{}\r\nprocess_supervised:no\r\n", std::process::id())?;
    let port = conversation.session.peer.local.map_or(0, |address| address.port());
    write!(text, "run_id:{}\r\ntcp_port:{port}\r\nserver_time_usec:{now_us}\r\n", core.run_id)?;
    write!(text, "uptime_in_seconds:{uptime_s}\r\nuptime_in_days:{}\r\n", uptime_s / 86_400)?;
    let executable = std::env::current_exe().unwrap_or_default();
    write!(text, "hz:10\r\nconfigured_hz:10\r\nexecutable:{}\r\n", executable.display())?;
    write!(text, "config_file:\r\nio_threads_active:0\r\n")
}

fn clients(conversation: &Conversation, text: &mut String) -> std::fmt::Result {
    let core = &conversation.session.core;
    let blocked = core.sessions().iter().filter(|card| card.is_waiting()).count();
    write!(text, "connected_clients:{}\r\ncluster_connections:0\r\n", core.metrics.totals().open)?;
    write!(text, "maxclients:{}\r\n", core.limits.load().max_connections)?;
    let trackers = core.hub.tracking().totals().trackers;
    write!(text, "blocked_clients:{blocked}\r\ntracking_clients:{trackers}\r\n")?;
    write!(text, "clients_in_timeout_table:{blocked}\r\n")
}

fn memory(conversation: &Conversation, text: &mut String) -> std::fmt::Result {
    let core = &conversation.session.core;
    let resident = Metrics::process().map_or(0, |(resident, ..)| resident);
    let limit = core.values.memory_limit();
    // Where nobody measures what is allocated, what the system gave is the nearest to it.
    let used = match core.values.statistics().used_bytes {
        0 => resident,
        used => used,
    };
    let ratio = resident as f64 / used.max(1) as f64;
    write!(text, "used_memory:{used}\r\nused_memory_human:{}\r\n", human(used))?;
    write!(text, "used_memory_rss:{resident}\r\nused_memory_rss_human:{}\r\n", human(resident))?;
    write!(text, "used_memory_lua:0\r\nused_memory_vm_total:0\r\nnumber_of_cached_scripts:0\r\n")?;
    write!(text, "maxmemory:{}\r\nmaxmemory_human:{}\r\n", limit.bytes, human(limit.bytes))?;
    write!(text, "maxmemory_policy:{}\r\nmem_fragmentation_ratio:{ratio:.2}\r\n", limit.policy)?;
    write!(text, "mem_fragmentation_bytes:{}\r\n", resident as i64 - used as i64)?;
    write!(text, "mem_clients_slaves:0\r\nmem_clients_normal:{}\r\n", core.gauges().queue_bytes)?;
    write!(text, "mem_allocator:jemalloc\r\nactive_defrag_running:0\r\nlazyfree_pending_objects:0\r\n")?;
    write!(text, "lazyfreed_objects:{}\r\n", core.values.statistics().freed_late)
}

/// Bytes as Redis shows them to people.
fn human(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{:.2}{name}", bytes as f64 / *unit as f64),
        None => format!("{bytes}B"),
    }
}

/// Nothing is written to a disk.
fn persistence(conversation: &Conversation, text: &mut String) -> std::fmt::Result {
    let began_s = conversation.session.core.began_s;
    let changes = conversation.session.core.values.statistics().changes;
    write!(text, "loading:0\r\nasync_loading:0\r\nrdb_changes_since_last_save:{changes}\r\n")?;
    write!(
        text,
        "rdb_bgsave_in_progress:0\r\nrdb_last_save_time:{began_s}\r\nrdb_last_bgsave_status:ok\r\n"
    )?;
    write!(text, "rdb_last_bgsave_time_sec:-1\r\nrdb_current_bgsave_time_sec:-1\r\nrdb_saves:0\r\n")?;
    write!(text, "aof_enabled:0\r\naof_rewrite_in_progress:0\r\naof_rewrite_scheduled:0\r\n")?;
    write!(text, "aof_last_rewrite_time_sec:-1\r\naof_current_rewrite_time_sec:-1\r\n")?;
    write!(text, "aof_last_bgrewrite_status:ok\r\naof_last_write_status:ok\r\n")
}

fn stats(conversation: &Conversation, text: &mut String) -> std::fmt::Result {
    let core = &conversation.session.core;
    let totals = totals(core);
    let channels = &core.hub.channels();
    write!(text, "total_connections_received:{}\r\n", totals.opened)?;
    write!(text, "total_commands_processed:{}\r\n", totals.commands)?;
    write!(text, "total_net_input_bytes:{}\r\n", totals.received)?;
    write!(text, "total_net_output_bytes:{}\r\n", totals.sent)?;
    write!(text, "rejected_connections:{}\r\n", totals.refused)?;
    let counted = core.values.statistics();
    write!(text, "expired_keys:{}\r\nevicted_keys:{}\r\n", counted.expired, counted.evicted)?;
    write!(text, "keyspace_hits:{}\r\nkeyspace_misses:{}\r\n", counted.hits, counted.misses)?;
    write!(text, "sync_full:0\r\nsync_partial_ok:0\r\nsync_partial_err:0\r\n")?;
    write!(text, "pubsub_channels:{}\r\n", channels.active(Space::Channels, None).len())?;
    write!(text, "pubsub_patterns:{}\r\n", channels.patterns())?;
    write!(text, "pubsubshard_channels:{}\r\n", channels.active(Space::ShardChannels, None).len())?;
    write!(text, "latest_fork_usec:0\r\ntotal_forks:0\r\nmigrate_cached_sockets:0\r\n")?;
    let tracked = core.hub.tracking().totals();
    write!(text, "tracking_total_keys:{}\r\ntracking_total_items:{}\r\n", tracked.keys, tracked.items)?;
    write!(text, "tracking_total_prefixes:{}\r\n", tracked.prefixes)?;
    write!(text, "unexpected_error_replies:0\r\ntotal_error_replies:{}\r\n", error_replies(core))
}

fn error_replies(core: &Core) -> u64 {
    core.errors.all().iter().map(|(_, count)| count).sum()
}

/// A master that nobody replicates.
fn replication(conversation: &Conversation, text: &mut String) -> std::fmt::Result {
    write!(text, "role:master\r\nconnected_slaves:0\r\nmaster_failover_state:no-failover\r\n")?;
    write!(text, "master_replid:{}\r\n", conversation.session.core.run_id)?;
    write!(text, "master_replid2:{:040}\r\nmaster_repl_offset:0\r\nsecond_repl_offset:-1\r\n", 0)?;
    write!(text, "repl_backlog_active:0\r\nrepl_backlog_size:0\r\n")?;
    write!(text, "repl_backlog_first_byte_offset:0\r\nrepl_backlog_histlen:0\r\n")
}

fn cpu(_conversation: &Conversation, text: &mut String) -> std::fmt::Result {
    let (_, user, system) = Metrics::process().unwrap_or((0, Duration::ZERO, Duration::ZERO));
    write!(text, "used_cpu_sys:{:.6}\r\n", system.as_secs_f64())?;
    write!(text, "used_cpu_user:{:.6}\r\n", user.as_secs_f64())?;
    write!(text, "used_cpu_sys_children:0.000000\r\nused_cpu_user_children:0.000000\r\n")
}

fn command_stats(conversation: &Conversation, text: &mut String) -> std::fmt::Result {
    for (name, total) in command_totals(&conversation.session.core) {
        let microseconds = total.nanoseconds / 1000;
        let each = total.nanoseconds as f64 / 1000.0 / total.calls as f64;
        write!(
            text,
            "cmdstat_{name}:calls={},usec={microseconds},usec_per_call={each:.2},rejected_calls=0,failed_calls={}\r\n",
            total.calls, total.errors
        )?;
    }
    Ok(())
}

fn error_stats(conversation: &Conversation, text: &mut String) -> std::fmt::Result {
    for (word, count) in conversation.session.core.errors.all() {
        write!(text, "errorstat_{word}:count={count}\r\n")?;
    }
    Ok(())
}

fn latency_stats(conversation: &Conversation, text: &mut String) -> std::fmt::Result {
    let setting = Setting::named(SHOWN_PERCENTILES.as_bytes());
    let shares = setting.map(|setting| setting.get(conversation)).unwrap_or_default();
    let shares: Vec<f64> = shares.split(' ').filter_map(|share| share.parse().ok()).collect();
    for (name, total) in command_totals(&conversation.session.core) {
        let shown = |&share: &f64| {
            let microseconds = total.percentile(share / 100.0) as f64 / 1000.0;
            format!("p{}={microseconds:.3}", show_percentile(share))
        };
        let shown: Vec<String> = shares.iter().map(shown).collect();
        write!(text, "latency_percentiles_usec_{name}:{}\r\n", shown.join(","))?;
    }
    Ok(())
}

fn keyspace(conversation: &Conversation, text: &mut String) -> std::fmt::Result {
    let statistics = conversation.session.core.values.statistics();
    match statistics.keys {
        0 => Ok(()),
        keys => write!(text, "db0:keys={keys},expires={},avg_ttl=0\r\n", statistics.expiring),
    }
}
