//! Engines over servers that listen on loopback.

use std::net::SocketAddr;
use std::sync::Arc;

use hyrax_coordination_etcd::{EtcdCoordination, EtcdSettings};

/// Settings for servers at these addresses.
pub fn settings(addresses: &[SocketAddr]) -> EtcdSettings {
    let hosts: Vec<_> = addresses.iter().map(SocketAddr::to_string).collect();
    format!("etcd://{}", hosts.join(",")).parse().expect("a URL")
}

/// An engine over them.
pub async fn engine(settings: EtcdSettings) -> Arc<EtcdCoordination> {
    Arc::new(EtcdCoordination::connect(settings).await.expect("the servers answer"))
}
