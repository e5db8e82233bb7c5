//! One command that waits, and the future of its reply.

use super::{Blocking, Served, Wait, WaitingRoom};
use crate::embedded::{Shards, shard_number};
use crate::{Call, Reply, key_hash};
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

/// A command that waits: a copy of the call, and its outcome.
#[derive(Debug)]
pub(in crate::embedded) struct Waiter {
    /// The number of its arrival: who has a lower one is served first.
    pub arrival: u64,
    pub command: &'static Blocking,
    pub quiet: bool,
    pub actor: Option<Box<[u8]>>,
    /// When it has waited long enough, in milliseconds since the epoch.
    pub deadline: Option<u64>,
    words: Vec<Box<[u8]>>,
    keys: Range<usize>,
    targets: Range<usize>,
    /// It is settled what becomes of it: it waits no longer.
    is_claimed: AtomicBool,
    outcome: Mutex<Option<Reply>>,
    waker: AtomicWaker,
}

impl Waiter {
    pub fn new(arrival: u64, command: &'static Blocking, call: &Call<'_>, wait: Wait) -> Waiter {
        let as_sent = || call.argv.iter().map(|&word| word.into()).collect();
        Waiter {
            arrival,
            command,
            quiet: call.quiet,
            actor: call.actor.map(Into::into),
            deadline: wait.deadline,
            words: wait.words.unwrap_or_else(as_sent),
            keys: wait.keys,
            targets: wait.targets,
            is_claimed: AtomicBool::new(false),
            outcome: Mutex::new(None),
            waker: AtomicWaker::new(),
        }
    }

    /// The keys it waits for.
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.words[self.keys.clone()].iter().map(|word| &**word)
    }

    /// The further keys that are changed when it is served.
    pub fn targets(&self) -> impl Iterator<Item = &[u8]> {
        self.words[self.targets.clone()].iter().map(|word| &**word)
    }

    /// Has `serve` look at the call as it is to be served at a key.
    pub fn served<R>(&self, key: &[u8], serve: impl FnOnce(Served<'_>) -> R) -> R {
        let argv: SmallVec<[&[u8]; 8]> = self.words.iter().map(|word| &**word).collect();
        let position = self.keys.clone().find(|&position| argv[position] == key);
        // It stands only in the queues of its keys.
        let position = position.unwrap_or(self.keys.start);
        serve(Served { argv: &argv, position })
    }

    /// Settles that it waits no longer; whether this was the one to do so. Who claims it says what it
    /// answers.
    pub fn claim(&self) -> bool {
        !self.is_claimed.swap(true, Ordering::AcqRel)
    }

    /// Says what it answers. It has to be woken, when no lock is held.
    pub fn answer(&self, reply: Reply) {
        *self.outcome.lock() = Some(reply);
    }

    pub fn wake(&self) {
        self.waker.wake();
    }

    /// Answers this, unless what becomes of it is settled already; whether it was not.
    pub fn end(&self, reply: Reply) -> bool {
        let still_waited = self.claim();
        if still_waited {
            self.answer(reply);
            self.wake();
        }
        still_waited
    }
}

/// The reply of a command that waits. Dropped, the command waits no longer.
pub(super) struct Turn {
    pub waiter: Arc<Waiter>,
    pub shards: Shards,
    pub room: Arc<WaitingRoom>,
}

impl Future for Turn {
    type Output = Reply;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Reply> {
        self.waiter.waker.register(context.waker());
        self.waiter.outcome.lock().take().map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.waiter.claim();
        for key in self.waiter.keys() {
            let hash = key_hash(key);
            self.shards[shard_number(hash)].lock().waiters.remove(hash, key, &self.waiter);
        }
        self.room.forget(&self.waiter);
    }
}
