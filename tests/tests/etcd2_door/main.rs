//! The etcd v2 door, from outside: beside a real etcd, and where there is none to compare with.

mod auth;
mod differential;
mod many;
mod modules;
mod waiting;
mod words;

use hyrax_tests::etcd2::Connection;
use hyrax_tests::hyrax::Hyrax;

/// A server, and a connection to it.
fn stage() -> (Hyrax, Connection) {
    let hyrax = Hyrax::start(&[]);
    let connection = Connection::open(hyrax.address());
    (hyrax, connection)
}
