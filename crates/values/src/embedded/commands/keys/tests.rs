//! What the key commands must do.

use crate::Reply;
use crate::embedded::check::{Check, show};
use std::collections::BTreeSet;

#[test]
fn keys_are_counted_and_deleted_by_name() {
    let check = Check::new();
    check.check("mset a 1 b 2", "OK");
    check.changes();
    check.check("exists a b a nokey", "3");
    check.check("touch a b nokey", "2");
    check.check("type a", "string");
    check.check("type nokey", "none");
    check.check("del a a nokey", "1");
    check.check("unlink b", "1");
    check.check("dbsize", "0");
    assert_eq!(check.changes(), ["del a a a nokey", "unlink b"]);
}

#[test]
fn expiries_obey_their_conditions() {
    let check = Check::new();
    check.check("expire nokey 10", "0");
    check.check("set a 1", "OK");
    check.check("expire a 10 xx", "0");
    check.check("expire a 10 gt", "0");
    check.check("expire a 10 lt", "1");
    check.check("expire a 20 nx", "0");
    check.check("expire a 20 lt", "0");
    check.check("expire a 10 gt", "0");
    check.check("expire a 20 gt xx", "1");
    check.check("pexpiretime a", "1020000");
    check.check("expiretime a", "1020");
    check.check("persist a", "1");
    check.check("persist a", "0");
    check.check("ttl a", "-1");
    check.check("pttl nokey", "-2");
    check.check("pexpire a 1500", "1");
    check.check("ttl a", "2");
    check.check("expireat a 1005", "1");
    check.check("pttl a", "5000");
    check.check("pexpireat a 1000700", "1");
    check.check("pttl a", "700");
    let expected = [
        "set a 1",
        "expire a 10 lt",
        "expire a 20 gt xx",
        "persist a",
        "pexpire a 1500",
        "expireat a 1005",
        "pexpireat a 1000700",
    ];
    assert_eq!(check.changes(), expected);
}

#[test]
fn bad_expiries_are_refused() {
    let check = Check::new();
    check.check("set a 1", "OK");
    let incompatible = "ERR NX and XX, GT or LT options at the same time are not compatible";
    check.check("expire a 10 nx xx", incompatible);
    check.check("expire a 10 nx lt", incompatible);
    check.check("expire a 10 gt lt", "ERR GT and LT options at the same time are not compatible");
    check.check("expire a x foo", "ERR Unsupported option foo");
    check.check("expire a x", "ERR value is not an integer or out of range");
    check.check("expire a 9223372036854776", "ERR invalid expire time in 'expire' command");
    check.check("pexpire a 9223372036854775807", "ERR invalid expire time in 'pexpire' command");
    check.check("expireat a -9223372036854776", "ERR invalid expire time in 'expireat' command");
    check.check("pexpireat a 9223372036854775807", "1");
    check.check("pexpiretime a", "9223372036854775807");
}

#[test]
fn an_expiry_that_is_over_deletes() {
    let check = Check::new();
    for line in ["expire a 0", "pexpire a -5", "expireat a 999", "pexpireat a 1000000"] {
        check.check("set a 1", "OK");
        check.changes();
        check.check(line, "1");
        check.check("exists a", "0");
        assert_eq!(check.changes(), ["del a"], "{line}");
    }
}

#[test]
fn a_renamed_key_takes_its_expiry_along() {
    let check = Check::new();
    check.check("rename nokey nokey", "ERR no such key");
    check.check("renamenx nokey a", "ERR no such key");
    check.check("set a 1 ex 10", "OK");
    check.check("set b 2", "OK");
    check.check("renamenx a b", "0");
    check.check("renamenx a a", "0");
    check.check("rename a a", "OK");
    check.changes();
    check.check("rename a b", "OK");
    check.check("get b", "1");
    check.check("ttl b", "10");
    check.check("exists a", "0");
    check.check("renamenx b c", "1");
    assert_eq!(check.changes(), ["rename a a b", "rename b a b", "renamenx b b c", "renamenx c b c"]);
}

