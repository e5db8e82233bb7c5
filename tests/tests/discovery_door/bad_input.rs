//! What is missing, malformed or absurd is refused with a reason, and nothing is registered or emitted.

use std::net::SocketAddr;

use hyrax_tests::http::{self, Answer};
use hyrax_tests::hyrax::{DiscoverySocket, Hyrax};
use serde_json::json;

const UPGRADE: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

fn refused(answer: &Answer, status: u16, part: &str, request: &str) {
    let body = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, status, "{request}: {body}");
    assert!(answer.head.to_ascii_lowercase().contains("content-type: application/json"), "{}", answer.head);
    let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
    assert!(error.contains(part), "{request}: {error}");
}

#[test]
fn a_registration_that_is_not_whole_is_refused_before_the_upgrade() {
    let hyrax = Hyrax::start(&[]);
    let mut monitor = DiscoverySocket::monitor(hyrax.address(), "engine");
    let long = format!("service={}&ip=10.0.0.1&port=80", "x".repeat(256));
    let many: Vec<_> = (0..1001).map(|n| n.to_string()).collect();
    let many = format!("service=engine&ip=10.0.0.1&port=80&monitor={}", many.join(","));
    for (query, part) in [
        ("", "service is missing"),
        ("service=engine", "ip is missing"),
        ("service=engine&ip=10.0.0.1", "port is missing"),
        ("ip=10.0.0.1&port=80", "service is missing"),
        ("service=&ip=10.0.0.1&port=80", "service is missing"),
        ("service=%20&ip=10.0.0.1&port=80", "space"),
        ("service=a/b&ip=10.0.0.1&port=80", "'/'"),
        ("service=a%0A&ip=10.0.0.1&port=80", "'\\n'"),
        ("service=a%FF&ip=10.0.0.1&port=80", "not UTF-8"),
        ("service=a%&ip=10.0.0.1&port=80", "invalid URL escape"),
        ("service=engine&ip=&port=80", "ip is missing"),
        ("service=engine&ip=example.org&port=80", "ip must be an address"),
        ("service=engine&ip=10.0.0.256&port=80", "ip must be an address"),
        ("service=engine&ip=10.0.0.1&port=0", "from 1 to 65535"),
        ("service=engine&ip=10.0.0.1&port=65536", "from 1 to 65535"),
        ("service=engine&ip=10.0.0.1&port=-80", "from 1 to 65535"),
        ("service=engine&ip=10.0.0.1&port=http", "from 1 to 65535"),
        ("service=engine&ip=10.0.0.1&port=80&monitor=a/b", "monitor: "),
        (&long, "255 bytes"),
        (&many, "at most 1000 services"),
    ] {
        let answer = http::get(hyrax.address(), &format!("/etcd/register?{query}"), &UPGRADE);
        refused(&answer, 400, part, query);
    }
    for (query, part) in
        [("", "monitor is missing"), ("monitor=", "monitor is missing"), ("monitor=a/b", "'/'")]
    {
        let answer = http::get(hyrax.address(), &format!("/etcd/monitor?{query}"), &UPGRADE);
        refused(&answer, 400, part, query);
    }
    assert_eq!(http::get(hyrax.address(), "/etcd/services", &[]).json(), json!({"services":[]}));
    assert_eq!(monitor.told_until_quiet(std::time::Duration::from_millis(100)), [""; 0]);
}

#[test]
fn a_request_that_is_no_websocket_is_told_what_it_takes() {
    let hyrax = Hyrax::start(&[]);
    for path in ["/etcd/register?service=engine&ip=10.0.0.1&port=80", "/etcd/monitor?monitor=engine"] {
        let answer = http::get(hyrax.address(), path, &[]);
        refused(&answer, 426, "WebSocket", path);
        assert!(answer.head.to_ascii_lowercase().contains("upgrade: websocket"), "{}", answer.head);
    }
    assert_eq!(http::get(hyrax.address(), "/etcd/services", &[]).json(), json!({"services":[]}));
}

#[test]
fn an_event_that_says_too_little_or_too_much_reaches_nobody() {
    let hyrax = Hyrax::start(&[]);
    let mut monitor = DiscoverySocket::monitor(hyrax.address(), "engine");
    let large =
        |bytes: usize| json!({"event_type":"a","event_body":"x".repeat(bytes),"broadcast":true}).to_string();
    let post = |body: &str| http::post(hyrax.address(), "/etcd/event", &[], body.as_bytes());
    for (body, part) in [
        ("{", "not the JSON of an event"),
        (r#"{"broadcast":true}"#, "event_type must not be empty"),
        (r#"{"event_type":"","broadcast":true}"#, "event_type must not be empty"),
        (r#"{"event_type":["a"],"broadcast":true}"#, "event_type must be text"),
        (r#"{"event_type":"a","event_body":7,"broadcast":true}"#, "event_body must be text"),
        (r#"{"event_type":"a"}"#, "broadcast, or services"),
        (r#"{"event_type":"a","broadcast":false,"services":[]}"#, "broadcast, or services"),
        (r#"{"event_type":"a","broadcast":0}"#, "broadcast, or services"),
        (r#"{"event_type":"a","broadcast":"maybe"}"#, "broadcast must be true or false"),
        (r#"{"event_type":"a","services":["a/b"]}"#, "services: "),
        (r#"{"event_type":"a","services":[["a"]]}"#, "list of names"),
        ("event_type=a", "broadcast, or services"),
        ("broadcast=1", "event_type is missing"),
        (&large(1024 * 1024), "1048576 bytes"),
        (&large(5 * 1024 * 1024), "1048576 bytes"),
    ] {
        refused(&post(body), 400, part, &body[..body.len().min(60)]);
    }
    let nested = format!(r#"{{"event_type":{}"#, "[".repeat(100_000));
    refused(&post(&nested), 400, "not the JSON of an event", "nested");
    let plain = [("Content-Type", "text/plain")];
    let answer = http::post(hyrax.address(), "/etcd/event", &plain, b"event_type=a&broadcast=1");
    refused(&answer, 400, "as JSON, as a form or in the query", "plain text");
    assert_eq!(monitor.told_until_quiet(std::time::Duration::from_millis(100)), [""; 0]);
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let hyrax = Hyrax::start(&[]);
    let address: SocketAddr = hyrax.address();
    for path in ["/etcd/", "/etcd/nothing", "/etcd/register/", "/etcd/leader/1"] {
        refused(&http::get(address, path, &[]), 404, "GET /etcd/register", path);
    }
    for path in ["/etcd/leader", "/etcd/services", "/etcd/services/engine", "/etcd/register", "/etcd/monitor"]
    {
        let answer = http::post(address, path, &[], b"");
        refused(&answer, 405, "which takes GET", path);
        assert!(answer.head.to_ascii_lowercase().contains("allow: get"), "{}", answer.head);
    }
    refused(&http::get(address, "/etcd/event", &[]), 405, "which takes POST", "GET event");
    for (path, part) in [
        ("/etcd/services/", "must not be empty"),
        ("/etcd/services/a%2Fb", "'/'"),
        ("/etcd/services/a/b", "'/'"),
        ("/etcd/services/%zz", "invalid URL escape"),
        ("/etcd/services/%ff", "not UTF-8"),
    ] {
        refused(&http::get(address, path, &[]), 400, part, path);
    }
}
