use super::*;

#[test]
fn ids_are_given_or_made_and_always_grow() {
    let check = Check::new();
    // The clock stands at 1,000,000.
    check.check("xadd s 5-1 a 1", "5-1");
    check.check("xadd s 5-* a 1", "5-2");
    check.check("xadd s 7-* a 1", "7-0");
    check.check("xadd s 8 a 1", "8-0");
    check.check("xadd s * a 1", "1000000-0");
    check.check("xadd s * a 1", "1000000-1");
    check.check("xadd s 2000000-5 a 1", "2000000-5");
    check.check("xadd s * a 1", "2000000-6");
    let too_low = "ERR The ID specified in XADD is equal or smaller than the target stream top item";
    check.check("xadd s 2000000-6 a 1", too_low);
    check.check("xadd s 1-* a 1", too_low);
    check.check("xadd s 2000001-18446744073709551615 a 1", "2000001-18446744073709551615");
    check.check("xadd s 2000001-* a 1", too_low);
    check.check("xadd s * a 1", "2000002-0");
    check.check("xadd new 0-* a 1", "0-1");
    check.check("xlen s", "10");
}

#[test]
fn the_last_of_all_ids_ends_a_stream() {
    let check = Check::new();
    let highest = "18446744073709551615-18446744073709551615";
    check.check(&format!("xadd s {highest} a 1"), highest);
    let exhausted = "ERR The stream has exhausted the last possible ID, unable to add more items";
    check.check("xadd s * a 1", exhausted);
    check.check("xadd s 1-1 a 1", exhausted);
}

#[test]
fn what_cannot_be_added_is_refused() {
    let check = with_stream();
    check.run("set string x");
    check.changes();
    let arity = "ERR wrong number of arguments for 'xadd' command";
    for (line, expected) in [
        ("xadd s 9-9 a", arity),
        ("xadd s 9-9 a 1 b", arity),
        ("xadd s maxlen 5 nomkstream 9-9", arity),
        ("xadd s maxlen 5 limit", INVALID_ID),
        ("xadd s 0-0 a 1", "ERR The ID specified in XADD must be greater than 0-0"),
        ("xadd s what a 1", INVALID_ID),
        ("xadd s - a 1", INVALID_ID),
        ("xadd s maxlen x * a 1", NOT_INTEGER),
        ("xadd s maxlen -1 * a 1", "ERR The MAXLEN argument must be >= 0."),
        ("xadd s minid x * a 1", INVALID_ID),
        ("xadd s maxlen ~ 1 limit -1 * a 1", "ERR The LIMIT argument must be >= 0."),
        (
            "xadd s maxlen 1 minid 1 * a 1",
            "ERR syntax error, MAXLEN and MINID options at the same time are not compatible",
        ),
        (
            "xadd s limit 1 * a 1",
            "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
        ),
        (
            "xadd s maxlen 1 limit 1 * a 1",
            "ERR syntax error, LIMIT cannot be used without the special ~ option",
        ),
        ("xadd string 1-1 a 1", WRONG_TYPE),
        ("xadd none nomkstream * a 1", "nil"),
    ] {
        check.check(line, expected);
    }
    assert_eq!(check.changes(), Vec::<String>::new());
}

#[test]
fn what_is_told_of_an_entry_leads_to_the_same_stream() {
    let check = Check::new();
    check.run("xadd s 1-1 a 1");
    check.run("xadd s 1-* a 2");
    check.run("xadd s nomkstream * a 3");
    check.run("xadd s maxlen 2 2000000-1 a 4");
    check.run("xadd s maxlen ~ 1 limit 9 * a 5");
    check.run("xadd s minid ~ 1 * a 6");
    assert_eq!(
        check.changes(),
        [
            "xadd s 1-1 a 1",
            "xadd s 1-2 a 2",
            "xadd s nomkstream 1000000-0 a 3",
            "xadd s maxlen 2 2000000-1 a 4",
            "xadd s MAXLEN = 3 2000000-2 a 5",
            "xadd s MINID = 1000000-0 2000000-3 a 6",
        ]
    );
}

