//! [`Maintenance`] as the embedded engine does it.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{BoxFuture, ready};
use hyrax_types::Revision;

use super::Embedded;
use super::gate::{Gate, Wait};
use super::shared::{Pin, Shared};
use super::snapshot::Pieces;
use crate::{Alarm, Hash, HashKv, HashKvError, Maintenance, RangeError, Size, SnapshotStream, Unavailable};

impl Maintenance for Embedded {
    fn hash_kv(&self, revision: Revision) -> BoxFuture<'_, Result<HashKv, HashKvError>> {
        Box::pin(async move {
            let (pieces, visible) = keys_upto(&self.engine.shared, revision)?;
            let (hash_revision, compacted) = (pieces.revision, pieces.compacted);
            let hash = hash(pieces).await;
            Ok(HashKv { revision: visible, hash_revision, hash, compacted })
        })
    }

    fn hash(&self) -> BoxFuture<'_, Result<Hash, Unavailable>> {
        Box::pin(async move {
            let pieces = seen(&self.engine.shared).await?;
            let revision = pieces.revision;
            Ok(Hash { revision, hash: hash(pieces).await })
        })
    }

    fn size(&self) -> Size {
        let in_use = self.engine.shared.state.lock().store.keys.bytes();
        let total = self.engine.journal.as_ref().map_or(in_use, |journal| journal.disk_bytes());
        Size { total, in_use: in_use.min(total) }
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<Box<dyn SnapshotStream>, Unavailable>> {
        Box::pin(async move {
            let pieces = seen(&self.engine.shared).await?;
            Ok(Box::new(Stream { pieces, told: 0 }) as Box<dyn SnapshotStream>)
        })
    }

    fn alarms(&self) -> Vec<Alarm> {
        let Some(journal) = &self.engine.journal else { return Vec::new() };
        let stopped = self.engine.shared.state.lock().gate.as_ref().is_some_and(Gate::is_stopped);
        let no_space = journal.out_of_space().then_some(Alarm::NoSpace);
        no_space.into_iter().chain(stopped.then_some(Alarm::Corrupt)).collect()
    }

    fn defragment(&self) -> BoxFuture<'_, Result<(), Unavailable>> {
        // Snapshots give back by themselves what is not used.
        Box::pin(ready(Ok(())))
    }
}

/// The keys up to a revision, and the last revision that may be seen.
fn keys_upto(shared: &Arc<Shared>, revision: Revision) -> Result<(Pieces, Revision), HashKvError> {
    let (pin, revision, visible) = {
        let store = &mut shared.state.lock().store;
        let visible = store.visible();
        store.check_revision(revision, visible).map_err(|error| match error {
            RangeError::FutureRevision => HashKvError::FutureRevision,
            _ => HashKvError::Compacted,
        })?;
        (Pin::new(shared, store), if revision == Revision::ZERO { visible } else { revision }, visible)
    };
    Ok((Pieces::of_keys(pin, revision), visible))
}

/// The whole state, once all of it may be seen.
async fn seen(shared: &Arc<Shared>) -> Result<Pieces, Unavailable> {
    let (pieces, wait): (Pieces, Option<Wait>) = Pieces::of_all(shared, |gate| gate.and_then(Gate::wait));
    if let Some(wait) = wait {
        wait.await.unwrap_or(Err(Unavailable::Stopped))?;
    }
    Ok(pieces)
}

/// The hash of all pieces, with turns for others in between.
async fn hash(mut pieces: Pieces) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    while let Some(piece) = pieces.next_piece() {
        hasher.update(&piece);
        tokio::task::yield_now().await;
    }
    hasher.finalize()
}

/// A snapshot being told.
struct Stream {
    pieces: Pieces,
    told: u64,
}

impl SnapshotStream for Stream {
    fn revision(&self) -> Revision {
        self.pieces.revision
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, Unavailable>> {
        let piece = self.pieces.next_piece();
        self.told += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        Box::pin(ready(Ok(piece.map(Bytes::from))))
    }

    fn remaining(&self) -> u64 {
        let expected = self.pieces.bytes_expected();
        if self.pieces.is_over() { 0 } else { expected.saturating_sub(self.told).max(1) }
    }
}
