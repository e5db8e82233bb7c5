//! Watching keys change.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use hyrax_types::Revision;
use thiserror::Error;

use crate::{KeyRange, KeyValue, Unavailable};

/// What happened to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It was written.
    Put,
    /// It was deleted, or its lease ended.
    Delete,
}

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The key as the change left it; of a deletion only `key` and `mod_revision` are set.
    pub kv: Arc<KeyValue>,
    /// The key before the change, when asked for and not yet compacted.
    pub prev_kv: Option<Arc<KeyValue>>,
}

/// What to watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchRequest {
    /// The keys. An empty `key` is the least key, as in etcd.
    pub range: KeyRange,
    /// The first revision to be seen, past or future; zero for the next one.
    pub start_revision: Revision,
    /// Leave puts out.
    pub no_put: bool,
    /// Leave deletions out.
    pub no_delete: bool,
    /// Tell each key as it was before.
    pub prev_kv: bool,
    /// Now and then, while nothing happens, yield a batch without events.
    pub progress_notify: bool,
}

impl WatchRequest {
    /// Every change of `range` from `start_revision` on.
    pub fn new(range: KeyRange, start_revision: Revision) -> WatchRequest {
        WatchRequest { range, start_revision, ..WatchRequest::default() }
    }
}

/// Events of one or more revisions, each whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchBatch {
    /// The watch has yielded everything up to and including this revision.
    pub revision: Revision,
    /// In order; none in a notice of progress.
    pub events: Vec<Event>,
}

/// A watch that stands. Dropping it ends it.
pub trait WatchStream: Send {
    /// The engine's revision when the watch began to stand.
    fn created_revision(&self) -> Revision;

    /// The next batch: events, or the progress asked for. Cancel-safe: what was not yielded comes
    /// with the next call. After an error the watch is over.
    fn next(&mut self) -> BoxFuture<'_, Result<WatchBatch, WatchError>>;

    /// Asks for a batch that says how far the watch has come, as soon as nothing is pending.
    fn request_progress(&mut self);
}

/// Why a watch does not stand, or stands no longer. The texts are etcd's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum WatchError {
    /// What was to come next is forgotten.
    #[error("etcdserver: mvcc: required revision has been compacted")]
    Compacted {
        /// The first revision from which a watch can still start.
        compacted: Revision,
    },
    /// A range that ends before it begins.
    #[error("mvcc: watcher range is empty")]
    EmptyRange,
    /// The engine is gone; start again from what was yielded last.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
