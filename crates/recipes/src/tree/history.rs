//! What happened lately.

use std::collections::VecDeque;
use std::sync::Arc;

use hyrax_types::limits::TREE_HISTORY_EVENTS;

use super::node::TreeEvent;
use super::path::TreePath;

/// The last events, in order.
#[derive(Debug, Default)]
pub(super) struct History {
    events: VecDeque<Arc<TreeEvent>>,
    /// The first index from which on nothing is missing.
    complete_from: u64,
}

/// The requested index is before all that is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cleared {
    /// The first index that is known.
    pub(super) first: u64,
}

impl History {
    /// Forgets everything: what comes is complete from `index` on.
    pub(super) fn begin_at(&mut self, index: u64) {
        self.events.clear();
        self.complete_from = index;
    }

    pub(super) fn push(&mut self, event: Arc<TreeEvent>) {
        if self.events.len() == TREE_HISTORY_EVENTS {
            self.events.pop_front();
            self.complete_from = self.events.front().map_or(event.index(), |first| first.index());
        }
        self.events.push_back(event);
    }

    /// The events from `since` on that `wanted` takes.
    pub(super) fn since(
        &self,
        since: u64,
        wanted: impl Fn(&TreeEvent) -> bool,
    ) -> Result<impl Iterator<Item = &Arc<TreeEvent>>, Cleared> {
        if since < self.complete_from {
            return Err(Cleared { first: self.complete_from });
        }
        let first = self.events.partition_point(|event| event.index() < since);
        Ok(self.events.range(first..).filter(move |event| wanted(event)))
    }
}

/// Whether an event of the past is for who watches a path. As in etcd, what is hidden is not asked for here, and
/// a removed directory is heard of by whatever begins with its name.
pub(super) fn is_for(event: &TreeEvent, path: &TreePath, recursive: bool) -> bool {
    let at = &event.node.path;
    at == path
        || (recursive && at.is_below(path))
        || (event.removed_directory() && path.as_bytes().starts_with(at.as_bytes()))
}
