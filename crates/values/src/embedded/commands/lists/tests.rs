use crate::Reply;
use crate::embedded::check::Check;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_INTEGER: &str = "ERR value is not an integer or out of range";

/// An engine with the list `l` of `a b c b a`, whose making is forgotten.
fn with_list() -> Check {
    let check = Check::new();
    check.run("rpush l a b c b a");
    check.changes();
    check
}

#[test]
fn both_ends_are_pushed_and_popped() {
    let check = Check::new();
    check.check("lpushx l a", "0");
    check.check("rpushx l a", "0");
    check.check("rpush l a b", "2");
    check.check("lpush l 1 2", "4");
    check.check("lpushx l 3", "5");
    check.check("rpushx l c d", "7");
    check.check("lrange l 0 -1", "[3 2 1 a b c d]");
    check.check("lpop l", "3");
    check.check("rpop l", "d");
    check.check("lpop l 2", "[2 1]");
    check.check("rpop l 0", "[]");
    check.check("rpop l 9", "[c b a]");
    assert!(check.engine().is_empty());
    assert_eq!(
        check.changes(),
        [
            "rpush l a b",
            "lpush l 1 2",
            "lpushx l 3",
            "rpushx l c d",
            "lpop l",
            "rpop l",
            "lpop l 2",
            "rpop l 9"
        ]
    );
}

#[test]
fn popping_nothing_answers_the_null_of_its_form() {
    let check = Check::new();
    assert_eq!(check.run("lpop l"), Reply::Null);
    assert_eq!(check.run("lpop l 0"), Reply::NullArray);
    assert_eq!(check.run("lmpop 1 l left"), Reply::NullArray);
    assert_eq!(check.run("rpoplpush l m"), Reply::Null);
    assert_eq!(check.run("lpos l a"), Reply::Null);
    check.check("lpop l -1", "ERR value is out of range, must be positive");
    check.check("rpop l x", "ERR value is out of range, must be positive");
    check.check("rpop l 1 2", "ERR wrong number of arguments for 'rpop' command");
    assert!(check.changes().is_empty());
}

#[test]
fn elements_are_read_and_replaced_by_index() {
    let check = with_list();
    check.check("llen l", "5");
    check.check("llen none", "0");
    check.check("lindex l 2", "c");
    check.check("lindex l -1", "a");
    check.check("lindex l 5", "nil");
    check.check("lindex l -6", "nil");
    check.check("lindex none x", "nil");
    check.check("lindex l x", NOT_INTEGER);
    check.check("lset l -4 B", "OK");
    check.check("lset l 5 x", "ERR index out of range");
    check.check("lset l -6 x", "ERR index out of range");
    check.check("lset l x x", NOT_INTEGER);
    check.check("lset none x x", "ERR no such key");
    check.check("lrange l 0 -1", "[a B c b a]");
    assert_eq!(check.changes(), ["lset l -4 B"]);
}

#[test]
fn ranges_are_cut_to_what_is_there() {
    let check = with_list();
    for (range, expected) in [
        ("1 2", "[b c]"),
        ("-2 -1", "[b a]"),
        ("-100 100", "[a b c b a]"),
        ("3 1", "[]"),
        ("5 9", "[]"),
        ("0 -6", "[]"),
        ("-9223372036854775808 9223372036854775807", "[a b c b a]"),
    ] {
        check.check(&format!("lrange l {range}"), expected);
    }
    check.check("lrange none 0 1", "[]");
    check.check("lrange none 0 x", NOT_INTEGER);
}

#[test]
fn trimming_keeps_the_range_and_removes_an_empty_list() {
    let check = with_list();
    check.check("ltrim l 0 -1", "OK");
    check.check("ltrim l 1 -2", "OK");
    check.check("lrange l 0 -1", "[b c b]");
    check.check("ltrim l 2 1", "OK");
    check.check("ltrim l 0 0", "OK");
    check.check("ltrim none x 1", NOT_INTEGER);
    assert!(check.engine().is_empty());
    assert_eq!(check.changes(), ["ltrim l 0 -1", "ltrim l 1 -2", "ltrim l 2 1"]);
}

#[test]
fn an_element_is_inserted_beside_the_first_equal_to_the_pivot() {
    let check = with_list();
    check.check("linsert l before b 1", "6");
    check.check("linsert l AFTER b 2", "7");
    check.check("linsert l after x 3", "-1");
    check.check("linsert none after x 3", "0");
    check.check("linsert none beside x 3", "ERR syntax error");
    check.check("lrange l 0 -1", "[a 1 b 2 c b a]");
    assert_eq!(check.changes(), ["linsert l before b 1", "linsert l AFTER b 2"]);
}

#[test]
fn equal_elements_are_removed_from_either_end() {
    for (count, removed, left) in [
        ("0", "3", "[x y]"),
        ("1", "1", "[x a y a]"),
        ("2", "2", "[x y a]"),
        ("-1", "1", "[a x a y]"),
        ("-2", "2", "[a x y]"),
        ("9", "3", "[x y]"),
        ("-9223372036854775808", "3", "[x y]"),
    ] {
        let check = Check::new();
        check.run("rpush l a x a y a");
        check.check(&format!("lrem l {count} a"), removed);
        check.check("lrange l 0 -1", left);
        check.check("lrem l 0 none", "0");
        assert_eq!(check.changes().len(), 2, "a removal of nothing is no change");
    }
    let check = with_list();
    check.check("lrem none x a", NOT_INTEGER);
    check.check("lrem none 1 a", "0");
    check.run("rpush m a a");
    check.check("lrem m -5 a", "2");
    check.check("llen m", "0");
}

