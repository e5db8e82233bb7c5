//! Who may use the gateway.

use hyrax_tests::hyrax::Hyrax;

use crate::exchange::{Server, base64};

const PUT: &str = r#"{"key":"YQ==","value":"YQ=="}"#;

#[test]
fn a_writer_shows_a_password_or_a_token() {
    let hyrax = Hyrax::start(&["--operator", "root:hunter2"]);
    let server = Server::at(hyrax.address());
    let put = |headers: &str| server.send("POST", "/v3/kv/put", headers, PUT).status;
    assert_eq!(put(""), 400, "etcd's words: the user name is empty");
    assert_eq!(put("Authorization: wrong\r\n"), 401);
    assert_eq!(put(&format!("Authorization: Basic {}\r\n", base64("root:wrong"))), 401);
    assert_eq!(put(&format!("Authorization: Basic {}\r\n", base64("root:hunter2"))), 200);
    let answer = server.post("/v3/auth/authenticate", r#"{"name":"root","password":"hunter2"}"#);
    let token = answer.body.rsplit("\"token\":\"").next().and_then(|rest| rest.split('"').next()).unwrap();
    assert_eq!(put(&format!("Authorization: {token}\r\n")), 200, "as etcd's clients send it");
    assert_eq!(put(&format!("Authorization: Bearer {token}\r\n")), 200);
    let refused = server.post("/v3/auth/authenticate", r#"{"name":"root","password":"wrong"}"#);
    assert!(refused.body.contains("authentication failed, invalid user ID or password"), "{refused:?}");
    for (path, body) in [
        ("lock/lock", r#"{"name":"YQ==","lease":"1"}"#),
        ("election/campaign", r#"{"name":"YQ==","lease":"1"}"#),
        ("lease/grant", r#"{"TTL":"5"}"#),
    ] {
        assert_eq!(server.post(&format!("/v3/{path}"), body).status, 400, "{path}");
    }
}

#[test]
fn a_page_from_elsewhere_is_refused_while_nobody_needs_a_password() {
    let hyrax = Hyrax::start(&[]);
    let server = Server::at(hyrax.address());
    let from = |origin: &str| server.send("POST", "/v3/kv/put", &format!("Origin: {origin}\r\n"), PUT).status;
    assert_eq!(from("https://evil.example"), 403);
    assert_eq!(from("http://localhost:3000"), 200);
}

#[test]
fn the_servers_own_keys_are_not_there() {
    let hyrax = Hyrax::start(&[]);
    let server = Server::at(hyrax.address());
    let own = base64("\0hyrax/x");
    assert_eq!(server.post("/v3/kv/put", &format!(r#"{{"key":"{own}"}}"#)).status, 403);
    assert_eq!(server.post("/v3/lock/lock", &format!(r#"{{"name":"{own}"}}"#)).status, 403);
    let leader = format!(r#"{{"leader":{{"name":"{own}","key":"{own}","rev":"1"}},"value":"eA=="}}"#);
    assert_eq!(server.post("/v3/election/proclaim", &leader).status, 403);
    assert!(!server.post("/v3/kv/range", r#"{"key":"AA==","range_end":"AA=="}"#).body.contains("kvs"));
}
