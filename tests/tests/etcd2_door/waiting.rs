//! Long polls and streams.

use std::thread;
use std::time::{Duration, Instant};

use hyrax_tests::etcd2::Connection;
use hyrax_tests::hyrax::Hyrax;

use super::stage;

/// How long something may take that is not waited for in vain.
const PATIENCE: Duration = Duration::from_secs(20);

fn waiting(hyrax: &Hyrax, target: &str) -> Connection {
    let mut connection = Connection::open(hyrax.address());
    connection.send("GET", target, "", b"");
    let head = connection.read_head().unwrap();
    assert_eq!(head.status, 200);
    assert!(head.header("x-etcd-index").is_some() && head.header("x-etcd-cluster-id").is_some());
    connection
}

fn watchers(connection: &mut Connection) -> u64 {
    let text = connection.ask("GET", "/v2/stats/store", "").text();
    let (_, watchers) = text.rsplit_once("\"watchers\":").unwrap();
    watchers.trim_end_matches('}').parse().unwrap()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn who_waits_has_the_head_at_once_and_one_event() {
    let (hyrax, mut connection) = stage();
    let mut waiter = waiting(&hyrax, "/v2/keys/a?wait=true");
    let set = connection.ask("PUT", "/v2/keys/a", "value=1").text();
    let event = waiter.read_chunk().unwrap().unwrap();
    assert_eq!(String::from_utf8(event).unwrap(), set);
    assert_eq!(waiter.read_chunk().unwrap(), None);
    assert_eq!(waiter.ask("GET", "/v2/keys/a", "").status, 200, "the connection can be used again");
}

#[test]
fn a_stream_has_every_event_in_order() {
    let (hyrax, mut connection) = stage();
    let first = connection.ask("PUT", "/v2/keys/s/0", "value=0").index();
    let mut stream =
        waiting(&hyrax, &format!("/v2/keys/s?wait=true&recursive=true&stream=true&waitIndex={first}"));
    for number in 1..50 {
        connection.ask("PUT", &format!("/v2/keys/s/{number}"), &format!("value={number}"));
    }
    let mut events = String::new();
    while events.lines().count() < 50 {
        events.push_str(&String::from_utf8(stream.read_chunk().unwrap().unwrap()).unwrap());
    }
    for (number, event) in events.lines().enumerate() {
        assert!(event.contains(&format!("\"key\":\"/s/{number}\",")), "{number}: {event}");
    }
}

#[test]
fn who_goes_away_holds_nothing() {
    let (hyrax, mut connection) = stage();
    let targets = ["/v2/keys/a?wait=true", "/v2/keys/a?wait=true&stream=true&recursive=true"];
    let waiters: Vec<_> = (0..40).map(|number| waiting(&hyrax, targets[number % 2])).collect();
    until("all wait", || watchers(&mut connection) == 40);
    drop(waiters);
    until("nobody waits", || watchers(&mut connection) == 0);
}

#[test]
fn many_who_wait_for_one_key_are_all_told() {
    let (hyrax, mut connection) = stage();
    let mut waiters: Vec<_> = (0..500).map(|_| waiting(&hyrax, "/v2/keys/a?wait=true")).collect();
    let set = connection.ask("PUT", "/v2/keys/a", "value=1").text();
    for waiter in &mut waiters {
        assert_eq!(waiter.read_chunk().unwrap().unwrap(), set.as_bytes());
    }
    assert_eq!(watchers(&mut connection), 0);
}

#[test]
fn who_waits_is_let_go_when_the_server_stops() {
    let (mut hyrax, _) = stage();
    let mut waiter = waiting(&hyrax, "/v2/keys/a?wait=true&stream=true");
    let began = Instant::now();
    assert!(hyrax.stop().success());
    assert!(began.elapsed() < PATIENCE / 2);
    assert_eq!(waiter.read_chunk().unwrap(), None, "the answer ends as an answer does");
}

#[test]
fn who_asks_for_too_old_an_index_is_told_so() {
    let (_hyrax, mut connection) = stage();
    let first = connection.ask("PUT", "/v2/keys/a", "value=0").index();
    for number in 0..1_000 {
        connection.ask("PUT", "/v2/keys/a", &format!("value={number}"));
    }
    let cleared = connection.ask("GET", &format!("/v2/keys/a?wait=true&waitIndex={first}"), "");
    let expected = format!(
        "{{\"errorCode\":401,\"message\":\"The event in requested index is outdated and cleared\",\"cause\":\
         \"the requested history has been cleared [{}/{first}]\",\"index\":{}}}\n",
        first + 1,
        first + 1_000
    );
    assert_eq!((cleared.status, cleared.text()), (400, expected));
    let next = connection.ask("GET", &format!("/v2/keys/a?wait=true&waitIndex={}", first + 1), "");
    assert!(next.text().contains("\"value\":\"0\""), "{}", next.text());
}
