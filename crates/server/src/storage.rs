//! The coordination engine that the configuration asks for.

use std::sync::Arc;
use std::time::Duration;

use hyrax_coordination::embedded::OpenError;
use hyrax_coordination::{Embedded, EmbeddedSettings, StoreSettings};
use hyrax_journal::{JournalSettings, RealDisk};
use hyrax_types::{Clock, Revision};

use crate::config::Config;

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
}

/// Starts the engine: with a data directory what is there, else an empty one in memory. Its revisions then
/// start at the time, so that none of an earlier run is met again.
pub(crate) async fn start(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<Embedded>, StorageError> {
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

/// Marks a clean end of the data directory, if there is one.
pub(crate) async fn close(engine: Arc<Embedded>) {
    match tokio::task::spawn_blocking(move || engine.close()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "the data directory had no clean end"),
        Err(error) => tracing::error!(%error, "the coordination engine crashed at its end"),
    }
}

#[cfg(test)]
mod tests {
    use hyrax_coordination::Coordination;
    use hyrax_recipes::Secrets;
    use hyrax_types::SystemClock;

    use super::*;

    async fn started(directory: &tempfile::TempDir) -> Arc<Embedded> {
        let config = Config { data_dir: Some(directory.path().to_owned()), ..Config::default() };
        start(&config, Arc::new(SystemClock)).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn secrets_added_at_run_time_outlive_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let engine = started(&directory).await;
        let status = engine.status().await.unwrap();
        assert!(status.promises.durable && status.revision == Revision(1));
        let secrets = Secrets::start(engine.clone() as Arc<dyn Coordination>).await.unwrap();
        secrets.add_global(b"hunter2").await.unwrap();
        drop(secrets);
        close(engine.clone()).await;
        drop(engine);
        let engine = started(&directory).await;
        let secrets = Secrets::start(engine as Arc<dyn Coordination>).await.unwrap();
        assert_eq!(secrets.global().len(), 1);
    }

    #[tokio::test]
    async fn the_directory_of_an_etcd_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("member")).unwrap();
        let config = Config { data_dir: Some(directory.path().to_owned()), ..Config::default() };
        let refused = start(&config, Arc::new(SystemClock)).await.err().unwrap().to_string();
        assert!(refused.contains("of etcd"), "{refused}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing was written to it");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_directory_in_use_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let _engine = started(&directory).await;
        let config = Config { data_dir: Some(directory.path().to_owned()), ..Config::default() };
        let refused = start(&config, Arc::new(SystemClock)).await.err().unwrap().to_string();
        assert!(refused.contains(&format!("in use by process {}", std::process::id())), "{refused}");
    }
}
