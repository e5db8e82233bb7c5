//! Typed live values in Redis' words: commands in, replies out, changes on the side.
//!
//! [`Values`] is the trait every engine implements; [`embedded`] is the engine in this process.
//! Nothing here knows a wire format, a session or who may do what: a door hands over the arguments
//! of a command and a [`ReplySink`] that writes the reply in the door's own form.

pub mod command;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod embedded;
mod error;
mod glob;
mod long_double;
mod memory;
#[cfg(any(test, feature = "conformance"))]
pub mod model;
mod number;
mod reply;

pub use command::Command;
pub use error::Error;
pub use glob::glob_matches;
pub use long_double::{LongDouble, LongDoubleError, add_long_double};
pub use memory::{BadEvictionPolicy, EvictionPolicy, Memory, MemoryLimit, Statistics, Unmeasured};
pub use number::{format_decimal, format_double, parse_double, parse_integer};
pub use reply::{Reply, ReplySink};

use futures_util::future::BoxFuture;
use hyrax_types::{Change, Revision};
use std::any::Any;
use std::sync::Arc;

/// One command to run.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// What [`command::lookup`] found for `argv[0]`.
    pub command: &'static Command,
    /// The command's name and its arguments.
    pub argv: &'a [&'a [u8]],
    /// Who the client says it is; monitors are told.
    pub actor: Option<&'a [u8]>,
    /// Whether monitors are not to be told of the changes this makes.
    pub quiet: bool,
}

/// The lock that a write is made under: it is refused once a later holder of the lock has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence<'a> {
    /// The lock's name.
    pub lock: &'a [u8],
    /// The holder's fencing token. Whoever has the lock later has a greater one.
    pub token: u64,
}

/// Something was written under a later token of the lock, so the call was not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("fenced")]
pub struct Fenced;

