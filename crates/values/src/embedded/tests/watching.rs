//! A watched key's transaction runs only if the key is as it was.

use crate::Values;
use crate::embedded::check::Check;
use proptest::prelude::*;

fn check_watch(before: &[&str], key: &str, after: &[&str], expected: &str) {
    let check = Check::new();
    before.iter().for_each(|line| drop(check.run(line)));
    let watched = check.watch(key);
    after.iter().for_each(|line| drop(check.run(line)));
    assert_eq!(check.transaction(&watched, &["exists k"]), expected, "{before:?} {after:?}");
}

#[test]
fn any_change_of_a_watched_key_aborts() {
    for after in [
        "set k 2",
        "set k 1",
        "append k x",
        "del k",
        "pexpire k 10",
        "rename k l",
        "rename l k",
        "mset l 1 k 2",
    ] {
        check_watch(&["set k 1", "set l 1"], "k", &[after], "aborted");
    }
    check_watch(&[], "k", &["lpush k a", "del k"], "aborted");
    check_watch(&["set l 1"], "l k", &["del l"], "aborted");
}

#[test]
fn what_changes_nothing_aborts_nothing() {
    for after in
        ["get k", "set l 2", "del l", "set k 2 nx", "persist k", "lpush k a", "copy k l replace", "keys *"]
    {
        check_watch(&["set k 1", "set l 1"], "k", &[after], "1");
    }
    check_watch(&[], "k", &["del k", "rename k l", "lpop k"], "0");
    check_watch(&["set k 1"], "l", &["set k 2"], "1");
}

#[test]
fn a_quiet_change_aborts_too() {
    let check = Check::new();
    let watched = check.watch("k");
    let argv = [&b"set"[..], b"k", b"1"];
    let command = crate::command::lookup(b"set").expect("a command");
    let call = crate::Call { command, argv: &argv, actor: None, quiet: true };
    crate::Reply::collect(|sink| drop(check.engine().execute(&call, sink)));
    assert_eq!(check.transaction(&watched, &[]), "aborted");
}

#[test]
fn a_key_whose_time_came_since_aborts_whoever_finds_it() {
    for finds in [None, Some("get k"), Some("keys *")] {
        let check = Check::new();
        check.run("set k 1 px 10");
        let watched = check.watch("k");
        check.pass_ms(10);
        finds.into_iter().for_each(|line| drop(check.run(line)));
        assert_eq!(check.transaction(&watched, &["get k"]), "aborted");
        assert_eq!(check.changes(), ["set k 1 px 10", "expired k"]);
    }
    let check = Check::new();
    check.run("set k 1 px 10");
    let watched = check.watch("k");
    check.pass_ms(10);
    check.engine().expire(100);
    assert_eq!(check.transaction(&watched, &["get k"]), "aborted");
}

#[test]
fn a_key_whose_time_had_come_before_is_as_if_it_was_not_there() {
    let check = Check::new();
    check.run("set k 1 px 10");
    check.pass_ms(10);
    let watched = check.watch("k");
    check.engine().expire(100);
    assert_eq!(check.transaction(&watched, &["get k"]), "nil");
    let watched = check.watch("k");
    check.run("set k 2");
    assert_eq!(check.transaction(&watched, &["get k"]), "aborted");
}

#[test]
fn each_watch_begins_when_it_begins_and_leaves_nothing_behind() {
    let check = Check::new();
    let early = check.watch("k");
    check.run("set k 1");
    let late = check.watch("k k other");
    assert_eq!(check.transaction(&late, &["get k"]), "1");
    assert_eq!(check.transaction(&early, &["get k"]), "aborted");
    drop((early, late));
    assert!(check.engine().shards.iter().all(|shard| shard.lock().watches.is_empty()));
}

proptest! {
    #[test]
    fn a_transaction_runs_if_and_only_if_no_watched_key_was_told_to_have_changed(
        lines in proptest::collection::vec((0..9_usize, 0..4_u8, 0..4_u8), 0..12),
        watched in proptest::collection::vec(0..4_u8, 1..4),
        begins in 0..12_usize,
    ) {
        let check = Check::new();
        let mut watches = Vec::new();
        for (number, (command, a, b)) in lines.iter().enumerate() {
            if number == begins {
                check.changes();
                watches = watched.iter().flat_map(|key| check.watch(&key.to_string())).collect();
            }
            let forms = ["set A 1", "set A 2 nx", "del A B", "rename A B", "lpush A x", "rpoplpush A B",
                "pexpire A 100", "sadd A x", "mset A 1 B 2"];
            check.run(&forms[*command].replace('A', &a.to_string()).replace('B', &b.to_string()));
        }
        let changed = check.changes();
        let is_broken = watches.iter().any(|watch: &crate::Watched| {
            let key = String::from_utf8_lossy(&watch.key).into_owned();
            changed.iter().any(|change| change.split(' ').nth(1) == Some(&*key))
        });
        prop_assert_eq!(check.transaction(&watches, &["dbsize"]) == "aborted", is_broken);
    }
}
