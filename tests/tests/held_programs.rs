//! `hyrax lock`, `elect`, `register`, `group`, `services` and `event`, with real processes.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use hyrax_tests::hyrax::{Hyrax, binary};
use hyrax_tests::peers::{Etcd, Redis};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// Nothing here takes longer, however busy the machine is.
const SOON: Duration = Duration::from_secs(30);

/// A running `hyrax`, killed when dropped.
struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Running {
    /// Starts it; its standard output and error are read as lines.
    fn start(url: &str, arguments: &[&str]) -> Running {
        let mut command = command(url, arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (tell, lines) = mpsc::channel();
        let streams: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for stream in streams {
            let tell = tell.clone();
            thread::spawn(move || {
                // Whoever listens may be gone.
                BufReader::new(stream).lines().map_while(Result::ok).for_each(|line| _ = tell.send(line));
            });
        }
        Running { child, lines }
    }

    /// Waits for a line with these words.
    #[track_caller]
    fn says(&self, words: &str) -> String {
        let began = Instant::now();
        let mut heard = Vec::new();
        while began.elapsed() < SOON {
            match self.lines.recv_timeout(SOON) {
                Ok(line) if line.contains(words) => return line,
                Ok(line) => heard.push(line),
                Err(_) => break,
            }
        }
        panic!("{words:?} was not said, but {heard:?}");
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end; the status.
    #[track_caller]
    fn ends(&mut self) -> i32 {
        let began = Instant::now();
        while began.elapsed() < SOON {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().expect("it ends by itself");
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("it does not end");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn command(url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HYRAX_")) {
        command.env_remove(name);
    }
    command.args(arguments).env("HYRAX_URL", url).stdin(Stdio::null());
    command
}

fn run(url: &str, arguments: &[&str]) -> Output {
    command(url, arguments).output().unwrap()
}

fn printed(url: &str, arguments: &[&str]) -> String {
    let output = run(url, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Each engine that these commands may stand on.
fn everywhere(example: impl Fn(&str)) {
    let (hyrax, etcd, redis) = (Hyrax::start(&[]), Etcd::start(), Redis::start());
    let urls = [
        hyrax.address().to_string(),
        format!("etcd://{}", etcd.address()),
        format!("redis://{}", redis.address()),
    ];
    for url in urls {
        eprintln!("over {url}");
        example(&url);
    }
}

/// Those that `etcdctl` can reach.
fn over_etcds_api(example: impl Fn(&str)) {
    let (hyrax, etcd) = (Hyrax::start(&[]), Etcd::start());
    for url in [hyrax.address().to_string(), format!("etcd://{}", etcd.address())] {
        eprintln!("over {url}");
        example(&url);
    }
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < SOON, "{what} did not come true");
        thread::sleep(Duration::from_millis(10));
    }
}

fn is_alive(pid: i32) -> bool {
    // A zombie's parent has not looked yet: nothing runs there any more.
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let is_zombie = state.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'));
    Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid).is_ok()) && !is_zombie
}

fn pid_in(file: &Path) -> i32 {
    let mut pid = None;
    wait_for("the program's start", || {
        pid = std::fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok());
        pid.is_some()
    });
    pid.unwrap()
}

#[test]
fn the_programs_status_is_passed_on() {
    everywhere(|url| {
        let status = |script: &str| run(url, &["lock", "jobs", "--", "sh", "-c", script]).status.code();
        assert_eq!(status("exit 0"), Some(0));
        assert_eq!(status("exit 7"), Some(7));
        assert_eq!(status("kill -TERM $$"), Some(143));
        let elected = run(url, &["elect", "scheduler", "--", "sh", "-c", "exit 8"]);
        assert_eq!(elected.status.code(), Some(8));
        let registered =
            run(url, &["register", "web", "--ip", "10.0.0.7", "--port", "80", "--", "sh", "-c", "exit 9"]);
        assert_eq!(registered.status.code(), Some(9));
        let missing = run(url, &["lock", "jobs", "--", "no-such-program"]);
        assert_eq!(missing.status.code(), Some(127));
        assert!(String::from_utf8_lossy(&missing.stderr).contains("cannot run no-such-program"));
    });
}

#[test]
fn the_program_knows_its_token_and_it_grows() {
    everywhere(|url| {
        let token = || -> u64 {
            printed(url, &["lock", "jobs", "--", "sh", "-c", "echo $HYRAX_LOCK_TOKEN"])
                .trim()
                .parse()
                .unwrap()
        };
        let first = token();
        assert!(token() > first);
        let leader = printed(url, &["elect", "jobs2", "--", "sh", "-c", "echo $HYRAX_ELECTION_TOKEN"]);
        assert!(leader.trim().parse::<u64>().unwrap() > first);
    });
}

#[test]
fn of_two_contenders_one_waits_for_the_other() {
    everywhere(|url| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        let script = |name: &str, rest: &str| {
            format!("echo {name} begins >> {0}; {rest}; echo {name} ends >> {0}", file.display())
        };
        let go = folder.path().join("go");
        let holding = script("one", &format!("while ! [ -e {} ]; do sleep 0.01; done", go.display()));
        let mut one = Running::start(url, &["lock", "jobs", "--", "sh", "-c", &holding]);
        wait_for("the first one's turn", || file.exists());
        let busy = run(url, &["lock", "--timeout", "0s", "jobs", "--", "true"]);
        assert_eq!(busy.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&busy.stderr).contains("held by another"));
        let waited = run(url, &["lock", "--timeout", "50ms", "jobs", "--", "true"]);
        assert_eq!(waited.status.code(), Some(1));
        let mut two = Running::start(url, &["lock", "jobs", "--", "sh", "-c", &script("two", "true")]);
        std::fs::write(go, "").unwrap();
        assert_eq!(two.ends(), 0);
        assert_eq!(one.ends(), 0);
        let log = std::fs::read_to_string(&file).unwrap();
        assert_eq!(log, "one begins\none ends\ntwo begins\ntwo ends\n");
    });
}