#[test]
fn a_copy_has_the_value_and_the_expiry() {
    let check = Check::new();
    check.check("copy a b", "0");
    check.check("set a 1 ex 10", "OK");
    check.changes();
    check.check("copy a b", "1");
    check.check("set a 2", "OK");
    check.check("copy a b", "0");
    check.check("ttl b", "10");
    check.check("get b", "1");
    check.check("copy a b db 0 replace", "1");
    check.check("get b", "2");
    check.check("ttl b", "-1");
    assert_eq!(check.changes(), ["copy b a b", "set a 2", "copy b a b db 0 replace"]);
    check.check("copy a a", "ERR source and destination objects are the same");
    check.check("copy a b db", "ERR syntax error");
    check.check("copy a b db 1", "ERR DB index is out of range");
    check.check("copy a b db x", "ERR value is not an integer or out of range");
    let range = "ERR value is out of range, value must between -2147483648 and 2147483647";
    check.check("copy a b db 2147483648", range);
}

/// The keys that a scan finds, and how many calls it takes.
fn scan_all(check: &Check, options: &str) -> (BTreeSet<String>, usize) {
    let (mut found, mut calls, mut cursor) = (BTreeSet::new(), 0, "0".to_owned());
    loop {
        let Reply::Array(parts) = check.run(&format!("scan {cursor}{options}")) else {
            panic!("a scan answers two things")
        };
        let Reply::Array(keys) = &parts[1] else { panic!("the second are keys") };
        found.extend(keys.iter().map(show));
        calls += 1;
        cursor = show(&parts[0]);
        if cursor == "0" {
            return (found, calls);
        }
    }
}

#[test]
fn a_scan_finds_every_key_in_bounded_steps() {
    let check = Check::new();
    let keys: BTreeSet<String> = (0..1000).map(|number| format!("key:{number}")).collect();
    for key in &keys {
        check.check(&format!("set {key} 1"), "OK");
    }
    put_past_their_time(&check, 50);
    let (found, calls) = scan_all(&check, "");
    assert_eq!(found, keys);
    assert!((105..=170).contains(&calls), "{calls}");
    let (found, calls) = scan_all(&check, " match *:7 count 100 type STRING");
    assert_eq!(found, BTreeSet::from(["key:7".to_owned()]));
    assert!(calls >= 10, "a call with MATCH looks at no more keys than any: {calls}");
    assert!(scan_all(&check, " type hash count 2000").0.is_empty());
    assert_eq!(scan_all(&check, " count 2000").1, 1);
}

fn put_past_their_time(check: &Check, count: usize) {
    for number in 0..count {
        check.check(&format!("set late:{number} 1 pxat 1"), "OK");
    }
}

#[test]
fn cursors_and_options_of_a_scan_are_checked() {
    let check = Check::new();
    for cursor in ["0", "''", "+0", "-1", "18446744073709551615", "64"] {
        check.check(&format!("scan {cursor}"), "[0 []]");
    }
    for cursor in ["x", "1x", "--1", "+-1", "18446744073709551616"] {
        check.check(&format!("scan {cursor}"), "ERR invalid cursor");
    }
    check.check("scan 0 count 0", "ERR syntax error");
    check.check("scan 0 count", "ERR syntax error");
    check.check("scan 0 foo 1", "ERR syntax error");
    check.check("scan 0 count x", "ERR value is not an integer or out of range");
}

#[test]
fn keys_past_their_time_are_not_among_all_keys() {
    let check = Check::new();
    check.check("randomkey", "nil");
    put_past_their_time(&check, 200);
    check.check("randomkey", "nil");
    put_past_their_time(&check, 200);
    check.check("keys *", "[]");
    put_past_their_time(&check, 200);
    check.check("dbsize", "0");
    assert_eq!(check.changes().iter().filter(|change| change.starts_with("expired")).count(), 600);
    put_past_their_time(&check, 200);
    check.check("set a 1", "OK");
    check.check("randomkey", "a");
    check.check("keys a*", "[a]");
    check.check("dbsize", "1");
}

