//! `redis-cli`: commands, scripts, mass insertion, its ways of looking at a server.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::resp::words;

use super::stage::{fed, on_both, output_of};

fn redis_cli(address: SocketAddr, line: &str) -> Command {
    let mut command = Command::new("redis-cli");
    command.args(["-h", &address.ip().to_string(), "-p", &address.port().to_string()]);
    command.args(line.split_whitespace());
    command
}

/// Runs each line as a call of `redis-cli`, and checks that both servers' answers read the same.
fn check_lines(lines: &[&str]) {
    let [redis, hyrax] = on_both(|address| {
        lines.iter().map(|line| output_of(&mut redis_cli(address, line))).collect::<Vec<_>>()
    });
    for (line, (redis, hyrax)) in lines.iter().zip(redis.into_iter().zip(hyrax)) {
        assert_eq!(hyrax, redis, "redis-cli {line}");
    }
}

#[test]
fn commands_read_the_same() {
    check_lines(&[
        "PING",
        "SET greeting hello",
        "GET greeting",
        "GET missing",
        "INCR greeting",
        "RPUSH list a b c",
        "LRANGE list 0 -1",
        "--no-raw LRANGE list 0 -1",
        "--csv LRANGE list 0 -1",
        "--json -3 LRANGE list 0 -1",
        "HSET hash f 1 g 2",
        "-3 --no-raw HGETALL hash",
        "ZADD zset 1.5 a 2 b",
        "-3 --no-raw ZRANGE zset 0 -1 WITHSCORES",
        "--no-raw ZSCORE zset a",
        "-3 --no-raw GET missing",
        "--no-raw LPOP missing 2",
        "-n 0 TYPE hash",
        "NOSUCHCOMMAND with arguments",
        "-r 3 INCR counter",
        "-x SET from-stdin",
        "STRLEN from-stdin",
    ]);
}

#[test]
fn commands_on_standard_input_run_on_one_connection() {
    let script = "SELECT 0\nMULTI\nSET a 1\nINCR a\nEXEC\nWATCH a\nSET a 5\nMULTI\nGET a\nEXEC\nGET \"a\"\n";
    let [redis, hyrax] = on_both(|address| fed(&mut redis_cli(address, "--no-raw"), script));
    assert_eq!(hyrax, redis);
    assert!(hyrax.contains("1) OK\n2) (integer) 2\n"), "{hyrax}");
}

#[test]
fn a_hundred_thousand_keys_go_in_through_its_pipe() {
    let mut protocol = String::new();
    for number in 0..100_000 {
        let key = format!("key:{number}");
        protocol += &format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n$5\r\nvalue\r\n", key.len());
    }
    for said in on_both(|address| fed(&mut redis_cli(address, "--pipe"), &protocol)) {
        assert!(said.contains("errors: 0, replies: 100000"), "{said}");
    }
}

fn fill(address: SocketAddr) {
    let mut script = String::new();
    (1..=200).for_each(|number| script += &format!("SET user:{number} {}\n", "x".repeat(number)));
    script += "RPUSH list a b c\nHSET hash f 1\nSADD set a b\nZADD zset 1 a 2 b 3 c\n";
    fed(&mut redis_cli(address, ""), script);
}

#[test]
fn its_scans_meet_every_key_and_find_the_big_ones() {
    let [redis, hyrax] = on_both(|address| {
        fill(address);
        let scanned = output_of(&mut redis_cli(address, "--scan --pattern user:*"));
        let mut keys: Vec<String> = scanned.lines().map(str::to_owned).collect();
        keys.sort();
        let big = output_of(&mut redis_cli(address, "--bigkeys"));
        let of_summary = |line: &&str| line.starts_with("Biggest") || line.contains("% of keys");
        let mut summary: Vec<String> = big.lines().filter(of_summary).map(str::to_owned).collect();
        summary.sort();
        let memory = output_of(&mut redis_cli(address, "--memkeys"));
        assert!(memory.contains("Sampled 204 keys"), "{memory}");
        (keys, summary)
    });
    assert_eq!(hyrax, redis);
    assert_eq!(hyrax.0.len(), 200);
}

#[test]
fn its_statistics_come_line_by_line() {
    for lines in on_both(|address| {
        let mut child =
            redis_cli(address, "--stat -i 0.05").stdout(Stdio::piped()).spawn().expect("redis-cli starts");
        let stdout = child.stdout.take().expect("its output is a pipe");
        let lines: Vec<String> = BufReader::new(stdout).lines().take(5).map_while(Result::ok).collect();
        child.kill().expect("a child can be killed");
        child.wait().expect("a child can be waited for");
        lines
    }) {
        assert!(lines[0].contains("data") && lines[1].contains("clients"), "{lines:?}");
        // Keys, memory, clients, …: not a single figure is missing.
        assert!(lines[2].split_whitespace().count() >= 6, "{lines:?}");
    }
}

#[test]
fn a_subscriber_sees_what_is_published() {
    let [redis, hyrax] = on_both(|address| {
        let mut child =
            redis_cli(address, "SUBSCRIBE news").stdout(Stdio::piped()).spawn().expect("it starts");
        let stdout = child.stdout.take().expect("its output is a pipe");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let mut seen: Vec<String> = lines.by_ref().skip_while(|line| line != "subscribe").take(3).collect();
        assert_eq!(output_of(&mut redis_cli(address, "PUBLISH news hello")), "1\n");
        seen.extend(lines.by_ref().take(3));
        child.kill().expect("a child can be killed");
        child.wait().expect("a child can be waited for");
        seen
    });
    assert_eq!(hyrax, redis);
    assert_eq!(hyrax, ["subscribe", "news", "1", "message", "news", "hello"]);
}

#[test]
fn what_it_sets_reaches_those_who_monitor_on_the_line_door() {
    let hyrax = Hyrax::start(&[]);
    let mut browser = hyrax.line();
    let started = browser.request(&serde_json::json!({ "cmd": "madd", "key": "shared" }));
    assert_eq!(started["return"], "OK");
    output_of(&mut redis_cli(hyrax.address(), "SET shared hello"));
    let push = browser.push();
    assert_eq!((&push["cmd"], &push["args"][0]), (&"set".into(), &"hello".into()), "{push}");
    browser.request(&serde_json::json!({ "cmd": "set", "key": "shared", "args": ["back"] }));
    assert_eq!(hyrax.resp().run(&words("GET shared")), hyrax_tests::resp::Resp::bulk("back"));
}
