//! `hyrax etcd2` beside `etcdctl` with `ETCDCTL_API=2`, each on an etcd of its own: the same command lines, the same
//! output, errors and exit codes. And `hyrax import etcd2`, from an etcd to a Hyrax.

mod import;
mod lines;
mod program;
mod watching;
