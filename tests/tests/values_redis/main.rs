//! Live values over real Redis.

mod conformance;
