//! The engine: which way each command takes.

use crate::Address;
use crate::call::Prepared;
use crate::feed::{Feed, Following};
use crate::library::{Function, library};
use crate::names::Names;
use crate::nodes::Nodes;
use crate::notice::Noticing;
use crate::reply::{error_of, plain, reply_of};
use crate::waiting::{Awaited, Room};
use crate::{blocking, transaction, whole};
use futures_util::future::BoxFuture;
use hyrax_types::Revision;
use hyrax_values::command::Name;
use hyrax_values::{
    Call, Calls, Error, Execution, Fence, Fenced, Kind, Reply, ReplySink, Scope, Snapshot, Statistics,
    Transaction, Values, Watch, Watched,
};
use parking_lot::Mutex;
use redis::{RedisError, Value};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::task::AbortHandle;

/// How often Redis is asked for what it has counted.
const STATISTICS_EVERY: Duration = Duration::from_secs(2);

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Redis is not there, or does not let us in.
    #[error("{address} can not be used: {error}")]
    Unreachable {
        /// Where it should be, without a password.
        address: String,
        /// What the library says.
        error: RedisError,
    },
    /// It does not have what is needed.
    #[error(
        "{address} is too old: Redis 7.0 or later is needed, for functions and sharded channels ({error})"
    )]
    TooOld {
        /// Where it is.
        address: String,
        /// What it answered.
        error: RedisError,
    },
}

/// Live values in a Redis or in a cluster of them.
#[derive(Clone)]
pub struct RedisValues(Arc<Inner>);

/// What all parts share.
pub struct Inner {
    pub names: Arc<Names>,
    pub nodes: Arc<Nodes>,
    pub feed: Feed,
    pub awaited: Arc<Awaited>,
    noticing: Arc<Noticing>,
    address: Address,
    statistics: Mutex<Statistics>,
    tasks: Vec<AbortHandle>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl RedisValues {
    /// Connects, and tells changes to `hub`. Must be called inside a runtime, in which the engine then runs.
    pub async fn connect(address: Address, hub: Arc<dyn hyrax_values::Feed>) -> Result<Self, ConnectError> {
        let shown = address.to_string();
        let unreachable = |error| ConnectError::Unreachable { address: shown.clone(), error };
        let nodes = Arc::new(Nodes::new(&address).map_err(unreachable)?);
        nodes.refresh().await.map_err(unreachable)?;
        nodes.owner(0).send(&redis::cmd("PING")).await.map_err(unreachable)?;
        for node in nodes.all() {
            let loaded = node.load_functions().await;
            loaded.map_err(|error| ConnectError::TooOld { address: shown.clone(), error })?;
        }
        let names = Arc::new(address.names());
        let noticing = Arc::new(Noticing {
            names: names.clone(),
            nodes: nodes.clone(),
            has_events: address.wants_events,
            node: node_name(),
        });
        let (awaited, waiting) = Awaited::new();
        let (feed, follower) = Feed::start(&address, nodes.clone(), hub, awaited.clone(), noticing.clone());
        let room = tokio::spawn(Room::new(awaited.clone(), feed.clone()).run(waiting));
        let inner = Arc::new_cyclic(|inner| Inner {
            names,
            nodes,
            feed,
            awaited,
            noticing,
            address,
            statistics: Mutex::default(),
            tasks: vec![follower, room.abort_handle(), tokio::spawn(count(inner.clone())).abort_handle()],
        });
        Ok(RedisValues(inner))
    }

    /// Waits until everything that has happened so far was told to the hub and met by those who wait: for tests.
    pub async fn settled(&self) {
        // What is told may serve somebody, which is told in turn.
        self.0.awaited.settled().await;
        self.0.feed.settled().await;
        self.0.awaited.settled().await;
        self.0.feed.settled().await;
    }
}

/// A name that no other node has.
fn node_name() -> String {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", std::process::id(), time.as_nanos())
}

/// Asks now and then for what Redis has counted.
async fn count(engine: Weak<Inner>) {
    loop {
        // It may not be made yet.
        tokio::task::yield_now().await;
        let Some(inner) = engine.upgrade() else {
            tokio::time::sleep(STATISTICS_EVERY).await;
            continue;
        };
        let counted = whole::statistics(&inner).await;
        if let Some(counted) = counted {
            *inner.statistics.lock() = counted;
        }
        drop(inner);
        tokio::time::sleep(STATISTICS_EVERY).await;
    }
}

impl Inner {
    /// The letters of options that every call of a function has.
    pub fn options(&self) -> &'static str {
        self.noticing.options()
    }

