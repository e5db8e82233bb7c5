//! npm's node-etcd, with a script of what its users do.

use std::net::SocketAddr;
use std::process::Command;

use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Etcd;
use hyrax_tests::programs::{installed, output_of, scripts};

#[test]
fn npms_node_etcd_works() {
    let told = |address: SocketAddr| {
        let mut command = Command::new("node");
        command.env("NODE_PATH", installed("node_modules")).arg(scripts().join("node_etcd.js"));
        output_of(command.args([address.ip().to_string(), address.port().to_string()]))
    };
    let (etcd, hyrax) = (Etcd::start(), Hyrax::start(&[]));
    let expected = told(etcd.address());
    assert_eq!(expected.lines().count(), 8, "{expected}");
    assert_eq!(told(hyrax.address()), expected);
}
