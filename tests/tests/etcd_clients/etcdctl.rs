//! etcd's own command-line tool, version 3 of its API: the same commands to both, and the same output.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use hyrax_tests::programs::run;
use serde_json::Value;

use super::stage::on_both;

/// One server, with what was said to it and what came of it.
struct Session {
    address: SocketAddr,
    /// The revision that the session began with.
    base: i64,
    /// What the servers name otherwise, and what it is called instead.
    names: Vec<(String, &'static str)>,
    told: Vec<String>,
}

impl Session {
    fn begin(address: SocketAddr) -> Session {
        let mut session = Session { address, base: 0, names: Vec::new(), told: Vec::new() };
        let first = session.json(&["put", "first", "1"]);
        session.base = first["header"]["revision"].as_i64().expect("a put has a revision");
        session
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("etcdctl");
        command.env("ETCDCTL_API", "3").args(["--endpoints", &self.address.to_string()]).args(arguments);
        command
    }

    /// Runs a command and keeps what it said, as it would have said it of the other server too.
    fn run(&mut self, arguments: &[&str]) -> String {
        self.fed(arguments, "")
    }

    fn fed(&mut self, arguments: &[&str], input: &str) -> String {
        let output = run(&mut self.command(arguments), input);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        // What it logs beside that has the time in it.
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let errors: Vec<&str> = errors.lines().filter(|line| line.starts_with("Error")).collect();
        let told = format!("{said}{}", errors.join("\n"));
        self.tell(arguments, &told, output.status.success());
        said
    }

    fn tell(&mut self, arguments: &[&str], said: &str, is_success: bool) {
        let mut told = format!("{} -> {is_success}\n{said}", arguments.join(" "));
        for (name, called) in &self.names {
            told = told.replace(name, called);
        }
        self.told.push(told);
    }

    /// A name that the other server does not have.
    fn call(&mut self, name: &str, called: &'static str) {
        self.names.push((name.to_owned(), called));
    }

    /// A revision, counted from the session's beginning.
    fn revision(&self, after: i64) -> String {
        (self.base + after).to_string()
    }

    /// What a command says as JSON.
    fn json(&mut self, arguments: &[&str]) -> Value {
        let output = run(self.command(arguments).args(["--write-out", "json"]), "");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        serde_json::from_str(&said).unwrap_or_else(|error| {
            panic!("{arguments:?} says no JSON ({error}): {said}{}", String::from_utf8_lossy(&output.stderr))
        })
    }

    /// The same, kept as the other server would say it.
    fn run_json(&mut self, arguments: &[&str]) {
        let mut said = self.json(arguments);
        clean(&mut said, self.base);
        self.tell(arguments, &said.to_string(), true);
    }

    /// Begins a command that goes on until it is stopped.
    fn begin_command(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(arguments);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("etcdctl can be started; `cargo xtask test` installs it");
        let lines = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        Running { child, lines }
    }