    /// This node's name among those that share the Redis.
    pub fn node(&self) -> &str {
        &self.noticing.node
    }

    /// The number of the database.
    pub fn database(&self) -> i64 {
        self.address.database()
    }

    /// The command that runs a call, and its slot.
    pub fn command(
        &self,
        call: &Call<'_>,
        fence: Option<&Fence<'_>>,
        options: &str,
    ) -> Result<(u16, redis::Cmd), Error> {
        let prepared = Prepared::new(&self.names, call)?;
        let command = if !call.command.writes {
            prepared.as_sent()
        } else {
            prepared.as_function(
                &self.names,
                call,
                fence,
                &self.noticing.node,
                &format!("{options}{}", self.options()),
            )?
        };
        Ok((prepared.slot, command))
    }

    /// Begins a call that does not wait.
    pub fn begin(
        self: &Arc<Self>,
        call: &Call<'_>,
        fence: Option<&Fence<'_>>,
        options: &str,
    ) -> Result<BoxFuture<'static, Reply>, Error> {
        let (slot, command) = self.command(call, fence, options)?;
        let (inner, known, words) = (self.clone(), call.command, call.argv.len());
        Ok(Box::pin(async move {
            let outcome = inner.nodes.run(slot, &command).await;
            reply_of(known, words, &inner.names, outcome)
        }))
    }

    fn execute(
        self: &Arc<Self>,
        call: &Call<'_>,
        fence: Option<&Fence<'_>>,
        reply: &mut dyn ReplySink,
    ) -> Execution {
        if let Err(error) = call.command.check_words(call.argv) {
            reply.error(&error);
            return Execution::Done;
        }
        let begun = match call.command.id {
            Name::Move | Name::Swapdb => return whole::other_database(call, reply),
            Name::Dbsize | Name::Flushall | Name::Flushdb | Name::Keys | Name::Randomkey | Name::Scan => {
                whole::begin(self, call)
            }
            _ if fence.is_none() && blocking::may_wait(call.command, call.argv) => {
                let waiting = blocking::wait(self, call, reply);
                return waiting.map_or(Execution::Done, Execution::Waiting);
            }
            _ => self.begin(call, fence, ""),
        };
        match begun {
            Ok(later) => Execution::Later(later),
            Err(error) => {
                reply.error(&error);
                Execution::Done
            }
        }
    }

    async fn snapshot(&self, key: &[u8], kind: Kind) -> (Reply, Revision) {
        // Where it is not heard of in time, what is missed now is made up for by a reset later.
        self.feed.ready(Some(key.into())).await;
        let slot = self.names.slot(key);
        let mut call = library().call(Function::Look, &[&self.names.real(key), &self.names.state(slot)]);
        let only_revision = if kind == Kind::Nothing { "o" } else { "" };
        call.arg(self.names.base(slot)).arg(self.names.prefix().len());
        call.arg(format!("{only_revision}{}", self.options()));
        match self.nodes.run(slot, &call).await {
            Ok(Value::Array(parts)) => {
                let (value, rev, expires_at) = read_snapshot(parts, kind);
                if let Some(at) = expires_at {
                    self.feed.looked(key, rev, at);
                }
                (value, rev)
            }
            Ok(_) => (Reply::Null, Revision::ZERO),
            Err(error) => (Reply::Error(error_of(&error)), Revision::ZERO),
        }
    }
}

/// What the function that looks at a key has answered: revision, type, expiry, value.
fn read_snapshot(parts: Vec<Value>, kind: Kind) -> (Reply, Revision, Option<i64>) {
    let mut parts = parts.into_iter().map(plain);
    let number = |reply: Option<Reply>| match reply {
        Some(Reply::Bulk(text)) => std::str::from_utf8(&text).ok().and_then(|text| text.parse::<i64>().ok()),
        _ => None,
    };
    let rev = number(parts.next()).unwrap_or(0);
    let found = match parts.next() {
        Some(Reply::Bulk(name)) => name,
        _ => Vec::new(),
    };
    let expires_at = number(parts.next());
    let value = shaped(&found, parts.next().unwrap_or(Reply::Null), kind);
    (value, Revision(u64::try_from(rev).unwrap_or(0)), expires_at)
}

