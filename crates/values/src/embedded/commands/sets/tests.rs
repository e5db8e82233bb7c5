use crate::Reply;
use crate::embedded::check::{Check, show};
use std::collections::BTreeSet;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";

/// An engine with the sets `a` of `1 2 3 4`, `b` of `3 4 5` and `c` of `4`, and the string `s`.
fn with_sets() -> Check {
    let check = Check::new();
    for line in ["sadd a 1 2 3 4", "sadd b 3 4 5", "sadd c 4", "append s x"] {
        check.run(line);
    }
    check.changes();
    check
}

/// The words of a set or array, sorted.
#[track_caller]
fn sorted(check: &Check, line: &str) -> Vec<String> {
    let (Reply::Set(words) | Reply::Array(words)) = check.run(line) else { panic!("{line}: no set") };
    let mut words: Vec<String> = words.iter().map(show).collect();
    words.sort();
    words
}

#[test]
fn members_are_added_found_and_removed() {
    let check = Check::new();
    check.check("sadd a 1 2 1", "2");
    check.check("sadd a 1", "0");
    check.check("smembers a", "{1 2}");
    check.check("scard a", "2");
    check.check("sismember a 1", "1");
    check.check("sismember a 3", "0");
    check.check("smismember a 1 3 2", "[1 0 1]");
    check.check("srem a 3", "0");
    check.check("srem a 1 3", "1");
    check.check("srem a 2", "1");
    assert!(check.engine().is_empty());
    assert_eq!(check.changes(), ["sadd a 1 2 1", "srem a 1 3", "srem a 2"]);
}

#[test]
fn an_absent_set_is_an_empty_one() {
    let check = Check::new();
    check.check("smembers a", "{}");
    check.check("scard a", "0");
    check.check("sismember a 1", "0");
    check.check("smismember a 1 2", "[0 0]");
    check.check("srem a 1", "0");
    check.check("smove a b 1", "0");
    check.check("spop a", "nil");
    check.check("spop a 2", "{}");
    check.check("srandmember a", "nil");
    check.check("srandmember a -2", "[]");
    check.check("sscan a 0 nonsense", "[0 []]");
    assert!(check.changes().is_empty());
}

#[test]
fn a_move_changes_source_and_destination() {
    let check = with_sets();
    check.check("smove a b 1", "1");
    check.check("smove a b 1", "0");
    check.check("smove a b 3", "1");
    check.check("smove a a 2", "1");
    check.check("smove a a 9", "0");
    check.check("smove c d 4", "1");
    check.check("scard c", "0");
    assert_eq!(
        check.changes(),
        ["smove a a b 1", "smove b a b 1", "smove a a b 3", "smove c c d 4", "smove d c d 4"]
    );
    check.check("smove none s 1", "0");
    check.check("smove a s 9", WRONG_TYPE);
    check.check("smove s a 9", WRONG_TYPE);
}

#[test]
fn sets_are_intersected_united_and_subtracted() {
    let check = with_sets();
    assert_eq!(sorted(&check, "sinter a b"), ["3", "4"]);
    assert_eq!(sorted(&check, "sinter a b c a"), ["4"]);
    assert_eq!(sorted(&check, "sinter a a"), ["1", "2", "3", "4"]);
    assert_eq!(sorted(&check, "sinter a"), ["1", "2", "3", "4"]);
    assert!(sorted(&check, "sinter a none").is_empty());
    assert_eq!(sorted(&check, "sunion a none b c b"), ["1", "2", "3", "4", "5"]);
    assert_eq!(sorted(&check, "sdiff a b"), ["1", "2"]);
    assert_eq!(sorted(&check, "sdiff b none c a"), ["5"]);
    assert!(sorted(&check, "sdiff none a").is_empty());
    assert!(sorted(&check, "sdiff a c a").is_empty());
    check.check("sintercard 2 a b", "2");
    check.check("sintercard 2 a b limit 1", "1");
    check.check("sintercard 2 a b limit 1 LIMIT 0", "2");
    check.check("sintercard 2 a none", "0");
    assert!(check.changes().is_empty());
}

#[test]
fn a_difference_is_the_same_whichever_way_is_cheaper() {
    let check = Check::new();
    (0..300).for_each(|member| drop(check.run(&format!("sadd big {member}"))));
    let mut line = "sdiff big".to_owned();
    for member in 0..200 {
        check.run(&format!("sadd one{member} {member} x"));
        line.push_str(&format!(" one{member}"));
    }
    assert_eq!(sorted(&check, &line).len(), 100);
}

#[test]
fn a_result_is_stored_over_whatever_was_there() {
    let check = with_sets();
    check.check("sinterstore s a b", "2");
    assert_eq!(sorted(&check, "smembers s"), ["3", "4"]);
    check.check("sunionstore a a b", "5");
    check.check("sdiffstore b b b", "0");
    check.check("sdiffstore none b b", "0");
    check.check("scard b", "0");
    assert_eq!(check.changes(), ["sinterstore s s a b", "sunionstore a a a b", "sdiffstore b b b b"]);
}

