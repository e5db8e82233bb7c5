//! What is measured over etcd's API, and its numbers.

use std::fmt;

use super::super::case::{Grouped, Sizes};

/// Clients where nothing else is said: one, some, and many.
const CLIENTS: [u64; 3] = [1, 16, 256];
/// Bytes of a value where nothing else is said.
const VALUE_BYTES: usize = 256;
/// Keys that are written and read at random.
const KEYS: u64 = 100_000;
/// Keys whose memory is measured.
const KEYS_HELD: u64 = 1_000_000;
/// Clients that have a lock each, and those that contend for one.
const LOCKERS: [u64; 2] = [1, 16];
const CONTENDERS: [u64; 2] = [10, 100];
const WATCHERS: u64 = 1_000;
const LEASES: u64 = 100_000;

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EtcdCase {
    /// Clients put random keys, one request at a time each.
    Put { clients: u64, keys: u64 },
    /// The same, reading.
    Range { clients: u64, keys: u64 },
    /// The same, writing where a comparison holds.
    Txn { clients: u64, keys: u64 },
    /// Clients take a lock each and give it up, over and over.
    Lock { clients: u64 },
    /// The same, and all want the same one.
    Contend { clients: u64 },
    /// A key is put, and many watch it.
    Watch { watchers: u64, in_flight: u64 },
    /// Leases are kept alive.
    KeepAlive { leases: u64 },
    /// Leases with a key each end together, while others put.
    Expiry { leases: u64 },
    /// Many keys are held, and there again after a restart.
    Memory { keys: u64 },
}

impl EtcdCase {
    /// The cases of `etcd-put`, `etcd-range` or `etcd-txn`.
    pub fn requests(sizes: &Sizes, case: fn(u64, u64) -> EtcdCase) -> Vec<EtcdCase> {
        let keys = sizes.keys.unwrap_or(KEYS);
        let clients = sizes.connections.map_or(CLIENTS.to_vec(), |connections| vec![connections as u64]);
        clients.into_iter().map(|clients| case(clients, keys)).collect()
    }

    /// The cases of `etcd-lock`.
    pub fn locks(sizes: &Sizes) -> Vec<EtcdCase> {
        let named = sizes.connections.map(|connections| connections as u64);
        let clients = |default: [u64; 2]| named.map_or(default.to_vec(), |clients| vec![clients]);
        let lock = clients(LOCKERS).into_iter().map(|clients| EtcdCase::Lock { clients });
        lock.chain(clients(CONTENDERS).into_iter().map(|clients| EtcdCase::Contend { clients })).collect()
    }

    /// The cases of `etcd-watch`.
    pub fn watches(sizes: &Sizes) -> Vec<EtcdCase> {
        let watchers = sizes.monitors.unwrap_or(WATCHERS);
        sizes.in_flight.iter().map(|&in_flight| EtcdCase::Watch { watchers, in_flight }).collect()
    }

    /// The cases of `etcd-leases`.
    pub fn leases(sizes: &Sizes) -> Vec<EtcdCase> {
        let leases = sizes.keys.unwrap_or(LEASES);
        vec![EtcdCase::KeepAlive { leases }, EtcdCase::Expiry { leases }]
    }

    /// The case of `etcd-memory`.
    pub fn memory(sizes: &Sizes) -> Vec<EtcdCase> {
        vec![EtcdCase::Memory { keys: sizes.keys.unwrap_or(KEYS_HELD) }]
    }

    /// Bytes of a value in all of them.
    pub fn value_bytes(sizes: &Sizes) -> usize {
        sizes.value_bytes.unwrap_or(VALUE_BYTES)
    }

    /// Connections that it needs.
    pub fn connections(self) -> u64 {
        /// Those that fill, and those that look on.
        const FEW: u64 = 32;
        match self {
            EtcdCase::Put { clients, .. }
            | EtcdCase::Range { clients, .. }
            | EtcdCase::Txn { clients, .. }
            | EtcdCase::Lock { clients }
            | EtcdCase::Contend { clients } => clients.saturating_add(FEW),
            EtcdCase::Watch { watchers, .. } => watchers.saturating_add(FEW),
            EtcdCase::KeepAlive { .. } | EtcdCase::Expiry { .. } | EtcdCase::Memory { .. } => FEW,
        }
    }
}

impl fmt::Display for EtcdCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = |clients: u64| format!("{clients} client{}", if clients == 1 { "" } else { "s" });
        match self {
            EtcdCase::Put { clients, .. } => write!(f, "etcd put, {}", by(*clients)),
            EtcdCase::Range { clients, .. } => write!(f, "etcd range, {}", by(*clients)),
            EtcdCase::Txn { clients, .. } => write!(f, "etcd txn, {}", by(*clients)),
            EtcdCase::Lock { clients } => write!(f, "etcd lock and unlock, {}", by(*clients)),
            EtcdCase::Contend { clients } => write!(f, "etcd lock and unlock of one, {}", by(*clients)),
            EtcdCase::Watch { watchers, in_flight } => {
                write!(f, "etcd watch by {}, {in_flight} in flight", Grouped(*watchers))
            }
            EtcdCase::KeepAlive { leases } => write!(f, "etcd keep-alive of {} leases", Grouped(*leases)),
            EtcdCase::Expiry { leases } => write!(f, "etcd put while {} leases end", Grouped(*leases)),
            EtcdCase::Memory { keys } => write!(f, "etcd memory of {} keys", Grouped(*keys)),
        }
    }
}
