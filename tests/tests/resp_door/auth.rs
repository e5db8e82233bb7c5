//! Who may do what over RESP.

use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::resp::{Resp, RespClient, words};

#[track_caller]
fn check(client: &mut RespClient, command: &str, expected: &str) {
    let reply = client.run(&words(command));
    assert!(format!("{reply:?}").contains(expected), "{command}: {reply:?} is not {expected}");
}

const NO_AUTH: &str = "NOAUTH Authentication required.";

#[test]
fn without_a_login_one_may_read_alone() {
    let hyrax = Hyrax::start(&["--secret", "hush", "--operator", "ann:pass", "--sudo", "10.0.0.0/8"]);
    let mut client = hyrax.resp();
    check(&mut client, "GET a", "(nil)");
    check(&mut client, "HMON a", "[[(nil), (integer) ");
    check(&mut client, "HUNMON", "(integer) 1");
    for command in
        ["SET a 1", "PUBLISH a b", "EADD a b", "FLUSHALL", "CONFIG SET hz 10", "MONITOR", "CLIENT LIST"]
    {
        check(&mut client, command, NO_AUTH);
    }
    let long = format!("*3\r\n$3\r\nSET\r\n$1\r\na\r\n${}\r\n", 64 * 1024 + 1);
    let answer = crate::bytes::exchange(hyrax.address(), long.as_bytes());
    assert_eq!(answer, "-ERR Protocol error: unauthenticated bulk length\n", "a reader sends no values");
    check(&mut client, "AUTH wrong", "WRONGPASS invalid username-password pair or user is disabled.");
    check(&mut client, "AUTH ann hush", "WRONGPASS");
    check(&mut client, "AUTH hush", "OK");
    check(&mut client, "SET a 1", "OK");
    check(&mut client, "EADD a b", "(integer) 1");
    check(
        &mut client,
        "CONFIG SET hz 10",
        "NOPERM this user has no permissions to run the 'config|set' command",
    );
    check(&mut client, "FLUSHALL", "NOPERM");
    check(&mut client, "AUTH ann pass", "OK");
    check(&mut client, "CONFIG SET hz 10", "OK");
    check(&mut client, "CLIENT INFO", "user=ann");
    check(&mut client, "FLUSHALL", "OK");
    check(&mut client, "RESET", "RESET");
    check(&mut client, "SET a 1", NO_AUTH);
    check(&mut client, "HELLO 3 AUTH default hush SETNAME n", "\"proto\": (integer) 3");
    check(&mut client, "SET a 1", "OK");
}

#[test]
fn where_reading_is_closed_nothing_is_to_be_had_without_a_login() {
    let hyrax = Hyrax::start(&["--secret", "hush", "--anonymous-read=false", "--sudo", "10.0.0.0/8"]);
    let mut client = hyrax.resp();
    for command in ["GET a", "INFO", "HMON a", "PING", "SUBSCRIBE a", "MULTI", "COMMAND COUNT"] {
        check(&mut client, command, NO_AUTH);
    }
    check(&mut client, "NOSUCH", "unknown command");
    check(&mut client, "HELLO 3", "NOAUTH HELLO must be called with the client already authenticated");
    for (request, refusal) in [
        ("*11\r\n", "unauthenticated multibulk length"),
        ("*2\r\n$4\r\nAUTH\r\n$16385\r\n", "unauthenticated bulk length"),
    ] {
        let answer = crate::bytes::exchange(hyrax.address(), request.as_bytes());
        assert_eq!(answer, format!("-ERR Protocol error: {refusal}\n"));
    }
    // What follows a login in the same pipeline is measured by what it allowed.
    let long = "x".repeat(20_000);
    let pipeline = format!("AUTH hush\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$20000\r\n{long}\r\n");
    assert_eq!(crate::bytes::exchange(hyrax.address(), pipeline.as_bytes()), "+OK\n+OK\n");
    check(&mut client, "AUTH hush", "OK");
    check(&mut client, "STRLEN a", "(integer) 20000");
    assert_eq!(client.run(&words("PING")), Resp::simple("PONG"));
}

#[test]
fn hyrax_own_keys_are_out_of_reach() {
    let hyrax = Hyrax::start(&[]);
    let mut client = hyrax.resp();
    let reserved = b"\0hyrax/lease".to_vec();
    for command in [&["GET"][..], &["DEL"], &["HMON"], &["EADD"], &["WATCH"]] {
        let mut argv: Vec<Vec<u8>> = command.iter().map(|word| word.as_bytes().to_vec()).collect();
        argv.push(reserved.clone());
        if command == ["EADD"] {
            argv.push(b"x".to_vec());
        }
        let reply = client.run(&argv);
        assert_eq!(reply, Resp::Error("ERR this key is reserved for Hyrax itself".to_owned()), "{command:?}");
    }
}
