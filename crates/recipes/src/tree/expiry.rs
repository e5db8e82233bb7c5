//! Ending what has an end: every process that serves the tree does it, and each end happens once, as it is a
//! transaction that compares.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Stem;
use super::path::TreePath;
use crate::retry::Backoff;

/// How long to sleep at most: a clock may be set, and a simulated one moves by itself.
const LOOKS_EVERY: Duration = Duration::from_millis(250);

/// When which node ends, as the engine told.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    queue: Mutex<Queue>,
    sooner: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    by_path: HashMap<TreePath, i64>,
    by_time: BTreeSet<(i64, TreePath)>,
}

impl Deadlines {
    /// Forgets what was known.
    pub(super) fn replace(&self, deadlines: impl Iterator<Item = (TreePath, i64)>) {
        {
            let mut queue = self.queue.lock();
            *queue = Queue::default();
            deadlines.for_each(|(path, ends_ns)| _ = queue.set(path, Some(ends_ns)));
        }
        self.sooner.notify_one();
    }

    /// A node ends then, or never.
    pub(super) fn set(&self, path: TreePath, ends_ns: Option<i64>) {
        if self.queue.lock().set(path, ends_ns) {
            self.sooner.notify_one();
        }
    }

    fn first(&self) -> Option<(i64, TreePath)> {
        self.queue.lock().by_time.first().cloned()
    }
}

impl Queue {
    /// Whether what comes first has changed.
    fn set(&mut self, path: TreePath, ends_ns: Option<i64>) -> bool {
        if let Some(before) = self.by_path.remove(&path) {
            self.by_time.remove(&(before, path.clone()));
        }
        let Some(ends_ns) = ends_ns else { return false };
        self.by_path.insert(path.clone(), ends_ns);
        let is_first = self.by_time.first().is_none_or(|first| ends_ns < first.0);
        self.by_time.insert((ends_ns, path));
        is_first
    }
}

/// Ends what is due, for ever.
pub(super) async fn run(stem: Arc<Stem>) {
    let mut backoff = Backoff::new();
    loop {
        let Some((ends_ns, path)) = stem.told.deadlines.first() else {
            stem.told.deadlines.sooner.notified().await;
            continue;
        };
        let left_ns = ends_ns.saturating_sub(stem.now_ns());
        if left_ns > 0 {
            let left = Duration::from_nanos(left_ns.unsigned_abs()).min(LOOKS_EVERY);
            _ = tokio::time::timeout(left, stem.told.deadlines.sooner.notified()).await;
            continue;
        }
        match stem.expire(&path, ends_ns).await {
            Ok(ended) => {
                backoff = Backoff::new();
                if ended.is_some() {
                    _ = stem.counts.expired.count(Ok::<_, ()>(()));
                }
                // What is not as it was told has another end by now, which is told, too.
                stem.told.deadlines.forget(&path, ends_ns);
            }
            Err(_) => backoff.wait().await,
        }
    }
}

impl Deadlines {
    /// This end has come.
    fn forget(&self, path: &TreePath, ends_ns: i64) {
        let mut queue = self.queue.lock();
        if queue.by_path.get(path) == Some(&ends_ns) {
            queue.set(path.clone(), None);
        }
    }
}
