//! Engines over a Redis that listens on loopback.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyrax_coordination::{Coordination, PutError, PutRequest, WatchBatch, WatchStream};
use hyrax_coordination_redis::{RedisCoordination, RedisSettings};
use hyrax_types::Revision;

/// Settings for a server there.
pub fn settings(address: SocketAddr) -> RedisSettings {
    format!("redis://{address}").parse().expect("a URL")
}

/// An engine over it.
pub async fn engine(settings: RedisSettings) -> Arc<RedisCoordination> {
    Arc::new(RedisCoordination::connect(settings).await.expect("the server answers"))
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
