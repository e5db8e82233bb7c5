//! Clients of etcd's v2 API use Hyrax as they use etcd.
//!
//! What a client does is done to a real etcd too: a test that asks for what etcd does not do is wrong itself.

mod etcdctl;
mod node_etcd;
mod python_etcd;
