//! Command lines that end by themselves.

use hyrax_tests::programs::run;

use super::program::{Ended, Program, hyrax};

/// What is said and how it ended, errors included, must be the same. What comes after `<` is the input. etcd lists in
/// any order but where it is to sort.
const SAME: &[&str] = &[
    "get /a",
    "-o json get /a",
    "-o extended get /a",
    "set /a 1",
    "set /a",
    "set /a < from input",
    "get /a",
    "-o json get /a",
    "-o extended get /a",
    "-o bogus get /a",
    "-o json set /a <&>é\u{2028}\\\"",
    "--output extended set /a 2",
    "set /a 3 --swap-with-value 2",
    "set /a 4 --swap-with-value 2",
    "-o extended set /a 5 --swap-with-value 3",
    "set /a 6 --swap-with-index 1",
    "set /a 7 --swap-with-index 9",
    "set /a 8 --swap-with-index 9 --swap-with-value 7",
    "set --ttl 100 /ends x",
    "-o extended get /ends",
    "set --ttl -5 /a x",
    "set /a -5",
    "set -- /a -x",
    "set",
    "get",
    "get /a more words",
    "get --sort --quorum /a",
    "get -q a",
    "mk /a 1",
    "mk /b 1",
    "mk /b",
    "mk",
    "-o json mk /c/d 1",
    "mk --in-order /queue job",
    "-o extended mk --in-order --ttl 100 /queue job",
    "-o json mk --in-order /a job",
    "mkdir /dir",
    "mkdir /dir",
    "mkdir",
    "-o json mkdir /dir/below",
    "-o extended mkdir /dir/ends --ttl 100",
    "setdir /set",
    "setdir /set",
    "-o extended setdir /set2",
    "set /dir/below x",
    "get /dir",
    "get /",
    "update /a updated",
    "update /none x",
    "update /a < input\nof lines\n",
    "update",
    "-o json update /a again",
    "updatedir /dir",
    "updatedir /none",
    "-o extended updatedir /dir --ttl 100",
    "updatedir /dir",
    "ls --sort",
    "ls --sort /",
    "ls --sort /dir",
    "ls --sort -p",
    "ls --sort -p /dir",
    "ls --sort --recursive",
    "ls --sort -r -p -q /",
    "ls /a",
    "ls /none",
    "-o extended ls --sort /dir",
    "-o json ls /c",
    "watch --after-index 3 /a",
    "-o json watch --after-index 3 /a",
    "watch --after-index 3 --recursive /c",
    "-o extended watch --recursive --after-index 3 /",
    "watch",
    "exec-watch",
    "exec-watch /a",
    "rm /none",
    "rm /dir",
    "rm --dir /dir",
    "rmdir /dir",
    "rmdir /dir/below",
    "rmdir",
    "rm",
    "rm --with-value x /a",
    "rm --with-index 1 /a",
    "rm --with-value again /a",
    "-o extended rm /b",
    "-o json rm /c/d",
    "-o json rm --recursive /dir",
    "rm -r /queue",
    "-o extended rmdir /set",
    "rm -r /",
    "ls --sort --recursive -p",
    "--no-sync get /ends",
    "--timeout 1s --total-timeout 2s get /none",
];

/// The exit code must be the same, and that nothing is printed but an error.
const SAME_CODE: &[&str] = &["set /a x --ttl soon", "get --nonsense /a", "rm --with-index x /a"];

#[test]
fn both_say_the_same() {
    let programs = Program::both();
    let mut differences = Vec::new();
    for line in SAME {
        let (line, input) = line.split_once(" < ").unwrap_or((line, ""));
        let words: Vec<&str> = line.split(' ').collect();
        let [theirs, ours] = programs.each_ref().map(|program| program.run(&words, input));
        if ours != theirs {
            differences.push(format!("`{line}`, with the input {input:?}:\n{theirs:?}\n{ours:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    for line in SAME_CODE {
        let words: Vec<&str> = line.split(' ').collect();
        let [theirs, ours] = programs.each_ref().map(|program| program.run(&words, ""));
        assert_eq!(ours.code, theirs.code, "`{line}`");
        assert!(ours.output.is_empty() && !ours.errors.is_empty(), "`{line}`: {ours:?}");
    }
}

#[test]
fn both_say_the_same_of_servers_that_are_not_there() {
    let programs = Program::both();
    for line in ["get /a", "--no-sync get /a", "--no-sync set /a 1", "--no-sync watch /a", "ls", "get"] {
        let words: Vec<&str> = line.split(' ').collect();
        let [theirs, ours] = programs
            .each_ref()
            .map(|program| Ended::of(&run(&mut program.command_at("http://127.0.0.1:1", &words), "")));
        assert_eq!(ours, theirs, "`{line}`");
    }
}

#[test]
fn servers_and_credentials_may_come_from_the_environment() {
    let server = hyrax_tests::hyrax::Hyrax::start(&["--operator", "ann:hush"]);
    let address = server.address().to_string();
    let check = |variables: &[(&str, &str)], flags: &[&str], code: i32| {
        let mut command = hyrax(&["etcd2", "set", "/a", "1"]);
        let output = run(command.envs(variables.iter().copied()).args(flags), "hush\n");
        assert_eq!(output.status.code(), Some(code), "{variables:?} {flags:?}: {output:?}");
    };
    check(&[("HYRAX_URL", &address)], &[], 4);
    check(&[("HYRAX_URL", &address)], &["-u", "ann:hush"], 0);
    check(&[("ETCDCTL_ENDPOINTS", &address), ("ETCDCTL_USERNAME", "ann:hush")], &[], 0);
    check(&[("ETCDCTL_ENDPOINTS", &address), ("ETCDCTL_USERNAME", "ann:other")], &[], 4);
    check(&[("ETCDCTL_PEERS", &address)], &["--username", "ann"], 0);
    check(
        &[("ETCDCTL_ENDPOINTS", "http://127.0.0.1:1")],
        &["--endpoints", &format!("127.0.0.1:1,{address}"), "-u", "ann:hush"],
        0,
    );
    check(&[("ETCDCTL_CA_FILE", "/nowhere"), ("HYRAX_URL", &address)], &[], 1);
}
