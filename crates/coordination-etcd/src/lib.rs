//! Coordination over a real etcd, or over anything that speaks its v3 API.