#[test]
fn all_keys_go_at_once_and_each_is_told() {
    let check = Check::new();
    check.check("mset a 1 b 2", "OK");
    check.check("set c 3 ex 10", "OK");
    check.changes();
    check.check("flushall foo", "ERR syntax error");
    check.check("flushall async sync", "ERR syntax error");
    check.check("flushall", "OK");
    check.check("dbsize", "0");
    check.check("ttl c", "-2");
    let changes: BTreeSet<String> = check.changes().into_iter().collect();
    assert_eq!(changes, ["del a", "del b", "del c"].map(str::to_owned).into());
    check.check("set a 1 ex 10", "OK");
    check.check("flushdb async", "OK");
    check.check("exists a", "0");
    check.check("set a 2", "OK");
    check.check("ttl a", "-1");
}

#[test]
fn there_is_one_database() {
    let check = Check::new();
    check.check("swapdb 0 0", "OK");
    check.check("swapdb 0 1", "ERR DB index is out of range");
    check.check("swapdb x 1", "ERR invalid first DB index");
    check.check("swapdb 0 99999999999", "ERR invalid second DB index");
    check.check("move a 0", "ERR source and destination objects are the same");
    check.check("move a 1", "ERR DB index is out of range");
    check.check("move a x", "ERR value is not an integer or out of range");
}

#[test]
fn forms_are_named_as_redis_has_them() {
    let check = Check::new();
    let long = "x".repeat(65);
    let lines = [
        ("set s 12", "int"),
        ("append s 3", "raw"),
        ("incr s", "int"),
        ("append new ''", "embstr"),
        ("append new ''", "raw"),
        ("incrbyfloat s 1", "embstr"),
        ("set s 01", "embstr"),
        (&format!("set s {}", "x".repeat(45)), "raw"),
        ("hset h f v", "listpack"),
        (&format!("hset h f {long}"), "hashtable"),
        ("hset h f v", "hashtable"),
        ("sadd e 1 2", "intset"),
        ("sadd e a", "hashtable"),
        ("srem e a", "hashtable"),
        ("zadd z 1 a", "listpack"),
        (&format!("zadd z 1 {long}"), "skiplist"),
        ("rpush l a", "quicklist"),
        ("xadd x 1-1 f v", "stream"),
        ("setbit b 1 1", "raw"),
        ("bitop not c b", "raw"),
        ("pfadd p x", "raw"),
    ];
    for (line, expected) in lines {
        check.run(line);
        let key = line.split(' ').nth(if line.starts_with("bitop") { 2 } else { 1 }).expect("a key");
        check.check(&format!("object encoding {key}"), expected);
    }
}

#[test]
fn a_key_is_inspected_without_being_used() {
    let check = Check::new();
    check.check("mset a 5 b x", "OK");
    check.check("object refcount a", "2147483647");
    check.check("object refcount b", "1");
    check.check("object idletime a", "0");
    check.check("object encoding nokey", "nil");
    check.check("object freq nokey", "nil");
    check.check("object foo", "ERR unknown subcommand 'foo'. Try OBJECT HELP.");
    check.check("object encoding", "ERR wrong number of arguments for 'object|encoding' command");
    check.check("memory usage nokey", "nil");
    check.check("memory usage nokey samples", "ERR syntax error");
    check.check("memory usage nokey samples -1", "ERR syntax error");
    let Reply::Integer(small) = check.run("memory usage b") else { panic!("a number") };
    check.run(&format!("set b {}", "x".repeat(1000)));
    let Reply::Integer(large) = check.run("memory usage b samples 0") else { panic!("a number") };
    assert!((64..200).contains(&small) && (1000..1200).contains(&large), "{small} {large}");
    let Reply::Array(lines) = check.run("object help") else { panic!("lines") };
    assert_eq!(lines.len(), 15);
}
