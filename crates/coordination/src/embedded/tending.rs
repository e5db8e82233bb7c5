//! What goes on in the background: leases end, the past is forgotten, snapshots are made.

use std::io::Write;
use std::sync::{Arc, Weak};
use std::time::Duration;

use hyrax_journal::SnapshotError;
use hyrax_types::limits::COORDINATION_SNAPSHOT_RETRY;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::compaction::Compactor;
use super::snapshot::Pieces;
use super::store::Progress;
use super::{Engine, room};

/// How often it is looked whether to compact or to make a snapshot.
const LOOKED_EVERY: Duration = Duration::from_secs(1);

/// Looks after the engine until it is gone. Its last snapshot had `snapshot_bytes`.
pub(super) async fn tend(engine: Weak<Engine>, snapshot_bytes: u64) {
    let Some(first) = engine.upgrade() else { return };
    let mut interval = tokio::time::interval(first.settings.expiry_every);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let now_ms = first.clock.now_ms();
    let mut compactor = first.settings.auto_compaction.map(|mode| Compactor::new(mode, now_ms));
    drop(first);
    let mut snapshots = Snapshots { last_bytes: snapshot_bytes, running: None, not_before: Instant::now() };
    let mut looked = Instant::now();
    loop {
        interval.tick().await;
        while {
            // Not held over the wait: the engine goes when its owner lets go.
            let Some(engine) = engine.upgrade() else { return };
            engine.expire_step() == Progress::More || engine.shared.sweep_step() == Progress::More
        } {
            tokio::task::yield_now().await;
        }
        if looked.elapsed() < LOOKED_EVERY {
            continue;
        }
        looked = Instant::now();
        let Some(engine) = engine.upgrade() else { return };
        if let Some(compactor) = &mut compactor {
            compact(&engine, compactor);
        }
        snapshots.look(&engine).await;
    }
}

fn compact(engine: &Engine, compactor: &mut Compactor) {
    let revision = engine.shared.state.lock().store.visible();
    if let Some(upto) = compactor.due(engine.clock.now_ms(), revision) {
        // Compacted by somebody else meanwhile, or no room on the disk: then the next time.
        _ = engine.write(room::ITEM, |store, _| store.compact(upto));
    }
}

/// The snapshots that truncate the journal.
struct Snapshots {
    last_bytes: u64,
    running: Option<JoinHandle<Result<u64, SnapshotError>>>,
    not_before: Instant,
}

impl Snapshots {
    /// Begins a snapshot if the journal has grown by so much; takes note of how the last one ended.
    async fn look(&mut self, engine: &Arc<Engine>) {
        if let Some(running) = &mut self.running {
            if !running.is_finished() {
                return;
            }
            match running.await {
                Ok(Ok(bytes)) => self.last_bytes = bytes,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "no snapshot of the coordination store was made; the journal grows");
                    self.not_before = Instant::now() + COORDINATION_SNAPSHOT_RETRY;
                }
                Err(error) => tracing::error!(%error, "a snapshot of the coordination store crashed"),
            }
            self.running = None;
        }
        let Some(journal) = &engine.journal else { return };
        let enough = engine.settings.snapshot_bytes_min.max(self.last_bytes / 2);
        if journal.bytes_since_snapshot() >= enough && Instant::now() >= self.not_before {
            let engine = Arc::clone(engine);
            self.running = Some(tokio::task::spawn_blocking(move || save_snapshot(&engine)));
        }
    }
}

/// Makes a snapshot and answers how many bytes it has. Blocks the thread.
pub(super) fn save_snapshot(engine: &Engine) -> Result<u64, SnapshotError> {
    let Some(journal) = &engine.journal else { return Ok(0) };
    // Records are appended under the same lock: the state is that after the last one.
    let (mut pieces, position) = Pieces::of_all(&engine.shared, |_| journal.last());
    let mut writer = journal.snapshot(position)?;
    let mut bytes = 0;
    while let Some(piece) = pieces.next_piece() {
        writer.write_all(&piece).map_err(|source| SnapshotError::Io {
            doing: "write",
            file: "the snapshot".to_owned(),
            source,
        })?;
        bytes += piece.len() as u64;
    }
    writer.finish()?;
    Ok(bytes)
}
