//! Hyrax servers that share one Redis.

use std::time::{Duration, Instant};

use hyrax_tests::etcd::differential::{Campaign, Mix};
use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::{Etcd, Redis};
use hyrax_tests::{cases, etcd2};
use serde_json::json;

fn node(redis: &Redis, flags: &[&str]) -> Hyrax {
    let url = format!("redis://{}", redis.address());
    Hyrax::start(&[&["--coordination", &url], flags].concat())
}

#[test]
fn a_node_that_dies_is_told_to_monitors_on_others_and_its_locks_are_free() {
    let redis = Redis::start();
    let (mut a, b) = (node(&redis, &["--node-lease", "3s"]), node(&redis, &["--node-lease", "3s"]));
    let (mut client, mut monitor) = (a.line(), b.line());
    monitor.request(&json!({"cmd":"madd","key":"room"}));
    assert_eq!(client.request(&json!({"cmd":"eadd","key":"room","id":"ann"})), json!({"return":"OK"}));
    assert_eq!(monitor.push()["cmd"], "eadd");
    let token =
        client.request(&json!({"cmd":"lock","key":"l","id":"ann"}))["return"].as_u64().expect("a token");
    a.kill();
    let began = Instant::now();
    let push = monitor.push();
    assert_eq!((&push["cmd"], &push["cause"]), (&json!("eclose"), &json!("node-lost")));
    assert!(began.elapsed() < Duration::from_secs(3 + 2), "{:?}", began.elapsed());
    let overtaken = monitor.request(&json!({"cmd":"lock","key":"l","id":"bob","args":{"timeout":10}}));
    assert!(overtaken["return"].as_u64().is_some_and(|next| next > token), "{overtaken}");
}

#[test]
fn status_tells_that_a_redis_promises_less() {
    let redis = Redis::start();
    let mut told =
        node(&redis, &[]).line().request(&json!({"cmd":"status"}))["return"]["coordination"].clone();
    assert!(told["revision"].take().as_u64().is_some_and(|revision| revision > 0));
    let expected =
        json!({"engine":"redis","revision":null,"linearizable":false,"durable":false,"fencing":"weak"});
    assert_eq!(told, expected);
}

#[test]
fn random_requests_are_answered_as_by_an_etcd() {
    let etcd = Etcd::start();
    for (seed, mix) in [Mix::KEYS, Mix::TRANSACTIONS, Mix::LEASES, Mix::WATCHES].into_iter().enumerate() {
        let redis = Redis::start();
        let hyrax = node(&redis, &[]);
        let campaign = Campaign { seed: cases::seed(seed as u64), calls: cases::count(1_000), mix };
        campaign.must_agree(("etcd", etcd.address()), ("hyrax", hyrax.address()));
    }
}

#[test]
fn random_requests_of_the_older_api_are_answered_as_by_an_etcd() {
    let (etcd, redis) = (Etcd::start(), Redis::start());
    let hyrax = node(&redis, &[]);
    let campaign = etcd2::Campaign { seed: cases::seed(5), requests: cases::count(1_500) };
    let mut answering = etcd2::Server::connect("hyrax", hyrax.address());
    campaign.must_agree(&mut etcd2::Server::connect("etcd", etcd.address()), &mut answering);
}
