//! Commands that wait for something to take.
//!
//! Such a command looks under its keys' locks whether there is something ([`Keyspace::attempt`]). When
//! there is not, it is copied into a [`Waiter`] that stands in the queue of each key it waits for, in the
//! order of arrival, before the locks are let go: nothing can come and be missed. A command that then
//! makes one of these keys ready serves the queue as the end of its own step (`serve`), for which it
//! has locked beforehand whatever serving may reach (`reach`): what was pushed is never seen by
//! anybody who came later than the one that waits. While nobody waits in a shard, this costs a branch.
//!
//! Nothing here knows what is waited for: a family describes each of its commands by a [`Blocking`].

mod queue;
mod reach;
mod room;
mod serve;
mod timeout;
mod waiter;

pub(super) use queue::{Awaited, Waiters};
pub(super) use room::WaitingRoom;
pub(super) use serve::Serving;
pub(super) use timeout::seconds;
pub(super) use waiter::Waiter;

use super::Keyspace;
use crate::{Error, Reply, ReplySink, Waiting};
use hyrax_types::limits;
use std::ops::Range;

/// A command that waits.
#[derive(Debug)]
pub(super) struct Blocking {
    /// What it waits for.
    pub awaited: Awaited,
    /// Takes what there is, or says how to wait for it.
    pub attempt: Attempt,
    /// Takes from one of its keys, which holds what is awaited: the reply must be written.
    pub serve: fn(&mut Keyspace<'_>, Served<'_>, &mut dyn ReplySink) -> Result<(), Error>,
    /// Whether there is something in this key for it, where that is not clear from the key's kind. A
    /// stream's waiter is asked as well when the key is gone or has become something else.
    pub is_ready: fn(&mut Keyspace<'_>, Served<'_>) -> bool,
    /// What it answers in a transaction, where it does not wait.
    pub nothing_at_once: Reply,
}

/// Takes what there is, or says how to wait for it.
type Attempt = fn(&mut Keyspace<'_>, &[&[u8]], &mut dyn ReplySink) -> Result<Option<Wait>, Error>;

/// How a command waits.
#[derive(Debug)]
pub(super) struct Wait {
    /// Which of its words are the keys it waits for.
    pub keys: Range<usize>,
    /// Which of its words are further keys, that are changed when it is served.
    pub targets: Range<usize>,
    /// When it has waited long enough, in milliseconds since the epoch.
    pub deadline: Option<u64>,
    /// Its words, where they are not to be kept as they were sent (`$` of `XREAD`).
    pub words: Option<Vec<Box<[u8]>>>,
}

/// A command that waited, and the key at which its turn has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Served<'a> {
    /// Its name and arguments.
    pub argv: &'a [&'a [u8]],
    /// The position of the key among them.
    pub position: usize,
}

impl<'a> Served<'a> {
    /// The key.
    pub fn key(&self) -> &'a [u8] {
        self.argv[self.position]
    }
}

/// For commands that can be served wherever there is a key of the right kind.
pub(super) fn always(_: &mut Keyspace<'_>, _: Served<'_>) -> bool {
    true
}

impl Keyspace<'_> {
    /// Runs a command that waits when there is nothing.
    pub(super) fn attempt(
        &mut self,
        blocking: &'static Blocking,
        reply: &mut dyn ReplySink,
    ) -> Result<Option<Waiting>, Error> {
        let Some(wait) = (blocking.attempt)(self, self.call.argv, reply)? else { return Ok(None) };
        if wait.keys.len() > limits::AWAITED_KEYS_MAX {
            return Err(Error::text("ERR too many keys to wait for"));
        }
        Ok(Some(self.queue(blocking, wait)))
    }

    /// Runs a command that would wait, within a step that cannot.
    pub(super) fn attempt_once(
        &mut self,
        blocking: &'static Blocking,
        reply: &mut dyn ReplySink,
    ) -> Result<(), Error> {
        if (blocking.attempt)(self, self.call.argv, reply)?.is_some() {
            blocking.nothing_at_once.write(reply);
        }
        Ok(())
    }
}
