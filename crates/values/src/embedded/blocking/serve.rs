//! Serving those who wait, as the end of the step that made something ready.

use super::waiter::Turn;
use super::{Awaited, Blocking, Wait, Waiter};
use crate::embedded::Embedded;
use crate::embedded::keyspace::{Held, HeldShards, Keyspace};
use crate::embedded::transaction::NO_CALL;
use crate::{Reply, Waiting};
use std::collections::VecDeque;
use std::sync::Arc;

/// What a step has to do for those who wait.
#[derive(Debug, Default)]
pub(in crate::embedded) struct Serving {
    /// Keys that became ready, in that order.
    ready: VecDeque<Box<[u8]>>,
    /// Who has been served, and is to be woken once no lock is held.
    served: Vec<Arc<Waiter>>,
    /// Who is being served.
    current: Option<Arc<Waiter>>,
}

impl Serving {
    /// Notes a key that became ready.
    pub fn add(&mut self, key: &[u8]) {
        self.ready.push_back(key.into());
    }

    /// In whose name changes are told: whether quietly, and who it is; nothing while nobody is served.
    pub fn voice(&self) -> Option<(bool, Option<&[u8]>)> {
        self.current.as_deref().map(|waiter| (waiter.quiet, waiter.actor.as_deref()))
    }
}

impl Keyspace<'_> {
    /// Puts the call that runs into the queues of its keys.
    pub(super) fn queue(&mut self, command: &'static Blocking, wait: Wait) -> Waiting {
        let engine = self.engine;
        let waiter = Arc::new(Waiter::new(engine.waiting.next_arrival(), command, self.call, wait));
        for key in waiter.keys() {
            let (hash, shard) = self.locate(key);
            shard.waiters.add(hash, key, waiter.clone());
        }
        engine.waiting.add(&waiter);
        let ended = waiter.clone();
        let end = Arc::new(move |reply| ended.end(reply));
        let turn = Turn { waiter, shards: engine.shards.clone(), room: engine.waiting.clone() };
        Waiting { reply: Box::pin(turn), nothing: Reply::NullArray, end }
    }

    /// Serves whoever waits for what became ready, in the order in which it did, and for each key in the
    /// order of arrival; and whoever waits for what that makes ready. They are to be woken once no lock
    /// is held.
    #[cold]
    pub(in crate::embedded) fn serve(&mut self) -> Vec<Arc<Waiter>> {
        let ready: Vec<_> = self.serving.iter().flat_map(|serving| &serving.ready).cloned().collect();
        let ready: Vec<&[u8]> = ready.iter().map(|key| &**key).collect();
        // A step that names its keys holds all of that already.
        self.reach(&ready);
        while let Some(key) = self.serving.as_mut().and_then(|serving| serving.ready.pop_front()) {
            let (hash, shard) = self.locate(&key);
            shard.waiters.begin(hash, &key);
            let there = self.read(&key).and_then(Awaited::of);
            if let Some(awaited) = there.filter(|awaited| *awaited != Awaited::Stream) {
                self.serve_line(&key, awaited);
            }
            self.serve_line(&key, Awaited::Stream);
        }
        self.serving.take().map_or_else(Vec::new, |serving| serving.served)
    }

    /// Serves those who wait for one kind of thing at a key, as long as it is there.
    fn serve_line(&mut self, key: &[u8], awaited: Awaited) {
        let mut from = 0;
        loop {
            let is_there = self.read(key).and_then(Awaited::of) == Some(awaited);
            if !is_there && awaited != Awaited::Stream {
                return;
            }
            let (hash, shard) = self.locate(key);
            let Some(waiter) = shard.waiters.next(hash, key, awaited, from) else { return };
            from = waiter.arrival + 1;
            let is_ready = waiter.served(key, |served| (waiter.command.is_ready)(self, served));
            if is_ready && waiter.claim() {
                let (hash, shard) = self.locate(key);
                shard.waiters.remove(hash, key, &waiter);
                self.serve_one(key, waiter);
            }
        }
    }

    fn serve_one(&mut self, key: &[u8], waiter: Arc<Waiter>) {
        self.serving.get_or_insert_default().current = Some(waiter.clone());
        let reply = Reply::collect(|sink| {
            if let Err(error) = waiter.served(key, |served| (waiter.command.serve)(self, served, sink)) {
                sink.error(&error);
            }
        });
        waiter.answer(reply);
        let serving = self.serving.get_or_insert_default();
        serving.current = None;
        serving.served.push(waiter);
    }
}

impl Embedded {
    /// Serves those who wait for the end of keys that went by themselves.
    pub(in crate::embedded) fn serve_left_behind(&self, now_ms: u64) {
        let left_behind = self.waiting.take_left_behind();
        if left_behind.is_empty() {
            return;
        }
        let mut keys = Keyspace::over(self, &NO_CALL, now_ms, Held::Several(HeldShards::new()));
        let serving = keys.serving.get_or_insert_default();
        serving.ready.extend(left_behind);
        keys.finish();
    }
}
