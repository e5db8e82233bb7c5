//! Coordination over Redis, and Hyrax servers that share one.

mod conformance;
mod faults;
mod nodes;
mod stage;
