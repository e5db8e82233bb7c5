//! Browsers' pages of other sites are kept out while nobody needs a secret.

use hyrax_tests::http;
use hyrax_tests::hyrax::Hyrax;
use serde_json::json;

use crate::secrets::hmac_sha1;

const FOREIGN: &str = "https://evil.example";

/// The status with which a WebSocket from this origin is answered.
fn upgrade(hyrax: &Hyrax, origin: &str) -> u16 {
    let headers = [
        ("Origin", origin),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    http::get(hyrax.address(), "/hyrax", &headers).status
}

/// The status and body with which a command from this origin is answered.
fn post(hyrax: &Hyrax, origin: &str, command: &serde_json::Value) -> http::Answer {
    http::post(hyrax.address(), "/hyrax", &[("Origin", origin)], command.to_string().as_bytes())
}

#[test]
fn a_foreign_origin_is_refused_while_auth_is_off() {
    let hyrax = Hyrax::start(&["--allowed-origin", "https://app.example"]);
    let set = json!({"cmd":"set","key":"foo","args":["v"]});
    for origin in
        [FOREIGN, "null", "http://localhost.evil.example", "http://app.example", "https://app.example:8443"]
    {
        assert_eq!(upgrade(&hyrax, origin), 403, "{origin}");
        let answer = post(&hyrax, origin, &set);
        assert_eq!(answer.status, 403, "{origin}");
        assert!(answer.json()["error"].as_str().unwrap().contains("allowed_origins"));
    }
    assert_eq!(hyrax.line().request(&json!({"cmd":"exists","key":"foo"}))["return"], 0);
    for origin in ["https://app.example", "http://localhost:3000", "http://127.0.0.1", "http://[::1]:8080"] {
        assert_eq!(upgrade(&hyrax, origin), 101, "{origin}");
        assert_eq!(post(&hyrax, origin, &set).status, 200, "{origin}");
    }
}

#[test]
fn with_auth_on_a_foreign_page_needs_the_secret_like_anybody() {
    let hyrax = Hyrax::start(&["--secret", "turtles"]);
    assert_eq!(upgrade(&hyrax, FOREIGN), 101);
    let mut set = json!({"cmd":"set","key":"foo","args":["v"]});
    assert_eq!(post(&hyrax, FOREIGN, &set).json()["error"], "auth failed");
    set["secret"] = hmac_sha1("turtles", "set", "foo", "").into();
    assert_eq!(post(&hyrax, FOREIGN, &set).json()["return"], "OK");
}

#[test]
fn whoever_speaks_for_others_never_has_sudo() {
    let hyrax = Hyrax::start(&[]);
    let command = json!({"command":"get-secret-keys"}).to_string();
    let answer =
        |headers: &[(&str, &str)]| http::post(hyrax.address(), "/hyrax", headers, command.as_bytes()).json();
    assert_eq!(answer(&[])["return"], json!([]));
    for header in [
        ("Origin", "http://localhost"),
        ("Forwarded", "for=192.0.2.1"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("x-forwarded-for", ""),
    ] {
        assert_eq!(answer(&[header])["error"], "not permitted", "{header:?}");
    }
}