#[test]
fn approximate_trims_take_whole_blocks_of_a_hundred() {
    let check = Check::new();
    for number in 1..=250 {
        check.run(&format!("xadd s {number}-0 a 1"));
    }
    check.changes();
    check.check("xtrim s maxlen ~ 160", "0");
    check.check("xtrim s maxlen ~ 150", "100");
    check.check("xtrim s minid ~ 201 limit 99", "0");
    check.check("xtrim s minid ~ 201 limit 0", "100");
    check.check("xlen s", "50");
    check.check("xtrim s maxlen = 10", "40");
    check.check("xtrim s minid 246", "5");
    check.check("xtrim s minid 9", "0");
    check.check("xtrim none maxlen 0", "0");
    assert_eq!(
        check.changes(),
        ["xtrim s MAXLEN = 150", "xtrim s MINID = 201-0", "xtrim s maxlen = 10", "xtrim s minid 246"]
    );
    check.check("xtrim s nonsense", "ERR wrong number of arguments for 'xtrim' command");
    check.check("xtrim s maxlen 1 nonsense", "ERR syntax error");
    check.check("xtrim s limit 0", "ERR syntax error, XTRIM must be called with a trimming strategy");
}

#[test]
fn a_block_is_full_by_its_bytes_too() {
    let check = Check::new();
    let value = "v".repeat(1000);
    for number in 1..=8 {
        check.run(&format!("xadd s {number}-0 a {value}"));
    }
    check.check("xtrim s maxlen ~ 5", "0");
    check.check("xtrim s maxlen ~ 4", "4");
}

#[test]
fn an_emptied_stream_stays() {
    let check = with_stream();
    check.check("xdel s 1-1 1-1 9-9 2-1", "2");
    check.check("xdel s 1-1", "0");
    check.check("xdel s 3-1 what", INVALID_ID);
    check.check("xdel s 3", "0");
    check.check("xdel s 3-1", "1");
    check.check("xdel none what", "0");
    check.check("xlen s", "0");
    check.check("type s", "stream");
    check.check(
        "xadd s 3-1 a 1",
        "ERR The ID specified in XADD is equal or smaller than the target stream top item",
    );
    check.check("xadd s 3-* a 1", "3-2");
    assert_eq!(check.changes(), ["xdel s 1-1 1-1 9-9 2-1", "xdel s 3-1", "xadd s 3-2 a 1"]);
}

#[test]
fn what_is_known_of_a_stream_can_be_set() {
    let check = with_stream();
    check.check("xsetid s 9-9 entriesadded 50 maxdeletedid 2-2", "OK");
    assert_eq!(check.changes(), ["xsetid s 9-9 entriesadded 50 maxdeletedid 2-2"]);
    check.check("xadd s 9-* a 1", "9-10");
    for (line, expected) in [
        ("xsetid s 2-9", "ERR The ID specified in XSETID is smaller than the target stream top item"),
        ("xsetid s 10 entriesadded -1", "ERR entries_added must be positive"),
        (
            "xsetid s 10 entriesadded 1",
            "ERR The entries_added specified in XSETID is smaller than the target stream length",
        ),
        (
            "xsetid s 10 maxdeletedid 11",
            "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
        ),
        ("xsetid s 10 what", "ERR syntax error"),
        ("xsetid none 10", "ERR no such key"),
    ] {
        check.check(line, expected);
    }
}

#[test]
fn streams_are_copied_moved_and_removed_as_any_key() {
    let check = with_group();
    check.check("copy s t", "1");
    check.check("xadd t 9-9 a 1", "9-9");
    check.check("xack t g 1-1", "1");
    check.check("xlen s", "3");
    check.check("xpending s g", "[2 1-1 2-1 [[ann 2]]]");
    check.check("rename t u", "OK");
    check.check("scan 0 type stream count 1000 match u", "[0 [u]]");
    check.check("pexpire u 10", "1");
    check.check("pttl u", "10");
    check.check("del u s", "2");
    assert!(check.engine().is_empty());
}
