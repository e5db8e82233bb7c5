//! One session's monitor of one key, prefix, or everything.

use super::event::{Event, Form, What};
use super::outbox::Outbox;
use hyrax_types::Revision;
use hyrax_values::Kind;
use parking_lot::Mutex;
use std::collections::BTreeMap;
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
    /// Every key, as far as changes are made through this node.
    Here,
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
    /// What resets gave of single keys, where there are many. A key's own monitor needs none.
    resets: Mutex<Resets>,
}

/// The revisions that resets gave, by key, for as long as changes up to them may be on their way.
#[derive(Default)]
struct Resets {
    of_keys: BTreeMap<Box<[u8]>, Reset>,
    next: Sealed,
}

/// What a key's resets have told, as one who is told of many keys has to know.
#[derive(Clone, Copy, Default)]
struct Reset {
    /// Of the value.
    told: Revision,
    /// Of the EKG.
    told_presence: Revision,
    placed: Sealed,
}

/// Which resets lie before a delivery began.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sealed(u64);

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
            resets: Mutex::default(),
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

    /// Leaves out changes of `key` up to `rev`, which a reset has told.
    pub(super) fn place_reset(&self, key: &[u8], rev: Revision) {
        if matches!(self.scope, Scope::Key(_)) {
            self.place(rev);
        } else {
            self.remember_reset(key, |reset| reset.told = rev);
        }
    }

    /// Leaves out changes of the EKG up to `erev`, which a snapshot has told.
    pub(super) fn place_presence(&self, ekg: &[u8], erev: Revision) {
        if matches!(self.scope, Scope::Key(_)) {
            self.after_presence.store(erev.0, Relaxed);
        } else {
            self.remember_reset(ekg, |reset| reset.told_presence = erev);
        }
    }

    fn remember_reset(&self, key: &[u8], tell: impl FnOnce(&mut Reset)) {
        let mut resets = self.resets.lock();
        let now = resets.next;
        let reset = resets.of_keys.entry(key.into()).or_default();
        tell(reset);
        reset.placed = now;
    }

    /// Tells the resets that were placed so far from those to come.
    pub(super) fn seal_resets(&self) -> Sealed {
        let mut resets = self.resets.lock();
        let sealed = resets.next;
        resets.next = Sealed(sealed.0 + 1);
        sealed
    }

    /// Forgets sealed resets: all changes up to them have been delivered.
    pub(super) fn forget_resets(&self, sealed: Sealed) {
        self.resets.lock().of_keys.retain(|_, reset| reset.placed > sealed);
    }

    /// How many resets of single keys are remembered.
    #[cfg(test)]
    pub(super) fn resets_remembered(&self) -> usize {
        self.resets.lock().of_keys.len()
    }

    /// Whether an event comes after what the monitor has seen.
    pub(super) fn has_not_seen(&self, event: &Event) -> bool {
        if matches!(self.scope, Scope::Key(_)) {
            return match event.what() {
                What::Change(change) => change.rev.0 > self.after.load(Relaxed),
                What::Presence(change) => change.erev.0 > self.after_presence.load(Relaxed),
            };
        }
        let resets = self.resets.lock();
        resets.of_keys.get(event.key()).is_none_or(|reset| match event.what() {
            What::Change(change) => change.rev > reset.told,
            What::Presence(change) => change.erev > reset.told_presence,
        })
    }
}
