//! Coordination over Redis, and Hyrax servers that share one.

mod conformance;
mod stage;
