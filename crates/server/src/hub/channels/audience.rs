//! Who subscribed to one channel or pattern.

use super::message::{MESSAGE_FORMS, Messages, Space};
use crate::hub::outbox::Outbox;
use bytes::Bytes;
use hashbrown::DefaultHashBuilder;
use indexmap::IndexMap;
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The subscribers of one channel or pattern.
///
/// They come and go only while nothing is under way to them, in the hands of whoever holds the delivery.
pub(super) struct Audience {
    pub space: Space,
    pub name: Bytes,
    members: Mutex<Members>,
    count: AtomicUsize,
}

/// Subscribers by their outboxes, for each form: they come and go in constant time, and lie side by side.
#[derive(Default)]
pub(super) struct Members([IndexMap<usize, Arc<Outbox>, DefaultHashBuilder>; MESSAGE_FORMS]);

impl Audience {
    pub fn new(space: Space, name: Bytes) -> Arc<Self> {
        Arc::new(Audience { space, name, members: Mutex::default(), count: AtomicUsize::new(0) })
    }

    /// How many subscribers there are. Exact for whoever holds the names.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    pub fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock()
    }

    pub fn add(&self, outbox: &Arc<Outbox>, form: usize) {
        self.members().0[form].insert(identity(outbox), outbox.clone());
        self.count.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes a subscriber out; whether it was the last.
    pub fn remove(&self, outbox: &Arc<Outbox>, form: usize) -> bool {
        let mut members = self.members();
        let of_form = &mut members.0[form];
        let was_there = of_form.swap_remove(&identity(outbox)).is_some();
        if of_form.capacity() > 4 * of_form.len() + 16 {
            of_form.shrink_to_fit();
        }
        was_there && self.count.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Whether anybody is told in this form.
    pub fn has_form(&self, form: usize) -> bool {
        !self.members().0[form].is_empty()
    }

    /// Queues messages to everybody of a form from a position on; outboxes that have to be flushed, and
    /// that nobody is about to flush, are added to `dirty`.
    pub fn queue(&self, form: usize, from: usize, messages: &Arc<Messages>, dirty: &mut Vec<Arc<Outbox>>) {
        for outbox in self.members().of_form(form).skip(from) {
            if outbox.queue_messages(messages) {
                dirty.push(outbox.clone());
            }
        }
    }
}

impl Members {
    /// Those who are told in a form.
    pub fn of_form(&self, form: usize) -> impl ExactSizeIterator<Item = &Arc<Outbox>> {
        self.0[form].values()
    }
}

/// What tells one outbox from the others for as long as it is listed.
fn identity(outbox: &Arc<Outbox>) -> usize {
    Arc::as_ptr(outbox).addr()
}