#[test]
fn a_holder_that_is_killed_takes_its_program_along_and_the_next_gets_the_lock() {
    everywhere(|url| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("echo $$ > {}; exec sleep 1000", file.display());
        let one = Running::start(url, &["lock", "--heartbeat", "1s", "jobs", "--", "sh", "-c", &script]);
        let pid = pid_in(&file);
        assert!(is_alive(pid));
        one.signal(Signal::KILL);
        wait_for("the program's end", || !is_alive(pid));
        assert!(run(url, &["lock", "jobs", "--", "true"]).status.success());
    });
}

#[test]
fn a_program_whose_lock_is_lost_is_stopped() {
    over_etcds_api(|url| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("echo $$ > {}; exec sleep 1000", file.display());
        for command in ["lock", "elect"] {
            _ = std::fs::remove_file(&file);
            let mut running = Running::start(url, &[command, "jobs", "--", "sh", "-c", &script]);
            let pid = pid_in(&file);
            let endpoint = format!("http://{}", url.trim_start_matches("etcd://"));
            let mut etcdctl = Command::new("etcdctl");
            etcdctl.env("ETCDCTL_API", "3").args(["--endpoints", &endpoint, "del", "--prefix", "jobs/"]);
            assert!(etcdctl.output().unwrap().status.success());
            running.says("was lost");
            assert_eq!(running.ends(), 75);
            assert!(!is_alive(pid));
        }
    });
}

#[test]
fn a_program_that_ignores_being_asked_to_end_is_killed() {
    let hyrax = Hyrax::start(&[]);
    let url = hyrax.address().to_string();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let script = format!("trap '' TERM; echo $$ > {}; while :; do sleep 0.1; done", file.display());
    let mut running = Running::start(&url, &["lock", "jobs", "--", "sh", "-c", &script]);
    let pid = pid_in(&file);
    let mut etcdctl = Command::new("etcdctl");
    etcdctl.env("ETCDCTL_API", "3").args([
        "--endpoints",
        &format!("http://{url}"),
        "del",
        "--prefix",
        "jobs/",
    ]);
    assert!(etcdctl.output().unwrap().status.success());
    running.says("does not stop");
    assert_eq!(running.ends(), 75);
    assert!(!is_alive(pid));
}

#[test]
fn signals_reach_the_program() {
    let hyrax = Hyrax::start(&[]);
    let url = hyrax.address().to_string();
    for (signal, name) in
        [(Signal::TERM, "TERM"), (Signal::INT, "INT"), (Signal::HUP, "HUP"), (Signal::USR1, "USR1")]
    {
        let script =
            format!("trap 'echo got {name}; exit 3' {name}; echo ready; while :; do sleep 0.05; done");
        let mut running = Running::start(&url, &["lock", "jobs", "--", "sh", "-c", &script]);
        running.says("ready");
        running.signal(signal);
        running.says(&format!("got {name}"));
        assert_eq!(running.ends(), 3);
    }
}

