//! How pushes come in, and fold when the client does not keep up.

use super::{Failure, Item, Outbox, Owed, State, Tally};
use crate::hub::event::{Event, Segment, What};
use crate::hub::subscription::{Scope, Subscription};
use hyrax_types::Revision;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Outbox {
    /// Queues pushes, unless the monitor has ended or has seen them. Answers whether the outbox has to
    /// be flushed and nobody is about to.
    pub(in crate::hub) fn push(&self, segment: &Arc<Segment>, subscription: &Arc<Subscription>) -> bool {
        let mut state = self.state.lock();
        if state.failure.is_some() || subscription.has_ended() {
            return false;
        }
        if !state.owed.is_empty()
            || segment.has_loss()
            || !segment.events().iter().all(|event| subscription.has_not_seen(event))
        {
            return self.push_singly(&mut state, segment, subscription);
        }
        self.enqueue(&mut state, segment, subscription)
    }

    /// As [`Outbox::push`], but what nothing else stands before is written at once.
    pub(in crate::hub) fn push_through(
        &self,
        segment: &Arc<Segment>,
        subscription: &Arc<Subscription>,
        tally: &mut Tally,
    ) -> bool {
        let state = self.state.lock();
        let bytes = segment.encoded(subscription.form);
        let is_wanted = state.owed.is_empty()
            && !subscription.has_ended()
            && !segment.has_loss()
            && segment.events().iter().all(|event| subscription.has_not_seen(event))
            && bytes.len() <= self.bytes_max.load(Ordering::Relaxed);
        if let (Some(socket), true, true) = (&self.socket, is_wanted, state.is_clear()) {
            tally.pushes += segment.events().len();
            let item = || Item::Pushes(segment.clone(), subscription.clone());
            self.write_at_once(state, &**socket, bytes, item, tally);
            return false;
        }
        drop(state);
        self.push(segment, subscription)
    }

    /// Counts what was done in a row.
    pub(in crate::hub) fn count(&self, tally: &Tally) {
        self.counters.count(tally);
    }

    /// Queues those of a segment that the client is to be told.
    fn push_singly(&self, state: &mut State, segment: &Segment, subscription: &Arc<Subscription>) -> bool {
        let mut wanted = Vec::new();
        for event in segment.events() {
            if !subscription.has_not_seen(event) {
                continue;
            }
            if event.is_loss() {
                self.owe_event(state, event, subscription);
                self.call_attention();
            } else if state.is_owed(event, subscription) {
                self.counters.metrics.pushes(0, 1, 0);
            } else {
                wanted.push(event.clone());
            }
        }
        !wanted.is_empty() && self.enqueue(state, &Segment::new(wanted), subscription)
    }

    fn enqueue(&self, state: &mut State, segment: &Arc<Segment>, subscription: &Arc<Subscription>) -> bool {
        let size = segment.encoded(subscription.form).len();
        if state.failure.is_some() {
            return false;
        }
        if state.bytes + size > self.bytes_max.load(Ordering::Relaxed) {
            self.fold(state, segment, subscription);
            return false;
        }
        state.bytes += size;
        self.counters.queued.fetch_add(size, Ordering::Relaxed);
        self.counters.metrics.pushes(segment.events().len() as u64, 0, 0);
        let item = Item::Pushes(segment.clone(), subscription.clone());
        if let Some(held) = &mut state.held {
            held.push(item);
            return false;
        }
        state.queue.push_back(item);
        state.schedule()
    }

    /// Queues what is told as it comes and no snapshot can make up for: a client that falls behind with it
    /// is disconnected.
    pub fn tell(&self, bytes: bytes::Bytes) {
        let mut state = self.state.lock();
        if state.failure.is_some() {
            return;
        }
        if state.bytes + bytes.len() > self.bytes_max.load(Ordering::Relaxed) {
            self.fail(&mut state, Failure::Overwhelmed);
            drop(state);
            return self.call_attention();
        }
        state.bytes += bytes.len();
        state.reply_bytes += bytes.len();
        self.counters.queued.fetch_add(bytes.len(), Ordering::Relaxed);
        if let Some(held) = &mut state.held {
            held.push(Item::Reply(bytes));
            return;
        }
        state.queue.push_back(Item::Reply(bytes));
        drop(state);
        self.flush();
    }

    /// Notes that pushes of these keys were lost before they came here.
    pub fn lose(&self, key: &[u8], subscription: &Arc<Subscription>, value: bool, presence: bool) {
        let mut state = self.state.lock();
        if state.failure.is_none() && !subscription.has_ended() {
            self.owe(&mut state, key, subscription, value, presence);
            drop(state);
            self.call_attention();
        }
    }

    /// Drops every queued push, and these, for resets of their keys.
    fn fold(&self, state: &mut State, segment: &Segment, subscription: &Arc<Subscription>) {
        self.fold_all(state);
        if state.failure.is_none() {
            self.owe_all(state, segment, subscription);
            self.call_attention();
        }
    }

    /// Drops every queued push for resets of their keys.
    pub(super) fn fold_all(&self, state: &mut State) {
        let queued = std::mem::take(&mut state.queue);
        let held = state.held.as_mut().map(std::mem::take).unwrap_or_default();
        let partly_written = state.written > 0;
        let mut dropped = 0;
        for (position, item) in queued.into_iter().chain(held).enumerate() {
            match item {
                Item::Pushes(segment, subscription) if !(partly_written && position == 0) => {
                    dropped += segment.encoded(subscription.form).len();
                    self.owe_all(state, &segment, &subscription);
                }
                // A reply is owed to the client whatever happens, nothing makes up for a message, and half a
                // line cannot be taken back.
                item => state.queue.push_back(item),
            }
        }
        if state.failure.is_some() {
            state.queue = VecDeque::new();
            return;
        }
        state.bytes -= dropped;
        self.counters.queued.fetch_sub(dropped, Ordering::Relaxed);
        self.call_attention();
    }

    fn owe_all(&self, state: &mut State, segment: &Segment, subscription: &Arc<Subscription>) {
        for event in segment.events() {
            self.owe_event(state, event, subscription);
        }
        self.counters.metrics.pushes(0, segment.events().len() as u64, 0);
    }

    fn owe_event(&self, state: &mut State, event: &Event, subscription: &Arc<Subscription>) {
        if subscription.has_ended() {
            return;
        }
        let presence = matches!(event.what(), What::Presence(_));
        self.owe(state, event.key(), subscription, !presence, presence);
    }

    fn owe(
        &self,
        state: &mut State,
        key: &[u8],
        subscription: &Arc<Subscription>,
        value: bool,
        presence: bool,
    ) {
        let of_key = state.owed.get_mut(key);
        let known = of_key
            .and_then(|owed| owed.iter_mut().find(|owed| Arc::ptr_eq(&owed.subscription, subscription)));
        if let Some(owed) = known {
            owed.value |= value;
            owed.presence |= presence;
            return;
        }
        state.owed_bytes += owed_size(key);
        if state.owed_bytes > self.bytes_max.load(Ordering::Relaxed) {
            self.fail(state, Failure::Overwhelmed);
            self.call_attention();
            return;
        }
        let owed = Owed { subscription: subscription.clone(), value, presence };
        state.owed.entry(key.into()).or_default().push(owed);
    }

    /// Takes one reset that is owed, once everything queued has been written. Pushes are held from here
    /// on: [`Outbox::commit`] is due.
    pub fn next_owed(&self) -> Option<(Box<[u8]>, Owed)> {
        let mut state = self.state.lock();
        if !state.queue.is_empty() {
            return None;
        }
        let mut first = state.owed.first_entry()?;
        let key = first.key().clone();
        let owed = first.get_mut().pop();
        if first.get().is_empty() {
            first.remove();
        }
        let owed = owed?;
        state.owed_bytes -= owed_size(&key);
        // In the same step: a push that slipped out before the reset would be one on top of a gap.
        state.held.get_or_insert_default();
        Some((key, owed))
    }

    /// Makes pushes wait until [`Outbox::commit`], so that the reply of a command that takes a
    /// snapshot comes before the pushes of what changed after it.
    pub fn hold(&self) {
        self.state.lock().held.get_or_insert_default();
    }

    /// Leaves out changes of `key` up to `rev` for this monitor: its client is about to be told the
    /// value as it then was. Called in the same step as that snapshot is taken.
    pub fn place_reset(&self, subscription: &Arc<Subscription>, key: &[u8], rev: Revision) {
        let mut state = self.state.lock();
        subscription.place_reset(key, rev);
        self.drop_held(&mut state, subscription);
    }

    /// The same for an EKG.
    pub fn place_presence(&self, subscription: &Arc<Subscription>, ekg: &[u8], erev: Revision) {
        let mut state = self.state.lock();
        subscription.place_presence(ekg, erev);
        self.drop_held(&mut state, subscription);
    }

    /// Ends a monitor: no push of it is queued any more after this.
    pub fn end(&self, subscription: &Arc<Subscription>) {
        let mut state = self.state.lock();
        subscription.end();
        self.drop_held(&mut state, subscription);
        state.forget_owed_to_ended(&subscription.scope);
    }

    /// Drops pushes that were held, but are of an ended monitor, or were told by a snapshot.
    fn drop_held(&self, state: &mut State, subscription: &Arc<Subscription>) {
        let Some(held) = &mut state.held else { return };
        let mut dropped = 0;
        held.retain_mut(|item| {
            let Item::Pushes(segment, of) = item else { return true };
            if !Arc::ptr_eq(of, subscription) {
                return true;
            }
            let before = segment.encoded(of.form).len();
            let is_new = |event: &&Arc<Event>| !of.has_ended() && of.has_not_seen(event);
            let left: Vec<_> = segment.events().iter().filter(is_new).cloned().collect();
            if left.is_empty() {
                dropped += before;
                return false;
            }
            if left.len() < segment.events().len() {
                *segment = Segment::new(left);
                dropped += before - segment.encoded(of.form).len();
            }
            true
        });
        state.bytes -= dropped;
        self.counters.queued.fetch_sub(dropped, Ordering::Relaxed);
    }
}

