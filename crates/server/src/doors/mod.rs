//! The doors: a wire format each, in front of one core.

pub mod carrier;
pub mod discovery;
pub mod etcd2;
pub mod etcd3;
pub mod line;
pub mod resp;
