//! The known differences from Redis that `docs/redis.md` lists: what each server answers, beside the other.

use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Redis;
use hyrax_tests::resp::{Resp, RespClient, words};

/// Plays the lines on both; the replies to the last, Redis' first.
fn last_of(lines: &[&str]) -> [Resp; 2] {
    let (redis, hyrax) = (Redis::start(), Hyrax::start(&[]));
    let play = |mut client: RespClient| {
        let replies: Vec<Resp> = lines.iter().map(|line| client.run(&words(line))).collect();
        replies.into_iter().next_back().expect("there is a line")
    };
    [play(redis.client().resp3()), play(hyrax.resp().resp3())]
}

fn error(text: &str) -> Resp {
    Resp::Error(text.to_owned())
}

/// The elements in an order of their own.
fn sorted(reply: &Resp) -> Vec<Resp> {
    let mut elements = reply.elements().expect("elements").to_vec();
    elements.sort_unstable();
    elements
}

#[test]
fn keys_come_in_another_order_but_they_are_the_same() {
    let fill: Vec<String> = (0..50).map(|number| format!("SET key:{number} x")).collect();
    let mut lines: Vec<&str> = fill.iter().map(String::as_str).collect();
    lines.push("KEYS *");
    let [redis, hyrax] = last_of(&lines);
    assert_ne!(redis, hyrax);
    assert_eq!(sorted(&redis), sorted(&hyrax));
}

#[test]
fn a_scan_has_cursors_of_its_own() {
    let fill: Vec<String> = (0..50).map(|number| format!("SET key:{number} x")).collect();
    let mut lines: Vec<&str> = fill.iter().map(String::as_str).collect();
    lines.push("SCAN 0");
    let [redis, hyrax] = last_of(&lines);
    let cursor = |reply: &Resp| reply.elements().expect("a cursor and keys")[0].clone();
    assert_ne!(cursor(&redis), cursor(&hyrax));
    assert_ne!(cursor(&hyrax), Resp::bulk("0"), "ten keys are not all");
}

#[test]
fn a_key_past_its_time_is_not_counted() {
    let (redis, hyrax) = (Redis::start(), Hyrax::start(&[]));
    let count = |mut client: RespClient| {
        // Nothing removes keys in the background while the test looks.
        client.run(&words("DEBUG SET-ACTIVE-EXPIRE 0"));
        client.run(&words("SET k v PX 1"));
        std::thread::sleep(std::time::Duration::from_millis(20));
        client.run(&words("DBSIZE"))
    };
    // A real Redis allows DEBUG only where it is configured, and removes the key within a tenth of a second.
    assert!(matches!(count(redis.client()), Resp::Integer(0 | 1)));
    assert_eq!(count(hyrax.resp()), Resp::Integer(0));
}

#[test]
fn a_refusal_shows_what_is_not_utf_8_in_its_own_way() {
    let (redis, hyrax) = (Redis::start(), Hyrax::start(&[]));
    let refuse = |mut client: RespClient| client.run(&[b"no\xffcommand".to_vec()]);
    let [redis, hyrax] = [refuse(redis.client()), refuse(hyrax.resp())];
    assert_eq!(redis, error(r"ERR unknown command \'no\xffcommand\', with args beginning with: "));
    assert_eq!(hyrax, error("ERR unknown command 'no\u{fffd}command', with args beginning with: "));
}

#[test]
fn there_is_one_database() {
    let redis_as_usual = ["CONFIG GET databases"];
    let [redis, hyrax] = last_of(&redis_as_usual);
    // The tests' own Redis has one as well, so that both refuse alike.
    assert_eq!(redis, hyrax);
    let [redis, hyrax] = last_of(&["SELECT 1"]);
    assert_eq!(hyrax, error("ERR DB index is out of range"));
    assert_eq!(redis, hyrax);
}

#[test]
fn a_malformed_count_of_keys_is_read_strictly() {
    let [redis, hyrax] = last_of(&["COMMAND GETKEYS ZUNIONSTORE to 01 from"]);
    assert_eq!(redis, Resp::Array(vec![Resp::bulk("from"), Resp::bulk("to")]));
    assert_eq!(hyrax, error("ERR Invalid arguments specified for command"));
}

#[test]
fn commands_that_are_not_here_are_unknown() {
    let [redis, hyrax] = last_of(&["EVAL return(1) 0"]);
    assert_eq!(redis, Resp::Integer(1));
    assert_eq!(hyrax, error("ERR unknown command 'EVAL', with args beginning with: 'return(1)' '0' "));
}

#[test]
fn tracking_is_refused_for_monitors_push_more() {
    let [redis, hyrax] = last_of(&["CLIENT TRACKING ON"]);
    assert_eq!(redis, Resp::simple("OK"));
    assert!(hyrax.is_error(), "{hyrax:?}");
}

#[test]
fn debug_has_what_clients_need() {
    let [_, hyrax] = last_of(&["DEBUG JMAP"]);
    assert!(hyrax.is_error(), "{hyrax:?}");
    let [_, hyrax] = last_of(&["DEBUG SLEEP 0"]);
    assert_eq!(hyrax, Resp::simple("OK"));
}

#[test]
fn a_wait_counts_no_replicas() {
    let [redis, hyrax] = last_of(&["WAIT 0 0"]);
    assert_eq!((redis, hyrax), (Resp::Integer(0), Resp::Integer(0)));
}
