//! Syncs a record that comes alone on the thread of the runtime that has appended it.
//!
//! A client alone waits for the disk, and nothing else has to be done meanwhile: to wake the journal's thread for the
//! sync, and to be woken by it again, costs both processors more than all the rest of its request. So the sync is
//! a task, which the thread that ran the request runs next: behind all that its connection has sent.

use std::sync::{Arc, Weak};

use hyrax_journal::Journal;
use tokio::sync::Notify;

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
        let Some(engine) = engine.upgrade() else { return };
        engine.journal.as_ref().map(Journal::sync_pending);
    }
}
