//! A client that does not read costs only itself, and learns the current value when it reads again.

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use hyrax_tests::http;
use hyrax_tests::hyrax::{Hyrax, LineClient, WebSocketClient};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

/// A value larger than any socket's smallest buffer.
fn large(number: usize) -> String {
    format!("{number:08}").repeat(4 * 1024)
}

/// A client whose system takes in as little as possible for it.
fn with_small_buffer(address: SocketAddr) -> LineClient {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.into()).unwrap();
    LineClient::over(TcpStream::from(socket))
}

/// What a metric without labels says.
fn metric(hyrax: &Hyrax, name: &str) -> u64 {
    let answer = http::get(hyrax.address(), "/metrics", &[]);
    let text = String::from_utf8(answer.body).unwrap();
    let line = text.lines().find(|line| line.split(' ').next() == Some(name));
    let value = line.and_then(|line| line.split(' ').nth(1)?.parse().ok());
    value.unwrap_or_else(|| panic!("no {name} in {text}"))
}

/// Reads pushes until the one for which `is_last` holds; gives all.
fn pushes_until(client: &mut LineClient, is_last: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut pushes = Vec::new();
    loop {
        pushes.push(client.push());
        if is_last(&pushes[pushes.len() - 1]) {
            return pushes;
        }
    }
}

#[test]
fn a_client_that_reads_again_is_reset_to_the_value_of_now() {
    let hyrax = Hyrax::start(&["--queue-bytes", "1MiB"]);
    let mut slow = with_small_buffer(hyrax.address());
    slow.request(&json!({"cmd":"madd","key":"d:busy"}));
    let mut slow_domain = with_small_buffer(hyrax.address());
    slow_domain.request(&json!({"command":"mon","payload":[{"domain":"d","id":"busy"}]}));

    let address = hyrax.address();
    let storm = thread::spawn(move || {
        let mut writer = LineClient::connect(address);
        for number in 0..600 {
            writer.request(&json!({"cmd":"set","key":"d:busy","args":[large(number)]}));
        }
    });
    let mut other = hyrax.line();
    let mut slowest = Duration::ZERO;
    while !storm.is_finished() {
        let asked = Instant::now();
        other.request(&json!({"cmd":"incr","key":"n"}));
        slowest = slowest.max(asked.elapsed());
        thread::sleep(Duration::from_millis(1));
    }
    storm.join().unwrap();
    assert!(slowest < Duration::from_millis(500), "another client waited {slowest:?}");
    assert!(metric(&hyrax, "hyrax_queue_bytes") < 2 * 2 * 1024 * 1024);

    let pushes = pushes_until(&mut slow, |push| push["cmd"] == "mreset");
    let (reset, before) = pushes.split_last().unwrap();
    assert_eq!(reset["value"], large(599));
    for (number, push) in before.iter().enumerate() {
        assert_eq!(push["args"][0], large(number), "what came before the reset came whole and in order");
    }
    let pushes = pushes_until(&mut slow_domain, |push| push["return"]["command"] == "reset");
    let domain_reset = &pushes[pushes.len() - 1]["return"];
    assert_eq!(domain_reset["value"], large(599));
    assert_eq!(domain_reset["rev"], reset["rev"]);
    assert_eq!((&domain_reset["domain"], &domain_reset["id"]), (&json!("d"), &json!("busy")));

    // And from there on as ever.
    other.request(&json!({"cmd":"set","key":"d:busy","args":["after"]}));
    let push = slow.push();
    assert_eq!((&push["cmd"], &push["args"]), (&json!("set"), &json!(["after"])));
    assert!(push["rev"].as_u64() > reset["rev"].as_u64());
    assert_eq!(slow_domain.push()["return"]["values"], json!(["after"]));
    assert_eq!(metric(&hyrax, "hyrax_queue_bytes"), 0);
}

#[test]
fn a_reset_tells_every_lost_key_and_ekg_once_with_what_is_true_then() {
    let hyrax = Hyrax::start(&["--queue-bytes", "1MiB"]);
    let mut slow = with_small_buffer(hyrax.address());
    for key in ["a", "b", "untouched"] {
        slow.request(&json!({"cmd":"madd","key":key}));
    }
    slow.request(&json!({"cmd":"mprefix","key":"p:"}));
    let mut writer = hyrax.line();
    for number in 0..400 {
        writer.request(&json!({"cmd":"set","key":"a","args":[large(number)]}));
        writer.request(&json!({"cmd":"rpush","key":"b","args":[number]}));
        writer.request(&json!({"cmd":"hset","key":"p:h","args":["f",number]}));
        writer.request(&json!({"cmd":"eadd","key":"a","id":format!("ann{number}")}));
    }
    writer.request(&json!({"cmd":"del","key":"a"}));
    let mut resets = std::collections::BTreeMap::new();
    while resets.len() < 4 {
        let push = slow.push();
        let name = push["cmd"].as_str().unwrap();
        if name == "mreset" || name == "ereset" {
            let key = format!("{name} {}", push["key"].as_str().unwrap());
            let value = push.get("value").or(push.get("members")).unwrap().clone();
            assert_eq!(resets.insert(key, value), None, "once");
        }
    }
    let numbers: Vec<_> = (0..400).map(|number| number.to_string()).collect();
    let expected = [
        ("ereset a", json!(["ann399"])),
        ("mreset a", json!(null)),
        ("mreset b", json!(numbers)),
        ("mreset p:h", json!({"f":"399"})),
    ];
    assert_eq!(resets, expected.map(|(key, value)| (key.to_owned(), value)).into());
    assert_eq!(slow.pushes_until_quiet(Duration::from_millis(100)), Vec::<Value>::new());
}