/// A value in the form of its kind, or of the kind asked for where it is of another.
fn shaped(found: &[u8], value: Reply, kind: Kind) -> Reply {
    let is = match found {
        b"string" => Kind::String,
        b"hash" => Kind::Hash,
        b"list" => Kind::List,
        b"set" => Kind::Set,
        b"zset" => Kind::SortedSet,
        _ => Kind::Any,
    };
    match kind {
        Kind::Nothing => return Reply::Null,
        Kind::Any if found == b"none" => return Reply::Null,
        Kind::Any => {}
        Kind::String if is != kind => return Reply::Bulk(Vec::new()),
        Kind::Hash | Kind::SortedSet if is != kind => return Reply::Map(Vec::new()),
        Kind::List if is != kind => return Reply::Array(Vec::new()),
        Kind::Set if is != kind => return Reply::Set(Vec::new()),
        _ => {}
    }
    let Reply::Array(items) = value else { return value };
    match is {
        Kind::Hash => Reply::Map(two_by_two(items)),
        Kind::Set => Reply::Set(items),
        Kind::SortedSet => {
            Reply::Map(two_by_two(items).into_iter().map(|(member, score)| (member, double(score))).collect())
        }
        Kind::Any => Reply::Array(items.into_iter().map(entry).collect()),
        _ => Reply::Array(items),
    }
}

fn two_by_two(items: Vec<Reply>) -> Vec<(Reply, Reply)> {
    let mut items = items.into_iter();
    std::iter::from_fn(|| items.next().zip(items.next())).collect()
}

fn double(score: Reply) -> Reply {
    match score {
        Reply::Bulk(text) => Reply::Double(hyrax_values::parse_double(&text).unwrap_or(0.0)),
        other => other,
    }
}

/// An entry of a stream: its id, and its fields as a map.
fn entry(entry: Reply) -> Reply {
    let Reply::Array(mut parts) = entry else { return entry };
    if let Some(fields) = parts.get_mut(1)
        && let Reply::Array(words) = std::mem::replace(fields, Reply::Null)
    {
        *fields = Reply::Map(two_by_two(words));
    }
    Reply::Array(parts)
}

impl Values for RedisValues {
    fn execute(&self, call: &Call<'_>, reply: &mut dyn ReplySink) -> Execution {
        self.0.execute(call, None, reply)
    }

    fn execute_fenced(
        &self,
        call: &Call<'_>,
        fence: &Fence<'_>,
        reply: &mut dyn ReplySink,
    ) -> Result<Execution, Fenced> {
        Ok(self.0.execute(call, Some(fence), reply))
    }

    fn transaction(
        &self,
        watched: &[Watched],
        calls: &[Call<'_>],
        _body: &mut dyn FnMut(&mut dyn Calls),
    ) -> Transaction {
        Transaction::Later(transaction::begin(&self.0, watched, calls))
    }

    fn watch(&self, key: &[u8], beside: &[Watched]) -> Watch {
        transaction::watch(&self.0, key, beside)
    }

    fn snapshot(
        &self,
        key: &[u8],
        kind: Kind,
        _reply: &mut dyn ReplySink,
        _joined: &mut dyn FnMut(Revision),
    ) -> Snapshot {
        let (inner, key) = (self.0.clone(), key.to_vec());
        Snapshot::Later(Box::pin(async move { inner.snapshot(&key, kind).await }))
    }

    fn follow(&self, scope: Scope<'_>) -> Option<Box<dyn Send + Sync>> {
        let following: Following = match scope {
            Scope::Key(key) => self.0.feed.follow(Some(key)),
            Scope::Everything => self.0.feed.follow(None),
        };
        Some(Box::new(following))
    }

    fn heard(&self, scope: Scope<'_>) -> Option<BoxFuture<'static, ()>> {
        let key = match scope {
            Scope::Key(key) => Some(Box::from(key)),
            Scope::Everything => None,
        };
        let feed = self.0.feed.clone();
        Some(Box::pin(async move { feed.ready(key).await }))
    }

    fn name(&self) -> &'static str {
        self.0.address.engine()
    }

    fn len_hint(&self) -> Option<usize> {
        usize::try_from(self.0.statistics.lock().keys).ok()
    }

    fn statistics(&self) -> Statistics {
        *self.0.statistics.lock()
    }
}
