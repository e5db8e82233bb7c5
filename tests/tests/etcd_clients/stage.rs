//! Two servers, and programs that are run against each.

use std::net::SocketAddr;

use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Etcd;

/// Does the same to an etcd and to a Hyrax, and answers what came of it, in this order.
pub fn on_both<T>(mut act: impl FnMut(SocketAddr) -> T) -> [T; 2] {
    let data = tempfile::tempdir().expect("a temporary folder can be made");
    let data = data.path().join("data");
    let etcd = Etcd::start();
    let hyrax = Hyrax::start(&["--data-dir", data.to_str().expect("a temporary folder's name is text")]);
    [act(etcd.address()), act(hyrax.address())]
}