#[test]
fn a_client_that_lost_more_keys_than_are_kept_track_of_is_disconnected() {
    let hyrax = Hyrax::start(&["--max-frame", "64KiB", "--queue-bytes", "64KiB"]);
    let mut slow = with_small_buffer(hyrax.address());
    slow.request(&json!({"cmd":"mprefix","key":""}));
    slow.request(&json!({"cmd":"eadd","key":"ekg","id":"slow"}));
    let mut other = hyrax.line();
    other.request(&json!({"cmd":"madd","key":"ekg"}));
    let value = "v".repeat(32 * 1024);
    let mut keys = 0;
    let push = loop {
        other.request(&json!({"cmd":"set","key":format!("{keys:01000}"),"args":[value],"ref":keys}));
        keys += 1;
        let mut pushes = other.pushes_until_quiet(Duration::from_millis(1));
        if let Some(push) = pushes.pop() {
            break push;
        }
        assert!(keys < 5_000, "it is still connected");
    };
    assert_eq!((&push["cmd"], &push["cause"]), (&json!("eclose"), &json!("kicked")));
    slow.closed();
    assert_eq!(metric(&hyrax, "hyrax_queue_bytes"), 0);
}

#[test]
fn a_client_that_reads_no_replies_is_not_answered_without_end() {
    let hyrax = Hyrax::start(&[]);
    let mut client = with_small_buffer(hyrax.address());
    let mut other = hyrax.line();
    other.request(&json!({"cmd":"set","key":"k","args":[large(7)]}));
    // 1,000 replies of 32 KiB, of which it reads none yet.
    let gets = "{\"cmd\":\"get\",\"key\":\"k\"}\n".repeat(1000);
    client.send_raw(gets.as_bytes());
    thread::sleep(Duration::from_millis(200));
    assert!(metric(&hyrax, "hyrax_queue_bytes") < 2 * 1024 * 1024);
    other.request(&json!({"cmd":"ping"}));
    for _ in 0..1000 {
        assert_eq!(client.reply()["return"], large(7));
    }
}

#[test]
fn a_websocket_that_reads_again_is_reset_too() {
    let hyrax = Hyrax::start(&["--queue-bytes", "1MiB", "--half-open", "20s"]);
    let mut slow = WebSocketClient::connect(hyrax.address());
    slow.send_text(r#"{"cmd":"madd","key":"busy"}"#);
    assert_eq!(slow.reply()["return"], "OK");
    let mut other = hyrax.line();
    let mut slowest = Duration::ZERO;
    for number in 0..600 {
        let asked = Instant::now();
        other.request(&json!({"cmd":"set","key":"busy","args":[large(number)]}));
        slowest = slowest.max(asked.elapsed());
    }
    assert!(slowest < Duration::from_millis(500), "another client waited {slowest:?}");
    let reset = loop {
        let push = slow.push();
        if push["cmd"] == "mreset" {
            break push;
        }
    };
    assert_eq!(reset["value"], large(599));
    other.request(&json!({"cmd":"set","key":"busy","args":["after"]}));
    assert_eq!(slow.push()["args"], json!(["after"]));
    assert_eq!(metric(&hyrax, "hyrax_queue_bytes"), 0);
}

#[test]
fn a_slow_client_holds_up_no_other_monitor_of_the_key() {
    let hyrax = Hyrax::start(&["--queue-bytes", "1MiB"]);
    let mut slow = with_small_buffer(hyrax.address());
    let mut quick = hyrax.line();
    for client in [&mut slow, &mut quick] {
        client.request(&json!({"cmd":"madd","key":"busy"}));
    }
    let mut writer = hyrax.line();
    let mut slowest = Duration::ZERO;
    for number in 0..600 {
        let asked = Instant::now();
        writer.request(&json!({"cmd":"set","key":"busy","args":[large(number)]}));
        assert_eq!(quick.push()["args"][0], large(number));
        slowest = slowest.max(asked.elapsed());
    }
    assert!(slowest < Duration::from_millis(500), "a push was under way for {slowest:?}");
    // And its end is no burden either.
    drop(slow);
    writer.request(&json!({"cmd":"set","key":"busy","args":["after"]}));
    assert_eq!(quick.push()["args"], json!(["after"]));
}
