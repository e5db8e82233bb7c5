//! etcd's own clients and tools use Hyrax as they use etcd.
//!
//! What a client does is done to a real etcd too: a test that asks for what etcd does not do is wrong itself.

mod etcdctl;
mod line_door;
mod scripts;
mod stage;
