//! Coordination over an etcd: a real one, and a Hyrax server's own door; and Hyrax servers that share one.

mod conformance;
mod faults;
mod nodes;
mod security;
mod stage;
