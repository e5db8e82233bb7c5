//! Backups, and what a start makes of a data directory: the commands as an operator runs them, with `etcdctl` as
//! the client.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hyrax_tests::hyrax::{Hyrax, binary};
use serde_json::Value;
use tempfile::TempDir;

fn started(directory: &Path, flags: &[&str]) -> Hyrax {
    let directory = directory.to_str().expect("a path of text");
    Hyrax::start(&[&["--data-dir", directory], flags].concat())
}

fn run(command: &mut Command) -> Output {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HYRAX_")) {
        command.env_remove(name);
    }
    command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"))
}

fn hyrax(arguments: &[&str]) -> Output {
    run(Command::new(binary()).args(arguments))
}

/// What it printed, if it went well.
fn printed(output: Output) -> String {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    String::from_utf8(output.stdout).expect("what is printed is text")
}

/// What it complained of.
fn refused(output: Output) -> String {
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).expect("what is told is text")
}

fn etcdctl(server: SocketAddr, arguments: &[&str]) -> String {
    let mut command = Command::new("etcdctl");
    command.env("ETCDCTL_API", "3").args(["--endpoints", &server.to_string()]).args(arguments);
    printed(run(&mut command))
}

fn put(server: &Hyrax, key: &str, value: &str) {
    assert_eq!(etcdctl(server.address(), &["put", key, value]), "OK\n");
}

/// The keys of a server: everything that a client can see of them.
fn keys(server: &Hyrax) -> Value {
    let all = etcdctl(server.address(), &["get", "", "--prefix", "-w", "json"]);
    serde_json::from_str::<Value>(&all).expect("etcdctl prints JSON")["kvs"].take()
}

/// A folder with a data directory in it that a killed server left, after five puts of which each was acknowledged.
fn left_by_a_killed_server() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let directory = folder.path().join("data");
    let mut server = started(&directory, &[]);
    for number in 0..5 {
        put(&server, &format!("key {number}"), &format!("value {number}").repeat(50));
    }
    server.kill();
    (folder, directory)
}

/// The last file of this kind, and what is in it.
fn last_file(directory: &Path, ending: &str) -> (PathBuf, Vec<u8>) {
    let entries = std::fs::read_dir(directory).expect("the directory can be listed");
    let files = entries.map(|entry| entry.expect("it can be listed").path());
    let last = files.filter(|file| file.to_string_lossy().ends_with(ending)).max().expect("there is one");
    let bytes = std::fs::read(&last).expect("it can be read");
    (last, bytes)
}

fn serve_in_vain(directory: &Path) -> String {
    let directory = directory.to_str().expect("a path of text");
    refused(hyrax(&["serve", "--listen", "127.0.0.1:0", "--data-dir", directory]))
}

#[test]
fn a_backup_of_a_server_at_work_becomes_a_server_with_the_same_keys() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = |name: &str| folder.path().join(name).to_str().expect("a path of text").to_owned();
    let server = started(Path::new(&path("data")), &[]);
    let address = server.address().to_string();
    let lease = etcdctl(server.address(), &["lease", "grant", "600"]);
    let lease = lease.split_whitespace().nth(1).expect("etcdctl prints the lease");
    etcdctl(server.address(), &["put", "leased", "x", "--lease", lease]);
    for number in 0..60 {
        put(&server, &format!("key {}", number % 20), &format!("value {number}"));
    }
    etcdctl(server.address(), &["del", "key 7"]);
    let before = keys(&server);

    printed(hyrax(&["snapshot", "save", &path("ours"), "--url", &address]));
    etcdctl(server.address(), &["snapshot", "save", &path("etcdctls")]);
    put(&server, "later", "not in it");
    let bytes = |name: &str| std::fs::read(path(name)).expect("the file is there");
    assert_eq!(bytes("ours"), bytes("etcdctls"), "both clients save the same file");

    let status = printed(hyrax(&["snapshot", "status", &path("ours"), "--output", "json"]));
    let status: Value = serde_json::from_str(&status).expect("it is JSON");
    assert_eq!(status["totalKey"], 20, "{status}");
    assert_eq!(status["totalSize"], bytes("ours").len());
    let table = printed(hyrax(&["snapshot", "status", &path("ours")]));
    assert!(table.contains("TOTAL KEYS") && table.contains(&status["revision"].to_string()), "{table}");

    printed(hyrax(&["snapshot", "restore", &path("ours"), "--data-dir", &path("restored")]));
    let restored = started(Path::new(&path("restored")), &[]);
    assert_eq!(keys(&restored), before);
    let leases = etcdctl(restored.address(), &["lease", "timetolive", lease, "--keys"]);
    assert!(leases.contains("leased"), "{leases}");
    let put = etcdctl(restored.address(), &["put", "more", "x", "-w", "json"]);
    let put: Value = serde_json::from_str(&put).expect("etcdctl prints JSON");
    assert!(put["header"]["revision"].as_u64() > status["revision"].as_u64(), "revisions go on: {put}");

    let again = refused(hyrax(&["snapshot", "restore", &path("ours"), "--data-dir", &path("restored")]));
    assert!(again.contains("is not empty"), "{again}");
}

