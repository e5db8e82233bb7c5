//! `redis-benchmark`, all its tests.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::Command;

use super::stage::{on_both, output_of};

/// The names of the tests that it reports.
fn tests_reported(address: SocketAddr, flags: &str) -> BTreeSet<String> {
    let mut command = Command::new("redis-benchmark");
    command.args(["-h", &address.ip().to_string(), "-p", &address.port().to_string(), "--csv"]);
    let said = output_of(command.args(flags.split_whitespace()));
    let rows: Vec<&str> = said.lines().filter(|line| line.starts_with('"')).collect();
    assert!(!said.contains("Error") && !said.contains("ERR"), "{said}");
    rows.iter().filter_map(|row| Some(row.split("\",\"").next()?.trim_matches('"').to_owned())).collect()
}

fn check(flags: &str) {
    let [redis, hyrax] = on_both(|address| tests_reported(address, flags));
    assert!(redis.len() > 15, "{redis:?}");
    assert_eq!(hyrax, redis);
}

#[test]
fn all_its_tests_run() {
    check("-n 1000 -c 10");
}

#[test]
fn all_its_tests_run_in_pipelines_over_random_keys() {
    check("-n 5000 -c 20 -P 16 -r 1000");
}

#[test]
fn all_its_tests_run_over_resp3() {
    check("-n 1000 -c 10 -P 16 -3");
}