/// What became of a call.
///
/// The engine in this process always answers at once, and the common path costs no allocation. An
/// engine behind a network has copied what it needs before it returns.
pub enum Execution {
    /// The reply has been written to the sink.
    Done,
    /// The reply comes later; nothing has been written yet.
    Later(BoxFuture<'static, Reply>),
    /// The command waits for something to take (`BLPOP`); nothing has been written yet.
    Waiting(Waiting),
}

/// A command that waits for something to take, until its own time is over.
///
/// Dropped, it waits no longer and takes nothing; but what it has just taken is lost then.
pub struct Waiting {
    /// What it took, or what it answers when its time is over.
    pub reply: BoxFuture<'static, Reply>,
    /// What it answers when it is let go before that.
    pub nothing: Reply,
    /// Ends the wait with another answer, which `reply` then gives, unless it has taken something in this
    /// very moment; whether it still waited. Nothing that was taken gets lost by this.
    pub end: Arc<dyn Fn(Reply) -> bool + Send + Sync>,
}

/// A key under watch: a transaction finds out whether it has changed since.
///
/// Dropped, the key is watched no longer.
pub struct Watched {
    /// The key.
    pub key: Box<[u8]>,
    /// Its revision when the watch began.
    pub since: Revision,
    /// What the engine keeps for it.
    pub registration: Box<dyn Any + Send + Sync>,
}

/// A key that is about to be under watch.
pub enum Watch {
    /// It is.
    Begun(Watched),
    /// It is once this is there.
    Later(BoxFuture<'static, Watched>),
}

/// What a feed wants to hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope<'a> {
    /// The changes of one key.
    Key(&'a [u8]),
    /// Those of all keys.
    Everything,
}

/// What became of a transaction.
pub enum Transaction {
    /// All its calls were run, as one step.
    Done,
    /// A watched key has changed, so nothing was run.
    Aborted,
    /// It comes later: the replies of its calls in order, or none when it was aborted. The body was not
    /// called.
    Later(BoxFuture<'static, Option<Vec<Reply>>>),
}

/// Runs the calls of a transaction.
pub trait Calls {
    /// Runs the call at this index among those announced, and writes its reply. A command that would wait
    /// answers at once that there was nothing.
    fn run(&mut self, call: usize, reply: &mut dyn ReplySink);
}

/// What a keyspace event is about, as Redis' `notify-keyspace-events` tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventClass {
    /// `g`: commands on keys of any type.
    Generic,
    /// `$`: strings.
    String,
    /// `l`: lists.
    List,
    /// `s`: sets.
    Set,
    /// `h`: hashes.
    Hash,
    /// `z`: sorted sets.
    SortedSet,
    /// `t`: streams.
    Stream,
    /// `x`: keys whose time was over.
    Expired,
    /// `e`: keys that had to go because memory was full.
    Evicted,
    /// `m`: reads of keys that are not there.
    Missed,
    /// `n`: keys that are new.
    New,
}

/// When a node of a stream takes no further entry. An engine may bound what is set here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamNodes {
    /// Entries of a node, deleted ones included; 0 for as many as may be.
    pub entries_max: u64,
    /// Bytes of a node as Redis keeps it; 0 for as many as may be.
    pub bytes_max: u64,
}

impl Default for StreamNodes {
    fn default() -> Self {
        // Those of Redis.
        StreamNodes { entries_max: 100, bytes_max: 4096 }
    }
}

/// What became of a snapshot.
pub enum Snapshot {
    /// It has been written to the sink, and `joined` has been called.
    Done,
    /// It comes later, with its revision; nothing has been written, and nobody called.
    Later(BoxFuture<'static, (Reply, Revision)>),
}

/// The kinds of value a snapshot can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A byte string: answered as a bulk.
    String,
    /// A hash: answered as a map.
    Hash,
    /// A list: answered as an array.
    List,
    /// A set: answered as a set.
    Set,
    /// A sorted set: answered as a map of member to score.
    SortedSet,
    /// Whatever the key holds, in the form its own kind has; null when there is none.
    Any,
    /// Nothing of it: null, for whoever wants to know its revision alone.
    Nothing,
}

/// Live values, by Redis' commands.
pub trait Values: Send + Sync + 'static {
    /// Runs a command.
    ///
    /// A failure is a reply like any other ([`ReplySink::error`]), with Redis' own text, and has
    /// changed nothing.
    fn execute(&self, call: &Call<'_>, reply: &mut dyn ReplySink) -> Execution;

    /// Runs a command that writes under a lock's token, unless a key that it writes was written under a
    /// greater one of that lock before, also when the value is gone since. In one step with the write. A
    /// command that would wait answers at once that there was nothing.
    ///
    /// The engine does not ask whether the lock is held: it believes the token.
    fn execute_fenced(
        &self,
        call: &Call<'_>,
        fence: &Fence<'_>,
        reply: &mut dyn ReplySink,
    ) -> Result<Execution, Fenced>;

    /// Runs calls as one step that nobody sees half of, unless a watched key has changed. `body` is called
    /// once, and runs the calls one after the other; their changes are delivered after the step, in order.
    ///
    /// While `body` runs, the engine may hold locks: it must not call the engine otherwise, nor drop a
    /// [`Watched`] or a [`Waiting`].
    fn transaction(
        &self,
        watched: &[Watched],
        calls: &[Call<'_>],
        body: &mut dyn FnMut(&mut dyn Calls),
    ) -> Transaction;

    /// Begins to watch a key for a transaction, `beside` those that it watches already.
    fn watch(&self, key: &[u8], beside: &[Watched]) -> Watch;

    /// Writes the value of `key` and calls `joined` with its revision, as one step: a change up to
    /// that revision is in the value, and one after it reaches the feed after `joined` returned.
    ///
    /// A missing key, or one of another kind, gives the kind's empty value. Where the snapshot comes
    /// later, so does its revision; every change after it reaches the feed, some maybe before the
    /// snapshot is known.
    fn snapshot(
        &self,
        key: &[u8],
        kind: Kind,
        reply: &mut dyn ReplySink,
        joined: &mut dyn FnMut(Revision),
    ) -> Snapshot;

    /// Has the feed told of changes of this, until what is answered is dropped. Returns at once: a
    /// [`Values::snapshot`] of a key that comes after it is of a moment from which on its changes are told. An engine
    /// that tells of every change answers nothing.
    fn follow(&self, scope: Scope<'_>) -> Option<Box<dyn Send + Sync>> {
        let _ = scope;
        None
    }

    /// Comes once the feed is told of changes of what it [follows](Values::follow), or not within a bound; nothing where it is from the
    /// beginning.
    fn heard(&self, scope: Scope<'_>) -> Option<BoxFuture<'static, ()>> {
        let _ = scope;
        None
    }

    /// Which engine this is: what the URL that names it begins with.
    fn name(&self) -> &'static str {
        "embedded"
    }

    /// Says that commands on keys of these hashes ([`key_hash`]) follow at once, so that an engine in
    /// memory can have them fetched. Some of the hashes may be of no key.
    fn prefetch(&self, hashes: &[u64]) {
        let _ = hashes;
    }

    /// How many keys there are, where that costs nothing to know.
    fn len_hint(&self) -> Option<usize>;

    /// Sets how much memory may be used (`CONFIG SET maxmemory`, `maxmemory-policy`,
    /// `maxmemory-samples`). It holds from the next command on; what is too much already is evicted in
    /// the background.
    fn limit_memory(&self, limit: MemoryLimit) {
        let _ = limit;
    }

    /// How much memory may be used (`CONFIG GET`).
    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::default()
    }

    /// Whether a command that grows would be refused now, after what can go has gone.
    /// [`Values::execute`] asks itself. A door asks before it queues a command of a transaction, whichever
    /// it is, and before it runs a transaction with a command that grows: [`Values::transaction`] does not.
    fn is_out_of_memory(&self) -> bool {
        false
    }

    /// Sets when a node of a stream is full (`CONFIG SET stream-node-max-entries`, `stream-node-max-bytes`),
    /// which tells what a trim with `~` takes.
    fn limit_stream_nodes(&self, nodes: StreamNodes) {
        let _ = nodes;
    }

    /// When a node of a stream is full (`CONFIG GET`).
    fn stream_nodes(&self) -> StreamNodes {
        StreamNodes::default()
    }

    /// Until this time, in milliseconds since the epoch, keys past their time, though nobody sees them, are
    /// not removed nor told of, and none is evicted in the background (`CLIENT PAUSE`). A command that writes
    /// such a key removes it first all the same.
    fn keep_expired_until(&self, until_ms: u64) {
        let _ = until_ms;
    }

    /// What has been counted (`INFO`).
    fn statistics(&self) -> Statistics {
        Statistics::default()
    }

    /// Counts expired and evicted keys, hits and misses from zero again (`CONFIG RESETSTAT`).
    fn reset_statistics(&self) {}
}

/// Where an engine tells what changed.
///
/// `emit` runs while the engine holds what orders writes of that key, so it must only queue.
/// `settle` follows after the engine has let go, once for each call that emitted.
pub trait Feed: Send + Sync + 'static {
    /// Whether anybody listens to changes of any key.
    fn is_heard(&self) -> bool {
        true
    }