#[test]
fn a_key_of_another_type_is_refused_even_behind_an_absent_one() {
    let check = with_sets();
    for line in [
        "sadd s 1",
        "srem s 1",
        "smembers s",
        "sismember s 1",
        "smismember s 1",
        "scard s",
        "spop s",
        "spop s 1",
        "srandmember s",
        "srandmember s 1",
        "sscan s 0 nonsense",
        "sinter none s",
        "sunion a s",
        "sdiff none s",
        "sinterstore d none s",
        "sunionstore d none s",
        "sdiffstore d none s",
        "sintercard 2 none s",
    ] {
        check.check(line, WRONG_TYPE);
    }
    assert!(check.changes().is_empty());
}

#[test]
fn the_words_of_sintercard_are_checked_before_the_keys() {
    let check = with_sets();
    check.check("sintercard 0 s", "ERR numkeys should be greater than 0");
    check.check("sintercard x s", "ERR numkeys should be greater than 0");
    check.check("sintercard 2 s", "ERR Number of keys can't be greater than number of args");
    check.check("sintercard 1 s limit -1", "ERR LIMIT can't be negative");
    check.check("sintercard 1 s limit x", "ERR LIMIT can't be negative");
    check.check("sintercard 1 s limit", "ERR syntax error");
    check.check("sintercard 1 s most 1", "ERR syntax error");
}

#[test]
fn taken_members_are_told_as_removed() {
    let check = Check::new();
    check.run("sadd a 1");
    check.check("spop a 0", "{}");
    check.check("spop a", "1");
    check.run("sadd a 1");
    check.check("spop a 5", "{1}");
    assert!(check.engine().is_empty());
    assert_eq!(check.changes(), ["sadd a 1", "srem a 1", "sadd a 1", "srem a 1"]);
    check.check("spop a -1", "ERR value is out of range, must be positive");
    check.check("spop a x", "ERR value is out of range, must be positive");
    check.check("spop a 1 2", "ERR syntax error");
}

#[test]
fn what_is_taken_is_gone_and_what_is_left_was_not_taken() {
    let check = Check::new();
    for members in [50, 500] {
        (0..members).for_each(|member| drop(check.run(&format!("sadd a {member}"))));
        check.changes();
        let taken = sorted(&check, "spop a 20");
        let told = check.changes().join("");
        let mut told: Vec<&str> = told.split(' ').skip(2).collect();
        told.sort_unstable();
        assert_eq!(told, taken);
        let left = sorted(&check, "smembers a");
        let all: BTreeSet<&String> = taken.iter().chain(&left).collect();
        assert_eq!((taken.len(), left.len(), all.len()), (20, members - 20, members));
        check.run("spop a 1000");
    }
    check.check("scard a", "0");
}

#[test]
fn random_members_come_from_the_set() {
    let check = Check::new();
    check.run("sadd a 1");
    check.check("srandmember a", "1");
    check.check("srandmember a 3", "[1]");
    check.check("srandmember a 0", "[]");
    check.check("srandmember a -3", "[1 1 1]");
    check.check("srandmember a -9223372036854775807", "ERR value is out of range");
    check.check(
        "srandmember a -9223372036854775808",
        "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
    );
    check.check("srandmember a x", "ERR value is not an integer or out of range");
    check.check("srandmember a 1 2", "ERR syntax error");
    for members in [50, 500] {
        (0..members).for_each(|member| drop(check.run(&format!("sadd b {member}"))));
        let drawn: BTreeSet<String> = sorted(&check, "srandmember b 30").into_iter().collect();
        assert_eq!(drawn.len(), 30);
        assert_eq!(sorted(&check, "srandmember b -1000").len(), 1000);
    }
}

#[test]
fn a_scan_meets_every_member_that_stays() {
    let check = Check::new();
    (0..500).for_each(|member| drop(check.run(&format!("sadd a m{member}"))));
    let (mut cursor, mut seen) = ("0".to_owned(), BTreeSet::new());
    for step in 0.. {
        let Reply::Array(page) = check.run(&format!("sscan a {cursor} count 7")) else { panic!("a page") };
        let [Reply::Bulk(next), Reply::Array(members)] = &page[..] else { panic!("cursor and members") };
        seen.extend(members.iter().map(show));
        check.run(&format!("srem a m{}", step * 5));
        check.run(&format!("sadd a new{step}"));
        cursor = String::from_utf8_lossy(next).into_owned();
        if cursor == "0" {
            break;
        }
    }
    assert!((0..500).filter(|member| member % 5 != 0).all(|member| seen.contains(&format!("m{member}"))));
}
