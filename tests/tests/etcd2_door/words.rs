//! Pages beside the keys, and what has no end in etcd, as etcd has them.

use hyrax_tests::etcd2::{Connection, Response};
use hyrax_tests::peers::Etcd;

use super::stage;

/// Both servers' answers.
fn both(method: &str, target: &str, form: &str) -> (Response, Response) {
    let etcd = Etcd::start();
    let (_hyrax, mut connection) = stage();
    let expected = Connection::open(etcd.address()).ask(method, target, form);
    (expected, connection.ask(method, target, form))
}

fn check_equal(method: &str, target: &str) {
    let (expected, found) = both(method, target, "");
    assert_eq!((found.status, found.text()), (expected.status, expected.text()), "{method} {target}");
    for name in ["content-type", "allow", "x-content-type-options"] {
        assert_eq!(found.header(name), expected.header(name), "{method} {target}: {name}");
    }
}

#[test]
fn what_is_not_there_is_told_as_etcd_tells_it() {
    for target in ["/v2/nowhere", "/v2/stats/", "/v2/stats/x", "/v2/machines/x", "/v2/members/x"] {
        check_equal("GET", target);
    }
    check_equal("PUT", "/v2/stats/self");
    check_equal("PUT", "/v2/machines");
    check_equal("HEAD", "/v2/members");
    check_equal("POST", "/v2/members");
    check_equal("DELETE", "/v2/members/123");
    check_equal("DELETE", "/v2/members");
    check_equal("GET", "/v2/auth/enable");
}

#[test]
fn a_path_that_can_not_be_decoded_is_no_request() {
    let (expected, found) = both("GET", "/v2/keys/%zz", "");
    // etcd's has no length, and ends with the connection.
    assert_eq!((found.status, found.text()), (expected.status, "400 Bad Request".into()));
}

#[test]
fn who_serves_is_told_with_etcds_fields() {
    let (hyrax, mut connection) = stage();
    let url = format!("http://{}", hyrax.address());
    assert_eq!(connection.ask("GET", "/v2/machines", "").text(), url);
    let members: serde_json::Value =
        serde_json::from_str(&connection.ask("GET", "/v2/members", "").text()).unwrap();
    assert_eq!(members["members"][0]["clientURLs"][0], url);
    let leader: serde_json::Value =
        serde_json::from_str(&connection.ask("GET", "/v2/members/leader", "").text()).unwrap();
    assert_eq!(leader, members["members"][0]);
    let own: serde_json::Value =
        serde_json::from_str(&connection.ask("GET", "/v2/stats/self", "").text()).unwrap();
    assert_eq!((&own["state"], &own["id"]), (&"StateLeader".into(), &leader["id"]));
    let followers = connection.ask("GET", "/v2/stats/leader", "").text();
    assert_eq!(followers, format!("{{\"leader\":{},\"followers\":{{}}}}", leader["id"]));
    let version = connection.ask("GET", "/version", "").text();
    assert!(version.contains("\"etcdserver\":\"3."), "{version}");
}

#[test]
fn what_is_done_is_counted() {
    let (_hyrax, mut connection) = stage();
    for (method, target, form) in [
        ("PUT", "/v2/keys/a", "value=1"),
        ("PUT", "/v2/keys/a", "dir=true&prevExist=false"),
        ("PUT", "/v2/keys/a", "value=2&prevExist=true"),
        ("PUT", "/v2/keys/b", "value=2&prevExist=true"),
        ("PUT", "/v2/keys/a", "value=3&prevValue=2"),
        ("PUT", "/v2/keys/a", "value=3&prevValue=2"),
        ("POST", "/v2/keys/q", "value=1"),
        ("GET", "/v2/keys/a", ""),
        ("GET", "/v2/keys/b", ""),
        ("DELETE", "/v2/keys/a?prevValue=2", ""),
        ("DELETE", "/v2/keys/a?prevValue=3", ""),
        ("DELETE", "/v2/keys/a", ""),
        ("DELETE", "/v2/keys/q?recursive=true", ""),
    ] {
        connection.ask(method, target, form);
    }
    let counted = stats(&mut connection);
    let counts: Vec<_> = counted.iter().map(|(_, count)| *count).collect();
    assert_eq!(counts, [1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0], "{counted:?}");
    let names = |counted: Vec<(String, u64)>| counted.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let etcd = Etcd::start();
    assert_eq!(names(counted), names(stats(&mut Connection::open(etcd.address()))));
}

/// The counts, in order.
fn stats(connection: &mut Connection) -> Vec<(String, u64)> {
    let text = connection.ask("GET", "/v2/stats/store", "").text();
    let pairs = text.trim_matches(['{', '}']).split(',').map(|pair| pair.split_once(':').unwrap());
    pairs.map(|(name, count)| (name.to_owned(), count.parse().unwrap())).collect()
}

#[test]
fn a_time_to_live_is_told_and_comes() {
    let (_hyrax, mut connection) = stage();
    let set = connection.ask("PUT", "/v2/keys/t", "value=1&ttl=1").text();
    assert!(set.contains("\"ttl\":1,") && set.contains("\"expiration\":\"20"), "{set}");
    let directory = connection.ask("PUT", "/v2/keys/d?dir=true&ttl=1", "");
    assert_eq!(directory.status, 201);
    connection.ask("PUT", "/v2/keys/d/below", "value=1");
    let target = format!("/v2/keys/d?wait=true&waitIndex={}", directory.index() + 1);
    let expired = connection.ask("GET", &target, "").text();
    assert!(
        expired.starts_with("{\"action\":\"expire\",\"node\":{\"key\":\"/d\",\"dir\":true,"),
        "{expired}"
    );
    assert_eq!(connection.ask("GET", "/v2/keys/d/below", "").status, 404);
    assert_eq!(connection.ask("GET", "/v2/keys/t", "").status, 404);
}

#[test]
fn a_body_that_is_too_long_is_refused() {
    let (hyrax, mut connection) = stage();
    let value = "x".repeat(1_000_000);
    assert_eq!(connection.ask("PUT", "/v2/keys/long", &format!("value={value}")).status, 201);
    let refused = connection.ask("PUT", "/v2/keys/long", &format!("value={}", "x".repeat(4_000_000)));
    assert_eq!(refused.status, 413);
    assert!(refused.text().contains("\"errorCode\":210"), "{}", refused.text());
    let mut connection = Connection::open(hyrax.address());
    assert!(connection.ask("GET", "/v2/keys/long", "").text().contains(&value));
    let deep = connection.ask("PUT", &format!("/v2/keys{}", "/a".repeat(51)), "value=1");
    assert!(deep.status == 400 && deep.text().contains("\"errorCode\":209"), "{}", deep.text());
}

#[test]
fn a_page_of_another_site_changes_nothing() {
    let (_hyrax, mut connection) = stage();
    connection.send("PUT", "/v2/keys/a?value=1", "Origin: http://evil.example\r\n", b"");
    assert_eq!(connection.read("PUT").unwrap().status, 403);
    assert_eq!(connection.ask("GET", "/v2/keys/a", "").status, 404);
}
