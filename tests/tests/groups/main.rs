//! Groups, locks and assignments beyond one server: several that share an etcd, and client processes that talk to an
//! etcd or to a Hyrax.

mod clients;
mod nodes;