impl State {
    /// Whether the state of this event's key is owed to the monitor anyway.
    fn is_owed(&self, event: &Event, subscription: &Arc<Subscription>) -> bool {
        let Some(owed) = self.owed.get(event.key()) else { return false };
        owed.iter().any(|owed| {
            Arc::ptr_eq(&owed.subscription, subscription)
                && match event.what() {
                    What::Change(_) => owed.value,
                    What::Presence(_) => owed.presence,
                }
        })
    }

    /// Forgets what is owed to an ended monitor of this scope.
    fn forget_owed_to_ended(&mut self, scope: &Scope) {
        let State { owed, owed_bytes, .. } = self;
        let mut forget = |key: &[u8], monitors: &mut SmallVec<[Owed; 1]>| {
            let before = monitors.len();
            monitors.retain(|owed| !owed.subscription.has_ended());
            *owed_bytes -= (before - monitors.len()) * owed_size(key);
            !monitors.is_empty()
        };
        if let Scope::Key(key) = scope {
            if owed.get_mut(key).is_some_and(|monitors| !forget(key, monitors)) {
                owed.remove(key);
            }
        } else {
            owed.retain(|key, monitors| forget(key, monitors));
        }
    }
}

/// What the memory of an owed reset counts as.
fn owed_size(key: &[u8]) -> usize {
    key.len() + size_of::<Owed>()
}
