//! Who may read and write, where somebody is configured who may.

use hyrax_tests::etcd2::{Connection, Response};
use hyrax_tests::hyrax::Hyrax;

/// `ann:pw` and `ann:no`.
const ANN: &str = "Authorization: Basic YW5uOnB3\r\n";
const WRONG: &str = "Authorization: Basic YW5uOm5v\r\n";

const UNAUTHORIZED: &str = "{\"errorCode\":110,\"message\":\"The request requires user authentication\",\
                            \"cause\":\"Insufficient credentials\",\"index\":0}\n";

fn ask(connection: &mut Connection, method: &str, target: &str, headers: &str) -> Response {
    connection.send(method, target, headers, b"");
    connection.read(method).unwrap()
}

#[test]
fn who_may_not_write_is_told_so_and_changes_nothing() {
    let hyrax = Hyrax::start(&["--operator", "ann:pw"]);
    let mut connection = Connection::open(hyrax.address());
    for (method, target) in [
        ("PUT", "/v2/keys/a?value=1"),
        ("POST", "/v2/keys/a?value=1"),
        ("DELETE", "/v2/keys/a"),
        ("POST", "/mod/v2/lock/a?ttl=5"),
        ("PUT", "/mod/v2/leader/a?ttl=5&name=x"),
    ] {
        for headers in ["", WRONG, "Authorization: Basic ?\r\n", "Authorization: Digest x\r\n"] {
            let refused = ask(&mut connection, method, target, headers);
            assert_eq!(
                (refused.status, refused.text()),
                (401, UNAUTHORIZED.into()),
                "{method} {target} {headers}"
            );
        }
    }
    assert_eq!(ask(&mut connection, "GET", "/v2/keys/a", "").status, 404, "reading needs nothing here");
    assert_eq!(
        ask(&mut connection, "GET", "/v2/keys/a", WRONG).status,
        401,
        "but what is shown must be right"
    );
    assert_eq!(ask(&mut connection, "PUT", "/v2/keys/a?value=1", ANN).status, 201);
    assert_eq!(ask(&mut connection, "GET", "/v2/keys/a", "").status, 200);
    let member = ask(&mut connection, "DELETE", "/v2/members/1", "");
    assert_eq!((member.status, member.text()), (401, "{\"message\":\"Insufficient credentials\"}".into()));
    assert_eq!(ask(&mut connection, "DELETE", "/v2/members/1", ANN).status, 404);
    assert_eq!(ask(&mut connection, "GET", "/v2/auth/enable", "").text(), "{\"enabled\":true}\n");
}

#[test]
fn who_may_not_read_is_told_so() {
    let hyrax = Hyrax::start(&["--operator", "ann:pw", "--secret", "turtles", "--anonymous-read=false"]);
    let mut connection = Connection::open(hyrax.address());
    for target in ["/v2/keys", "/v2/keys/a?wait=true", "/mod/v2/lock/a"] {
        assert_eq!(ask(&mut connection, "GET", target, "").text(), UNAUTHORIZED, "{target}");
    }
    assert_eq!(ask(&mut connection, "GET", "/v2/keys", ANN).status, 200);
    let secret = "Authorization: Bearer turtles\r\n";
    assert_eq!(ask(&mut connection, "PUT", "/v2/keys/a?value=1", secret).status, 201, "a secret may write");
    assert_eq!(ask(&mut connection, "POST", "/v2/members", secret).status, 401, "but not administer");
}
