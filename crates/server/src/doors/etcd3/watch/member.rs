//! One watch of one stream, as the feed that it is in sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use hyrax_etcd::etcdserverpb::{ResponseHeader, WatchResponse};
use hyrax_types::Revision;
use parking_lot::Mutex;

use super::super::error::Refusal;
use super::feed::Feed;
use super::outbox::Outbox;

/// One watch.
pub(super) struct Member {
    /// Its number in the stream.
    pub(super) id: i64,
    /// Whether its client puts together what comes in fragments.
    pub(super) fragment: bool,
    outbox: Arc<Outbox>,
    /// It is over, by the client's wish or not.
    gone: AtomicBool,
    /// It was told an event since progress was last looked at.
    heard: AtomicBool,
    /// It shall be told how far it has come.
    wants_progress: AtomicBool,
    /// The stream waits to hear how far it has come.
    counts_progress: AtomicBool,
    /// The feed that it is in.
    feed: Mutex<Option<Arc<Feed>>>,
}

impl Member {
    pub(super) fn new(id: i64, fragment: bool, outbox: Arc<Outbox>) -> Arc<Member> {
        Arc::new(Member {
            id,
            fragment,
            outbox,
            gone: AtomicBool::new(false),
            heard: AtomicBool::new(false),
            wants_progress: AtomicBool::new(false),
            counts_progress: AtomicBool::new(false),
            feed: Mutex::new(None),
        })
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Notes the feed that it is in from now on, and what that must be asked.
    pub(super) fn is_in(&self, feed: &Arc<Feed>) {
        *self.feed.lock() = Some(feed.clone());
        if self.wants_progress.load(Ordering::Acquire) || self.counts_progress.load(Ordering::Acquire) {
            feed.want_progress();
        }
    }

    /// Waits until it can be told something.
    pub(super) async fn room(&self) {
        self.outbox.room().await;
    }

    /// Tells it events, unless there is no room.
    pub(super) fn offer(&self, shared: &[Bytes]) -> bool {
        if self.is_gone() || shared.is_empty() {
            return true;
        }
        let told = self.outbox.offer(self.id, shared);
        if told {
            self.heard.store(true, Ordering::Relaxed);
        }
        told
    }

    /// Whether it was told an event since this was last asked.
    pub(super) fn heard(&self) -> bool {
        self.heard.swap(false, Ordering::Relaxed)
    }

    /// It wants to be told how far it has come.
    pub(super) fn want_progress(&self) {
        self.wants_progress.store(true, Ordering::Release);
        self.ask_feed();
    }

    /// The stream waits to hear how far it has come.
    pub(super) fn count_progress(&self) {
        self.counts_progress.store(true, Ordering::Release);
        self.ask_feed();
    }

    fn ask_feed(&self) {
        let feed = self.feed.lock().clone();
        if let Some(feed) = feed {
            feed.want_progress();
        }
    }

    /// Tells how far it has come where that was asked.
    pub(super) fn tell_progress(&self, header: ResponseHeader, revision: Revision) {
        if self.wants_progress.swap(false, Ordering::AcqRel) && !self.is_gone() {
            let response =
                WatchResponse { header: Some(header), watch_id: self.id, ..WatchResponse::default() };
            self.outbox.tell(&response);
        }
        if self.counts_progress.swap(false, Ordering::AcqRel) {
            self.outbox.tell_progress(Some(revision));
        }
    }

    /// The engine ended it: the client is told why.
    pub(super) fn cancel(&self, response: &WatchResponse) {
        if self.is_over() {
            self.outbox.tell(&WatchResponse { watch_id: self.id, canceled: true, ..response.clone() });
        }
    }

    /// The engine ended it in a way that ends the whole stream.
    pub(super) fn end_stream(&self, refusal: Refusal) {
        if self.is_over() {
            self.outbox.end(refusal);
        }
    }

    /// The client ended it. False when it was over already.
    pub(super) fn leave(self: &Arc<Self>) -> bool {
        if !self.is_over() {
            return false;
        }
        let feed = self.feed.lock().take();
        if let Some(feed) = feed {
            feed.leave(self);
        }
        true
    }

    /// It is over from now on. True when it was not before.
    fn is_over(&self) -> bool {
        let first = !self.gone.swap(true, Ordering::AcqRel);
        if self.counts_progress.swap(false, Ordering::AcqRel) {
            self.outbox.tell_progress(None);
        }
        first
    }
}
