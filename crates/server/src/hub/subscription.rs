//! One session's monitor of one key, prefix, or everything.

use super::event::{Event, Form, What};
use super::outbox::Outbox;
use hyrax_types::Revision;
use hyrax_values::Kind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// What a subscription covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One key and the EKG of that name.
    Key(Box<[u8]>),
    /// All keys that begin so.
    Prefix(Box<[u8]>),
    /// Every key.
    Everything,
}

/// A monitor: where its pushes go, in what form, and from where in the history on.
///
/// The positions only change, and are only compared, under the outbox's lock.
pub struct Subscription {
    /// Whom to push to.
    pub outbox: Arc<Outbox>,
    /// In what form.
    pub form: &'static dyn Form,
    /// What kind of value a reset gives.
    pub kind: Kind,
    /// What it covers.
    pub scope: Scope,
    ended: AtomicBool,
    after: AtomicU64,
    after_presence: AtomicU64,
}

impl Subscription {
    /// A monitor that has seen everything up to the revisions it will be placed at.
    pub fn new(outbox: Arc<Outbox>, form: &'static dyn Form, kind: Kind, scope: Scope) -> Arc<Self> {
        Arc::new(Subscription {
            outbox,
            form,
            kind,
            scope,
            ended: AtomicBool::new(false),
            after: AtomicU64::new(0),
            after_presence: AtomicU64::new(0),
        })
    }

    /// Whether it was taken back.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Relaxed)
    }

    pub(super) fn end(&self) {
        self.ended.store(true, Relaxed);
    }

    /// Leaves out changes of the value up to `rev`.
    pub(super) fn place(&self, rev: Revision) {
        self.after.store(rev.0, Relaxed);
    }

    /// Leaves out changes of the EKG up to `erev`.
    pub(super) fn place_presence(&self, erev: Revision) {
        self.after_presence.store(erev.0, Relaxed);
    }

    /// Whether an event comes after what the monitor has seen.
    pub(super) fn has_not_seen(&self, event: &Event) -> bool {
        match event.what() {
            What::Change(change) => change.rev.0 > self.after.load(Relaxed),
            What::Presence(change) => change.erev.0 > self.after_presence.load(Relaxed),
        }
    }
}
