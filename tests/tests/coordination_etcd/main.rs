//! Coordination over an etcd: a real one, and a Hyrax server's own door.

mod conformance;
mod stage;
