//! Answers that go on: watches, renewals.

use crate::exchange::{Both, Lines, QUIET};

/// The next line of both, which must be the same.
#[track_caller]
fn agree(lines: &mut [Lines<'_>; 2]) -> Option<String> {
    let [etcd, hyrax] = lines.each_mut().map(Lines::next);
    assert_eq!(hyrax, etcd);
    hyrax
}

#[test]
fn a_watch_is_told_every_change_a_line_each() {
    let both = Both::start();
    let mut lines = both
        .servers
        .each_ref()
        .map(|server| server.stream("/v3/watch", r#"{"create_request":{"key":"Zm9v"}}"#));
    assert!(agree(&mut lines).unwrap().contains(r#""created":true"#));
    both.agree("/v3/kv/put", r#"{"key":"Zm9v","value":"YmFy"}"#);
    agree(&mut lines);
    both.agree("/v3/kv/put", r#"{"key":"b3RoZXI=","value":"YmFy"}"#);
    both.agree("/v3/kv/deleterange", r#"{"key":"Zm9v"}"#);
    let line = agree(&mut lines).unwrap();
    assert!(line.contains(r#"{"type":"DELETE","kv":{"key":"Zm9v","mod_revision":"+3"}}"#), "{line}");
    assert!(lines.each_mut().map(Lines::is_silent).iter().all(|silent| *silent));
}

#[test]
fn one_stream_carries_several_watches_and_what_is_asked_of_them() {
    let both = Both::start();
    both.agree("/v3/kv/put", r#"{"key":"Zm9v","value":"YmFy"}"#);
    both.agree("/v3/kv/put", r#"{"key":"Zm9v","value":"YmF6"}"#);
    let body = r#"{"create_request":{"key":"YmFy","watch_id":7}}{"cancel_request":{"watch_id":7}}
        {"createRequest":{"key":"Zm9v","startRevision":"{+1}","prev_kv":true,"filters":["NODELETE"],"watchId":"3"}}"#;
    let mut lines = both.servers.each_ref().map(|server| server.stream("/v3/watch", body));
    for _ in 0..4 {
        agree(&mut lines);
    }
    both.agree("/v3/kv/deleterange", r#"{"key":"Zm9v"}"#);
    both.agree("/v3/kv/put", r#"{"key":"Zm9v","value":"YmFy"}"#);
    agree(&mut lines);
}

#[test]
fn a_watch_of_what_is_forgotten_is_cancelled() {
    let both = Both::start();
    for _ in 0..3 {
        both.agree("/v3/kv/put", r#"{"key":"Zm9v","value":"YmFy"}"#);
    }
    both.agree("/v3/kv/compaction", r#"{"revision":"{+3}"}"#);
    let body = r#"{"create_request":{"key":"Zm9v","start_revision":"{+1}"}}"#;
    let [mut etcd, mut hyrax] = both.servers.each_ref().map(|server| server.stream("/v3/watch", body));
    assert_eq!(etcd.next(), hyrax.next());
    for line in [etcd.next().unwrap(), hyrax.next().unwrap()] {
        assert!(line.contains(r#""canceled":true,"compact_revision":"+3""#), "{line}");
    }
}

#[test]
fn a_stream_that_asks_for_nothing_says_nothing() {
    let both = Both::start();
    for body in ["", "{}"] {
        for mut lines in both.servers.each_ref().map(|server| server.stream("/v3/watch", body)) {
            assert!(lines.is_silent());
        }
    }
    // A real etcd answers this now with an empty body, now with a timeout.
    let answer = both.servers[1].post("/v3/lease/keepalive", "");
    assert_eq!((answer.status, &answer.body[..]), (200, ""));
}

#[test]
fn leases_are_renewed_line_by_line() {
    let both = Both::start();
    both.agree("/v3/lease/grant", r#"{"TTL":"600","ID":"77"}"#);
    let body = r#"{"ID":"77"}{"ID":77} {"ID":5}"#;
    let mut lines = both.servers.each_ref().map(|server| server.stream("/v3/lease/keepalive", body));
    for expected in [r#""ID":"77","TTL":"600"}}"#, r#""ID":"77","TTL":"600"}}"#, r#""ID":"5"}}"#] {
        let line = agree(&mut lines).unwrap();
        assert!(line.ends_with(expected), "{line}");
    }
    assert_eq!(agree(&mut lines), None);
}

/// A body may be sent piece by piece, and what is asked is answered meanwhile.
#[test]
fn requests_are_taken_as_they_come() {
    let both = Both::start();
    both.agree("/v3/lease/grant", r#"{"TTL":"600","ID":"77"}"#);
    let hyrax = &both.servers[1];
    let mut lines = hyrax.stream_in_pieces("/v3/lease/keepalive");
    for pieces in [[r#"{"ID":"#, r#""77"}"#], [r#"{"I"#, r#"D":77}"#]] {
        pieces.iter().for_each(|piece| lines.send(piece));
        let line = lines.next().unwrap();
        assert!(line.ends_with(r#""ID":"77","TTL":"600"}}"#), "{line}");
    }
}

#[test]
fn a_watch_ends_with_its_client() {
    let both = Both::start();
    let hyrax = &both.servers[1];
    for _ in 0..50 {
        let mut lines = hyrax.stream("/v3/watch", r#"{"create_request":{"key":"Zm9v"}}"#);
        lines.next();
    }
    std::thread::sleep(QUIET);
    let metrics = hyrax.send("GET", "/metrics", "", "").body;
    let open = metrics.lines().find(|line| line.starts_with("hyrax_connections{door=\"http\"}"));
    let open: u64 =
        open.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("{metrics}"));
    assert!(open <= 1, "{open} connections are still open");
}
