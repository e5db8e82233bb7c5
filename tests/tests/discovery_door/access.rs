//! Who may register, emit and read; and which listeners and origins lead here.

use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyrax_tests::http;
use hyrax_tests::hyrax::{DiscoverySocket, Hyrax, binary};
use serde_json::json;

const REGISTER: &str = "/etcd/register?service=engine&ip=10.0.0.1&port=80";
const MONITOR: &str = "/etcd/monitor?monitor=engine";
const EVENT: &str = "/etcd/event?event_type=a&services=engine";

/// The status with which a WebSocket with these headers is answered.
fn upgrade(hyrax: &Hyrax, path: &str, headers: &[(&str, &str)]) -> u16 {
    let mut all = vec![
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    all.extend(headers);
    http::get(hyrax.address(), path, &all).status
}

fn basic(password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("ann:{password}")))
}

#[test]
fn registering_and_emitting_are_writes_and_monitoring_and_listing_reads() {
    let hyrax = Hyrax::start(&["--operator", "ann:pw", "--secret", "turtles"]);
    let (right, wrong) = (basic("pw"), basic("no"));
    let [right, wrong] = [&right, &wrong].map(|value| [("Authorization", value.as_str())]);
    let secret = [("Authorization", "Bearer turtles")];
    for headers in [&[][..], &wrong, &[("Authorization", "Bearer x")], &[("Authorization", "Digest x")]] {
        assert_eq!(upgrade(&hyrax, REGISTER, headers), 401, "{headers:?}");
        let answer = http::post(hyrax.address(), EVENT, headers, b"");
        assert_eq!(answer.status, 401, "{headers:?}");
        let error = answer.json()["error"].as_str().unwrap().to_lowercase();
        assert!(error.contains("auth"), "{headers:?}: {error}");
        assert!(answer.head.to_ascii_lowercase().contains("www-authenticate: basic"), "{}", answer.head);
    }
    assert_eq!(http::get(hyrax.address(), "/etcd/services", &[]).json(), json!({"services":[]}));
    assert_eq!(upgrade(&hyrax, MONITOR, &[]), 101);
    assert_eq!(
        http::get(hyrax.address(), "/etcd/services", &wrong).status,
        401,
        "what is shown must be right"
    );
    for headers in [&right, &secret] {
        assert_eq!(upgrade(&hyrax, REGISTER, headers), 101);
        assert_eq!(http::post(hyrax.address(), EVENT, headers, b"").status, 200);
    }
}

#[test]
fn where_nobody_reads_without_a_name_neither_lists_nor_monitors_are_open() {
    let hyrax = Hyrax::start(&["--secret", "turtles", "--anonymous-read=false"]);
    let secret = [("Authorization", "Bearer turtles")];
    for path in ["/etcd/leader", "/etcd/services", "/etcd/services/engine"] {
        assert_eq!(http::get(hyrax.address(), path, &[]).status, 401, "{path}");
        assert_eq!(http::get(hyrax.address(), path, &secret).status, 200, "{path}");
    }
    assert_eq!(upgrade(&hyrax, MONITOR, &[]), 401);
    assert_eq!(upgrade(&hyrax, MONITOR, &secret), 101);
}

#[test]
fn pages_of_other_sites_are_kept_out_while_nobody_needs_a_secret() {
    let hyrax = Hyrax::start(&["--allowed-origin", "https://app.example"]);
    for (origin, status) in
        [("https://evil.example", 403), ("https://app.example", 101), ("http://localhost:3000", 101)]
    {
        for path in [REGISTER, MONITOR] {
            assert_eq!(upgrade(&hyrax, path, &[("Origin", origin)]), status, "{origin} {path}");
        }
        let status = if status == 101 { 200 } else { status };
        let answer = http::post(hyrax.address(), EVENT, &[("Origin", origin)], b"");
        assert_eq!(answer.status, status, "{origin}");
    }
}

#[test]
fn a_listener_opens_the_door_or_not_and_all_that_do_lead_to_the_same_services() {
    let mut command = Command::new(binary());
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    let here = tempfile::tempdir().unwrap();
    let [only, without] = ["only", "without"].map(|name| here.path().join(name));
    let doors = [(&only, "discovery"), (&without, "http,line")];
    for (path, doors) in doors {
        command.args(["--listen", &format!("unix:{}?doors={doors}", path.display())]);
    }
    let hyrax = Hyrax::start_command(command);
    let mut monitor = DiscoverySocket::monitor(hyrax.address(), "engine");
    let curl = |socket: &std::path::Path, path: &str, more: &[&str]| {
        let mut curl = Command::new("curl");
        curl.args(["-s", "-w", " %{http_code}", "--unix-socket"]).arg(socket).args(more);
        hyrax_tests::programs::output_of(curl.arg(format!("http://x{path}")))
    };
    assert_eq!(curl(&only, "/etcd/event?event_type=a&broadcast=1", &["-X", "POST"]), "{}\n 200");
    assert_eq!(monitor.told(), "event a ");
    assert!(curl(&only, "/openapi.json", &[]).ends_with(" 200"));
    let shut = curl(&only, "/metrics", &[]);
    assert!(shut.contains("the http door is not open") && shut.ends_with(" 421"), "{shut}");
    let shut = curl(&without, "/etcd/services", &[]);
    assert!(shut.contains("the discovery door is not open") && shut.ends_with(" 421"), "{shut}");
    assert!(curl(&without, "/health", &[]).ends_with(" 200"));
}
