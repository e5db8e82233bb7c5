//! Monitors and EKGs from a Redis client.

use hyrax_tests::hyrax::{Hyrax, Wire};
use hyrax_tests::resp::{Resp, RespClient, words};
use serde_json::json;

#[track_caller]
fn check(client: &mut RespClient, command: &str, expected: &str) {
    assert_eq!(shown(&client.run(&words(command))), expected, "{command}");
}

/// A reply, revisions left out: they are numbers that only grow.
fn shown(reply: &Resp) -> String {
    let text = format!("{reply:?}");
    let revision = |word: &str| word.len() > 12 && word.bytes().all(|byte| byte.is_ascii_digit());
    text.split_inclusive(|char: char| !char.is_ascii_digit())
        .map(|part| {
            let digits = part.trim_end_matches(|char: char| !char.is_ascii_digit());
            if revision(digits) { format!("REV{}", &part[digits.len()..]) } else { part.to_owned() }
        })
        .collect()
}

#[test]
fn a_change_is_pushed_to_a_resp3_client() {
    let hyrax = Hyrax::start(&[]);
    let (mut watcher, mut writer) = (hyrax.resp().resp3(), hyrax.resp());
    check(&mut writer, "HSET h f v", "(integer) 1");
    check(&mut watcher, "HMON a h", r#"[[(nil), (integer) REV], [{"f": "v"}, (integer) REV]]"#);
    check(&mut writer, "SET a 1 PX 100000", "OK");
    check(&mut writer, "HDEL h f", "(integer) 1");
    let pushes = [shown(&watcher.next_push()), shown(&watcher.next_push())];
    let mut sorted = pushes.clone();
    sorted.sort();
    assert_eq!(
        sorted,
        [
            r#"(push) ["hmon", "a", (integer) REV, "set", ["1", "PX", "100000"], (nil)]"#,
            r#"(push) ["hmon", "h", (integer) REV, "hdel", ["f"], (nil)]"#,
        ],
        "{pushes:?}"
    );
    check(&mut watcher, "HUNMON a", "(integer) 1");
    check(&mut watcher, "HUNMON a", "(integer) 0");
    check(&mut watcher, "HUNMON", "(integer) 1");
}

#[test]
fn the_line_door_and_a_redis_client_see_each_other() {
    let hyrax = Hyrax::start(&[]);
    // A browser's wire among them.
    for wire in Wire::ALL {
        let (mut line, mut watcher, mut writer) = (hyrax.client(wire), hyrax.resp().resp3(), hyrax.resp());
        check(&mut writer, "FLUSHALL", "OK");
        line.request(&json!({"cmd": "madd", "key": "foo"}));
        check(&mut watcher, "HMON foo", "[[(nil), (integer) REV]]");
        check(&mut writer, "SET foo bar", "OK");
        let push = line.push();
        assert_eq!((&push["cmd"], &push["args"]), (&json!("set"), &json!(["bar"])));
        assert_eq!(
            shown(&watcher.next_push()),
            r#"(push) ["hmon", "foo", (integer) REV, "set", ["bar"], (nil)]"#
        );
        line.request(&json!({"cmd": "append", "key": "foo", "args": ["s"], "id": "gopher"}));
        assert_eq!(
            shown(&watcher.next_push()),
            r#"(push) ["hmon", "foo", (integer) REV, "append", ["s"], "gopher"]"#
        );
    }
}

#[test]
fn a_resp2_client_hears_of_changes_as_messages() {
    let hyrax = Hyrax::start(&[]);
    let (mut watcher, mut writer) = (hyrax.resp(), hyrax.resp());
    check(&mut watcher, "HMON foo", "[[(nil), (integer) REV]]");
    check(&mut writer, "SET foo bar", "OK");
    let message = watcher.read().expect("a message comes");
    assert_eq!(
        shown(&message),
        r#"["message", "__hmon__:foo", "{\"cmd\":\"set\",\"key\":\"foo\",\"args\":[\"bar\"],\"rev\":REV}"]"#
    );
    check(
        &mut watcher,
        "GET foo",
        "(error) ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
    );
    check(&mut watcher, "PING", r#"["pong", ""]"#);
    check(&mut watcher, "HUNMON foo", "(integer) 1");
    check(&mut watcher, "GET foo", r#""bar""#);
}

#[test]
fn who_is_there_is_told_and_goes_with_the_connection() {
    let hyrax = Hyrax::start(&[]);
    let (mut watcher, mut ann, mut asking) = (hyrax.resp().resp3(), hyrax.resp(), hyrax.resp());
    check(&mut watcher, "HMON room", "[[(nil), (integer) REV]]");
    check(&mut ann, "EADD room ann bob ann", "(integer) 2");
    check(&mut asking, "EMEMBERS room", r#"["ann", "bob"]"#);
    check(&mut asking, "ECARD room", "(integer) 1");
    check(&mut asking, "EISMEMBER room bob", "(integer) 1");
    check(&mut ann, "EREM room bob carl", "(integer) 1");
    check(&mut asking, "EISMEMBER room bob", "(integer) 0");
    drop(ann);
    let expected = [
        r#"(push) ["hekg", "room", (integer) REV, "eadd", "ann", (nil)]"#,
        r#"(push) ["hekg", "room", (integer) REV, "eadd", "bob", (nil)]"#,
        r#"(push) ["hekg", "room", (integer) REV, "erem", "bob", (nil)]"#,
        r#"(push) ["hekg", "room", (integer) REV, "eclose", "ann", "closed"]"#,
    ];
    for push in expected {
        assert_eq!(shown(&watcher.next_push()), push);
    }
    check(&mut asking, "EMEMBERS room", "[]");
}

#[test]
fn what_lives_as_long_as_a_connection_is_no_part_of_a_transaction() {
    let hyrax = Hyrax::start(&[]);
    let mut client = hyrax.resp().resp3();
    for command in ["HMON a", "HUNMON a", "EADD room ann", "EREM room ann"] {
        check(&mut client, "MULTI", "OK");
        check(&mut client, command, "(error) ERR Command not allowed inside a transaction");
        check(&mut client, "EXEC", "(error) EXECABORT Transaction discarded because of previous errors.");
    }
    check(&mut client, "EMEMBERS room", "{}");
    check(&mut client, "HMON a", "[[(nil), (integer) REV]]");
    check(&mut client, "HELLO 2", "(error) ERR end the monitors (HUNMON) before HELLO changes the protocol");
}

#[test]
fn a_transaction_asks_who_is_there() {
    let hyrax = Hyrax::start(&[]);
    let mut client = hyrax.resp();
    check(&mut client, "EADD room ann", "(integer) 1");
    check(&mut client, "MULTI", "OK");
    for command in ["EMEMBERS room", "ECARD room", "EISMEMBER room ann"] {
        check(&mut client, command, "QUEUED");
    }
    check(&mut client, "EXEC", r#"[["ann"], (integer) 1, (integer) 1]"#);
}

#[test]
fn who_reads_nothing_is_told_the_value_once_it_does() {
    let hyrax = Hyrax::start(&["--queue-bytes", "1MiB"]);
    let (mut watcher, mut writer) = (hyrax.resp().resp3(), hyrax.resp());
    check(&mut watcher, "HMON big", "[[(nil), (integer) REV]]");
    let value = "x".repeat(1024 * 1024);
    // More than the queue and the system's own buffers hold; and few, as who reads nothing for long is
    // disconnected.
    for number in 0..24 {
        check(&mut writer, &format!("SET big {number}{value}"), "OK");
    }
    let last = format!("23{value}");
    loop {
        match watcher.next_push() {
            Resp::Push(push) if push[0] == Resp::bulk("hreset") => {
                assert_eq!(push[1], Resp::bulk("big"));
                // There may be one on the way already, while there was room.
                if push[3] == Resp::bulk(&last) {
                    return;
                }
            }
            Resp::Push(push) => {
                assert_ne!(push[4], Resp::Array(vec![Resp::bulk(&last)]), "nothing was left out")
            }
            other => panic!("{other:?} is no push"),
        }
    }
}
