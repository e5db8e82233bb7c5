//! What is put off: the end of keys past their time during a pause, and the freeing of what is large.

use crate::Values;
use crate::embedded::check::Check;

/// When a [`Check`] begins, in milliseconds since the epoch.
const START_MS: u64 = 1_000_000;

/// A key past its time, during a pause that ends at its time plus 90 ms.
fn paused() -> Check {
    let check = Check::new();
    check.run("set k v px 10");
    check.changes();
    check.engine().keep_expired_until(START_MS + 100);
    check.pass_ms(10);
    check
}

#[test]
fn a_key_past_its_time_is_not_seen_during_a_pause_and_goes_after_it() {
    let check = paused();
    assert_eq!(check.engine().expire(100), None);
    for (line, expected) in [
        ("get k", "nil"),
        ("exists k", "0"),
        ("ttl k", "-2"),
        ("type k", "none"),
        ("keys *", "[]"),
        ("randomkey", "nil"),
        ("scan 0", "[0 []]"),
        ("object encoding k", "nil"),
    ] {
        check.check(line, expected);
    }
    // As in Redis, it is counted where all keys are.
    check.check("dbsize", "1");
    assert!(check.changes().is_empty());
    assert_eq!(check.engine().statistics().expired, 0);
    check.pass_ms(90);
    check.check("get k", "nil");
    assert_eq!(check.changes(), ["expired k"]);
    check.check("dbsize", "0");
}

#[test]
fn what_writes_a_key_past_its_time_during_a_pause_removes_it_first() {
    let check = paused();
    check.check("append k w", "1");
    assert_eq!(check.changes(), ["expired k", "append k w"]);
    check.check("get k", "w");
}

#[test]
fn that_a_watched_key_s_time_has_come_during_a_pause_aborts() {
    let check = Check::new();
    check.run("set k v px 10");
    let watched = check.watch("k");
    check.engine().keep_expired_until(START_MS + 100);
    assert_eq!(check.transaction(&watched, &["exists k"]), "1");
    check.pass_ms(10);
    assert_eq!(check.transaction(&watched, &["exists k"]), "aborted");
}

#[test]
fn large_values_are_freed_once_the_locks_are_let_go() {
    let members: Vec<String> = (0..100).map(|member| member.to_string()).collect();
    let fill = format!("sadd k {}", members.join(" "));
    for removes in
        [&["del k"][..], &["set k v"], &["sadd l a", "rename l k"], &["spop k 200"], &["expire k 0"]]
    {
        let check = Check::new();
        check.run(&fill);
        removes.iter().for_each(|line| drop(check.run(line)));
        let expected = u64::from(removes != ["spop k 200"]);
        assert_eq!(check.engine().statistics().freed_late, expected, "{removes:?}");
    }
    for looks in [false, true] {
        let check = Check::new();
        check.run(&fill);
        check.run("pexpire k 10");
        check.pass_ms(10);
        if looks {
            check.check("exists k", "0");
        } else {
            check.engine().expire(100);
        }
        assert_eq!(check.engine().statistics().freed_late, 1);
    }
    let check = Check::new();
    check.run("sadd k a b c");
    check.run("del k");
    assert_eq!(check.engine().statistics().freed_late, 0);
}

#[test]
fn changes_of_keys_are_counted_whether_or_not_anybody_hears() {
    let check = Check::new();
    for (line, changes) in [
        ("set k v", 1),
        ("mset a 1 b 2", 3),
        ("setbit k 90 0", 4),
        ("setbit k 90 0", 4),
        ("get k", 4),
        ("del a nosuch", 5),
    ] {
        check.run(line);
        assert_eq!(check.engine().statistics().changes, changes, "{line}");
    }
    check.run("flushall");
    assert_eq!(check.engine().statistics().changes, 7);
    check.engine().reset_statistics();
    assert_eq!(check.engine().statistics().changes, 7);
}
