//! The line door over HTTP: one command or package in a body, no session.

use hyrax_tests::http;
use hyrax_tests::hyrax::Hyrax;
use serde_json::{Value, json};

use crate::secrets::hmac_sha1;

/// Posts a text and gives what it is answered.
#[track_caller]
fn post(hyrax: &Hyrax, body: &str) -> Value {
    let answer = http::post(hyrax.address(), "/hyrax", &[], body.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[test]
fn commands_and_packages_of_both_dialects_are_answered() {
    let hyrax = Hyrax::start(&[]);
    assert_eq!(
        post(&hyrax, r#"{"cmd":"set","key":"d:i","args":["v"],"ref":1}"#),
        json!({"return":"OK","ref":1})
    );
    assert_eq!(
        post(&hyrax, "\r\n {\"command\":\"get\",\"payload\":{\"domain\":\"d\",\"id\":\"i\"}}\n"),
        json!({"command":"get","return":"v"})
    );
    assert_eq!(
        post(&hyrax, r#"[{"cmd":"get","key":"d:i"},{"cmd":"incr","key":"n"}]"#),
        json!([{"return":"v"},{"return":1}])
    );
    assert_eq!(post(&hyrax, r#"{"cmd":"ecard","key":"e"}"#), json!({"return":0}));
}

#[test]
fn changes_are_pushed_to_those_who_have_a_session() {
    let hyrax = Hyrax::start(&[]);
    let mut monitor = hyrax.line();
    monitor.request(&json!({"cmd":"madd","key":"foo"}));
    post(&hyrax, r#"{"cmd":"set","key":"foo","args":["v"],"id":"poster"}"#);
    let push = monitor.push();
    assert_eq!((&push["cmd"], &push["id"]), (&json!("set"), &json!("poster")));
}

#[test]
fn what_a_session_would_own_is_refused_and_changes_nothing() {
    let hyrax = Hyrax::start(&[]);
    for command in [
        json!({"cmd":"madd","key":"foo"}),
        json!({"cmd":"mrem","key":"foo"}),
        json!({"cmd":"madd","key":"foo","since":0}),
        json!({"cmd":"mprefix","key":"foo"}),
        json!({"cmd":"mlocal"}),
        json!({"cmd":"mglobal"}),
        json!({"cmd":"eadd","key":"foo","id":"x"}),
        json!({"cmd":"eaddq","key":"foo","id":"x"}),
        json!({"cmd":"erem","key":"foo"}),
        json!({"command":"mon","payload":[{"id":"foo"}]}),
        json!({"command":"emon","payload":[{"id":"foo"}]}),
        json!({"command":"eadd","payload":[{"id":"foo","name":"x"}]}),
    ] {
        let reply = post(&hyrax, &command.to_string());
        assert!(reply["error"].as_str().unwrap().contains("TCP or a WebSocket"), "{command}: {reply}");
    }
    assert_eq!(post(&hyrax, r#"{"cmd":"ecard","key":"foo"}"#), json!({"return":0}));
}

#[test]
fn bad_bodies_name_what_is_wrong() {
    let hyrax = Hyrax::start(&["--max-frame", "64KiB"]);
    for (body, about) in [
        (&b""[..], "empty"),
        (b" \n", "empty"),
        (b"{", "not JSON"),
        (b"{\"cmd\":\"get\"}{}", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b"{\"cmd\":\"nonsense\"}", "unknown command"),
    ] {
        let answer = http::post(hyrax.address(), "/hyrax", &[], body);
        assert!(answer.json()["error"].as_str().unwrap().contains(about), "{answer:?}");
    }
    let answer = http::post(hyrax.address(), "/hyrax", &[], &vec![b' '; 65 * 1024]);
    assert_eq!(answer.status, 413);
    assert!(answer.json()["error"].as_str().unwrap().contains("max_frame"));
}

#[test]
fn writes_need_a_secret_or_an_operator() {
    let hyrax = Hyrax::start(&["--secret", "turtles", "--operator", "ann:hush", "--sudo", "192.0.2.1"]);
    let set = json!({"cmd":"set","key":"foo","args":["v"]}).to_string();
    let secret = hmac_sha1("turtles", "set", "foo", "");
    let signed = json!({"cmd":"set","key":"foo","args":["v"],"secret":secret}).to_string();
    assert_eq!(post(&hyrax, &set)["error"], "auth failed");
    assert_eq!(post(&hyrax, &signed)["return"], "OK");
    // ann:hush, ann:wrong
    for (credentials, permitted) in [("YW5uOmh1c2g=", true), ("YW5uOndyb25n", false)] {
        let header = format!("Basic {credentials}");
        let answer = http::post(hyrax.address(), "/hyrax", &[("Authorization", &header)], set.as_bytes());
        assert_eq!(answer.status == 200 && answer.json()["return"] == "OK", permitted, "{answer:?}");
    }
    let answer = http::post(hyrax.address(), "/hyrax", &[("Authorization", "Digest x")], set.as_bytes());
    assert_eq!(answer.status, 401);
}
