//! The commands against `hyrax serve` itself.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A server of its own for each test, killed with it.
struct Served {
    child: Child,
    address: String,
}

fn hyrax(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hyrax"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HYRAX_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

impl Served {
    fn start(arguments: &[&str]) -> Served {
        let mut command = hyrax(&["serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Served { child, address }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        hyrax(arguments).env("HYRAX_URL", &self.address).output().unwrap()
    }

    /// Checks what `hyrax cmd` prints: the return, or the error.
    fn check(&self, arguments: &[&str], expected: Result<&str, &str>) {
        let output = self.run(&[&["cmd"], arguments].concat());
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        match expected {
            Ok(printed) => assert_eq!(stdout.trim_end(), printed, "{arguments:?}: {stderr}"),
            Err(part) => {
                assert!(!output.status.success() && stderr.contains(part), "{arguments:?}: {stdout}{stderr}")
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_value_is_set_and_got() {
    let server = Served::start(&[]);
    server.check(&["set", "foo", "bar"], Ok("OK"));
    server.check(&["get", "foo"], Ok("bar"));
    server.check(&["get", "nothing"], Ok("(nil)"));
    server.check(&["rpush", "list", "-1", "--json"], Ok("2"));
    server.check(&["lpush", "foo", "x"], Err("WRONGTYPE"));
    server.check(&["frobnicate", "foo"], Err("unknown command"));
}

#[test]
fn writes_are_signed_in_both_forms() {
    let server = Served::start(&["--secret", "turtles"]);
    server.check(&["set", "foo", "bar"], Err("auth failed"));
    server.check(&["--secret", "tortoises", "set", "foo", "bar"], Err("auth failed"));
    server.check(&["--secret", "turtles", "--id", "gopher", "set", "foo", "v2"], Ok("OK"));
    server.check(&["--secret", "turtles", "--legacy", "--id", "gopher", "set", "foo", "legacy"], Ok("OK"));
    server.check(
        &["--secret", "turtles", "--writes", "a", "--writes", "b", "mset", "a", "1", "b", "2"],
        Ok("OK"),
    );
    server.check(&["get", "foo"], Ok("legacy"));
    let signed = server.run(&["sign", "v2", "--secret", "turtles", "set", "foo"]).stdout;
    let signed = String::from_utf8(signed).unwrap();
    server.check(&["--signed", signed.trim(), "set", "foo", "signed"], Ok("OK"));
    server.check(&["--signed", signed.trim(), "set", "other", "signed"], Err("auth failed"));
}

#[test]
fn a_hang_up_reloads_secrets() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "secrets = ['old']").unwrap();
    let server = Served::start(&["--config", file.path().to_str().unwrap()]);
    server.check(&["--secret", "old", "set", "foo", "1"], Ok("OK"));
    std::fs::write(file.path(), "secrets = ['new']\n").unwrap();
    server.signal(Signal::HUP);
    let deadline = Instant::now() + Duration::from_secs(10);
    while !server.run(&["cmd", "--secret", "new", "set", "foo", "2"]).status.success() {
        assert!(Instant::now() < deadline, "the new secret is not accepted");
        std::thread::sleep(Duration::from_millis(20));
    }
    server.check(&["--secret", "old", "set", "foo", "3"], Err("auth failed"));
}

#[test]
fn a_terminated_server_drains_and_ends_well() {
    let mut server = Served::start(&[]);
    server.signal(Signal::TERM);
    assert!(server.child.wait().unwrap().success());
}

#[test]
fn presence_lasts_as_long_as_the_process() {
    let server = Served::start(&[]);
    let mut watch =
        hyrax(&["ekg", "watch", "--url", &server.address, "room"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut line = || lines.next().unwrap().unwrap();
    assert_eq!(line(), "nobody is here");
    let mut join = hyrax(&["ekg", "join", "--url", &server.address, "room", "ann"]).spawn().unwrap();
    assert_eq!(line(), "ann came");
    assert_eq!(server.run(&["ekg", "members", "room"]).stdout, b"ann\n");
    join.kill().unwrap();
    join.wait().unwrap();
    assert_eq!(line(), "ann is gone (closed)");
    watch.kill().unwrap();
    watch.wait().unwrap();
}

#[test]
fn a_monitor_begins_where_it_is_told_to() {
    let server = Served::start(&[]);
    // A key is remembered from its first monitor on.
    let mut first = hyrax(&["mon", "--url", &server.address, "--json", "foo"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pushes = BufReader::new(first.stdout.take().unwrap());
    // Printed as soon as it monitors, in JSON as well.
    BufReader::new(first.stderr.take().unwrap()).read_line(&mut String::new()).unwrap();
    server.check(&["set", "foo", "1"], Ok("OK"));
    let mut push = String::new();
    pushes.read_line(&mut push).unwrap();
    let rev = serde_json::from_str::<serde_json::Value>(&push).unwrap()["rev"].to_string();
    server.check(&["set", "foo", "2"], Ok("OK"));
    let mut second = hyrax(&["mon", "--url", &server.address, "--since", &rev, "foo"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut missed = String::new();
    BufReader::new(second.stdout.take().unwrap()).read_line(&mut missed).unwrap();
    assert!(missed.starts_with("foo set 2 "), "{missed}");
    for mut child in [first, second] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn the_demo_tells_what_happens_in_the_room() {
    let output = hyrax(&["demo", "--seconds", "5"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains(" comes in\n"),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_benchmark_loses_nothing() {
    let mut command =
        hyrax(&["bench", "get", "set", "fan-out", "spread", "idle", "ekg", "--runs", "1", "--seconds", "1"]);
    command.args(["--requests", "200", "--keys", "20", "--monitors", "10", "--json"]);
    let output = command.output().unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["cases"].as_array().unwrap().len(), 8);
    assert_eq!(report["faults"], serde_json::json!([]));
}
