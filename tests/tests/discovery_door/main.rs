//! The discovery door of a running `hyrax`: Hound Dog's document, and what it leaves open.

mod access;
mod bad_input;
mod document;
mod endings;
mod foreign;
mod nodes;
mod openapi;

use std::net::SocketAddr;

use hyrax_tests::http;
use serde_json::Value;

/// The nodes of a service, as the door lists them.
fn nodes(address: SocketAddr, service: &str) -> Value {
    http::get(address, &format!("/etcd/services/{service}"), &[]).json()["services"].clone()
}

/// Waits until `holds`; panics with `what` when it does not.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !holds() {
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "it never came that {what}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}
