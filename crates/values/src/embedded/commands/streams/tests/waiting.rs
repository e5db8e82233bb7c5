use super::*;

const NO_KEY: &str = "UNBLOCKED the stream key no longer exists";
const NO_GROUP: &str = "NOGROUP the consumer group this client was blocked on no longer exists";

#[test]
fn everybody_who_waits_for_a_stream_reads_what_comes() {
    let check = with_stream();
    let mut newest = check.wait("xread block 0 streams s $");
    let mut other = check.wait("xread count 1 block 0 streams none s 5-5 3-1");
    let mut ahead = check.wait("xread block 0 streams s 4-1");
    check.run("xadd s 4-1 a 1");
    newest.check("{s=[[4-1 [a 1]]]}");
    other.check("{s=[[4-1 [a 1]]]}");
    ahead.check("waits");
    check.run("xadd s 4-2 a 2");
    ahead.check("{s=[[4-2 [a 2]]]}");
}

#[test]
fn what_is_asked_for_is_settled_when_the_wait_begins() {
    let check = Check::new();
    let mut empty = check.wait("xread block 0 streams s $");
    check.transaction(&[], &["xadd s 1-1 a 1", "xadd s 1-2 a 2"]);
    empty.check("{s=[[1-1 [a 1]] [1-2 [a 2]]]}");
    let mut gone = check.wait("xread block 0 streams s $");
    check.run("del s");
    check.run("xadd s 1-1 a 1");
    gone.check("waits");
    check.run("xadd s 1-3 a 1");
    gone.check("{s=[[1-3 [a 1]]]}");
}

#[test]
fn entries_that_are_gone_at_the_end_of_a_step_serve_nobody() {
    let check = with_stream();
    let mut waits = check.wait("xread block 0 streams s $");
    check.transaction(&[], &["xadd s 4-1 a 1", "del s"]);
    check.transaction(&[], &["xadd s 5-1 a 1", "del s", "lpush s a"]);
    waits.check("waits");
}

#[test]
fn consumers_of_a_group_share_what_comes_in_the_order_of_their_arrival() {
    let check = with_group();
    check.run("xreadgroup group g ann streams s >");
    check.changes();
    let mut first = check.wait("xreadgroup group g ann count 1 block 0 streams s >");
    let mut second = check.wait("xreadgroup group g bob block 0 noack streams s >");
    check.run("xadd s 4-1 a 1");
    first.check("{s=[[4-1 [a 1]]]}");
    second.check("waits");
    check.run("xadd s 5-1 a 1");
    second.check("{s=[[5-1 [a 1]]]}");
    check.check("xpending s g 4 + 9", "[[4-1 ann 0 1]]");
    assert_eq!(
        check.changes(),
        [
            "xadd s 4-1 a 1",
            "xclaim s g ann 0 4-1 TIME 1000000 RETRYCOUNT 1 FORCE JUSTID LASTID 4-1",
            "xadd s 5-1 a 1",
            "xgroup s CREATECONSUMER s g bob",
            "xgroup s SETID s g 5-1 ENTRIESREAD 5",
        ]
    );
}

#[test]
fn a_group_that_is_no_more_ends_the_wait_for_it() {
    for (line, expected) in [
        ("xgroup destroy s g", NO_GROUP),
        ("del s", NO_KEY),
        ("unlink s", NO_KEY),
        ("rename s t", NO_KEY),
        ("set s x", NO_KEY),
        ("flushall", NO_KEY),
    ] {
        let check = with_stream();
        check.run("xgroup create s g $");
        let mut group = check.wait("xreadgroup group g ann block 0 streams s >");
        let mut plain = check.wait("xread block 0 streams s $");
        if let crate::Reply::Error(_) = check.run(line) {
            continue;
        }
        group.check(expected);
        plain.check("waits");
    }
    let check = with_stream();
    check.run("xgroup create s g $");
    let mut waits = check.wait("xreadgroup group g ann block 0 streams s >");
    check.transaction(&[], &["del s", "xadd s 1-1 a 1"]);
    waits.check(NO_GROUP);
}

#[test]
fn the_end_of_its_time_ends_a_wait_for_a_group_as_well() {
    let check = with_stream();
    check.run("xgroup create s g $");
    check.run("pexpire s 5");
    let mut waits = check.wait("xreadgroup group g ann block 0 streams s >");
    check.pass_ms(10);
    check.engine().expire(100);
    waits.check(NO_KEY);
}

#[test]
fn a_group_set_back_is_not_new_to_those_who_wait() {
    let check = with_stream();
    check.run("xgroup create s g $");
    let mut group = check.wait("xreadgroup group g ann block 0 streams s >");
    let mut plain = check.wait("xread block 0 streams s $");
    check.run("xgroup setid s g 1-1");
    check.run("xsetid s 9-9");
    group.check("waits");
    plain.check("waits");
    check.run("xadd s 9-10 a 1");
    group.check("{s=[[2-1 [f 2-1]] [3-1 [f 3-1]] [9-10 [a 1]]]}");
    plain.check("{s=[[9-10 [a 1]]]}");
}

#[test]
fn what_is_there_is_read_without_waiting() {
    let check = with_group();
    check.check("xread block 0 streams s 2-1", "{s=[[3-1 [f 3-1]]]}");
    check.check("xreadgroup group g ann block 0 streams s 0", "{s=[[1-1 [f 1-1]] [2-1 [f 2-1]]]}");
    check.check("xreadgroup group g ann block 0 streams s >", "{s=[[3-1 [f 3-1]]]}");
    assert_eq!(
        check.transaction(&[], &["xread block 0 streams s $", "xreadgroup group g ann block 0 streams s >"]),
        "nil | nil"
    );
}

#[test]
fn one_who_waited_gets_no_more_than_a_thousand_entries_unless_told() {
    let check = Check::new();
    let mut waits = check.wait("xread block 0 streams s 0");
    let mut told = check.wait("xread count 1200 block 0 streams s 0");
    let lines: Vec<String> = (1..=1100).map(|number| format!("xadd s {number}-0 a 1")).collect();
    check.transaction(&[], &lines.iter().map(String::as_str).collect::<Vec<_>>());
    let entries = |last: u64| {
        let entries: Vec<String> = (1..=last).map(|number| format!("[{number}-0 [a 1]]")).collect();
        format!("{{s=[{}]}}", entries.join(" "))
    };
    waits.check(&entries(1000));
    told.check(&entries(1100));
}
