use std::collections::{HashMap, HashSet};
use std::thread;
use std::time::Instant;

use super::*;

/// The samples of a text, after checking it against the format's rules.
fn parse(text: &str) -> HashMap<String, f64> {
    assert!(text.ends_with('\n'));
    let mut samples = HashMap::new();
    let mut typed: HashMap<&str, &str> = HashMap::new();
    let mut helped = HashSet::new();
    let mut family = "";
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            family = help.split_once(' ').expect("a help has a text").0;
            assert!(helped.insert(family), "two helps for {family}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a type has a kind");
            assert_eq!(name, family, "the type follows the help");
            assert!(["counter", "gauge", "histogram"].contains(&kind));
            assert!(typed.insert(name, kind).is_none(), "two types for {name}");
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
            let name = series.split('{').next().unwrap_or_default();
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{name}");
            let suffixes: &[&str] =
                if typed[family] == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(suffixes.iter().any(|suffix| name.strip_suffix(suffix) == Some(family)), "{line}");
            assert!(typed[family] != "counter" || family.ends_with("_total"), "{family}");
            let value = value.parse().expect("a value is a number");
            assert!(samples.insert(series.to_owned(), value).is_none(), "{series} twice");
        }
    }
    samples
}

#[test]
fn what_is_counted_is_shown() {
    let metrics = Metrics::new(&["get", "set", "never"]);
    metrics.command(0, true, 300);
    metrics.command(0, true, 100);
    metrics.command(0, false, 5_000_000_000);
    metrics.command(1, false, 0);
    metrics.command(99, true, 1);
    metrics.pushes(5, 2, 0);
    metrics.pushes(1, 0, 1);
    metrics.received(10);
    metrics.sent(20);
    metrics.connection_refused();
    let line = metrics.connection();
    line.becomes(Door::Line);
    let closed = metrics.connection();
    closed.becomes(Door::Http);
    closed.becomes(Door::WebSocket);
    drop(closed);
    let _undecided = metrics.connection();

    let text = metrics.render(&Gauges {
        monitors: 7,
        ekg_entries: 8,
        queue_bytes: 9,
        keys: 10,
        used_bytes: 11,
        evicted: 12,
        storage: Some(StorageGauges { bytes: 13, is_full: true, is_broken: false }),
    });
    let samples = parse(&text);
    for (series, value) in [
        ("hyrax_storage_bytes", 13.0),
        ("hyrax_storage_full", 1.0),
        ("hyrax_storage_broken", 0.0),
        ("hyrax_commands_total{command=\"get\",result=\"ok\"}", 2.0),
        ("hyrax_commands_total{command=\"get\",result=\"error\"}", 1.0),
        ("hyrax_commands_total{command=\"set\",result=\"ok\"}", 0.0),
        ("hyrax_commands_total{command=\"set\",result=\"error\"}", 1.0),
        ("hyrax_command_duration_seconds_bucket{command=\"get\",le=\"0.000000256\"}", 1.0),
        ("hyrax_command_duration_seconds_bucket{command=\"get\",le=\"0.000000512\"}", 2.0),
        ("hyrax_command_duration_seconds_bucket{command=\"get\",le=\"4.294967296\"}", 2.0),
        ("hyrax_command_duration_seconds_bucket{command=\"get\",le=\"+Inf\"}", 3.0),
        ("hyrax_command_duration_seconds_count{command=\"get\"}", 3.0),
        ("hyrax_command_duration_seconds_sum{command=\"get\"}", 5.0000004),
        ("hyrax_connections{door=\"line\"}", 1.0),
        ("hyrax_connections{door=\"http\"}", 0.0),
        ("hyrax_connections{door=\"websocket\"}", 0.0),
        ("hyrax_connections{door=\"undecided\"}", 1.0),
        ("hyrax_connections_opened_total{door=\"websocket\"}", 1.0),
        ("hyrax_connections_refused_total", 1.0),
        ("hyrax_pushes_total{outcome=\"sent\"}", 6.0),
        ("hyrax_pushes_total{outcome=\"folded\"}", 2.0),
        ("hyrax_pushes_total{outcome=\"dropped\"}", 1.0),
        ("hyrax_received_bytes_total", 10.0),
        ("hyrax_sent_bytes_total", 20.0),
        ("hyrax_monitors", 7.0),
        ("hyrax_ekg_entries", 8.0),
        ("hyrax_queue_bytes", 9.0),
        ("hyrax_keys", 10.0),
        ("hyrax_used_memory_bytes", 11.0),
        ("hyrax_evicted_keys_total", 12.0),
    ] {
        assert_eq!(samples.get(series), Some(&value), "{series}\n{text}");
    }
    assert!(samples["process_resident_memory_bytes"] > 100_000.0);
    assert!(!text.contains("never"), "a command that was not run is not shown");
}

#[test]
fn no_count_is_lost_between_threads() {
    let metrics = Metrics::new(&["get"]);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..10_000).for_each(|run| metrics.command(0, run % 10 > 0, 300)));
        }
    });
    let samples = parse(&metrics.render(&Gauges::default()));
    assert_eq!(samples["hyrax_commands_total{command=\"get\",result=\"ok\"}"], 72_000.0);
    assert_eq!(samples["hyrax_commands_total{command=\"get\",result=\"error\"}"], 8_000.0);
}

/// Not a benchmark but a guard: an optimized build takes some 10 ns; a lock or a shared cache line
/// would take ten times this bound.
#[test]
fn counting_a_command_is_cheap_while_all_cores_count() {
    let metrics = Metrics::new(&["get", "set"]);
    let runs = 200_000;
    let took = thread::scope(|scope| {
        let count = || {
            let start = Instant::now();
            (0..runs).for_each(|run| metrics.command(0, true, run));
            start.elapsed()
        };
        let both = [scope.spawn(count), scope.spawn(count)];
        both.into_iter().filter_map(|thread| thread.join().ok()).min()
    });
    let each = took.expect("both threads end").as_nanos() / u128::from(runs);
    println!("{each} ns a command");
    assert!(each < 1_000, "{each} ns a command");
}
