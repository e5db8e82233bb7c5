//! Channels: what is published reaches those who are subscribed at that moment, and is kept for nobody.
//!
//! Everything published has one order, which all subscribers see over all their channels and patterns.
//! Whoever publishes only appends to a log; the deliverer hands it out, many messages with one write where
//! they come fast. Yet it looks as if every message were queued to every subscriber at once: who joins,
//! leaves, or is answered has what was published before handed out first. Knows no wire format: a
//! [`MessageForm`] does.

mod audience;
mod delivery;
mod message;
mod names;
mod subscriber;
#[cfg(test)]
mod tests;

pub use message::{MESSAGE_FORMS, Message, MessageForm, Messages, Space};
pub use subscriber::{SubscribeError, Subscriber};

use super::outbox::{Counters, Outbox};
use audience::Audience;
use bytes::Bytes;
use delivery::Delivery;
use hyrax_values::glob_matches;
use names::Names;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::Notify;

/// Bytes of messages that may wait to be handed out. Beyond it, whoever publishes does it.
const LOG_BYTES_MAX: usize = 4 * 1024 * 1024;

/// All channels of this node.
///
/// Locks are taken in this order: the delivery, the names, an audience, an outbox.
pub struct Channels {
    names: Mutex<Names>,
    /// How many audiences there are, to be read without the lock.
    audiences: AtomicUsize,
    delivery: Mutex<Delivery>,
    /// Something waits in the log.
    pending: AtomicBool,
    /// The deliverer is to be woken.
    waiting: AtomicBool,
    notify: Notify,
    forms: [OnceLock<&'static dyn MessageForm>; MESSAGE_FORMS],
    counters: Arc<Counters>,
}

impl Channels {
    /// No channels yet. Somebody must run the deliverer.
    pub(super) fn new(counters: Arc<Counters>) -> Arc<Self> {
        Arc::new(Channels {
            names: Mutex::default(),
            audiences: AtomicUsize::new(0),
            delivery: Mutex::default(),
            pending: AtomicBool::new(false),
            waiting: AtomicBool::new(false),
            notify: Notify::new(),
            forms: Default::default(),
            counters,
        })
    }

    /// Whether nobody is subscribed to anything.
    pub(super) fn is_empty(&self) -> bool {
        self.audiences.load(Ordering::Acquire) == 0
    }

    /// Publishes; how many subscribers it reaches, one who is there twice counted twice. `wake` has to
    /// follow.
    pub(super) fn publish(&self, space: Space, channel: &[u8], payload: &[u8]) -> usize {
        if self.is_empty() {
            return 0;
        }
        let mut names = self.names.lock();
        // Not before: whoever has just joined brought its form with it.
        let forms = std::array::from_fn(|form| self.forms[form].get().copied());
        let receivers = names.publish(&forms, space, channel, payload);
        if receivers == 0 {
            return 0;
        }
        self.pending.store(true, Ordering::Release);
        let is_long = names.log_bytes() > LOG_BYTES_MAX;
        drop(names);
        self.waiting.store(true, Ordering::Release);
        if is_long {
            self.settle();
        }
        receivers
    }

    fn call_deliverer(&self) {
        self.waiting.store(true, Ordering::Release);
        self.wake();
    }

    /// Starts the deliverer, if there is anything to deliver.
    pub(super) fn wake(&self) {
        if self.waiting.load(Ordering::Acquire) && self.waiting.swap(false, Ordering::AcqRel) {
            self.notify.notify_one();
        }
    }

    /// Hands out everything published so far into the outboxes.
    fn settle(&self) {
        if self.pending.load(Ordering::Acquire) {
            drop(self.hand_out(&mut self.delivery.lock()));
            self.waiting.store(true, Ordering::Release);
        }
    }

    /// Lets somebody in, who is told in this form, behind everything published so far.
    fn join(
        &self,
        outbox: &Arc<Outbox>,
        form: &'static dyn MessageForm,
        space: Space,
        name: &[u8],
    ) -> Arc<Audience> {
        self.forms[form.number()].get_or_init(|| form);
        outbox.hold();
        let mut delivery = self.delivery.lock();
        let mut names = self.hand_out(&mut delivery);
        let audience = names.find_or_insert(space, name);
        audience.add(outbox, form.number());
        self.audiences.store(names.len(), Ordering::Release);
        drop(names);
        drop(delivery);
        self.call_deliverer();
        audience
    }

    /// Lets somebody go, after everything published so far.
    fn leave<'a>(
        &self,
        outbox: &Arc<Outbox>,
        form: &'static dyn MessageForm,
        audiences: impl IntoIterator<Item = &'a Arc<Audience>>,
    ) {
        let mut audiences = audiences.into_iter().peekable();
        if audiences.peek().is_none() {
            return;
        }
        let mut delivery = self.delivery.lock();
        let mut names = self.hand_out(&mut delivery);
        for audience in audiences {
            if audience.remove(outbox, form.number()) {
                names.forget(audience.space, &audience.name);
            }
        }
        self.audiences.store(names.len(), Ordering::Release);
        drop(names);
        drop(delivery);
        self.call_deliverer();
    }

    /// Tells somebody in another form from now on.
    fn change_form<'a>(
        &self,
        outbox: &Arc<Outbox>,
        audiences: impl Iterator<Item = &'a Arc<Audience>>,
        from: &'static dyn MessageForm,
        to: &'static dyn MessageForm,
    ) {
        self.forms[to.number()].get_or_init(|| to);
        let mut delivery = self.delivery.lock();
        let _names = self.hand_out(&mut delivery);
        for audience in audiences {
            audience.add(outbox, to.number());
            audience.remove(outbox, from.number());
        }
    }

    /// How many subscribers a channel has, those by patterns not counted.
    pub fn subscribers(&self, space: Space, name: &[u8]) -> usize {
        self.names.lock().find(space, name).map_or(0, |audience| audience.len())
    }

    /// The channels of a space that have subscribers and match a pattern.
    pub fn active(&self, space: Space, pattern: Option<&[u8]>) -> Vec<Bytes> {
        let matches = |audience: &&Arc<Audience>| pattern.is_none_or(|it| glob_matches(it, &audience.name));
        let names = self.names.lock();
        names.all(space).filter(matches).map(|audience| audience.name.clone()).collect()
    }

    /// How many patterns are subscribed to.
    pub fn patterns(&self) -> usize {
        self.names.lock().patterns()
    }
}
