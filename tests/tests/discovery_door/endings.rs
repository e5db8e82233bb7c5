//! How sockets end, and what is told of it: what ended deliberately was deleted, all else ran out.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyrax_tests::http;
use hyrax_tests::hyrax::{DiscoverySocket, Hyrax};
use serde_json::{Value, json};
use socket2::SockRef;

use crate::nodes;

/// Registers and then says nothing more, not even that it is there, as a process does that was stopped.
fn register_and_fall_silent(address: SocketAddr, query: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "GET /etcd/register?{query} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, *b"HTTP/1.1 101");
    stream
}

#[test]
fn a_client_that_falls_silent_is_expired_and_one_that_answers_pings_is_not() {
    let hyrax = Hyrax::start(&["--half-open", "1s"]);
    let mut lively = DiscoverySocket::register(hyrax.address(), "engine", "10.0.0.1:80", "");
    let began = Instant::now();
    let _silent = register_and_fall_silent(hyrax.address(), "service=engine&ip=10.0.0.2&port=80");
    assert_eq!(lively.told(), "engine PUT 10.0.0.1:80");
    assert_eq!(lively.told(), "engine PUT 10.0.0.1:80 10.0.0.2:80");
    assert_eq!(lively.told(), "engine EXPIRE 10.0.0.1:80");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(lively.told_until_quiet(Duration::from_secs(2)), [""; 0]);
    assert_eq!(nodes(hyrax.address(), "engine"), json!([{"ip":"10.0.0.1","port":80}]));
}

#[test]
fn a_connection_that_breaks_is_expired_and_one_that_is_closed_deleted() {
    let hyrax = Hyrax::start(&[]);
    let mut monitor = DiscoverySocket::monitor(hyrax.address(), "engine");
    let reset = DiscoverySocket::register(hyrax.address(), "engine", "10.0.0.1:80", "");
    assert_eq!(monitor.told(), "engine PUT 10.0.0.1:80");
    SockRef::from(reset.stream()).set_linger(Some(Duration::ZERO)).unwrap();
    drop(reset);
    assert_eq!(monitor.told(), "engine EXPIRE");
    let gone = DiscoverySocket::register(hyrax.address(), "engine", "10.0.0.1:80", "");
    assert_eq!(monitor.told(), "engine PUT 10.0.0.1:80");
    drop(gone);
    assert_eq!(monitor.told(), "engine EXPIRE", "the system closes what a killed process leaves");
    let closed = DiscoverySocket::register(hyrax.address(), "engine", "10.0.0.1:80", "");
    assert_eq!(monitor.told(), "engine PUT 10.0.0.1:80");
    closed.close();
    assert_eq!(monitor.told(), "engine DELETE");
}

#[test]
fn who_registers_again_before_the_old_socket_is_missed_stays_listed() {
    let hyrax = Hyrax::start(&["--half-open", "1s"]);
    let mut monitor = DiscoverySocket::monitor(hyrax.address(), "engine");
    let _old = register_and_fall_silent(hyrax.address(), "service=engine&ip=10.0.0.1&port=80");
    let mut new = DiscoverySocket::register(hyrax.address(), "engine", "10.0.0.1:80", "");
    let (mut heard, mut of_new) = (Vec::new(), Vec::new());
    let began = Instant::now();
    // Both are read all the time, so that they answer pings.
    while began.elapsed() < Duration::from_secs(3) {
        heard.extend(monitor.told_until_quiet(Duration::from_millis(50)));
        of_new.extend(new.told_until_quiet(Duration::from_millis(50)));
    }
    assert_eq!(heard, ["engine PUT 10.0.0.1:80"; 2]);
    assert_eq!(of_new.last().unwrap(), "engine PUT 10.0.0.1:80");
    assert_eq!(nodes(hyrax.address(), "engine"), json!([{"ip":"10.0.0.1","port":80}]));
    new.close();
    assert_eq!(monitor.told(), "engine DELETE");
}

