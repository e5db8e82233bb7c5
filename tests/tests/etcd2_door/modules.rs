//! Locks and leaders, as etcd had them up to 0.4.

use std::thread;
use std::time::Duration;

use hyrax_tests::etcd2::{Connection, Response};
use hyrax_tests::hyrax::Hyrax;

use super::stage;

const LOCK: &str = "/mod/v2/lock/x";
const LEADER: &str = "/mod/v2/leader/x";

/// Somebody who asks for the lock, and has not been answered.
fn asking(hyrax: &Hyrax, form: &str) -> Connection {
    let mut connection = Connection::open(hyrax.address());
    connection.send("POST", &format!("{LOCK}?{form}"), "", b"");
    connection
}

/// What comes of it, when it comes.
fn answer(mut connection: Connection) -> Response {
    connection.read("POST").unwrap()
}

/// How many have a place.
fn places(connection: &mut Connection) -> usize {
    connection
        .ask("GET", "/v2/keys/_etcd/mod/lock/x", "")
        .text()
        .matches("createdIndex")
        .count()
        .saturating_sub(1)
}

fn until_places(connection: &mut Connection, number: usize) {
    for _ in 0..2_000 {
        if places(connection) == number {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("{} places, not {number}", places(connection));
}

#[test]
fn a_lock_is_had_in_the_order_of_asking() {
    let (hyrax, mut connection) = stage();
    let first = connection.ask("POST", LOCK, "ttl=60&value=one");
    assert_eq!((first.status, first.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    let index: u64 = first.text().parse().unwrap();
    let second = asking(&hyrax, "ttl=60&value=two");
    until_places(&mut connection, 2);
    let third = asking(&hyrax, "ttl=60");
    until_places(&mut connection, 3);
    assert_eq!(connection.ask("GET", LOCK, "").text(), "one");
    assert_eq!(connection.ask("GET", &format!("{LOCK}?field=index"), "").text(), index.to_string());
    let renewed = connection.ask("PUT", LOCK, &format!("ttl=30&index={index}"));
    assert_eq!((renewed.status, renewed.text()), (200, String::new()));
    assert_eq!(connection.ask("PUT", LOCK, "ttl=30&value=one").status, 200);
    let again = connection.ask("POST", LOCK, "ttl=60&value=one");
    assert_eq!(again.text(), first.text(), "who has it has it again");

    let released = connection.ask("DELETE", &format!("{LOCK}?value=one"), "");
    assert_eq!((released.status, released.text()), (200, String::new()));
    let second: u64 = answer(second).text().parse().unwrap();
    assert!(second > index);
    assert_eq!(connection.ask("DELETE", LOCK, &format!("index={second}")).status, 200);
    let third: u64 = answer(third).text().parse().unwrap();
    assert!(third > second);
    assert_eq!(connection.ask("GET", LOCK, "").text(), "-");
}

#[test]
fn who_gives_up_or_goes_away_leaves_the_queue() {
    let (hyrax, mut connection) = stage();
    connection.ask("POST", LOCK, "ttl=60&value=one");
    let at_once = connection.ask("POST", LOCK, "ttl=60&value=two&timeout=0");
    assert_eq!((at_once.status, at_once.text()), (500, "failed to acquire lock\n".into()));
    let late = connection.ask("POST", LOCK, "ttl=60&value=two&timeout=1");
    assert_eq!((late.status, late.text()), (500, "lock watch closed\n".into()));
    until_places(&mut connection, 1);
    let gone = asking(&hyrax, "ttl=60&value=two");
    until_places(&mut connection, 2);
    drop(gone);
    until_places(&mut connection, 1);
}

#[test]
fn a_lock_ends_with_its_time_and_a_place_is_renewed() {
    let (hyrax, mut connection) = stage();
    connection.ask("POST", LOCK, "ttl=3&value=one");
    let second = asking(&hyrax, "ttl=1&value=two");
    assert_eq!(answer(second).status, 200, "its own time was renewed while it waited");
    assert_eq!(connection.ask("GET", LOCK, "").text(), "two");
}

#[test]
fn what_is_missing_has_etcds_numbers() {
    let (_hyrax, mut connection) = stage();
    let mut check = |method: &str, target: &str, status: u16, code: &str| {
        let answer = connection.ask(method, target, "");
        assert_eq!(answer.status, status, "{method} {target}: {}", answer.text());
        assert!(
            answer.text().contains(&format!("\"errorCode\":{code},")),
            "{method} {target}: {}",
            answer.text()
        );
    };
    check("GET", LOCK, 404, "100");
    check("POST", LOCK, 400, "202");
    check("POST", "/mod/v2/lock/x?ttl=5&timeout=x", 400, "205");
    check("PUT", LOCK, 400, "202");
    check("PUT", "/mod/v2/lock/x?ttl=5", 400, "207");
    check("PUT", "/mod/v2/lock/x?ttl=5&index=7", 404, "100");
    check("DELETE", LOCK, 400, "207");
    check("DELETE", "/mod/v2/lock/x?index=1&value=y", 400, "208");
    check("PUT", LEADER, 400, "206");
    check("DELETE", LEADER, 400, "206");
}

#[test]
fn a_leader_is_who_holds_the_lock() {
    let (hyrax, mut connection) = stage();
    let first = connection.ask("PUT", LEADER, "name=one&ttl=60");
    assert!(first.text().parse::<u64>().is_ok(), "{first:?}");
    assert_eq!(connection.ask("GET", LEADER, "").text(), "one");
    assert_eq!(connection.ask("PUT", LEADER, "name=one&ttl=60").text(), first.text(), "it stays the leader");
    let mut second = Connection::open(hyrax.address());
    second.send("PUT", &format!("{LEADER}?name=two&ttl=60"), "", b"");
    until_places(&mut connection, 2);
    let gone = connection.ask("DELETE", &format!("{LEADER}?name=one"), "");
    assert_eq!((gone.status, gone.text()), (200, String::new()));
    assert_eq!(second.read("PUT").unwrap().status, 200);
    assert_eq!(connection.ask("GET", LEADER, "").text(), "two");
}
