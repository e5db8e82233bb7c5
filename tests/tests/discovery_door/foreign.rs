//! Clients of etcd's see what is registered here, and what they write is listed and told.

use std::process::Command;
use std::time::Duration;

use hyrax_tests::http;
use hyrax_tests::hyrax::{DiscoverySocket, Hyrax};
use hyrax_tests::programs::output_of;
use serde_json::json;

use crate::nodes;

fn etcdctl(hyrax: &Hyrax, words: &[&str]) -> String {
    let mut command = Command::new("etcdctl");
    command.env("ETCDCTL_API", "3").arg(format!("--endpoints={}", hyrax.address())).args(words);
    output_of(&mut command)
}

#[test]
fn what_etcdctl_writes_is_listed_and_told() {
    let hyrax = Hyrax::start(&[]);
    let mut monitor = DiscoverySocket::monitor(hyrax.address(), "engine");
    etcdctl(&hyrax, &["put", "service/engine/192.168.10.3", "192.168.10.3:80"]);
    assert_eq!(monitor.told(), "engine PUT 192.168.10.3:80");
    assert_eq!(nodes(hyrax.address(), "engine"), json!([{"ip":"192.168.10.3","port":80}]));
    assert_eq!(http::get(hyrax.address(), "/etcd/services", &[]).json(), json!({"services":["engine"]}));
    etcdctl(&hyrax, &["put", "service/engine/junk", "no node"]);
    etcdctl(&hyrax, &["del", "service/engine/192.168.10.3"]);
    assert_eq!(monitor.told(), "engine DELETE");
    let lease = etcdctl(&hyrax, &["lease", "grant", "1"]);
    let lease = lease.split(' ').nth(1).unwrap();
    let leased = format!("--lease={lease}");
    etcdctl(&hyrax, &["put", &leased, "service/engine/192.168.10.4:80", "192.168.10.4:80"]);
    assert_eq!(monitor.told(), "engine PUT 192.168.10.4:80");
    assert_eq!(monitor.told(), "engine EXPIRE");
    assert_eq!(monitor.told_until_quiet(Duration::from_millis(100)), [""; 0]);
}

#[test]
fn etcdctl_sees_what_is_registered_and_may_remove_it() {
    let hyrax = Hyrax::start(&[]);
    let mut engine = DiscoverySocket::register(hyrax.address(), "engine", "10.0.0.1:80", "");
    assert_eq!(engine.told(), "engine PUT 10.0.0.1:80");
    let listed = etcdctl(&hyrax, &["get", "--prefix", "service/"]);
    assert_eq!(listed, "service/engine/10.0.0.1:80\n10.0.0.1:80\n", "nodes and nothing else");
    etcdctl(&hyrax, &["del", "service/engine/10.0.0.1:80"]);
    assert_eq!(engine.told(), "engine DELETE");
}

#[test]
fn an_event_may_be_put_by_any_client() {
    let hyrax = Hyrax::start(&[]);
    let mut monitor = DiscoverySocket::monitor(hyrax.address(), "engine");
    let event = json!([{"event_type":"deploy","event_body":"x","services":["engine"]}, {"event_type":7}]);
    etcdctl(&hyrax, &["put", "service-events", &event.to_string()]);
    assert_eq!(monitor.told(), "event deploy x");
}