#[test]
fn what_a_client_says_is_not_listened_to_and_a_long_speech_ends_the_socket() {
    let hyrax = Hyrax::start(&[]);
    let mut engine = DiscoverySocket::register(hyrax.address(), "engine", "10.0.0.1:80", "");
    engine.say("hello");
    engine.say("{\"cmd\":\"set\",\"key\":\"a\",\"args\":[\"b\"]}");
    assert_eq!(engine.told(), "engine PUT 10.0.0.1:80");
    let mut monitor = DiscoverySocket::monitor(hyrax.address(), "engine");
    engine.say(&"x".repeat(5_000));
    assert_eq!(monitor.told(), "engine EXPIRE");
    assert_eq!(hyrax.line().request(&json!({"cmd":"exists","key":"a"}))["return"], 0);
}

#[test]
fn a_server_that_stops_says_so_to_every_socket() {
    let mut hyrax = Hyrax::start(&[]);
    let mut engine = DiscoverySocket::register(hyrax.address(), "engine", "10.0.0.1:80", "");
    let mut monitor = DiscoverySocket::monitor(hyrax.address(), "engine");
    let ended = std::thread::spawn(move || (engine.ends(), monitor.ends()));
    let began = Instant::now();
    assert!(hyrax.stop().success());
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    let away = Some((1001, "the server closes this socket".to_owned()));
    assert_eq!(ended.join().unwrap(), (away.clone(), away));
}

/// Writes that many nodes of a service, as clients of etcd do.
fn put_nodes(address: SocketAddr, service: &str, count: u32) {
    let puts: Vec<_> = (0..count)
        .map(|n| {
            let node = format!("10.0.{}.{}:80", n / 200, n % 200);
            let (key, value) = (STANDARD.encode(format!("service/{service}/{node}")), STANDARD.encode(&node));
            json!({"requestPut":{"key":key,"value":value}})
        })
        .collect();
    for some in puts.chunks(100) {
        let txn = json!({"success":some}).to_string();
        assert_eq!(http::post(address, "/v3/kv/txn", &[], txn.as_bytes()).status, 200);
    }
}

#[test]
fn who_does_not_read_is_told_the_latest_and_in_the_end_disconnected_and_keeps_nobody_waiting() {
    let hyrax = Hyrax::start(&["--queue-bytes", "1MiB", "--half-open", "10m"]);
    let address = hyrax.address();
    let mut slow = DiscoverySocket::monitor(address, "engine,deaf");
    let mut quick = DiscoverySocket::monitor(address, "engine");
    put_nodes(address, "engine", 4_000);
    let count = |message: &Value| message["body"]["services"].as_array().unwrap().len();
    while count(&quick.message()) < 4_000 {}
    // Each message has some 140 KB: far more than its queue and the system's buffers hold.
    for round in 0..40 {
        DiscoverySocket::register(address, "engine", "10.1.0.1:80", "").close();
        let counts = [count(&quick.message()), count(&quick.message())];
        assert_eq!(counts, [4_001, 4_000], "round {round}");
    }
    let told = slow.told_until_quiet(Duration::from_secs(3));
    assert!((1..120).contains(&told.len()), "some were made up for by later ones: {}", told.len());
    assert_eq!(told.last().unwrap().split(' ').count(), 4_002, "the last is how it is");
    // Nothing makes up for an event.
    let body = json!({"event_type":"n","event_body":"x".repeat(500_000),"services":["deaf"]}).to_string();
    for _ in 0..60 {
        assert_eq!(http::post(address, "/etcd/event", &[], body.as_bytes()).status, 200);
    }
    crate::eventually("only the quick one is left", || {
        let metrics = String::from_utf8(http::get(address, "/metrics", &[]).body).unwrap();
        metrics.contains("hyrax_connections{door=\"discovery\"} 1\n")
    });
}
