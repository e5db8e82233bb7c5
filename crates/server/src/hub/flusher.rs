//! Delivers topics' events to outboxes and writes to their sockets.
//!
//! A flusher works through everything that came while it was busy before it writes, so under load a
//! client gets many pushes with one write.

use super::outbox::Outbox;
use super::topic::Topic;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// Sockets written to before others on this thread get their turn.
pub(super) const WRITES_IN_A_ROW: usize = 64;

/// A list of topics to deliver.
#[derive(Default)]
pub(super) struct Flusher {
    topics: Mutex<Vec<Arc<Topic>>>,
    waiting: AtomicBool,
    notify: Notify,
}

impl Flusher {
    /// Puts a topic on the list. [`Flusher::wake`] has to follow.
    pub fn add(&self, topic: Arc<Topic>) {
        self.topics.lock().push(topic);
        self.waiting.store(true, Ordering::Release);
    }

    /// Starts work on the list, if there is anything on it.
    pub fn wake(&self) {
        if self.waiting.load(Ordering::Acquire) && self.waiting.swap(false, Ordering::AcqRel) {
            self.notify.notify_one();
        }
    }

    /// Delivers, for ever.
    pub async fn run(&self) {
        let mut topics = Vec::new();
        let mut dirty: Vec<Arc<Outbox>> = Vec::new();
        loop {
            std::mem::swap(&mut *self.topics.lock(), &mut topics);
            if topics.is_empty() {
                self.notify.notified().await;
                continue;
            }
            // A client of several of these topics is written to once for all of them.
            let alone = topics.len() == 1;
            for topic in topics.drain(..) {
                // Cleared first: an event that comes from here on puts the topic on the list anew.
                topic.queued.store(false, Ordering::Release);
                if topic.deliver(alone, &mut dirty).await && !topic.queued.swap(true, Ordering::AcqRel) {
                    self.topics.lock().push(topic);
                }
            }
            for (number, outbox) in dirty.drain(..).enumerate() {
                outbox.flush();
                if number % WRITES_IN_A_ROW == WRITES_IN_A_ROW - 1 {
                    tokio::task::yield_now().await;
                }
            }
            tokio::task::yield_now().await;
        }
    }
}