#[test]
fn who_is_interrupted_while_waiting_leaves_the_queue_at_once() {
    let hyrax = Hyrax::start(&[]);
    let url = hyrax.address().to_string();
    let holder = Running::start(&url, &["lock", "jobs", "--", "sh", "-c", "echo ready; sleep 1000"]);
    holder.says("ready");
    let mut waiting = Running::start(&url, &["lock", "jobs", "--", "true"]);
    wait_for("its place in the queue", || {
        let mut etcdctl = Command::new("etcdctl");
        let get = ["--endpoints", &format!("http://{url}"), "get", "--prefix", "--keys-only", "jobs/"];
        let keys = etcdctl.env("ETCDCTL_API", "3").args(get).output().unwrap().stdout;
        String::from_utf8_lossy(&keys).matches("jobs/").count() == 2
    });
    waiting.signal(Signal::INT);
    assert_eq!(waiting.ends(), 130);
    let began = Instant::now();
    drop(holder.lines.try_recv());
    holder.signal(Signal::TERM);
    assert!(run(&url, &["lock", "jobs", "--", "true"]).status.success());
    assert!(began.elapsed() < Duration::from_secs(5), "nobody's lease had to run out");
}

#[test]
fn a_group_is_joined_watched_and_listed() {
    everywhere(|url| {
        let watch = Running::start(url, &["group", "watch", "workers"]);
        watch.says("nobody is here");
        let mut ann = Running::start(url, &["group", "join", "workers", "ann", "--subgroup", "blue"]);
        ann.says("a member of \"workers\" as \"ann\"");
        watch.says("ann joined");
        assert_eq!(printed(url, &["group", "members", "workers"]), "ann\n");
        let members: serde_json::Value =
            serde_json::from_str(&printed(url, &["group", "members", "workers", "--json"])).unwrap();
        assert_eq!(members[0]["path"], "/workers/members/ann");
        assert_eq!(members[0]["subgroups"], serde_json::json!(["blue"]));
        ann.signal(Signal::TERM);
        assert_eq!(ann.ends(), 0);
        watch.says("ann left (left)");
        let bob = Running::start(url, &["group", "join", "workers", "bob", "--heartbeat", "1s"]);
        watch.says("bob joined");
        bob.signal(Signal::KILL);
        watch.says("bob left (timeout)");
    });
}

#[test]
fn services_are_registered_listed_and_watched() {
    everywhere(|url| {
        let watch = Running::start(url, &["services", "--watch"]);
        watch.says("nobody is here");
        let at = ["--ip", "10.0.0.7", "--port", "80"];
        let mut web =
            Running::start(url, &[&["register", "web"], &at[..], &["--", "sleep", "1000"]].concat());
        watch.says("PUT web: 10.0.0.7:80");
        assert_eq!(printed(url, &["services"]), "web\n");
        assert_eq!(printed(url, &["services", "web"]), "10.0.0.7:80\n");
        assert_eq!(
            printed(url, &["services", "web", "--json"]),
            "{\"services\":[{\"ip\":\"10.0.0.7\",\"port\":80}]}\n"
        );
        assert_eq!(printed(url, &["services", "nobody"]), "");
        printed(url, &["event", "--service", "web", "deploy", "7"]);
        watch.says("event deploy 7");
        printed(url, &["event", "--broadcast", "stop"]);
        watch.says("event stop");
        web.signal(Signal::TERM);
        assert_eq!(web.ends(), 143);
        watch.says("DELETE web: no node");
    });
}

#[test]
fn what_makes_no_sense_registers_nothing() {
    let hyrax = Hyrax::start(&[]);
    let url = hyrax.address().to_string();
    let refused = |arguments: &[&str], words: &str| {
        let output = run(&url, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(words), "{arguments:?}: {said}");
    };
    refused(&["register", "web", "--ip", "nowhere", "--port", "80"], "ip must be");
    refused(&["register", "", "--ip", "10.0.0.7", "--port", "80"], "service");
    refused(&["register", "web", "--ip", "10.0.0.7", "--port", "70000"], "70000");
    refused(&["group", "members", ""], "group");
    refused(&["group", "join", "g", "ann", "--heartbeat", "0s"], "heartbeat");
    refused(&["event", "--broadcast", ""], "event_type");
    refused(&["lock", "--url", "embedded:", "jobs", "--", "true"], "inside this process");
    refused(&["lock", "--url", "http://h", "jobs", "--", "true"], "etcd://");
    assert_eq!(printed(&url, &["services"]), "");
}