#[test]
fn positions_are_found_by_rank_count_and_depth() {
    let check = with_list();
    for (options, expected) in [
        ("", "1"),
        (" rank 2", "3"),
        (" rank -1", "3"),
        (" rank 3", "nil"),
        (" count 0", "[1 3]"),
        (" count 1", "[1]"),
        (" count 0 rank -1", "[3 1]"),
        (" count 0 rank 2 maxlen 3", "[]"),
        (" count 0 maxlen 2", "[1]"),
        (" maxlen 1", "nil"),
        (" rank -9223372036854775808", "3"),
        (" rank -9223372036854775808 count 1", "[3 1]"),
        (" rank 9223372036854775807", "nil"),
        (" rank x", NOT_INTEGER),
        (" count -1", "ERR COUNT can't be negative"),
        (" maxlen x", "ERR MAXLEN can't be negative"),
        (" maxlen", "ERR syntax error"),
        (" depth 1", "ERR syntax error"),
    ] {
        check.check(&format!("lpos l b{options}"), expected);
    }
    check.check(
        "lpos l b rank 0",
        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use \
         negative to start from the end of the list",
    );
    check.check("lpos none b count 1", "[]");
    assert!(check.changes().is_empty());
}

#[test]
fn a_move_changes_source_and_destination() {
    let check = Check::new();
    check.run("rpush l a b");
    check.changes();
    check.check("lmove l m left RIGHT", "a");
    check.check("rpoplpush l m", "b");
    check.check("lrange m 0 -1", "[b a]");
    check.check("lmove m m left right", "b");
    check.check("lrange m 0 -1", "[a b]");
    check.check("llen l", "0");
    check.check("lmove l m up right", "ERR syntax error");
    check.check("lmove l m left right", "nil");
    assert_eq!(
        check.changes(),
        [
            "lmove l l m left RIGHT",
            "lmove m l m left RIGHT",
            "rpoplpush l l m",
            "rpoplpush m l m",
            "lmove m m m left right"
        ]
    );
}

#[test]
fn a_list_of_one_moves_onto_itself() {
    let check = Check::new();
    check.run("rpush l a");
    check.check("rpoplpush l l", "a");
    check.check("lrange l 0 -1", "[a]");
}

#[test]
fn several_lists_are_popped_at_the_first_that_is_there() {
    let check = with_list();
    check.check("lmpop 2 none l left", "[l [a]]");
    check.check("lmpop 2 none l RIGHT count 2", "[l [a b]]");
    check.check("lmpop 1 l left count 9", "[l [b c]]");
    check.check("lmpop 1 l left", "nil");
    assert_eq!(check.changes(), ["lpop l 1", "rpop l 2", "lpop l 2"]);
    check.check("lmpop 0 l left", "ERR numkeys should be greater than 0");
    check.check("lmpop x l left", "ERR numkeys should be greater than 0");
    check.check("lmpop 2 l left", "ERR syntax error");
    check.check("lmpop 9223372036854775807 l left", "ERR syntax error");
    check.check("lmpop 1 l up", "ERR syntax error");
    check.check("lmpop 1 l left count", "ERR syntax error");
    check.check("lmpop 1 l left count 0", "ERR count should be greater than 0");
    check.check("lmpop 1 l left count 0 count 1", "ERR count should be greater than 0");
    check.check("lmpop 1 l left count 1 count 1", "ERR syntax error");
}

#[test]
fn a_key_of_another_type_is_refused() {
    let check = with_list();
    check.run("append s x");
    check.changes();
    for line in [
        "lpush s a",
        "rpushx s a",
        "lpop s",
        "lpop s 1",
        "llen s",
        "lindex s x",
        "lset s x a",
        "lrange s 0 1",
        "ltrim s 0 1",
        "linsert s after a b",
        "lrem s 0 a",
        "lpos s a",
        "lmove s none left left",
        "lmove l s left left",
        "rpoplpush s s",
        "lmpop 3 none s l left",
    ] {
        check.check(line, WRONG_TYPE);
    }
    check.check("lmove none s left left", "nil");
    check.check("lmpop 2 l s left", "[l [a]]");
    assert_eq!(check.changes(), ["lpop l 1"]);
}

#[test]
fn a_list_that_outgrew_its_packed_form_reads_the_same() {
    let check = Check::new();
    (0..1000).for_each(|number| drop(check.run(&format!("rpush l {number}"))));
    check.check("lindex l 999", "999");
    check.check("lrange l 500 502", "[500 501 502]");
    check.check("linsert l before 500 x", "1001");
    check.check("lpos l x", "500");
    check.check("ltrim l 499 501", "OK");
    check.check("lrange l 0 -1", "[499 x 500]");
    check.check("rpop l 2", "[500 x]");
}
