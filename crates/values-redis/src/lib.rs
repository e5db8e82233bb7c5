//! Live values over Redis, one server or a cluster.
