//! Who waits for changes, and who of them is told of one.

use std::collections::HashMap;
use std::sync::Arc;

use hyrax_types::limits::TREE_WATCH_QUEUE_EVENTS;
use tokio::sync::mpsc;

use super::error::{Fault, TreeError};
use super::history::{self, Cleared};
use super::node::TreeEvent;
use super::path::TreePath;
use super::{Stem, Tree};

/// What to wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchFor {
    /// Of which node.
    pub path: TreePath,
    /// And of all below it, but for what is hidden.
    pub recursive: bool,
    /// From which index on, past or future; zero for the next one.
    pub since: u64,
    /// Everything that comes, not only the first.
    pub stream: bool,
}

/// Somebody who waits. Dropping it ends that.
pub struct Watcher {
    stem: Arc<Stem>,
    path: TreePath,
    number: u64,
    events: mpsc::Receiver<Arc<TreeEvent>>,
    index: u64,
}

impl Watcher {
    /// The index when it began to wait.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The next event; none after the last: one, where not all were asked for. It also ends where events come
    /// faster than they are taken, and where some may have been missed.
    pub async fn next(&mut self) -> Option<Arc<TreeEvent>> {
        self.events.recv().await
    }

    /// The same, for a poll.
    pub fn poll_next(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<Arc<TreeEvent>>> {
        self.events.poll_recv(cx)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stem.told.state.lock().watchers.remove(&self.path, self.number);
    }
}

impl Tree {
    /// Waits for changes: those after this was called, unless others are asked for.
    pub async fn watch(&self, what: WatchFor) -> Result<Watcher, TreeError> {
        let index = self.stem.index().await?;
        let since = if what.since == 0 { index + 1 } else { what.since };
        self.stem.told.ready().await;
        let state = &mut *self.stem.told.state.lock();
        let wanted = |event: &TreeEvent| !event.refresh && history::is_for(event, &what.path, what.recursive);
        let known = state.history.since(since, wanted).map_err(|Cleared { first }| {
            let cause = format!("the requested history has been cleared [{first}/{since}]");
            TreeError::refused(Fault::EventIndexCleared, cause, index)
        })?;
        let at_most = if what.stream { usize::MAX } else { 1 };
        let known: Vec<_> = known.take(at_most).cloned().collect();
        let (tell, events) = mpsc::channel(known.len() + TREE_WATCH_QUEUE_EVENTS);
        let is_open = what.stream || known.is_empty();
        for event in known {
            // There is room for all of them.
            _ = tell.try_send(event);
        }
        let mut number = 0;
        if is_open {
            number = state.watchers.add(&what, since, tell);
        }
        Ok(Watcher { stem: Arc::clone(&self.stem), path: what.path.clone(), number, events, index })
    }
}

/// Everybody who waits, by path.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    by_path: HashMap<TreePath, Vec<Waiting>>,
    count: usize,
    last: u64,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    recursive: bool,
    stream: bool,
    since: u64,
    tell: mpsc::Sender<Arc<TreeEvent>>,
}

impl Watchers {
    fn add(&mut self, what: &WatchFor, since: u64, tell: mpsc::Sender<Arc<TreeEvent>>) -> u64 {
        self.last += 1;
        self.count += 1;
        let waiting =
            Waiting { number: self.last, recursive: what.recursive, stream: what.stream, since, tell };
        self.by_path.entry(what.path.clone()).or_default().push(waiting);
        self.last
    }

    fn remove(&mut self, path: &TreePath, number: u64) {
        self.retain(path, |waiting| waiting.number != number);
    }

    /// How many wait.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Nobody waits any more: something was missed.
    pub(super) fn clear(&mut self) {
        self.by_path.clear();
        self.count = 0;
    }

    /// Tells all whom an event is for. `removed` is what went with a directory.
    pub(super) fn tell(&mut self, event: &Arc<TreeEvent>, removed: &[TreePath]) {
        if self.count == 0 {
            return;
        }
        let at = event.node.path.clone();
        for path in removed {
            self.tell_at(path, event, |_| true);
        }
        self.tell_at(&at, event, |_| true);
        for path in at.steps().rev().skip(1).chain([TreePath::ROOT]) {
            if !is_hidden_from(&path, &at) {
                self.tell_at(&path, event, |waiting| waiting.recursive);
            }
        }
    }

    fn tell_at(&mut self, path: &TreePath, event: &Arc<TreeEvent>, is_for: impl Fn(&Waiting) -> bool) {
        self.retain(path, |waiting| {
            if !is_for(waiting) || event.index() < waiting.since {
                return true;
            }
            // Who does not take what comes is not told any more, and learns that by the end.
            waiting.tell.try_send(Arc::clone(event)).is_ok() && waiting.stream
        });
    }

    fn retain(&mut self, path: &TreePath, keep: impl FnMut(&Waiting) -> bool) {
        let Some(waiting) = self.by_path.get_mut(path) else { return };
        let before = waiting.len();
        waiting.retain(keep);
        self.count -= before - waiting.len();
        if waiting.is_empty() {
            self.by_path.remove(path);
        }
    }
}

/// Whether a node is hidden, or in something hidden, as seen from a directory above it.
fn is_hidden_from(directory: &TreePath, path: &TreePath) -> bool {
    path.as_bytes()[directory.as_bytes().len()..].windows(2).any(|bytes| bytes == b"/_")
}
