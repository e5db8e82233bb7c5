//! A tree of keys and directories as etcd's v2 API has it: times to live on both, in-order keys, hidden nodes,
//! comparisons with value and index, and a history of what happened.
//!
//! An index is the engine's revision: each change is one transaction that compares what it stands on, and takes
//! one revision. No process decides anything: several may serve one tree. A node's time ends by the clock of
//! those who serve, whichever comes first, as the time when it ends is told to clients and must stay true when a server
//! starts anew. Engines' leases begin anew then, and would cost each write a second step.
//!
//! What the keys look like is in `layout` and `record`, and is stable.

mod counts;
mod error;
mod expiry;
mod feed;
mod history;
mod layout;
mod node;
mod numbers;
mod path;
mod reading;
mod record;
mod removing;
mod standing;
#[cfg(test)]
mod tests;
mod watchers;
mod writing;

use std::sync::Arc;

use hyrax_coordination::{Coordination, TxnRequest, TxnResponse};
use hyrax_types::Clock;

pub use self::counts::{Counts, Outcome};
pub use self::error::{Fault, TreeError};
pub use self::node::{Action, Kind, Node, TreeEvent};
pub use self::path::{PathError, TreePath};
pub use self::reading::Found;
pub use self::watchers::{WatchFor, Watcher};
pub use self::writing::{Condition, Content, Ending};
use crate::task::Task;

/// The tree of an engine. Dropping it ends what waits for changes, and leaves the rest to others.
pub struct Tree {
    stem: Arc<Stem>,
    _feed: Task,
    _expiry: Task,
}

/// What the tree and its tasks share.
struct Stem {
    engine: Arc<dyn Coordination>,
    clock: Arc<dyn Clock>,
    told: feed::Told,
    counts: Counts,
    numbers: numbers::Numbers,
}

impl Tree {
    /// The tree of `engine`. It is there at once; its history comes in as the engine tells it.
    pub fn start(engine: Arc<dyn Coordination>, clock: Arc<dyn Clock>) -> Tree {
        let stem = Arc::new(Stem {
            engine,
            clock,
            told: feed::Told::default(),
            counts: Counts::default(),
            numbers: numbers::Numbers::default(),
        });
        let feed = Task::spawn(feed::run(Arc::clone(&stem)));
        let expiry = Task::spawn(expiry::run(Arc::clone(&stem)));
        Tree { stem, _feed: feed, _expiry: expiry }
    }

    /// How often what was done, by this process.
    pub fn counts(&self) -> &Counts {
        &self.stem.counts
    }

    /// How many wait for changes.
    pub fn waiting(&self) -> usize {
        self.stem.told.waiting()
    }

    /// The time, in nanoseconds since the epoch.
    pub fn now_ns(&self) -> i64 {
        self.stem.now_ns()
    }
}

impl Stem {
    fn now_ns(&self) -> i64 {
        i64::try_from(self.clock.now_us()).unwrap_or(i64::MAX).saturating_mul(1_000)
    }

    async fn txn(&self, request: TxnRequest) -> Result<TxnResponse, TreeError> {
        Ok(self.engine.txn(request).await?)
    }
}
