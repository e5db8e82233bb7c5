//! etcd's JSON gateway: the same requests at a real etcd and at `hyrax` are answered the same, byte by byte.

mod access;
mod etcdctl;
mod exchange;
mod locks;
mod requests;
mod streams;
