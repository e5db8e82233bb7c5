//! What is measured over etcd's v2 API, and its numbers.

use std::fmt;

use super::super::case::{Grouped, Sizes};

/// Clients where nothing else is said: one, some, and many.
const CLIENTS: [u64; 3] = [1, 16, 128];
/// Bytes of a value where nothing else is said.
const VALUE_BYTES: usize = 256;
/// Keys that are written and read at random. They are written one by one before they are read.
const KEYS: u64 = 10_000;
const WAITERS: u64 = 1_000;

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Etcd2Case {
    /// Clients put random keys, one request at a time each.
    Put { clients: u64, keys: u64 },
    /// The same, reading.
    Get { clients: u64, keys: u64 },
    /// The same, writing what has the value that it is told to have.
    Cas { clients: u64, keys: u64 },
    /// Many wait for one key, which is put, and are answered.
    Wait { waiters: u64 },
}

impl Etcd2Case {
    /// The cases of `etcd2-put`, `etcd2-get` or `etcd2-cas`.
    pub fn requests(sizes: &Sizes, case: fn(u64, u64) -> Etcd2Case) -> Vec<Etcd2Case> {
        let keys = sizes.keys.unwrap_or(KEYS);
        let clients = sizes.connections.map_or(CLIENTS.to_vec(), |connections| vec![connections as u64]);
        clients.into_iter().map(|clients| case(clients, keys)).collect()
    }

    /// The case of `etcd2-wait`.
    pub fn waits(sizes: &Sizes) -> Vec<Etcd2Case> {
        vec![Etcd2Case::Wait { waiters: sizes.monitors.unwrap_or(WAITERS) }]
    }

    /// Bytes of a value in all of them.
    pub fn value_bytes(sizes: &Sizes) -> usize {
        sizes.value_bytes.unwrap_or(VALUE_BYTES)
    }

    /// Connections that it needs.
    pub fn connections(self) -> u64 {
        /// Those that fill, and the one that asks first.
        const FEW: u64 = super::load::FILLERS as u64 + 1;
        match self {
            Etcd2Case::Put { clients, .. }
            | Etcd2Case::Get { clients, .. }
            | Etcd2Case::Cas { clients, .. } => clients.saturating_add(FEW),
            Etcd2Case::Wait { waiters } => waiters.saturating_add(FEW),
        }
    }
}

impl fmt::Display for Etcd2Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = |clients: u64| format!("{clients} client{}", if clients == 1 { "" } else { "s" });
        match self {
            Etcd2Case::Put { clients, .. } => write!(f, "etcd v2 put, {}", by(*clients)),
            Etcd2Case::Get { clients, .. } => write!(f, "etcd v2 get, {}", by(*clients)),
            Etcd2Case::Cas { clients, .. } => write!(f, "etcd v2 cas, {}", by(*clients)),
            Etcd2Case::Wait { waiters } => write!(f, "etcd v2 wait by {}", Grouped(*waiters)),
        }
    }
}
