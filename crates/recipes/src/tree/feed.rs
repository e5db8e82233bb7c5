//! What the engine tells of the tree, made into events for those who wait: one watch for all of them.

use std::sync::{Arc, OnceLock};

use hyrax_coordination::{
    Event, EventKind, RangeRequest, Unavailable, WatchBatch, WatchError, WatchRequest, WatchStream,
};
use hyrax_types::Revision;
use hyrax_types::limits::TREE_HISTORY_REVISIONS;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::Stem;
use super::expiry::Deadlines;
use super::history::History;
use super::layout::{self, Place};
use super::node::{Kind, Node, TreeEvent};
use super::path::TreePath;
use super::record::{decode_removal, directory_node, file_node};
use super::removing::{gone, previous_of};
use super::watchers::Watchers;
use crate::retry::Backoff;

/// What has been told, and who is to be told more.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) state: Mutex<State>,
    pub(super) deadlines: Deadlines,
    ready: watch::Sender<bool>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) history: History,
    pub(super) watchers: Watchers,
}

impl Told {
    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.state.lock().watchers.count()
    }

    /// Waits until the history has come in, at the beginning.
    pub(super) async fn ready(&self) {
        if *self.ready.borrow() {
            return;
        }
        // The sender is ours: it is not gone.
        _ = self.ready.subscribe().wait_for(|ready| *ready).await;
    }
}

/// Reads what the engine tells, for ever.
pub(super) async fn run(stem: Arc<Stem>) {
    let mut backoff = Backoff::new();
    let mut next = Revision::ZERO;
    loop {
        let error = match begin(&stem, next).await {
            Ok((mut watch, standing)) => {
                backoff = Backoff::new();
                follow(&stem, &mut *watch, standing, &mut next).await
            }
            Err(error) => error,
        };
        if let WatchError::Compacted { .. } = error {
            // What is missing is not known: everything begins anew.
            next = Revision::ZERO;
            let mut state = stem.told.state.lock();
            state.watchers.clear();
        }
        backoff.wait().await;
    }
}

/// A watch from `next` on, or, where that is zero, from as far back as is known; and the revision that the key
/// space has come to.
async fn begin(stem: &Stem, next: Revision) -> Result<(Box<dyn WatchStream>, Revision), WatchError> {
    let all = stem.engine.range(RangeRequest::new(layout::deadlines())).await;
    let all = all.map_err(|error| Unavailable::because(error.to_string()))?;
    let now = all.revision;
    let ends = all.kvs.iter().filter_map(|kv| match layout::place(&kv.key) {
        Place::Deadline(path) => Some((path, ends_of(&kv.value)?)),
        _ => None,
    });
    stem.told.deadlines.replace(ends);
    if next != Revision::ZERO {
        return Ok((watch_from(stem, next).await?, now));
    }
    let status = stem.engine.status().await.map_err(|error| Unavailable::because(error.to_string()))?;
    let first = status.compacted.0.max(now.0.saturating_sub(TREE_HISTORY_REVISIONS)).max(1);
    let (first, watch) = match watch_from(stem, Revision(first)).await {
        Err(WatchError::Compacted { compacted }) => (compacted, watch_from(stem, compacted).await?),
        watch => (Revision(first), watch?),
    };
    let anything = RangeRequest { limit: 1, keys_only: true, ..RangeRequest::new(layout::everything()) };
    let anything =
        stem.engine.range(anything).await.map_err(|error| Unavailable::because(error.to_string()))?;
    // Where there is nothing yet, nothing was missed.
    let complete_from = if anything.kvs.is_empty() { 0 } else { first.0 };
    stem.told.state.lock().history.begin_at(complete_from);
    Ok((watch, now))
}

async fn watch_from(stem: &Stem, first: Revision) -> Result<Box<dyn WatchStream>, WatchError> {
    let request = WatchRequest { prev_kv: true, ..WatchRequest::new(layout::everything(), first) };
    stem.engine.watch(request).await
}

/// Takes over what comes until the watch ends, and why it did.
async fn follow(
    stem: &Stem,
    watch: &mut dyn WatchStream,
    standing: Revision,
    next: &mut Revision,
) -> WatchError {
    // The past has come in once a progress notice says so.
    watch.request_progress();
    loop {
        match watch.next().await {
            Ok(batch) => {
                take_over(stem, &batch);
                *next = Revision(batch.revision.0 + 1);
                if batch.revision >= standing {
                    stem.told.ready.send_if_modified(|ready| !std::mem::replace(ready, true));
                }
            }
            Err(error) => return error,
        }
    }
}

fn take_over(stem: &Stem, batch: &WatchBatch) {
    let now_ns = stem.now_ns();
    for events in batch.events.chunk_by(|a, b| a.kv.mod_revision == b.kv.mod_revision) {
        note_deadlines(stem, events);
        let Some((event, removed)) = event_of(events, now_ns) else { continue };
        let event = Arc::new(event);
        let mut state = stem.told.state.lock();
        state.history.push(Arc::clone(&event));
        if !event.refresh {
            state.watchers.tell(&event, &removed);
        }
    }
}

fn note_deadlines(stem: &Stem, events: &[Event]) {
    for event in events {
        if let Place::Deadline(path) = layout::place(&event.kv.key) {
            let ends_ns = if event.kind == EventKind::Put { ends_of(&event.kv.value) } else { None };
            stem.told.deadlines.set(path, ends_ns);
        }
    }
}

fn ends_of(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// What happened in one revision: to which node, and what went with it.
fn event_of(events: &[Event], now_ns: i64) -> Option<(TreeEvent, Vec<TreePath>)> {
    let mut written = None;
    let mut removal = None;
    let mut removed = Vec::new();
    for event in events {
        let (kind, path) = match layout::place(&event.kv.key) {
            Place::File(path) => (Kind::File, path),
            Place::Directory(path) => (Kind::Directory, path),
            Place::Removal if event.kind == EventKind::Put => {
                removal = decode_removal(&event.kv.value);
                continue;
            }
            _ => continue,
        };
        let previous = event.prev_kv.as_ref().map(|kv| previous_of(kind, path.clone(), kv));
        if event.kind == EventKind::Delete {
            removed.push((path, previous));
            continue;
        }
        let (mut node, record) = match kind {
            Kind::File => file_node(path, &event.kv),
            Kind::Directory => directory_node(path, &event.kv),
        };
        if let Some(action) = record.action {
            // A directory that was updated keeps its index, but the event has its own.
            node.modified = event.kv.mod_revision.0;
            written = Some((action, node, record.refresh, previous));
        }
    }
    let index = events.first()?.kv.mod_revision.0;
    let form = OnceLock::new();
    if let Some((action, path)) = removal {
        let previous = removed.iter_mut().find(|(at, _)| *at == path).and_then(|(_, node)| node.take());
        let previous = previous.unwrap_or_else(|| Node { path: path.clone(), ..Node::default() });
        let node = gone(&previous, index);
        let below = removed.into_iter().map(|(path, _)| path).filter(|at| *at != path).collect();
        let event = TreeEvent { action, node, previous: Some(previous), refresh: false, now_ns, form };
        return Some((event, below));
    }
    let (action, node, refresh, previous) = written?;
    // A directory that took the place of a key was not there before, but the key was.
    let replaced = || removed.into_iter().find(|(at, _)| *at == node.path).and_then(|(_, node)| node);
    let previous = previous.or_else(replaced);
    Some((TreeEvent { action, node, previous, refresh, now_ns, form }, Vec::new()))
}
