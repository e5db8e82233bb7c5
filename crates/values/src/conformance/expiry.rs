//! A key past its time is never seen; that it expired is told once, before any later change of it.

use super::{Driver, Make, show};

/// How long keys live in these tests: an engine without a clock to move is waited for.
const TTL_MS: u64 = 300;

/// Puts an engine through this part.
pub fn run(make: Make<'_>) {
    a_key_is_there_until_its_time(make);
    it_is_told_once_by_whoever_meets_it_first(make);
    it_is_told_before_the_next_change(make);
    what_is_taken_back_does_not_happen(make);
}

/// A driver with `key` holding a list and expiring in [`TTL_MS`]; what that told is taken.
fn expiring(make: Make<'_>) -> Driver {
    let driver = Driver(make());
    driver.run("rpush key a b");
    driver.run(&format!("pexpire key {TTL_MS}"));
    driver.changes();
    driver
}

/// It is there, whole, before; and in no way after.
pub fn a_key_is_there_until_its_time(make: Make<'_>) {
    for (line, before, after) in [
        ("llen key", "2", "0"),
        ("lrange key 0 -1", "[a b]", "[]"),
        ("exists key", "1", "0"),
        ("type key", "list", "none"),
        ("rpushx key c", "3", "0"),
        ("persist key", "1", "0"),
        ("rename key other", "OK", "ERR no such key"),
        ("get key", "WRONGTYPE Operation against a key holding the wrong kind of value", "nil"),
        ("set key v nx", "nil", "OK"),
        ("hset key f v", "WRONGTYPE Operation against a key holding the wrong kind of value", "1"),
        ("copy key other", "1", "0"),
        ("sinterstore other key", "WRONGTYPE Operation against a key holding the wrong kind of value", "0"),
    ] {
        let driver = expiring(make);
        assert_eq!(show(&driver.run(line)), before, "{line} before");
        let driver = expiring(make);
        driver.wait_ms(TTL_MS);
        assert_eq!(show(&driver.run(line)), after, "{line} after");
    }
}

/// A read, a write that fails, a snapshot or the engine itself: one of them tells it, and no other.
pub fn it_is_told_once_by_whoever_meets_it_first(make: Make<'_>) {
    for line in ["llen key", "exists key key", "hget key f", "lpop key", "type key"] {
        let driver = expiring(make);
        driver.wait_ms(TTL_MS);
        driver.run(line);
        driver.0.expire();
        driver.run(line);
        assert_eq!(driver.changes_shown(), ["expired key"], "{line}");
    }
    let driver = expiring(make);
    driver.wait_ms(TTL_MS);
    assert_eq!(show(&driver.snapshot(b"key", crate::Kind::List).0), "[]");
    driver.0.expire();
    assert_eq!(driver.changes_shown(), ["expired key"]);

    let driver = expiring(make);
    driver.wait_ms(TTL_MS);
    driver.0.expire();
    driver.run("llen key");
    assert_eq!(driver.changes_shown(), ["expired key"]);
}

/// Whoever writes the key anew tells first that the old one expired; nobody did that, so nobody is
/// named, and a quiet command does not silence it.
pub fn it_is_told_before_the_next_change(make: Make<'_>) {
    for (line, value) in
        [("rpush key c", "[c]"), ("set key c", "c"), ("sadd key c", "{c}"), ("mset key c other d", "c")]
    {
        let driver = expiring(make);
        driver.wait_ms(TTL_MS);
        let words = super::text::words(line);
        driver.execute(&words, Some(b"gopher"), false);
        let told: Vec<_> = driver.changes().into_iter().filter(|change| change.key == b"key").collect();
        let commands: Vec<_> =
            told.iter().map(|change| (&change.command[..], change.actor.is_some())).collect();
        assert_eq!(commands, [("expired", false), (line.split(' ').next().unwrap_or(line), true)], "{line}");
        assert!(told[0].rev < told[1].rev, "{line}");
        assert_eq!(show(&driver.snapshot(b"key", crate::Kind::Any).0), value, "{line}");
        assert_eq!(show(&driver.run("pttl key")), "-1", "{line}: the new key does not expire");
    }
    let driver = expiring(make);
    driver.wait_ms(TTL_MS);
    driver.execute(&[b"rpush", b"key", b"c"], None, true);
    assert_eq!(driver.changes_shown(), ["expired key"]);
}

/// An expiry that was moved or removed does not come at its old time; it goes with the value.
pub fn what_is_taken_back_does_not_happen(make: Make<'_>) {
    for line in ["persist key", "pexpire key 1000000", "set key v"] {
        let driver = expiring(make);
        driver.run(line);
        driver.changes();
        driver.wait_ms(TTL_MS + 10);
        driver.0.expire();
        assert_eq!(show(&driver.run("exists key")), "1", "{line}");
        assert_eq!(driver.changes_shown(), [""; 0], "{line}");
    }
    let driver = expiring(make);
    driver.run("rename key other");
    driver.changes();
    driver.wait_ms(TTL_MS);
    driver.0.expire();
    assert_eq!(show(&driver.run("exists key other")), "0");
    assert_eq!(driver.changes_shown(), ["expired other"]);
}
