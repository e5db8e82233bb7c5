//! What `DUMP` and `RESTORE` must do.

use super::*;
use crate::Reply;
use crate::embedded::check::Check;

fn dumped(check: &Check, key: &str) -> Vec<u8> {
    match check.run(&format!("dump {key}")) {
        Reply::Bulk(bytes) => bytes,
        other => panic!("a payload expected, not {other:?}"),
    }
}

fn restore_bytes(check: &Check, value: &[u8]) -> Reply {
    let mut payload = value.to_vec();
    payload.extend(VERSION.to_le_bytes());
    payload.extend(checksum(&payload).to_le_bytes());
    check.run_words(&[b"restore", b"k", b"0", &payload, b"replace"])
}

fn filled() -> Check {
    let check = Check::new();
    check.check("mset i 12345 s hello", "OK");
    check.run("rpush l a 1 b -70000");
    check.run("sadd e 1 2 300");
    check.run("sadd m a b");
    check.run("hset h f v n 5");
    check.run("zadd z 1.5 a -inf b 2 c");
    check.run("xadd x 1-1 f v g 2");
    check.run("xadd x 5-2 h 3");
    check.run("xgroup create x g 0");
    check.run("xreadgroup group g c count 1 streams x >");
    check.changes();
    check
}

#[test]
fn what_is_dumped_is_restored() {
    let check = filled();
    let reads = [
        ("i", "get"),
        ("s", "get"),
        ("l", "lrange 0 -1"),
        ("h", "hgetall"),
        ("z", "zrange 0 -1 withscores"),
        ("x", "xrange - +"),
        ("x", "xinfo groups"),
        ("x", "xpending g"),
    ];
    let read = |check: &Check, (key, line): (&str, &str)| match line.split_once(' ') {
        Some(("xinfo", what)) => check.run(&format!("xinfo {what} {key}")),
        Some((name, rest)) => check.run(&format!("{name} {key} {rest}")),
        None => check.run(&format!("{line} {key}")),
    };
    let before: Vec<Reply> = reads.iter().map(|&of| read(&check, of)).collect();
    for key in ["i", "s", "l", "e", "m", "h", "z", "x"] {
        let payload = dumped(&check, key);
        check.run(&format!("del {key}"));
        let restored = check.run_words(&[b"restore", key.as_bytes(), b"0", &payload]);
        assert_eq!(restored, Reply::Status("OK"), "{key}");
    }
    let after: Vec<Reply> = reads.iter().map(|&of| read(&check, of)).collect();
    assert_eq!(before, after);
    check.check("scard e", "3");
    check.check("sismember m b", "1");
}

#[test]
fn a_restored_key_expires_when_it_is_told_to() {
    let check = filled();
    let payload = dumped(&check, "s");
    let run = |words: &[&[u8]]| check.run_words(&[&[&b"restore"[..], b"k"], words].concat());
    assert_eq!(run(&[b"5000", &payload]), Reply::Status("OK"));
    check.check("pttl k", "5000");
    assert_eq!(run(&[b"1000", &payload, b"absttl", b"replace"]), Reply::Status("OK"));
    check.check("exists k", "0");
    assert_eq!(check.changes()[1], "del k");
    let busy = Reply::Error(Error::text("BUSYKEY Target key name already exists."));
    run(&[b"0", &payload, b"idletime", b"10"]);
    check.check("object idletime k", "10");
    assert_eq!(run(&[b"0", &payload]), busy);
    let refused = |words: &[&[u8]], text: &str| {
        let Reply::Error(error) = run(words) else { panic!("a refusal expected") };
        assert_eq!(error.to_string(), text);
    };
    refused(&[b"-1", &payload, b"replace"], "ERR Invalid TTL value, must be >= 0");
    refused(&[b"0", &payload, b"freq", b"256"], "ERR Invalid FREQ value, must be >= 0 and <= 255");
    refused(&[b"0", &payload, b"freq", b"1", b"idletime", b"1"], "ERR syntax error");
    refused(
        &[b"0", &payload[..payload.len() - 1], b"replace"],
        "ERR DUMP payload version or checksum are wrong",
    );
}

