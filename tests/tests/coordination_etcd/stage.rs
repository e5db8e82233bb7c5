//! Engines over servers that listen on loopback.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyrax_coordination::{Coordination, PutError, PutRequest, WatchBatch, WatchStream};
use hyrax_coordination_etcd::{EtcdCoordination, EtcdSettings};
use hyrax_types::Revision;

/// Settings for servers at these addresses.
pub fn settings(addresses: &[SocketAddr]) -> EtcdSettings {
    let hosts: Vec<_> = addresses.iter().map(SocketAddr::to_string).collect();
    format!("etcd://{}", hosts.join(",")).parse().expect("a URL")
}

/// An engine over them.
pub async fn engine(settings: EtcdSettings) -> Arc<EtcdCoordination> {
    Arc::new(EtcdCoordination::connect(settings).await.expect("the servers answer"))
}

/// The revision of a put of `value`.
pub async fn put(engine: &dyn Coordination, key: &str, value: &str) -> Result<Revision, PutError> {
    let request = PutRequest::new(key.to_owned(), value.to_owned());
    engine.put(request).await.map(|response| response.revision)
}

/// The next batch of a watch, which must come soon.
pub async fn next(watch: &mut dyn WatchStream) -> WatchBatch {
    tokio::time::timeout(PATIENCE, watch.next()).await.expect("in time").expect("the watch stands")
}

/// How long a machine busy with other tests may take.
pub const PATIENCE: Duration = Duration::from_secs(30);
