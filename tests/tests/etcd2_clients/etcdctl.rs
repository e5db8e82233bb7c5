//! etcd's own command-line tool, version 2 of its API: the same commands to both, and the same output.

use std::net::SocketAddr;
use std::process::{Command, Output};

use hyrax_tests::etcd2::Connection;
use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Etcd;
use hyrax_tests::programs::run;

/// What comes before an index in what the tool says.
const BEFORE_AN_INDEX: [&str; 5] = ["Index: ", "Index\":", ") [", "([", "!= "];
/// Digits of an in-order key's name, which is an index.
const NAME_DIGITS: usize = 20;

/// Runs a command, in which `{+2}` is the index two after the session's beginning, and tells what it said to both of
/// its outputs, and how it ended.
fn told(address: SocketAddr, base: u64, command: &str) -> String {
    let words = command.split(' ').map(|word| {
        match word.strip_prefix("{+").and_then(|word| word.strip_suffix('}')) {
            Some(after) => (base + after.parse::<u64>().expect("a number")).to_string(),
            None => word.replace('\'', ""),
        }
    });
    let mut etcdctl = Command::new("etcdctl");
    etcdctl.env("ETCDCTL_API", "2").args(["--endpoints", &format!("http://{address}")]).args(words);
    let Output { status, stdout, stderr } = run(&mut etcdctl, "");
    let said = [stdout, stderr].map(|said| relative(&String::from_utf8_lossy(&said), base));
    format!("$ {command}\n{}{}=> {:?}\n", said[0], said[1], status.code())
}

/// Counts the indexes in a text from `base`.
fn relative(text: &str, base: u64) -> String {
    let mut relative = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(|char: char| char.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        let digits = from.find(|char: char| !char.is_ascii_digit()).unwrap_or(from.len());
        let (number, after) = from.split_at(digits);
        relative.push_str(before);
        let is_index = digits == NAME_DIGITS || BEFORE_AN_INDEX.iter().any(|mark| relative.ends_with(mark));
        match number.parse::<u64>() {
            Ok(index) if is_index && index >= base => relative.push_str(&format!("+{}", index - base)),
            _ => relative.push_str(number),
        }
        rest = after;
    }
    relative + rest
}

/// Gives the same commands to an etcd and to a Hyrax; what they told must be the same.
fn check(commands: &[&str]) {
    let (etcd, hyrax) = (Etcd::start(), Hyrax::start(&[]));
    let [etcd, hyrax] = [etcd.address(), hyrax.address()].map(|address| {
        let base = Connection::open(address).ask("PUT", "/v2/keys/_begin", "value=1").index();
        commands.iter().map(|command| told(address, base, command)).collect::<String>()
    });
    assert_eq!(hyrax, etcd);
}

#[test]
fn keys_are_written_and_read() {
    check(&[
        "set /a 1",
        "get /a",
        "-o extended get /a",
        "-o json get /a",
        "-o json set /a 2",
        "-o extended set /b/c/d 3",
        "get /nope",
        "get /b",
        "get",
        "mk /a 4",
        "mk /new 4",
        "update /a 5",
        "update /nope 5",
        "-o json update /a 6",
        "set /b 7",
        "set /a/below 7",
        "set /",
        "set",
        "rm /new",
        "rm /new",
        "rm /b",
        "-o json rm /a",
        "-o extended rm /b/c/d",
    ]);
}

#[test]
fn directories_are_made_listed_and_removed() {
    check(&[
        "mkdir /d",
        "mkdir /d",
        "mkdir /d/e/f",
        "set /d/b 1",
        "set /d/a 1",
        "set /d/_hidden 1",
        "ls --sort /",
        "ls --sort -p --recursive",
        "ls --sort -r /d",
        "ls /d/a",
        "ls /nope",
        "-o json ls --sort -r /d",
        "setdir /g",
        "setdir /g --ttl 100",
        "setdir /d/a",
        "updatedir /g --ttl 200",
        "updatedir /nope --ttl 200",
        "rmdir /d",
        "rmdir /d/e/f",
        "rmdir /nope",
        "rm --dir /d/e",
        "rm --recursive /d",
        "rm --recursive /d",
        "rm /",
        "rm --recursive /",
        "ls",
    ]);
}

#[test]
fn keys_are_made_in_order() {
    check(&[
        "mk --in-order /q 1",
        "mk --in-order /q 2",
        "-o json mk --in-order /q 3",
        "ls --sort /q",
        "set /file 1",
        "mk --in-order /file 1",
    ]);
}

#[test]
fn values_and_indexes_are_compared() {
    check(&[
        "set /a one",
        "set /a two --swap-with-value one",
        "set /a three --swap-with-value one",
        "set /a three --swap-with-index {+2}",
        "set /a four --swap-with-index {+2}",
        "set /a four --swap-with-index {+3} --swap-with-value nine",
        "set /nope four --swap-with-value one",
        "-o json set /a five --swap-with-value three",
        "rm /a --with-value one",
        "rm /a --with-index {+1}",
        "rm /a --with-index {+4} --with-value five",
        "set /b one",
        "-o json rm /b --with-value one",
    ]);
}

#[test]
fn the_past_is_watched() {
    check(&[
        "set /a 1",
        "set /a 2",
        "set /b/c 3",
        "rm /a",
        "watch /a --after-index {+0}",
        "watch /a --after-index {+1}",
        "-o json watch /a --after-index {+3}",
        "-o extended watch / --recursive --after-index {+2}",
        "watch",
    ]);
}

#[test]
fn what_is_wrong_is_told() {
    check(&[
        "nonsense",
        "set /a 1 --ttl x",
        "-o nonsense get /a",
        "ls --nonsense",
        "set /a 1 --swap-with-index x",
        "rm",
        "mkdir",
        "mk /a",
        "update",
    ]);
}

#[test]
fn a_cluster_is_told_to_be_well() {
    let hyrax = Hyrax::start(&[]);
    let well = told(hyrax.address(), 0, "cluster-health");
    assert!(
        well.contains("is healthy: got healthy result") && well.ends_with("cluster is healthy\n=> Some(0)\n"),
        "{well}"
    );
    let members = told(hyrax.address(), 0, "member list");
    assert!(members.contains(&format!("clientURLs=http://{} isLeader=true", hyrax.address())), "{members}");
}

#[test]
fn indexes_are_found_in_what_the_tool_says() {
    let check = |text: &str, expected: &str| assert_eq!(relative(text, 1_000), expected);
    check("Error:  100: Key not found (/a) [1001]", "Error:  100: Key not found (/a) [+1]");
    check("{\"modifiedIndex\":1002,\"ttl\":2000}", "{\"modifiedIndex\":+2,\"ttl\":2000}");
    check("/q/00000000000000001003\n", "/q/+3\n");
    check("([1003 != 1004]) [1004]", "([+3 != +4]) [+4]");
    check("([x != 9]) [1004]", "([x != 9]) [+4]");
}