#[test]
fn payloads_of_redis_are_read() {
    let check = Check::new();
    let cases: [(&[u8], &str, &str); 4] = [
        (b"\x0b\x0e\x02\0\0\0\x03\0\0\0\x01\0\x02\0\x03\0", "scard k", "3"),
        (b"\x10\x0d\x0d\0\0\0\x02\0\x81f\x02\x81v\x02\xff", "hgetall k", "{f=v}"),
        (b"\x12\x01\x02\x0d\x0d\0\0\0\x02\0\x81a\x02\x81b\x02\xff", "lrange k 0 -1", "[a b]"),
        (b"\0\xc3\x05\x40\x6a\0a\xe0\x60\0", "strlen k", "106"),
    ];
    for (value, line, expected) in cases {
        assert_eq!(restore_bytes(&check, value), Reply::Status("OK"), "{value:?}");
        check.check(line, expected);
    }
}

#[test]
fn a_stream_of_an_older_redis_is_read() {
    // Six entries of which one was deleted, trimmed to two, and two groups, as a Redis 5 dumped them.
    let old: &[u8] =
        b"\x0f\x01\x10\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\xc3@J@W\x16W\0\0\0#\0\x02\x01\x04\x01\x01\
        \x01\x84data\x05\0\x01\x03\x01\0\x20\x01\x03\x81a\x02\x04\x20\x0a\0\x01@\x0a\0b`\x0a\0\
        \x02@\x0a\0c`\x0a@\x22\x01\x81d\x20\x0a@9\x20\x0a\0e`\x0a\0\x05@\x0a\0f\x20\x0a\0\xff\
        \x02\x06\0\x02\x02g1\x05\0\x04\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0>\xf7\x83Cz\x01\0\0\x01\
        \0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\0>\xf7\x83Cz\x01\0\0\x01\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\
        \0\0>\xf7\x83Cz\x01\0\0\x01\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\0>\xf7\x83Cz\x01\0\0\x01\x01\
        \x03c11>\xf7\x83Cz\x01\0\0\x04\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\
        \0\0\0\0\0\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\0\x02g2\0\0\
        \0\0";
    let check = Check::new();
    assert_eq!(restore_bytes(&check, old), Reply::Status("OK"));
    check.check("xrange k - +", "[[5-0 [data e]] [6-0 [data f]]]");
    // What that Redis did not write is guessed as Redis 7.0 does.
    check.check("xpending k g1", "[4 1-0 5-0 [[c11 4]]]");
    check.check(
        "xinfo groups k",
        "[{name=g1 consumers=1 pending=4 last-delivered-id=5-0 entries-read=1 lag=1} \
         {name=g2 consumers=0 pending=0 last-delivered-id=0-0 entries-read=0 lag=2}]",
    );
}

#[test]
fn no_bytes_are_a_value_that_is_none() {
    let check = filled();
    let mut random = fastrand::Rng::with_seed(1);
    let bad = Reply::Error(Error::text("ERR Bad data format"));
    for empty in [&b""[..], b"\x01\0", b"\x02\0", b"\x04\0", b"\x05\0", b"\xff\0", b"\x02\x02\x01a\x01a"] {
        assert_eq!(restore_bytes(&check, empty), bad, "{empty:?}");
    }
    for key in ["i", "s", "l", "e", "m", "h", "z", "x"] {
        let payload = dumped(&check, key);
        let value = &payload[..payload.len() - VERSION_BYTES - CHECKSUM_BYTES];
        for _ in 0..2000 {
            let mut spoiled = value.to_vec();
            for _ in 0..=random.usize(..3) {
                let at = random.usize(..spoiled.len());
                spoiled[at] = random.u8(..);
            }
            spoiled.truncate(random.usize(1..=spoiled.len()));
            if restore_bytes(&check, &spoiled) == Reply::Status("OK") {
                check.run("dump k");
            }
        }
    }
}
