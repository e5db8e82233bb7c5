//! Several calls as one step.
//!
//! The shards of all keys that the calls name are locked together, with those of the watched keys, and
//! held from the first look at a watched key until the last call has run: nobody sees the step half
//! done, and no change gets between the look and the step. Time stands still meanwhile.

use super::commands::Handler;
use super::keyspace::{ALL_SHARDS, Held, Keyspace};
use super::{Embedded, shard_number};
use crate::command::COMMANDS;
use crate::{Call, Calls, ReplySink, Transaction, Watched, key_hash};

/// Stands for the call where none runs.
pub(super) static NO_CALL: Call<'static> =
    Call { command: &COMMANDS[0], argv: &[], actor: None, quiet: true };

/// The calls of a transaction, over the locked key space.
struct Step<'a, 'k> {
    calls: &'a [Call<'a>],
    keys: &'k mut Keyspace<'a>,
}

impl Calls for Step<'_, '_> {
    fn run(&mut self, call: usize, reply: &mut dyn ReplySink) {
        let call = &self.calls[call];
        let keys = &mut *self.keys;
        keys.call = call;
        let outcome = call.command.check_words(call.argv).and_then(|()| {
            match keys.engine.handlers[call.command.id as usize] {
                Handler::Keyed(run) | Handler::Whole(run) => run(keys, call.argv, reply),
                Handler::Blocking(blocking) => keys.attempt_once(blocking, reply),
            }
        });
        if let Err(error) = outcome {
            reply.error(&error);
        }
    }
}

impl Embedded {
    pub(super) fn run_transaction(
        &self,
        watched: &[Watched],
        calls: &[Call<'_>],
        body: &mut dyn FnMut(&mut dyn Calls),
    ) -> Transaction {
        let mut keys = self.lock_for(watched, calls);
        let is_broken = watched.iter().any(|watched| keys.has_changed(watched));
        if !is_broken {
            body(&mut Step { calls, keys: &mut keys });
        }
        keys.finish();
        if is_broken { Transaction::Aborted } else { Transaction::Done }
    }

    /// Locks what a transaction is about.
    fn lock_for<'a>(&'a self, watched: &[Watched], calls: &'a [Call<'a>]) -> Keyspace<'a> {
        let mut wanted = 0;
        for watched in watched {
            wanted |= 1 << shard_number(key_hash(&watched.key));
        }
        for call in calls {
            let is_whole = matches!(self.handlers[call.command.id as usize], Handler::Whole(_));
            if is_whole || call.command.reaches_further(call.argv) {
                wanted = ALL_SHARDS;
            }
            for found in call.command.keys(call.argv) {
                wanted |= 1 << shard_number(key_hash(found.key));
            }
        }
        let held = Held::Several(self.lock_shards(wanted));
        let mut keys = Keyspace::over(self, &NO_CALL, self.clock.now_ms(), held);
        if keys.has_waiters() {
            let writing = calls.iter().filter(|call| call.command.writes);
            keys.reach_for_waiters(
                writing.flat_map(|call| call.command.keys(call.argv)).map(|found| found.key),
            );
        }
        keys
    }
}

impl Keyspace<'_> {
    /// Whether a key has changed since it was put under watch; that its time has come is a change.
    fn has_changed(&mut self, watched: &Watched) -> bool {
        let is_there = self.read(&watched.key).is_some();
        let (hash, shard) = self.locate(&watched.key);
        // What is not seen and yet in the table is past its time, and only kept.
        let is_kept = !is_there && shard.table.find(hash, &watched.key).is_some();
        is_kept || shard.watches.has_changed(hash, &watched.key, watched.since)
    }
}
