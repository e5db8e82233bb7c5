use super::*;
use crate::embedded::check::show;
use crate::{Kind, Reply, Values};

#[test]
fn ranges_have_both_their_ends_unless_told() {
    let check = with_stream();
    for (line, expected) in [
        ("xrange s - +", "[[1-1 [f 1-1]] [2-1 [f 2-1]] [3-1 [f 3-1]]]"),
        ("xrange s 1-1 2-1", "[[1-1 [f 1-1]] [2-1 [f 2-1]]]"),
        ("xrange s (1-1 (3-1", "[[2-1 [f 2-1]]]"),
        ("xrange s 2 2", "[[2-1 [f 2-1]]]"),
        ("xrange s (2 3", "[[2-1 [f 2-1]] [3-1 [f 3-1]]]"),
        ("xrange s 3 1", "[]"),
        ("xrange s - + count 1", "[[1-1 [f 1-1]]]"),
        ("xrevrange s + - count 2", "[[3-1 [f 3-1]] [2-1 [f 2-1]]]"),
        ("xrevrange s (3-1 2", "[[2-1 [f 2-1]]]"),
        ("xrevrange s - +", "[]"),
        ("xrange none - +", "[]"),
        ("xrange none what +", INVALID_ID),
        ("xrange s - what", INVALID_ID),
        ("xrange s (- +", INVALID_ID),
        ("xrange s (18446744073709551615-18446744073709551615 +", "ERR invalid start ID for the interval"),
        ("xrange s - (0-0", "ERR invalid end ID for the interval"),
        ("xrange s - + count", "ERR syntax error"),
        ("xrange s - + count x", NOT_INTEGER),
    ] {
        check.check(line, expected);
    }
    assert_eq!(check.run("xrange s - + count 0"), Reply::NullArray);
    assert_eq!(check.run("xrange none - + count 0"), Reply::Array(vec![]));
}

#[test]
fn fields_and_values_come_back_as_they_were_sent() {
    let check = Check::new();
    let odd = ["007", "-0", "18446744073709551615", "9223372036854775807", "-1", "''", "4611686018427387904"];
    for (number, value) in odd.iter().enumerate() {
        check.run(&format!("xadd s {}-0 a {value} {value} b", number + 1));
        check.check("xrevrange s + - count 1", &{
            let value = if *value == "''" { "" } else { value };
            format!("[[{}-0 [a {value} {value} b]]]", number + 1)
        });
    }
}

#[test]
fn several_streams_are_read_at_once() {
    let check = with_stream();
    check.run("xadd t 1-0 g 1");
    let read = check.run("xread count 1 streams s t 1-1 0");
    assert!(matches!(&read, Reply::MapOrPairs(streams) if streams.len() == 2));
    assert_eq!(show(&read), "{s=[[2-1 [f 2-1]]] t=[[1-0 [g 1]]]}");
    check.check("xread streams s t 3-1 0", "{t=[[1-0 [g 1]]]}");
    assert_eq!(check.run("xread streams s t none 3-1 $ 0"), Reply::NullArray);
    check.run("set string x");
    let unbalanced =
        "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.";
    for (line, expected) in [
        ("xread streams s t 0", unbalanced),
        ("xread count 1 s 0", "ERR syntax error"),
        ("xread count x streams s 0", NOT_INTEGER),
        ("xread block x streams s 0", "ERR timeout is not an integer or out of range"),
        ("xread block -1 streams s 0", "ERR timeout is negative"),
        ("xread streams string 0", WRONG_TYPE),
        ("xread streams s -", INVALID_ID),
        (
            "xread streams s >",
            "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
        ),
        (
            "xread group g c streams s 0",
            "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
        ),
        (
            "xread noack streams s 0",
            "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
        ),
    ] {
        check.check(line, expected);
    }
}

#[test]
fn a_snapshot_has_the_entries_with_their_fields() {
    let check = with_stream();
    let reply = Reply::collect(|sink| {
        check.engine().snapshot(b"s", Kind::Any, sink, &mut |_| {});
    });
    assert_eq!(show(&reply), "[[1-1 {f=1-1}] [2-1 {f=2-1}] [3-1 {f=3-1}]]");
}
