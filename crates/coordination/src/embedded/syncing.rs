//! Syncs the journal on a thread of the runtime, in the place of the journal's own.
//!
//! One client that writes waits for the disk, and nothing else has to be done meanwhile: to wake a thread for the sync
//! and to be woken by it again costs both processors more than all the rest of its request. So the sync is a task, and
//! the thread that ran the request runs that next. It takes its turn behind all that can run, so that what
//! many clients write at one time goes to the disk as one group.

use std::sync::{Arc, Weak};

use hyrax_journal::Journal;
use tokio::sync::Notify;
use tokio::task::yield_now;

use super::Engine;

/// What the journal asks by. When that goes, the task looks once more, and finds the engine gone.
struct Bell(Arc<Notify>);

impl Drop for Bell {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Has the journal ask the task that `sync_when_asked` becomes.
pub(super) fn offer(journal: &Journal) -> Arc<Notify> {
    let asked = Arc::new(Notify::new());
    let bell = Bell(Arc::clone(&asked));
    journal.on_pending(Box::new(move || bell.0.notify_one()));
    asked
}

/// Syncs whenever it is asked, until the engine is gone.
pub(super) async fn sync_when_asked(engine: Weak<Engine>, asked: Arc<Notify>) {
    loop {
        asked.notified().await;
        loop {
            // Whoever can run may have something to write, too.
            yield_now().await;
            let Some(engine) = engine.upgrade() else { return };
            if !engine.journal.as_ref().is_some_and(Journal::sync_pending) {
                break;
            }
        }
    }
}
