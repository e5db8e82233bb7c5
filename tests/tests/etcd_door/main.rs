//! The etcd v3 door of a running `hyrax`, over gRPC, beside a real etcd where that has the same to show.

mod access;
mod bytes;
mod library;
mod requests;
mod stage;
mod watches;
