//! The coordination engine that the configuration asks for.

use std::sync::Arc;
use std::time::Duration;

use hyrax_coordination::embedded::OpenError;
use hyrax_coordination::{
    Coordination, Embedded, EmbeddedSettings, Promises, Status, StatusError, StoreSettings, Unavailable,
};
use hyrax_coordination_etcd::{ConnectError as EtcdError, EtcdCoordination};
use hyrax_coordination_redis::{ConnectError as RedisError, RedisCoordination};
use hyrax_journal::{JournalSettings, RealDisk};
use hyrax_types::limits::{ENGINE_RETRY_EVERY, ENGINE_START_MAX};
use hyrax_types::{Clock, Revision};
use tokio::time::{Instant, sleep};

use crate::config::{Config, CoordinationEngine};
use crate::doors::etcd3::Ids;

/// A jump of the clock beyond this was a pause of the process. The clock is read twenty times a second.
const PAUSE_MIN: Duration = Duration::from_millis(500);

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The data directory can not be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The data directory is another server's.
    #[error(
        "{0} is a data directory of etcd, which is of no use here: give --data-dir another one, and copy the keys over \
         the network"
    )]
    OfEtcd(String),
    /// A new data directory needs a random name.
    #[error("the system gives no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    /// The engine crashed while it started.
    #[error("the coordination engine crashed while it started: {0}")]
    Crashed(#[from] tokio::task::JoinError),
    /// There is no connection to the engine.
    #[error("cannot use the coordination engine {url}: {reason}")]
    Connect {
        /// The engine, without a password.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The engine does not say where it stands.
    #[error(transparent)]
    Status(#[from] StatusError),
}

/// The engine, as the process that started it knows it.
pub(crate) enum Storage {
    /// In this process.
    Embedded(Arc<Embedded>),
    /// In an etcd.
    Etcd(Arc<EtcdCoordination>),
    /// In a Redis.
    Redis(Arc<RedisCoordination>),
}

impl Storage {
    /// Starts the engine, or connects to it.
    pub(crate) async fn start(config: &Config, clock: Arc<dyn Clock>) -> Result<Storage, StorageError> {
        let storage = match &config.coordination {
            CoordinationEngine::Embedded => Storage::Embedded(embedded(config, clock).await?),
            CoordinationEngine::Etcd(settings) => {
                let connect = || EtcdCoordination::connect(settings.clone());
                let may_change = |error: &EtcdError| matches!(error, EtcdError::Unavailable(_));
                Storage::Etcd(connected(&config.coordination, connect, may_change).await?)
            }
            CoordinationEngine::Redis(settings) => {
                let connect = || RedisCoordination::connect(settings.clone());
                let may_change = |error: &RedisError| matches!(error, RedisError::Unavailable(_));
                Storage::Redis(connected(&config.coordination, connect, may_change).await?)
            }
        };
        let Status { revision, promises, .. } = storage.coordination().status().await?;
        let Promises { linearizable, durable, fencing } = promises;
        // Of what is in memory alone there is nothing to be told that the operator did not choose by choosing nothing.
        if storage.is_shared() || durable {
            let engine = &config.coordination;
            tracing::info!(%engine, %revision, linearizable, durable, %fencing, "coordination");
        }
        Ok(storage)
    }

    /// What recipes and doors stand on.
    pub(crate) fn coordination(&self) -> Arc<dyn Coordination> {
        match self {
            Storage::Embedded(engine) => engine.clone(),
            Storage::Etcd(engine) => engine.clone(),
            Storage::Redis(engine) => engine.clone(),
        }
    }

    /// Which cluster, and which member of it, this node is to clients of etcd.
    pub(crate) fn ids(&self, node_name: &str) -> Ids {
        match self {
            Storage::Embedded(engine) => Ids::of(engine.identity(), node_name),
            Storage::Etcd(engine) => Ids::in_cluster(engine.cluster_id(), node_name),
            Storage::Redis(engine) => Ids::in_cluster(engine.namespace_id(), node_name),
        }
    }

    /// Whether other nodes may stand on it, too.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Storage::Etcd(_))
    }

    /// Marks a clean end of the data directory, if there is one.
    pub(crate) async fn close(&self) {
        let Storage::Embedded(engine) = self else { return };
        let engine = engine.clone();
        match tokio::task::spawn_blocking(move || engine.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the data directory had no clean end"),
            Err(error) => tracing::error!(%error, "the coordination engine crashed at its end"),
        }
    }
}

/// Connects to an engine elsewhere. One that is not there yet is waited for, as machines start in any order; what another
/// try does not change is told at once.
async fn connected<E, F, R>(
    engine: &CoordinationEngine,
    connect: impl Fn() -> F,
    may_change: impl Fn(&R) -> bool,
) -> Result<Arc<E>, StorageError>
where
    E: Coordination,
    F: Future<Output = Result<E, R>>,
    R: std::error::Error + From<Unavailable>,
{
    let began = Instant::now();
    loop {
        let reason = match connect().await {
            Ok(engine) => match engine.status().await {
                Ok(_) => return Ok(Arc::new(engine)),
                Err(StatusError::Unavailable(unavailable)) => unavailable.into(),
            },
            Err(reason) => reason,
        };
        if !may_change(&reason) || began.elapsed() >= ENGINE_START_MAX {
            let (url, reason) = (engine.to_string(), reason.to_string());
            return Err(StorageError::Connect { url, reason });
        }
        tracing::warn!(%reason, "the coordination engine is not there yet; trying again");
        sleep(ENGINE_RETRY_EVERY).await;
    }
}

/// Starts the engine in this process: with a data directory what is there, else an empty one in memory. Its revisions
/// then start at the time, so that none of an earlier run is met again.
async fn embedded(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<Embedded>, StorageError> {
    let settings = EmbeddedSettings {
        pause_min: Some(PAUSE_MIN),
        auto_compaction: config.auto_compaction(),
        // The server watches over its poller.
        syncs_in_runtime: true,
        ..EmbeddedSettings::default()
    };
    let Some(directory) = config.data_dir.clone() else {
        let store = StoreSettings { first_revision: Revision(clock.now_us()), ..settings.store };
        return Ok(Arc::new(Embedded::start(clock, EmbeddedSettings { store, ..settings })));
    };
    if directory.join("member").is_dir() {
        return Err(StorageError::OfEtcd(directory.display().to_string()));
    }
    let mut seed = [0; 16];
    getrandom::fill(&mut seed)?;
    let journal = JournalSettings::new(u128::from_ne_bytes(seed));
    let shown = directory.display().to_string();
    let open = move || {
        let disk = Arc::new(RealDisk::open(&directory).map_err(OpenError::from)?);
        Embedded::open(clock, settings, disk, journal)
    };
    let (engine, recovery) = tokio::task::spawn_blocking(open).await??;
    let intact = recovery.cut.is_none() && recovery.broken_snapshots.is_empty();
    if intact {
        tracing::info!("recovered from {shown}: {recovery}");
    } else {
        tracing::warn!("recovered from {shown}: {recovery}");
    }
    Ok(Arc::new(engine))
}

#[cfg(test)]
mod tests {
    use hyrax_recipes::Secrets;
    use hyrax_types::SystemClock;

    use super::*;

    async fn started(directory: &tempfile::TempDir) -> Result<Storage, StorageError> {
        let config = Config { data_dir: Some(directory.path().to_owned()), ..Config::default() };
        Storage::start(&config, Arc::new(SystemClock)).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn secrets_added_at_run_time_outlive_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let storage = started(&directory).await.unwrap();
        let status = storage.coordination().status().await.unwrap();
        assert!(status.promises.durable && status.revision == Revision(1));
        let secrets = Secrets::start(storage.coordination()).await.unwrap();
        secrets.add_global(b"hunter2").await.unwrap();
        drop(secrets);
        storage.close().await;
        drop(storage);
        let storage = started(&directory).await.unwrap();
        let secrets = Secrets::start(storage.coordination()).await.unwrap();
        assert_eq!(secrets.global().len(), 1);
    }

    #[tokio::test]
    async fn the_directory_of_an_etcd_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("member")).unwrap();
        let refused = started(&directory).await.err().unwrap().to_string();
        assert!(refused.contains("of etcd"), "{refused}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing was written to it");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_directory_in_use_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let _storage = started(&directory).await.unwrap();
        let refused = started(&directory).await.err().unwrap().to_string();
        assert!(refused.contains(&format!("in use by process {}", std::process::id())), "{refused}");
    }

    #[tokio::test]
    async fn what_another_try_does_not_change_is_told_at_once() {
        let url = "etcd://root:hunter2@127.0.0.1:1?ca=/nowhere/ca.pem";
        let config = Config { coordination: url.parse().unwrap(), ..Config::default() };
        let refused = Storage::start(&config, Arc::new(SystemClock)).await.err().unwrap().to_string();
        assert!(
            refused.contains("root:<redacted>@127.0.0.1:1") && refused.contains("/nowhere/ca.pem"),
            "{refused}"
        );
    }
}
