use super::*;

#[test]
fn a_pending_entry_changes_hands() {
    let check = with_group();
    check.check("xclaim s g bob 0 1-1 9-9 3-1", "[[1-1 [f 1-1]]]");
    check.check("xclaim s g bob 0 1-1 justid", "[1-1]");
    check.check("xpending s g - + 9", "[[1-1 bob 0 2] [2-1 ann 0 1]]");
    check.check("xclaim s g bob 1000 2-1", "[]");
    check.check("xclaim s g cid 0 2-1 idle 5000 retrycount 7", "[[2-1 [f 2-1]]]");
    check.check("xpending s g idle 5000 - + 9", "[[2-1 cid 5000 7]]");
    check.check("xclaim s g cid 5000 2-1 time 999999 justid", "[2-1]");
    check.check("xpending s g - + 9 cid", "[[2-1 cid 1 7]]");
    assert_eq!(
        check.changes(),
        [
            "xclaim s g bob 0 1-1 TIME 1000000 RETRYCOUNT 2 FORCE JUSTID LASTID 2-1",
            "xclaim s g bob 0 1-1 TIME 1000000 RETRYCOUNT 2 FORCE JUSTID LASTID 2-1",
            "xclaim s g cid 0 2-1 TIME 995000 RETRYCOUNT 7 FORCE JUSTID LASTID 2-1",
            "xclaim s g cid 0 2-1 TIME 999999 RETRYCOUNT 7 FORCE JUSTID LASTID 2-1",
        ]
    );
}

#[test]
fn times_that_cannot_be_are_now() {
    let check = with_group();
    for (time, idle) in [
        ("time 999000", 1000),
        ("time 1000001", 0),
        ("time -5", 0),
        ("idle -5", 0),
        ("idle 2000000", 0),
        ("idle -9223372036854775808", 0),
        ("idle 7", 7),
    ] {
        check.run(&format!("xclaim s g ann 0 1-1 justid {time}"));
        check.check("xpending s g - + 1", &format!("[[1-1 ann {idle} 1]]"));
    }
}

#[test]
fn what_is_not_pending_can_be_made_so() {
    let check = with_group();
    check.check("xclaim s g bob 0 3-1 force", "[[3-1 [f 3-1]]]");
    check.check("xclaim s g bob 99999 3-1 9-9 force justid", "[]");
    check.check("xpending s g 3 3 9", "[[3-1 bob 0 2]]");
    check.check("xclaim s g bob 0 lastid 8-8", "[]");
    check.check("xclaim s g bob 0 9-9 lastid 7-7", "[]");
    assert_eq!(
        check.changes(),
        [
            "xclaim s g bob 0 3-1 TIME 1000000 RETRYCOUNT 2 FORCE JUSTID LASTID 2-1",
            "xgroup s SETID s g 8-8 ENTRIESREAD 2",
        ]
    );
}

#[test]
fn pending_entries_that_were_deleted_are_dropped_when_claimed() {
    let check = with_group();
    check.run("xdel s 1-1");
    check.changes();
    check.check("xclaim s g bob 99999 1-1 2-1", "[]");
    check.check("xpending s g", "[1 2-1 2-1 [[ann 1]]]");
    check.run("xdel s 2-1");
    check.check("xautoclaim s g bob 99999 -", "[0-0 [] [2-1]]");
    check.check("xpending s g", "[0 nil nil nil]");
    assert_eq!(check.changes(), ["xack s g 1-1", "xdel s 2-1", "xack s g 2-1"]);
}

#[test]
fn a_scan_claims_what_has_been_idle() {
    let check = with_group();
    check.run("xreadgroup group g bob streams s >");
    check.run("xclaim s g ann 0 1-1 3-1 idle 5000 justid");
    check.changes();
    check.check("xautoclaim s g cid 5000 - count 1", "[2-1 [[1-1 [f 1-1]]] []]");
    check.check("xautoclaim s g cid 5000 2-1 justid", "[0-0 [3-1] []]");
    check.check("xautoclaim s g cid 0 (1-1 count 1 justid", "[3-1 [2-1] []]");
    check.check("xpending s g", "[3 1-1 3-1 [[cid 3]]]");
    assert_eq!(
        check.changes(),
        [
            "xclaim s g cid 0 1-1 TIME 1000000 RETRYCOUNT 2 FORCE JUSTID LASTID 3-1",
            "xclaim s g cid 0 3-1 TIME 1000000 RETRYCOUNT 1 FORCE JUSTID LASTID 3-1",
            "xclaim s g cid 0 2-1 TIME 1000000 RETRYCOUNT 1 FORCE JUSTID LASTID 3-1",
        ]
    );
}

#[test]
fn claims_that_make_no_sense_are_refused() {
    let check = with_group();
    check.run("set string x");
    let none = "NOGROUP No such key 'none' or consumer group 'g'";
    for (line, expected) in [
        ("xclaim none g ann x 1-1", none),
        ("xclaim string g ann x 1-1", WRONG_TYPE),
        ("xclaim s g ann x 1-1", "ERR Invalid min-idle-time argument for XCLAIM"),
        ("xclaim s g ann 0 1-1 what", "ERR Unrecognized XCLAIM option 'what'"),
        ("xclaim s g ann 0 1-1 force 2-1", "ERR Unrecognized XCLAIM option '2-1'"),
        ("xclaim s g ann 0 1-1 idle", "ERR Unrecognized XCLAIM option 'idle'"),
        ("xclaim s g ann 0 1-1 idle x", "ERR Invalid IDLE option argument for XCLAIM"),
        ("xclaim s g ann 0 1-1 time x", "ERR Invalid TIME option argument for XCLAIM"),
        ("xclaim s g ann 0 1-1 retrycount x", "ERR Invalid RETRYCOUNT option argument for XCLAIM"),
        ("xclaim s g ann 0 1-1 lastid x", INVALID_ID),
        ("xautoclaim none g ann x -", "ERR Invalid min-idle-time argument for XAUTOCLAIM"),
        ("xautoclaim none g ann 0 what", INVALID_ID),
        ("xautoclaim none g ann 0 - count 0", "ERR COUNT must be > 0"),
        ("xautoclaim none g ann 0 - count x", "ERR COUNT must be > 0"),
        ("xautoclaim none g ann 0 - count", "ERR syntax error"),
        ("xautoclaim none g ann 0 -", none),
        (
            "xautoclaim s g ann 0 - count 576460752303423487",
            "ERR Insufficient memory, failed allocating transient memory, COUNT too high.",
        ),
        ("xpending s g -", "ERR syntax error"),
        ("xpending s g idle 5 - +", "ERR syntax error"),
        ("xpending s g idle x - + 1", NOT_INTEGER),
        ("xpending s g - + x", NOT_INTEGER),
        ("xpending s g what + 1", INVALID_ID),
    ] {
        check.check(line, expected);
    }
}

#[test]
fn pending_entries_are_found_by_range_and_consumer() {
    let check = with_group();
    check.run("xreadgroup group g bob streams s >");
    check.check("xpending s g (1-1 + 9", "[[2-1 ann 0 1] [3-1 bob 0 1]]");
    check.check("xpending s g - + 1", "[[1-1 ann 0 1]]");
    check.check("xpending s g - + -1", "[]");
    check.check("xpending s g 2 + 9 ann", "[[2-1 ann 0 1]]");
    check.check("xpending s g - + 9 nobody", "[]");
    check.check("xpending s g idle 1 - + 9", "[]");
}
