//! What the server tells of itself and its clients.

use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::resp::{Resp, RespClient, words};

fn text(client: &mut RespClient, command: &str) -> String {
    match client.run(&words(command)) {
        Resp::Bulk(text) | Resp::Verbatim(_, text) => String::from_utf8_lossy(&text).into_owned(),
        other => panic!("{command}: {other:?} is no text"),
    }
}

fn field<'t>(text: &'t str, name: &str) -> &'t str {
    let line = text.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("{name} is missing in\n{text}"))
}

#[test]
fn info_has_real_figures() {
    let hyrax = Hyrax::start(&[]);
    let mut client = hyrax.resp();
    client.run(&words("SET a 1 EX 100"));
    client.run(&words("GET a"));
    client.run(&words("GET nosuch"));
    client.run(&words("LPUSH a x"));
    let info = text(&mut client, "INFO everything");
    assert_eq!(field(&info, "redis_version"), "7.0.15");
    assert_eq!(field(&info, "hyrax_version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(field(&info, "process_id"), hyrax.process_id().to_string());
    assert_eq!(field(&info, "tcp_port"), hyrax.address().port().to_string());
    assert_eq!(field(&info, "connected_clients"), "1");
    assert_eq!(field(&info, "keyspace_hits"), "1");
    assert_eq!(field(&info, "keyspace_misses"), "1");
    assert_eq!(field(&info, "db0"), "keys=1,expires=1,avg_ttl=0");
    assert_eq!(field(&info, "errorstat_WRONGTYPE"), "count=1");
    assert!(field(&info, "cmdstat_get").starts_with("calls=2,"), "{info}");
    assert!(field(&info, "cmdstat_lpush").ends_with("failed_calls=1"), "{info}");
    assert!(field(&info, "used_memory").parse::<u64>().is_ok_and(|bytes| bytes > 100_000), "{info}");
    client.run(&words("CONFIG RESETSTAT"));
    let info = text(&mut client, "INFO all");
    assert!(!info.contains("cmdstat_get") && !info.contains("errorstat_"), "{info}");
    assert_eq!(field(&info, "total_error_replies"), "0");
}

#[test]
fn every_client_is_listed_and_can_be_disconnected() {
    let hyrax = Hyrax::start(&[]);
    let (mut operator, mut other) = (hyrax.resp().resp3(), hyrax.resp());
    other.run(&words("CLIENT SETNAME worker"));
    other.run(&words("MULTI"));
    other.run(&words("SET a 1"));
    let Resp::Integer(id) = operator.run(&words("CLIENT ID")) else { panic!("an id is a number") };
    let list = text(&mut operator, "CLIENT LIST");
    let line = list.lines().find(|line| line.contains("name=worker")).expect("it is listed");
    for part in ["flags=x ", "multi=1 ", "cmd=set ", "user=default ", "resp=2", "db=0 "] {
        assert!(line.contains(part), "{part} is missing in {line}");
    }
    let mine = list.lines().find(|line| line.starts_with(&format!("id={id} "))).expect("and so am I");
    assert!(mine.contains("cmd=client|list ") && mine.ends_with("resp=3"), "{mine}");
    assert_eq!(operator.run(&words("CLIENT KILL TYPE normal")), Resp::Integer(1));
    assert!(other.try_run(&words("PING")).is_err());
    assert_eq!(operator.run(&words("CLIENT KILL SKIPME no TYPE normal")), Resp::Integer(1));
    assert!(operator.try_run(&words("PING")).is_err(), "once it was answered, it was disconnected too");
}

#[test]
fn an_operator_is_shown_every_command_but_no_password() {
    let hyrax = Hyrax::start(&[]);
    let (mut operator, mut client) = (hyrax.resp(), hyrax.resp());
    assert_eq!(operator.run(&words("MONITOR")), Resp::simple("OK"));
    client.run(&[b"SET".to_vec(), b"a\n\"b\"".to_vec(), vec![0, 255]]);
    client.run(&words("AUTH default secret"));
    client.run(&words("CONFIG GET hz"));
    client.run(&words("MULTI"));
    client.run(&words("INCR n"));
    client.run(&words("EXEC"));
    let expected = [
        r#""SET" "a\n\"b\"" "\x00\xff""#,
        r#""AUTH" "(redacted)" "(redacted)""#,
        r#""MULTI""#,
        r#""INCR" "n""#,
        r#""EXEC""#,
    ];
    let mut shown = Vec::new();
    for _ in expected {
        let Resp::Simple(line) = operator.read().expect("a command is shown") else { panic!("a status") };
        let (head, command) = line.split_once("] ").expect("the client, then the command");
        assert!(head.contains(" [0 127.0.0.1:"), "{line}");
        shown.push(command.to_owned());
    }
    // The commands of a transaction are shown when it runs them.
    shown.sort();
    let mut expected = expected.map(str::to_owned);
    expected.sort();
    assert_eq!(shown, expected);
}

#[test]
fn slow_commands_are_remembered() {
    let hyrax = Hyrax::start(&[]);
    let mut client = hyrax.resp();
    client.run(&words("CONFIG SET slowlog-log-slower-than 0"));
    client.run(&words("CLIENT SETNAME me"));
    client.run(&words("SET a 1"));
    client.run(&words("CONFIG SET slowlog-log-slower-than -1"));
    let Resp::Array(slow) = client.run(&words("SLOWLOG GET -1")) else { panic!("an array") };
    let found = slow
        .iter()
        .filter_map(Resp::elements)
        .find(|entry| entry[3] == Resp::Array(vec![Resp::bulk("SET"), Resp::bulk("a"), Resp::bulk("1")]));
    assert_eq!(found.expect("it is there")[5], Resp::bulk("me"));
    assert_eq!(client.run(&words("SLOWLOG RESET")), Resp::simple("OK"));
    assert_eq!(client.run(&words("SLOWLOG LEN")), Resp::Integer(0));
}

#[test]
fn an_operator_ends_the_server() {
    let mut hyrax = Hyrax::start(&[]);
    let mut client = hyrax.resp();
    assert!(client.try_run(&words("SHUTDOWN NOSAVE")).is_err(), "there is nobody left to answer");
    assert!(hyrax.stop().success());
}
