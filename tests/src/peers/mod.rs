//! The real servers, started for one test on free loopback ports and gone when it ends.
//!
//! They are Debian's programs, which `cargo xtask test` installs where they are missing.

mod etcd;
mod etcd_cluster;
mod ports;
mod process;
mod redis;
mod redis_cluster;

pub use etcd::Etcd;
pub use etcd_cluster::EtcdCluster;
pub use ports::on_free_ports;
pub use process::Process;
pub use redis::Redis;
pub use redis_cluster::RedisCluster;
