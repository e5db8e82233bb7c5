//! Streams.

use crate::both::{Both, error, last_of};
use hyrax_tests::resp::{Resp, words};
use serde_json::json;

#[test]
pub fn an_id_that_cannot_follow_is_always_too_low() {
    const LOW: &str = "ERR The ID specified in XADD is equal or smaller than the target stream top item";
    const LARGE: &str = "ERR Elements are too large to be stored";
    let [redis, hyrax] = last_of(&["XADD s 5-18446744073709551615 a b", "XADD s 5-* a b"]);
    assert!([error(LOW), error(LARGE)].contains(&redis), "{redis:?}");
    assert_eq!(hyrax, error(LOW));
}

#[test]
pub fn nodes_larger_than_bounds_are_as_large_as_these() {
    let both = Both::start();
    let mut lines = vec!["CONFIG SET stream-node-max-entries 1000000 stream-node-max-bytes 1gb".to_owned()];
    lines.extend((1..=10_100).map(|number| format!("XADD s {number}-0 f v")));
    lines.push("XTRIM s MAXLEN ~ 1".to_owned());
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let [redis, hyrax] = both.last_of(&lines);
    assert_eq!([redis, hyrax], [Resp::Integer(0), Resp::Integer(10_000)]);
}

#[test]
pub fn a_count_beyond_memory_is_refused_from_a_number_on() {
    let both = Both::start();
    both.last_of(&["XGROUP CREATE s g $ MKSTREAM"]);
    let too_high = error("ERR Insufficient memory, failed allocating transient memory, COUNT too high.");
    let ask = |count: u64| both.last_of(&[&format!("XAUTOCLAIM s g me 0 0 COUNT {count}")]);
    let [redis, hyrax] = ask(1000);
    assert_eq!(redis, hyrax);
    // Where between Redis begins to refuse depends on the memory that the system promises.
    let [_, hyrax] = ask(1 << 43);
    assert!(!hyrax.is_error(), "{hyrax:?}");
    let [redis, hyrax] = ask((1 << 43) + 1);
    assert_eq!([redis, hyrax], [too_high.clone(), too_high]);
}

#[test]
pub fn reading_ones_own_pending_entries_is_counted_and_told_to_nobody() {
    let both = Both::start();
    let mut line = both.hyrax.line();
    let lines = ["XGROUP CREATE s g $ MKSTREAM", "XADD s 1-0 a b", "XREADGROUP GROUP g me STREAMS s >"];
    both.last_of(&lines);
    line.request(&json!({"cmd": "madd", "key": "s"}));
    let count = "XPENDING s g - + 10";
    let [redis, hyrax] = both.last_of(&["XREADGROUP GROUP g me STREAMS s 0", count]);
    for reply in [&redis, &hyrax] {
        let deliveries = reply.elements().and_then(|all| all[0].elements()).map(|entry| &entry[3]);
        assert_eq!(deliveries, Some(&Resp::Integer(2)), "{reply:?}");
    }
    both.hyrax.resp().run(&words("XADD s 2-0 a b"));
    assert_eq!(line.push()["cmd"], json!("xadd"), "the next push is of the next change");
}