    /// Keeps so many lines of a running command, and stops it.
    fn end_command(&mut self, arguments: &[&str], mut running: Running, lines: usize) {
        let said = running.lines(lines);
        drop(running);
        self.tell(arguments, &said, true);
    }
}

/// A command under way; stopped when dropped.
struct Running {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Running {
    fn lines(&mut self, count: usize) -> String {
        let mut said = String::new();
        for _ in 0..count {
            self.lines.read_line(&mut said).expect("its output can be read");
        }
        said
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Takes out who the server is, and counts revisions from `base`.
fn clean(value: &mut Value, base: i64) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !["cluster_id", "member_id", "raft_term"].contains(&name.as_str()));
            for (name, field) in fields {
                match field.as_i64() {
                    Some(revision) if name.ends_with("revision") => *field = (revision - base).into(),
                    _ => clean(field, base),
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(|element| clean(element, base)),
        _ => {}
    }
}

/// Plays a session on both servers. What was told must be the same.
fn check(play: impl Fn(&mut Session)) {
    let [etcd, hyrax] = on_both(|address| {
        let mut session = Session::begin(address);
        play(&mut session);
        session.told
    });
    assert!(!etcd.is_empty());
    for (expected, told) in etcd.iter().zip(&hyrax) {
        assert_eq!(told, expected, "\n--- hyrax\n{told}\n--- etcd\n{expected}");
    }
    assert_eq!(hyrax.len(), etcd.len());
}

#[test]
fn keys_are_put_read_and_deleted() {
    check(|session| {
        for number in 0..5 {
            session.run(&["put", &format!("k{number}"), &format!("v{}", 4 - number)]);
        }
        for command in [
            "get k1",
            "get missing",
            "get k --prefix",
            "get k1 k3",
            "get --from-key k3",
            "get k --prefix --limit 2",
            "get k --prefix --order DESCEND",
            "get k --prefix --sort-by VALUE --order ASCEND",
            "get k --prefix --keys-only",
            "get k --prefix --print-value-only",
            "get k --prefix --hex",
            "get k --prefix --sort-by WRONG",
            "get",
            "put k1 new --prev-kv",
            "put k1 --ignore-value",
            "put missing --ignore-value",
            "put k1 x --lease=1234",
            "put k1 y --ignore-lease",
            "del k1 --prev-kv",
            "del k1",
            "del k --prefix --prev-kv",
            "get --from-key= --count-only",
        ] {
            session.run(&command.split(' ').collect::<Vec<_>>());
        }
        session.run(&["put", "", "no key"]);
        session.fed(&["put", "from input"], "a value\nof lines");
        session.run_json(&["get", "from input"]);
        session.run_json(&["put", "from input", "2", "--prev-kv"]);
        session.run_json(&["del", "from input", "--prev-kv"]);
    });
}

#[test]
fn transactions_are_read_from_the_input() {
    check(|session| {
        session.run(&["put", "k", "1"]);
        let transactions = [
            "value(\"k\") = \"1\"\nversion(\"k\") > \"0\"\n\nput k 2\nget k\n\nget k\n\n",
            "value(\"k\") = \"1\"\n\nput k 3\n\nget k\ndel k\n\n",
            "create(\"k\") = \"0\"\n\nput k \"with blanks\"\n\nget k\n\n",
            "mod(\"k\") < \"1\"\n\n\nput k 1\nput k 2\n\n",
            "wrong(\"k\") = \"1\"\n\nput k 3\n\n\n",
        ];
        for transaction in transactions {
            session.fed(&["txn"], transaction);
        }
        session.run_json(&["get", "k"]);
    });
}

#[test]
fn watches_tell_what_was_what_is_and_what_comes() {
    check(|session| {
        for value in ["1", "2"] {
            session.run(&["put", "w/a", value]);
        }
        session.run(&["del", "w/a"]);
        let past = session.revision(1);
        let arguments = ["watch", "w/", "--prefix", "--prev-kv", "--rev", &past];
        let watch = session.begin_command(&arguments);
        session.run(&["put", "w/b", "3"]);
        // A put has its type, key and value; with the one before it, these again.
        let told = ["watch", "w/", "--prefix", "--prev-kv"];
        session.end_command(&told, watch, 3 + 5 + 4 + 3);
        let arguments =
            ["watch", "w/a", "w/c", "--rev", &past, "--", "sh", "-c", "echo $ETCD_WATCH_EVENT_TYPE"];
        let watch = session.begin_command(&arguments);
        session.end_command(&["watch", "w/a", "w/c", "-- sh"], watch, 4);
    });
}

#[test]
fn leases_are_granted_kept_and_revoked() {
    check(|session| {
        let said = session.json(&["lease", "grant", "1000"]);
        let id = format!("{:016x}", said["ID"].as_i64().expect("a lease has an id"));
        session.call(id.trim_start_matches('0'), "LEASE");
        let id = id.trim_start_matches('0').to_owned();
        let lease = format!("--lease={id}");
        session.run(&["put", "leased", "x", &lease]);
        session.run(&["put", "leased too", "y", &lease]);
        session.run(&["lease", "keep-alive", "--once", &id]);
        session.run(&["lease", "list"]);
        let left = session.json(&["lease", "timetolive", "--keys", &id]);
        assert_eq!((&left["granted-ttl"], left["keys"].as_array().map(Vec::len)), (&1000.into(), Some(2)));
        session.run(&["lease", "revoke", &id]);
        session.run(&["get", "leased", "--prefix"]);
        session.run(&["lease", "revoke", &id]);
        session.run(&["lease", "timetolive", &id]);
        session.run(&["lease", "keep-alive", "--once", &id]);
        session.run(&["lease", "grant", "wrong"]);
        session.run(&["lease", "list"]);
    });
}

#[test]
fn a_lock_is_held_while_a_command_runs() {
    check(|session| {
        session.run(&["lock", "turn", "echo", "one's turn"]);
        let mut held = session.begin_command(&["lock", "turn"]);
        let key = held.lines(1);
        assert!(key.starts_with("turn/"), "{key}");
        let mut waiting = session.begin_command(&["lock", "turn", "echo", "the next one's turn"]);
        drop(held);
        let said = waiting.lines(1);
        session.tell(&["lock"], &said, true);
    });
}

#[test]
fn an_election_has_a_leader_and_those_who_listen() {
    check(|session| {
        let mut leader = session.begin_command(&["elect", "chair", "ann"]);
        let won = leader.lines(2);
        let (key, value) = won.split_once('\n').expect("it tells its key and its value");
        assert!(key.starts_with("chair/"), "{won}");
        session.tell(&["elect", "chair", "ann"], value, true);
        let mut listener = session.begin_command(&["elect", "--listen", "chair"]);
        let heard = listener.lines(2);
        assert_eq!(heard, won);
    });
}

#[test]
fn the_past_can_be_read_until_it_is_compacted() {
    check(|session| {
        for value in ["1", "2", "3"] {
            session.run(&["put", "k", value]);
        }
        let (second, third, future) = (session.revision(2), session.revision(3), session.revision(1_000));
        for revision in [&second, &third, &future] {
            session.call(revision, "REVISION");
        }
        session.run(&["get", "k", "--rev", &second]);
        session.run(&["get", "k", "--rev", &future]);
        session.run(&["compaction", &third]);
        session.run(&["get", "k", "--rev", &second]);
        session.run(&["get", "k", "--rev", &third]);
        session.run(&["compaction", &second]);
        session.run(&["compaction", &future]);
        session.run(&["compaction", "--physical", &third]);
    });
}

#[test]
fn the_server_tells_how_it_is() {
    check(|session| {
        let endpoint = session.address.to_string();
        session.call(&endpoint, "ENDPOINT");
        session.run(&["alarm", "list"]);
        session.run(&["alarm", "disarm"]);
        session.run(&["defrag"]);
        let members = run(&mut session.command(&["member", "list"]), "");
        let members = String::from_utf8_lossy(&members.stdout).into_owned();
        let fields: Vec<&str> = members.trim_end().split(", ").collect();
        session.tell(
            &["member", "list"],
            &format!("{} {} {}", members.lines().count(), fields.len(), fields[1]),
            true,
        );
        assert!(fields[4].starts_with("http://"), "{members}");
        let health = run(&mut session.command(&["endpoint", "health"]), "");
        let health = [health.stdout, health.stderr].concat();
        let health = String::from_utf8_lossy(&health).into_owned();
        let healthy = health.split(':').take(3).collect::<String>();
        session.tell(&["endpoint", "health"], &format!("{}", healthy.contains("is healthy")), true);
        let status = session.json(&["endpoint", "status"]);
        let status = &status[0]["Status"];
        let has = |name: &str| status[name].is_number();
        let told = ["dbSize", "leader", "raftIndex", "raftTerm"].map(has);
        session.tell(
            &["endpoint", "status"],
            &format!("{told:?} {}", status["leader"] == status["header"]["member_id"]),
            true,
        );
        let hash = |session: &mut Session| {
            let told = session.json(&["endpoint", "hashkv"]);
            told[0]["HashKV"]["hash"].as_u64()
        };
        let before = hash(session);
        assert_eq!(hash(session), before);
        session.run(&["put", "changed", "1"]);
        assert_ne!(hash(session), before);
        session.run(&["user", "list"]);
    });
}

#[test]
fn a_snapshot_is_saved() {
    check(|session| {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = folder.path().join("snapshot");
        let name = file.to_str().expect("a temporary folder's name is text");
        session.call(name, "FILE");
        session.run(&["snapshot", "save", name]);
        assert!(file.metadata().expect("it was written").len() > 0);
    });
}
