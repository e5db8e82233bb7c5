//! Users of etcd's own locks and those of Hyrax' other doors exclude each other.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use hyrax_tests::hyrax::Hyrax;
use serde_json::json;

use crate::exchange::QUIET;

/// `etcdctl lock`, which prints the lock's key once it holds it, and holds it until it ends.
struct Holder {
    process: Child,
    lines: Receiver<String>,
}

impl Holder {
    fn start(hyrax: &Hyrax) -> Holder {
        let mut command = Command::new("etcdctl");
        command.env("ETCDCTL_API", "3").args(["--endpoints", &hyrax.address().to_string()]);
        command.args(["lock", "jobs", "--ttl", "2"]).stdout(Stdio::piped());
        let mut process = command.spawn().expect("etcdctl is installed");
        let output = BufReader::new(process.stdout.take().expect("its output is piped"));
        let (line, lines) = channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|text| line.send(text)));
        Holder { process, lines }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

#[test]
fn etcdctl_and_the_line_door_exclude_each_other() {
    let hyrax = Hyrax::start(&[]);
    let mut ann = hyrax.line();
    let first = ann.request(&json!({"cmd":"lock","key":"jobs"}))["return"].as_u64().unwrap();
    let etcdctl = Holder::start(&hyrax);
    assert!(etcdctl.lines.recv_timeout(3 * QUIET).is_err(), "it waits");
    assert_eq!(ann.request(&json!({"cmd":"unlock","key":"jobs"})), json!({"return":true}));
    let key = etcdctl.lines.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(key.starts_with("jobs/"), "{key}");
    assert_eq!(ann.request(&json!({"cmd":"trylock","key":"jobs"})), json!({"return":false}));
    ann.send(&json!({"cmd":"lock","key":"jobs","ref":1}));
    drop(etcdctl);
    // Its lease ends, and with it the lock.
    let second = ann.reply();
    assert!(second["ref"] == 1 && second["return"].as_u64().unwrap() > first, "{second}");
}
