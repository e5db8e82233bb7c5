//! How messages of channels come in. They cannot fold: each is told as it was published, or the client is
//! told no more.

use super::{Failure, Item, Outbox, State, Tally};
use crate::hub::channels::Messages;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Outbox {
    /// Queues messages. Answers whether the outbox has to be flushed and nobody is about to.
    pub(in crate::hub) fn queue_messages(&self, messages: &Arc<Messages>) -> bool {
        let mut state = self.state.lock();
        if !self.accept(&mut state, messages) {
            return false;
        }
        self.counters.metrics.pushes(messages.count as u64, 0, 0);
        self.counters.queued.fetch_add(messages.bytes.len(), Ordering::Relaxed);
        state.bytes += messages.bytes.len();
        let item = Item::Messages(messages.clone());
        if let Some(held) = &mut state.held {
            held.push(item);
            return false;
        }
        state.queue.push_back(item);
        state.schedule()
    }

    /// Gives messages to the client: writes them where nothing else waits, and queues what does not fit.
    pub(in crate::hub) fn deliver(&self, messages: &Arc<Messages>, tally: &mut Tally) {
        let state = self.state.lock();
        if let (Some(socket), true) = (&self.socket, state.is_clear()) {
            tally.pushes += messages.count;
            let item = || Item::Messages(messages.clone());
            return self.write_at_once(state, &**socket, &messages.bytes, item, tally);
        }
        drop(state);
        if self.queue_messages(messages) {
            self.flush();
        }
    }

    /// Whether messages are queued: not to a client that is gone, and who falls too far behind goes.
    fn accept(&self, state: &mut State, messages: &Messages) -> bool {
        if state.failure.is_some() {
            return false;
        }
        let size = messages.bytes.len();
        let max = self.bytes_max.load(Ordering::Relaxed);
        // Replies have a bound of their own. What is too large alone still may pass, as all share it.
        let waiting = state.bytes - state.reply_bytes;
        if waiting == 0 || waiting + size <= max {
            return true;
        }
        self.fold_all(state);
        let waiting = state.bytes - state.reply_bytes;
        if state.failure.is_some() || waiting == 0 || waiting + size <= max {
            return state.failure.is_none();
        }
        tracing::info!(
            waiting,
            queue_bytes = max,
            "a subscriber that does not read its messages fast enough is disconnected"
        );
        self.fail(state, Failure::Overwhelmed);
        self.call_attention();
        false
    }

    /// Queues replies, and the pushes that were held for them, and has nothing written yet: what is queued
    /// from here on comes after them. [`Outbox::commit`] has to follow.
    pub fn place(&self, replies: &mut Vec<u8>) {
        if replies.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        self.place_replies(&mut state, replies);
        replies.clear();
    }

    pub(super) fn place_replies(&self, state: &mut State, replies: &[u8]) {
        let held = state.held.take();
        if state.failure.is_some() {
            return;
        }
        if !replies.is_empty() {
            state.bytes += replies.len();
            state.reply_bytes += replies.len();
            self.counters.queued.fetch_add(replies.len(), Ordering::Relaxed);
            state.queue.push_back(Item::Reply(Bytes::copy_from_slice(replies)));
        }
        state.queue.extend(held.into_iter().flatten());
    }
}

impl State {
    /// Whether what comes now may be written at once.
    pub(super) fn is_clear(&self) -> bool {
        self.queue.is_empty() && self.held.is_none() && self.blocked_since.is_none() && self.failure.is_none()
    }

    /// Notes that the outbox will be flushed; whether nobody was about to.
    pub(super) fn schedule(&mut self) -> bool {
        let idle = !self.scheduled && self.blocked_since.is_none();
        self.scheduled |= idle;
        idle
    }
}
