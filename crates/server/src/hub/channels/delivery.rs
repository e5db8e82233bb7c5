//! How what was published reaches outboxes, and from there the sockets.
//!
//! Everything published has one order. One at a time hands it out: mostly the deliverer, which writes
//! to each socket once for all that came meanwhile; but whoever is to see its effect at once (a session
//! that answers a command, joins or leaves) hands out the rest before.

use super::Channels;
use super::audience::Audience;
use super::message::Messages;
use super::names::{Names, Run};
use crate::hub::outbox::{Outbox, Tally};
use parking_lot::MutexGuard;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Sockets written to in one step: while it lasts, nobody else hands anything out.
const WRITES_IN_A_STEP: usize = 32;

/// What is under way.
#[derive(Default)]
pub(super) struct Delivery {
    /// Messages that are being written directly, as nothing else waits.
    passes: VecDeque<Pass>,
    /// Outboxes with something queued that nobody else is about to write.
    dirty: Vec<Arc<Outbox>>,
}

/// The same bytes, on their way to everybody who is told in one form.
struct Pass {
    audience: Arc<Audience>,
    form: usize,
    messages: Arc<Messages>,
    /// How many have been given them.
    given: usize,
}

impl Delivery {
    fn queue(&mut self, log: VecDeque<Run>) {
        for run in log {
            let audience = run.audience.clone();
            for (form, messages) in run.into_messages() {
                audience.queue(form, 0, &messages, &mut self.dirty);
            }
        }
    }

    /// Queues what is under way to whom it was not given yet.
    fn finish_pass(&mut self) {
        for Pass { audience, form, messages, given } in self.passes.drain(..) {
            audience.queue(form, given, &messages, &mut self.dirty);
        }
    }

    /// Writes to the next few sockets; whether there was something to write.
    fn write_some(&mut self, channels: &Channels) -> bool {
        let Some(pass) = self.passes.front_mut() else { return false };
        let mut tally = Tally::default();
        let members = pass.audience.members();
        let all = members.of_form(pass.form);
        let is_last = all.len() <= pass.given + WRITES_IN_A_STEP;
        for outbox in all.skip(pass.given).take(WRITES_IN_A_STEP) {
            outbox.deliver(&pass.messages, &mut tally);
        }
        drop(members);
        pass.given += WRITES_IN_A_STEP;
        if is_last {
            self.passes.pop_front();
        }
        channels.counters.count(&tally);
        true
    }
}

impl Channels {
    /// Hands out everything that was published so far, into the outboxes at least. Nothing is under way
    /// while both, the delivery and the names that it gives, are held.
    pub(super) fn hand_out(&self, delivery: &mut Delivery) -> MutexGuard<'_, Names> {
        delivery.finish_pass();
        loop {
            let mut names = self.names.lock();
            let log = names.take_log();
            if log.is_empty() {
                self.pending.store(false, Ordering::Release);
                return names;
            }
            drop(names);
            delivery.queue(log);
        }
    }

    /// Takes up the log: what is for one audience alone is written directly; else every outbox is written
    /// once for all of it.
    fn take_up(&self, delivery: &mut Delivery) {
        let mut names = self.names.lock();
        let mut log = names.take_log();
        if log.is_empty() {
            self.pending.store(false, Ordering::Release);
        }
        drop(names);
        if log.len() > 1 {
            delivery.queue(log);
        } else if let Some(run) = log.pop_front() {
            let audience = run.audience.clone();
            let passes = run.into_messages();
            let pass = |(form, messages)| Pass { audience: audience.clone(), form, messages, given: 0 };
            delivery.passes.extend(passes.map(pass));
        }
    }

    /// Delivers, for ever.
    pub(in crate::hub) async fn run(&self) {
        let mut outboxes = Vec::new();
        loop {
            if !self.step(&mut outboxes) {
                self.notify.notified().await;
                continue;
            }
            outboxes.drain(..).for_each(|outbox: Arc<Outbox>| outbox.flush());
            tokio::task::yield_now().await;
        }
    }

    /// One step of delivery: writes to some sockets, or gives some outboxes to flush. Whether there was
    /// anything to do.
    pub(super) fn step(&self, outboxes: &mut Vec<Arc<Outbox>>) -> bool {
        let mut delivery = self.delivery.lock();
        if delivery.passes.is_empty() && delivery.dirty.is_empty() {
            self.take_up(&mut delivery);
        }
        if delivery.write_some(self) {
            return true;
        }
        let left = delivery.dirty.len().saturating_sub(2 * WRITES_IN_A_STEP);
        outboxes.extend(delivery.dirty.drain(left..));
        !outboxes.is_empty()
    }
}
