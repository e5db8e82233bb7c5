//! How replies and pushes leave: together, in one order, with as few writes as can be.

use super::{Failure, Item, Outbox, Socket, State, Tally};
use bytes::Bytes;
use parking_lot::MutexGuard;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// How many bytes are gathered for one write.
const WRITE_BYTES: usize = 64 * 1024;

impl Outbox {
    /// Queues replies before the pushes that were held for them, and writes what can be written.
    pub fn commit(&self, replies: &[u8]) {
        let mut state = self.state.lock();
        let held = state.held.take();
        if state.failure.is_some() {
            return;
        }
        let direct = state.queue.is_empty() && state.blocked_since.is_none();
        let mut rest = replies;
        if let (true, Some(socket), false) = (direct, &self.socket, replies.is_empty()) {
            match socket.try_write(replies) {
                Ok(written) => {
                    self.counters.metrics.sent(written as u64);
                    rest = &replies[written..];
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => {
                    self.fail(&mut state, Failure::Broken);
                    return;
                }
            }
        }
        state.held = held;
        self.place_replies(&mut state, rest);
        let pending = !state.queue.is_empty();
        drop(state);
        if pending {
            self.flush();
        }
    }

    /// Writes what nothing else stands before; what does not fit is queued, as an item.
    pub(super) fn write_at_once(
        &self,
        mut state: MutexGuard<'_, State>,
        socket: &dyn Socket,
        bytes: &[u8],
        item: impl FnOnce() -> Item,
        tally: &mut Tally,
    ) {
        let written = match socket.try_write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Ok(0) | Err(_) => {
                self.fail(&mut state, Failure::Broken);
                drop(state);
                return self.call_attention();
            }
            Ok(written) => written,
        };
        tally.bytes_sent += written;
        let left = bytes.len() - written;
        if left > 0 {
            state.queue.push_back(item());
            state.written = written;
            state.bytes += left;
            self.counters.queued.fetch_add(left, Ordering::Relaxed);
            drop(state);
            self.flush();
        }
    }

    /// Writes until the queue is empty or the socket is full.
    pub fn flush(&self) {
        let mut state = self.state.lock();
        state.scheduled = false;
        let Some(socket) = &self.socket else {
            drop(state);
            self.call_attention();
            return;
        };
        if state.held.is_some() || state.blocked_since.is_some() {
            return;
        }
        while !state.queue.is_empty() && state.failure.is_none() {
            // The lock is kept over the write: it never waits, and keeps what it writes in place.
            match with_gathered(&state, |gathered| socket.try_write(gathered)) {
                Ok(0) => self.fail(&mut state, Failure::Broken),
                Ok(written) => {
                    self.counters.metrics.sent(written as u64);
                    self.advance(&mut state, written);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    state.blocked_since = Some(Instant::now());
                    drop(state);
                    self.call_attention();
                    return;
                }
                Err(_) => self.fail(&mut state, Failure::Broken),
            }
        }
        let wanted = state.failure.is_some() || !state.owed.is_empty();
        drop(state);
        if wanted {
            self.call_attention();
        }
    }

    /// The socket has room again.
    pub fn unblock(&self) {
        self.state.lock().blocked_since = None;
        self.flush();
    }

    /// Takes what is queued, for a session that writes by itself.
    pub fn take(&self, out: &mut Vec<u8>) {
        let mut state = self.state.lock();
        state.scheduled = false;
        if state.held.is_some() {
            return;
        }
        while let Some(item) = state.queue.front() {
            if !out.is_empty() && out.len() + item.bytes().len() > WRITE_BYTES {
                break;
            }
            let bytes = item.bytes().len();
            out.extend_from_slice(item.bytes());
            self.advance(&mut state, bytes);
        }
    }

    /// Takes the first queued message without its end of line, for a session whose messages are framed
    /// one by one.
    pub fn take_one(&self) -> Option<Bytes> {
        let mut state = self.state.lock();
        state.scheduled = false;
        if state.held.is_some() {
            return None;
        }
        let rest = state.queue.front()?.bytes().slice(state.written..);
        let end = memchr::memchr(b'\n', &rest);
        self.advance(&mut state, end.map_or(rest.len(), |end| end + 1));
        Some(rest.slice(..end.unwrap_or(rest.len())))
    }

    /// Removes written bytes from the front.
    fn advance(&self, state: &mut State, mut written: usize) {
        state.bytes -= written;
        self.counters.queued.fetch_sub(written, Ordering::Relaxed);
        while let Some(item) = state.queue.front() {
            let left = item.bytes().len() - state.written;
            let taken = written.min(left);
            written -= taken;
            if matches!(item, Item::Reply(_)) {
                state.reply_bytes -= taken;
            }
            if taken < left {
                state.written += taken;
                return;
            }
            state.written = 0;
            state.queue.pop_front();
        }
        // An idle connection keeps no queue.
        if state.queue.capacity() > 0 {
            state.queue = VecDeque::new();
        }
    }
}

/// Runs `write` on the queue's first bytes, put side by side when they are of several items.
fn with_gathered<R>(state: &State, write: impl FnOnce(&[u8]) -> R) -> R {
    thread_local! {
        static GATHERED: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
    }
    if let Some(first) = state.queue.front() {
        let first = &first.bytes()[state.written..];
        // A large one is not copied again for each part of it that fits into the socket.
        if state.queue.len() == 1 || first.len() >= WRITE_BYTES {
            return write(first);
        }
    }
    GATHERED.with_borrow_mut(|gathered| {
        gathered.clear();
        let mut skipped = state.written;
        for item in &state.queue {
            let bytes = &item.bytes()[skipped..];
            if !gathered.is_empty() && gathered.len() + bytes.len() > WRITE_BYTES {
                break;
            }
            gathered.extend_from_slice(bytes);
            skipped = 0;
        }
        write(gathered)
    })
}
