//! The Lock and Election services as JSON.

use std::thread;

use crate::exchange::{Both, Lines, base64};

#[test]
fn a_lock_is_taken_by_a_lease_and_given_up_by_its_key() {
    let both = Both::start();
    both.agree("/v3/lease/grant", r#"{"TTL":"600","ID":"31"}"#);
    both.agree("/v3/lease/grant", r#"{"TTL":"600","ID":"32"}"#);
    let answer = both.agree("/v3/lock/lock", r#"{"name":"am9icw==","lease":"31"}"#);
    assert!(answer.body.ends_with(&format!(r#""key":"{}"}}"#, base64("jobs/1f"))), "{answer:?}");
    both.agree("/v3/lock/lock", r#"{"name":"am9icw==","lease":31}"#);
    both.agree("/v3/lock/lock", r#"{"name":"am9icw==","lease":"99"}"#);
    thread::scope(|scope| {
        let waiting = both.servers.each_ref().map(|server| {
            scope.spawn(|| server.post("/v3/lock/lock", r#"{"name":"am9icw==","lease":"32"}"#))
        });
        thread::sleep(crate::exchange::QUIET);
        assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
        both.agree("/v3/lock/unlock", &format!(r#"{{"key":"{}"}}"#, base64("jobs/1f")));
        let [etcd, hyrax] = waiting.map(|waiting| waiting.join().unwrap());
        assert_eq!(hyrax, etcd);
    });
    both.agree("/v3/lock/unlock", "{}");
    both.agree("/v3/lock/unlock", r#"{"key":"bm9wZQ=="}"#);
    both.agree("/v3/kv/range", r#"{"key":"am9icy8=","range_end":"am9iczA="}"#);
}

#[test]
fn a_lock_without_a_lease_is_given_one() {
    let both = Both::start();
    for server in &both.servers {
        let answer = server.post("/v3/lock/lock", r#"{"name":"am9icw=="}"#);
        assert_eq!(answer.status, 200, "{answer:?}");
        let leases = server.post("/v3/lease/leases", "{}").body;
        assert_eq!(leases.matches(r#""ID":""#).count(), 1, "{leases}");
    }
}

#[test]
fn a_waiter_that_goes_leaves_the_queue() {
    let both = Both::start();
    for id in [31, 32, 33] {
        both.agree("/v3/lease/grant", &format!(r#"{{"TTL":"600","ID":"{id}"}}"#));
    }
    both.agree("/v3/lock/lock", r#"{"name":"am9icw==","lease":"31"}"#);
    let gone = both
        .servers
        .each_ref()
        .map(|server| server.stream("/v3/lock/lock", r#"{"name":"am9icw==","lease":"32"}"#));
    thread::sleep(crate::exchange::QUIET);
    drop(gone);
    thread::sleep(crate::exchange::QUIET);
    let left = both.agree("/v3/kv/range", r#"{"key":"am9icy8=","range_end":"am9iczA=","count_only":true}"#);
    assert!(left.body.ends_with(r#""count":"1"}"#), "{left:?}");
}

#[test]
fn an_election_is_campaigned_proclaimed_resigned_and_observed() {
    let both = Both::start();
    for id in [31, 32] {
        both.agree("/v3/lease/grant", &format!(r#"{{"TTL":"600","ID":"{id}"}}"#));
    }
    both.agree("/v3/election/leader", r#"{"name":"Ym9zcw=="}"#);
    let observing = r#"{"name":"Ym9zcw=="}"#;
    let mut lines = both.servers.each_ref().map(|server| server.stream("/v3/election/observe", observing));
    thread::sleep(crate::exchange::QUIET);
    both.agree("/v3/election/campaign", r#"{"name":"Ym9zcw==","lease":"31","value":"YW5u"}"#);
    let [etcd, hyrax] = lines.each_mut().map(Lines::next);
    assert_eq!(hyrax, etcd);
    both.agree("/v3/election/campaign", r#"{"name":"Ym9zcw==","lease":"31","value":"YW5uIQ=="}"#);
    let [etcd, hyrax] = lines.each_mut().map(Lines::next);
    assert_eq!(hyrax, etcd);
    both.agree("/v3/election/leader", observing);
    let leader =
        format!(r#"{{"name":"Ym9zcw==","key":"{}","rev":"{{+1}}","lease":"31"}}"#, base64("boss/1f"));
    both.agree("/v3/election/proclaim", &format!(r#"{{"leader":{leader},"value":"eA=="}}"#));
    let [etcd, hyrax] = lines.each_mut().map(Lines::next);
    assert_eq!(hyrax, etcd);
    let late = leader.replace("{+1}", "{+9}");
    both.agree("/v3/election/proclaim", &format!(r#"{{"leader":{late},"value":"eA=="}}"#));
    both.agree("/v3/election/resign", &format!(r#"{{"leader":{late}}}"#));
    both.agree("/v3/election/resign", &format!(r#"{{"leader":{leader}}}"#));
    both.agree("/v3/election/leader", observing);
    both.agree("/v3/election/campaign", r#"{"name":"Ym9zcw==","lease":"32","value":"Ym9i"}"#);
    let [etcd, hyrax] = lines.each_mut().map(Lines::next);
    assert_eq!(hyrax, etcd);
    for (path, body) in [
        ("proclaim", "{}"),
        ("resign", "{}"),
        ("proclaim", r#"{"leader":{}}"#),
        ("resign", r#"{"leader":{}}"#),
        ("campaign", r#"{"name":"Ym9zcw==","lease":"99"}"#),
    ] {
        both.agree(&format!("/v3/election/{path}"), body);
    }
}