#[test]
fn a_backup_is_for_those_who_may_take_everything() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("backup");
    let file = file.to_str().expect("a path of text");
    let server = Hyrax::start(&["--operator", "ann:hush", "--sudo", "192.0.2.0/24"]);
    let address = server.address().to_string();
    let save = |user: &[&str]| hyrax(&[&["snapshot", "save", file, "--url", &address], user].concat());
    let anonymous = refused(save(&[]));
    assert!(anonymous.contains("--user"), "{anonymous}");
    refused(save(&["--user", "ann:wrong"]));
    assert_eq!(std::fs::read_dir(folder.path()).expect("it can be listed").count(), 0, "nothing is left");
    printed(save(&["--user", "ann:hush"]));
    printed(hyrax(&["snapshot", "status", file]));
}

#[test]
fn whoever_is_no_server_is_named() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("backup");
    let unused = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = unused.local_addr().expect("it has an address").to_string();
    drop(unused);
    let told = refused(hyrax(&["snapshot", "save", file.to_str().expect("text"), "--url", &address]));
    assert!(told.contains(&address) && told.contains("hyrax serve"), "{told}");
}

#[test]
fn what_was_acknowledged_outlives_a_kill_and_a_torn_tail_is_told() {
    let (_folder, directory) = left_by_a_killed_server();
    let (segment, mut bytes) = last_file(&directory, ".segment");
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("something was written") / 8 * 8 + 64;
    bytes[end..end + 100].fill(0xee);
    std::fs::write(&segment, bytes).expect("it can be written");
    let server = started(&directory, &[]);
    assert_eq!(keys(&server).as_array().map(Vec::len), Some(5));
    assert!(server.said().contains("torn bytes were cut off"), "{}", server.said());
}

#[test]
fn damage_that_no_crash_explains_is_refused_with_what_to_do() {
    let (_folder, directory) = left_by_a_killed_server();
    let (segment, mut bytes) = last_file(&directory, ".segment");
    let value = b"value 1";
    let at = bytes.windows(value.len()).position(|window| window == value).expect("the value is there");
    bytes[at] ^= 1;
    std::fs::write(&segment, &bytes).expect("it can be written");
    let told = serve_in_vain(&directory);
    let name = segment.file_name().expect("it has a name").to_string_lossy().into_owned();
    assert!(told.contains(&name) && told.contains("hyrax snapshot restore"), "{told}");
    assert_eq!(std::fs::read(&segment).expect("it is there"), bytes, "nothing was changed");
}

#[test]
fn a_second_server_on_a_directory_is_told_who_has_it() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let server = started(folder.path(), &[]);
    let told = serve_in_vain(folder.path());
    assert!(told.contains(&server.process_id().to_string()), "{told}");
    assert!(told.contains(&folder.path().display().to_string()), "{told}");
}