    /// Whether anybody listens to changes of `key`. `hash` is [`key_hash`] of it.
    fn wants(&self, hash: u64, key: &[u8]) -> bool;

    /// Takes one change, in order for its key.
    fn emit(&self, hash: u64, change: &Change<'_>);

    /// The same of a change that another node has made.
    fn emit_from_afar(&self, hash: u64, change: &Change<'_>) {
        self.emit(hash, change);
    }

    /// Takes note that `key` has changed by a call that nobody is to be told of: copies of it are stale all the
    /// same. Called as [`Feed::emit`] is.
    fn emit_quietly(&self, hash: u64, key: &[u8]) {
        let _ = (hash, key);
    }

    /// Takes note that all keys have gone at once. Those that somebody listens to are told of one by one
    /// besides.
    fn emptied(&self) {}

    /// Whether anybody asked for keyspace events of this class.
    fn notifies(&self, class: EventClass) -> bool {
        let _ = class;
        false
    }

    /// Takes a keyspace event, in order for its key: what Redis calls what happened. Called where
    /// [`Feed::notifies`], in the same way as [`Feed::emit`].
    fn notify(&self, class: EventClass, event: &'static str, key: &[u8]) {
        let _ = (class, event, key);
    }

    /// Changes of a key may have been missed: who hears of it has to be told its value anew. What is emitted
    /// after this comes after that.
    fn lost(&self, hash: u64, key: &[u8]) {
        let _ = (hash, key);
    }

    /// Changes of whichever keys may have been missed by those who hear of many.
    fn lost_everything(&self) {}

    /// Everything emitted by this call may be delivered.
    fn settle(&self);
}

/// The hash by which keys are spread in this process. Not stable over restarts.
pub fn key_hash(key: &[u8]) -> u64 {
    use std::hash::BuildHasher;
    use std::sync::LazyLock;
    static SEED: LazyLock<foldhash::fast::RandomState> = LazyLock::new(foldhash::fast::RandomState::default);
    SEED.hash_one(key)
}
