//! The client library of Hyrax: for the server itself, and for the etcd and the Redis that it can stand on.

pub mod etcd_v2;
