//! Clients of other languages, each with a script of what its users do, and the Rust `etcd-client` crate with a program
//! of its own.

use std::net::SocketAddr;
use std::process::Command;

use hyrax_tests::programs::{installed, output_of, scripts};

use super::stage::on_both;

/// Has both servers used, and compares what was told. Every part that held is a line.
fn check(parts: usize, command: impl Fn(SocketAddr) -> Command) {
    let [etcd, hyrax] = on_both(|address| output_of(&mut command(address)));
    assert_eq!(hyrax, etcd);
    assert_eq!(hyrax.lines().count(), parts, "{hyrax}");
}

fn python(script: &'static str) -> impl Fn(SocketAddr) -> Command {
    move |address| {
        let mut command = Command::new(installed("python/bin/python"));
        command.arg(scripts().join(script)).args([address.ip().to_string(), address.port().to_string()]);
        command
    }
}

#[test]
fn pythons_etcd3_works() {
    check(8, python("etcd3_py.py"));
}

#[test]
fn pythons_etcd3gw_works_over_json() {
    check(7, python("etcd3gw_py.py"));
}

#[test]
fn npms_etcd3_works() {
    check(8, |address| {
        let mut command = Command::new("node");
        command.env("NODE_PATH", installed("node_modules")).arg(scripts().join("etcd3.js"));
        command.args([address.ip().to_string(), address.port().to_string()]);
        command
    });
}

#[test]
fn rusts_etcd_client_works() {
    check(9, |address| {
        let mut command = Command::new(installed("etcd_client/debug/etcd-client-script"));
        command.arg(address.to_string());
        command
    });
}
