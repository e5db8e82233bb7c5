//! Users of `etcdctl lock` and `etcdctl elect`, and those of the line door, wait for each other.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hyrax_tests::hyrax::{Hyrax, Wire};
use serde_json::{Value, json};

/// No answer is longer under way than this on a busy machine; as short as tests that show an absence allow.
const QUIET: Duration = Duration::from_millis(300);

/// A command under way; stopped when dropped.
struct Running {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Running {
    fn start(hyrax: &Hyrax, arguments: &[&str]) -> Running {
        let mut child = Command::new("etcdctl")
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", &hyrax.address().to_string()])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("etcdctl can be started; `cargo xtask test` installs it");
        let lines = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        Running { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("its output can be read");
        line.trim_end().to_owned()
    }

    /// Asks it to end, as a terminal does.
    fn interrupt(&self) {
        let process = self.child.id().to_string();
        let status = Command::new("kill").args(["-INT", &process]).status().expect("kill can be run");
        assert!(status.success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn token(reply: &Value) -> u64 {
    reply["return"].as_u64().unwrap_or_else(|| panic!("no token in {reply}"))
}

#[test]
fn a_lock_is_held_by_etcdctl_or_by_a_connection() {
    let hyrax = Hyrax::start(&[]);
    let mut ann = hyrax.client(Wire::Tcp);
    let first = token(&ann.request(&json!({"cmd":"lock","key":"turn","id":"ann"})));
    let mut theirs = Running::start(&hyrax, &["lock", "turn"]);
    while ann.request(&json!({"cmd":"locks","key":"turn"}))["return"][0]["waiting"] != 1 {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(ann.request(&json!({"cmd":"unlock","key":"turn"})), json!({"return":true}));
    assert!(theirs.line().starts_with("turn/"));
    assert_eq!(ann.request(&json!({"cmd":"trylock","key":"turn"})), json!({"return":false}));
    ann.send(&json!({"cmd":"lock","key":"turn","id":"ann","ref":"again"}));
    assert_eq!(ann.pushes_until_quiet(QUIET), Vec::<Value>::new());
    assert_eq!(ann.request(&json!({"cmd":"ping"})), json!({"return":"PONG"}), "it waits still");
    theirs.interrupt();
    let second = ann.reply();
    assert!(second["ref"] == "again" && token(&second) > first, "{second}");
}

#[test]
fn an_election_is_led_by_etcdctl_or_by_a_connection() {
    let hyrax = Hyrax::start(&[]);
    let (mut ann, mut watcher) = (hyrax.client(Wire::Tcp), hyrax.client(Wire::Tcp));
    let mut theirs = Running::start(&hyrax, &["elect", "chair", "theirs"]);
    assert!(theirs.line().starts_with("chair/"));
    assert_eq!(theirs.line(), "theirs");
    let leader = watcher.request(&json!({"cmd":"observe","key":"chair"}));
    assert_eq!((&leader["return"]["id"], &leader["return"]["value"]), (&json!("theirs"), &json!("theirs")));
    ann.send(&json!({"cmd":"campaign","key":"chair","id":"ann","ref":1}));
    assert_eq!(ann.request(&json!({"cmd":"ping"})), json!({"return":"PONG"}));
    let mut listener = Running::start(&hyrax, &["elect", "--listen", "chair"]);
    assert!(listener.line().starts_with("chair/"));
    assert_eq!(listener.line(), "theirs");
    theirs.interrupt();
    let won = ann.reply();
    assert!(won["ref"] == 1 && token(&won) > token(&json!({"return":leader["return"]["token"]})), "{won}");
    assert!(listener.line().starts_with("chair/"));
    assert_eq!(listener.line(), "ann");
    let push = watcher.push();
    assert_eq!(
        (&push["cmd"], &push["id"], &push["token"]),
        (&json!("leader"), &json!("ann"), &won["return"])
    );
    let mut next = Running::start(&hyrax, &["elect", "chair", "next"]);
    while ann.request(&json!({"cmd":"locks","key":"chair"}))["return"][0]["waiting"] != 1 {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(ann.request(&json!({"cmd":"resign","key":"chair"})), json!({"return":true}));
    assert!(next.line().starts_with("chair/"));
    assert_eq!(watcher.push()["id"], "next");
}
