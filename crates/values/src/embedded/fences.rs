//! Tokens of locks that writes came under: a write under one that was overtaken is refused.
//!
//! Remembered is the greatest token of each lock, whatever keys were written under it: a lesser one is
//! stale for all of them. So nothing has to be kept with a key, nor of one that is deleted. Only so many
//! locks are remembered. Those whose tokens are the oldest are forgotten first, and of them it is
//! remembered together how far they went: a lock that is not remembered may not come with a lesser token.

use std::collections::HashMap;

use hyrax_types::limits::{FENCED_LOCK_BYTES_MAX, FENCED_LOCKS_MAX};
use parking_lot::Mutex;

use super::Embedded;
use super::commands::Handler;
use super::keyspace::Keyspace;
use crate::{Call, Execution, Fence, Fenced, ReplySink};

/// The greatest tokens of the locks.
#[derive(Debug, Default)]
pub(super) struct Fences(Mutex<Tokens>);

#[derive(Debug, Default)]
struct Tokens {
    greatest: HashMap<Box<[u8]>, u64>,
    /// Bytes of the locks' names.
    name_bytes: usize,
    /// The greatest token of the locks that were forgotten.
    forgotten: u64,
}

impl Fences {
    /// Takes note of a write under a token, unless it was overtaken; whether it may go on. Called while
    /// the keys are locked that are written, so that what was admitted first is written first.
    fn admit(&self, fence: &Fence<'_>) -> bool {
        self.0.lock().admit(fence, FENCED_LOCKS_MAX, FENCED_LOCK_BYTES_MAX)
    }
}

impl Tokens {
    fn admit(&mut self, fence: &Fence<'_>, locks_max: usize, bytes_max: usize) -> bool {
        if let Some(greatest) = self.greatest.get_mut(fence.lock) {
            let current = fence.token >= *greatest;
            *greatest = fence.token.max(*greatest);
            return current;
        }
        if fence.token < self.forgotten {
            return false;
        }
        if self.greatest.len() >= locks_max || self.name_bytes + fence.lock.len() > bytes_max {
            self.forget_older_half();
        }
        self.name_bytes += fence.lock.len();
        self.greatest.insert(fence.lock.into(), fence.token);
        true
    }

    /// Half of them at a time, so that looking at them all is rare.
    fn forget_older_half(&mut self) {
        let mut tokens: Vec<u64> = self.greatest.values().copied().collect();
        if tokens.is_empty() {
            return;
        }
        let middle = (tokens.len() - 1) / 2;
        let (_, &mut until, _) = tokens.select_nth_unstable(middle);
        self.forgotten = self.forgotten.max(until);
        self.greatest.retain(|_, token| *token > until);
        self.name_bytes = self.greatest.keys().map(|name| name.len()).sum();
    }
}

impl Embedded {
    pub(super) fn run_fenced(
        &self,
        call: &Call<'_>,
        fence: &Fence<'_>,
        reply: &mut dyn ReplySink,
    ) -> Result<Execution, Fenced> {
        let refused = call
            .command
            .check_words(call.argv)
            .and_then(|()| if call.command.grows { self.check_memory() } else { Ok(()) });
        if let Err(error) = refused {
            reply.error(&error);
            return Ok(Execution::Done);
        }
        let mut keys = Keyspace::lock(self, call, self.clock.now_ms());
        let admitted = self.fences.admit(fence);
        let outcome = match self.handlers[call.command.id as usize] {
            _ if !admitted => Ok(()),
            Handler::Keyed(run) | Handler::Whole(run) => run(&mut keys, call.argv, reply),
            Handler::Blocking(blocking) => keys.attempt_once(blocking, reply),
        };
        keys.finish();
        if let Err(error) = outcome {
            reply.error(&error);
        }
        if admitted { Ok(Execution::Done) } else { Err(Fenced) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn admit(tokens: &mut Tokens, lock: &str, token: u64) -> bool {
        tokens.admit(&Fence { lock: lock.as_bytes(), token }, 4, 1_000)
    }

    #[test]
    fn a_lock_forgotten_still_refuses_what_it_had_overtaken() {
        let mut tokens = Tokens::default();
        for (number, lock) in ["a", "b", "c", "d"].into_iter().enumerate() {
            assert!(admit(&mut tokens, lock, 10 + number as u64));
        }
        assert!(admit(&mut tokens, "e", 20), "a and b are forgotten");
        assert!(!admit(&mut tokens, "a", 9) && !admit(&mut tokens, "b", 10));
        assert!(admit(&mut tokens, "b", 11), "its own last token passes");
        assert!(!admit(&mut tokens, "c", 11), "it is remembered");
    }

    #[test]
    fn long_names_are_bounded_by_their_bytes() {
        let mut tokens = Tokens::default();
        for number in 0..100u64 {
            let lock = format!("{number:0>300}");
            assert!(admit(&mut tokens, &lock, number));
            assert!(tokens.name_bytes <= 1_000);
            assert_eq!(tokens.name_bytes, tokens.greatest.keys().map(|name| name.len()).sum::<usize>());
        }
    }

    proptest! {
        /// Whatever is forgotten: no write passes under a token that its lock had overtaken.
        #[test]
        fn nothing_overtaken_passes(writes in prop::collection::vec((0..12u8, 0..100u64), 1..200)) {
            let mut tokens = Tokens::default();
            let mut greatest: HashMap<u8, u64> = HashMap::new();
            for (lock, token) in writes {
                let passed = admit(&mut tokens, &lock.to_string(), token);
                let greatest = greatest.entry(lock).or_default();
                prop_assert!(!passed || token >= *greatest);
                if passed {
                    *greatest = token;
                }
                prop_assert!(tokens.greatest.len() <= 4);
            }
        }
    }
}
