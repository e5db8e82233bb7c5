//! [`Coordination`] by calls of the functions in Redis.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use hyrax_coordination::{
    CompactError, CompactRequest, CompactResponse, Coordination, DeleteRangeError, DeleteRangeRequest,
    DeleteRangeResponse, Fencing, LEASE_TTL_MAX, LeaseGrantError, LeaseGrantRequest, LeaseGrantResponse,
    LeaseId, LeaseKeepAliveError, LeaseKeepAliveResponse, LeaseListError, LeaseListResponse,
    LeaseRevokeError, LeaseRevokeResponse, LeaseTimeToLiveError, LeaseTimeToLiveResponse, Op, Promises,
    PutError, PutRequest, PutResponse, RangeError, RangeRequest, RangeResponse, Status, StatusError,
    TxnError, TxnRequest, TxnResponse, Unavailable, WatchError, WatchRequest, WatchStream, check,
};
use hyrax_types::limits::{REDIS_LEASE_TTL_MIN, REDIS_SWEEP_EVERY, REDIS_SWEEP_LEASES_MAX, TXN_OPS_MAX};
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep, timeout};

use crate::call::{Caller, Effect, Failure};
use crate::feed::{Feed, Standing, Watcher};
use crate::library::{
    COMPACT, Function, LEASE_GRANT, LEASE_KEEP_ALIVE, LEASE_REVOKE, LEASE_TIME_TO_LIVE, LEASES, Names, READ,
    REMOVE, SWEEP, WRITE,
};
use crate::link::Link;
use crate::request::{Words, lease, lease_of};
use crate::response::Answer;
use crate::settings::RedisSettings;
use crate::watch::{RedisWatch, begin};

/// Coordination over a Redis, until it is dropped.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use hyrax_coordination::{Coordination, PutRequest};
/// use hyrax_coordination_redis::RedisCoordination;
///
/// let engine = RedisCoordination::connect("redis://10.0.0.1".parse()?).await?;
/// engine.put(PutRequest::new("greeting", "hello")).await?;
/// # Ok(())
/// # }
/// ```
pub struct RedisCoordination {
    caller: Caller,
    feed: Arc<Feed>,
    namespace_id: u64,
    /// They keep the connection, read the log and end leases.
    _tasks: JoinSet<()>,
}

/// Why there is no connection to Redis.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// It answered, and will not let us in, or has no functions.
    #[error("Redis refuses: {0}")]
    Refused(String),
    /// It does not answer. It may be different later.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl RedisCoordination {
    /// Connects, loads the functions, and begins the namespace if there is none, within the time that a request may take.
    /// From then on lost connections are opened anew as long as the engine lives.
    pub async fn connect(settings: RedisSettings) -> Result<RedisCoordination, ConnectError> {
        let names = Names::new(&settings.namespace);
        let caller = Caller { link: Link::new(), names: names.clone(), request_max: settings.request_max };
        let feed = Feed::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(caller.link.clone().keep(settings, names));
        let namespace_id = match timeout(caller.request_max, caller.link.decided()).await {
            Ok(Ok(connection)) => connection.born,
            Ok(Err(reason)) => return Err(ConnectError::Refused(reason.to_string())),
            Err(_) => return Err(caller.unreachable().into()),
        };
        tasks.spawn(feed.clone().run(caller.clone()));
        tasks.spawn(sweep(caller.clone()));
        Ok(RedisCoordination { caller, feed, namespace_id, _tasks: tasks })
    }

    /// A number that all engines over this namespace have in common, and no other.
    pub fn namespace_id(&self) -> u64 {
        self.namespace_id
    }

    /// Asks for a change. It is on its way when this returns, whether anybody waits for the answer or not.
    fn write(
        &self,
        function: Function,
        words: Vec<Bytes>,
    ) -> impl Future<Output = Result<Answer, Failure>> + use<> {
        let caller = self.caller.clone();
        let asking =
            tokio::spawn(async move { caller.call(function, Effect::Writes, &as_slices(&words)).await });
        // Only a runtime that ends ends it early.
        asking.map(|answer| answer.unwrap_or(Err(Unavailable::Stopped.into())))
    }

    async fn read(&self, function: Function, words: Vec<Bytes>) -> Result<Answer, Failure> {
        self.caller.call(function, Effect::Reads, &as_slices(&words)).await
    }
}

impl Drop for RedisCoordination {
    fn drop(&mut self) {
        self.feed.close();
    }
}

fn as_slices(words: &[Bytes]) -> Vec<&[u8]> {
    words.iter().map(AsRef::as_ref).collect()
}

/// An answer that is there already.
fn refuse<'a, T: Send + 'a, E: Send + 'a>(error: E) -> BoxFuture<'a, Result<T, E>> {
    Box::pin(ready(Err(error)))
}

/// Ends leases that have run out, for ever.
async fn sweep(caller: Caller) {
    let most = REDIS_SWEEP_LEASES_MAX.to_string();
    loop {
        let swept = caller.call(SWEEP, Effect::Writes, &[&most]).await;
        let ended = swept.ok().and_then(|mut answer| answer.number().ok()).unwrap_or(0);
        if ended < REDIS_SWEEP_LEASES_MAX as u64 {
            sleep(REDIS_SWEEP_EVERY).await;
        }
    }
}

/// What a transaction does, at most.
enum Kind {
    Reads,
    Removes,
    Writes,
}

impl Kind {
    fn of(request: &TxnRequest) -> Kind {
        let ops = request.success.iter().chain(&request.failure);
        ops.fold(Kind::Reads, |kind, op| {
            let other = match op {
                Op::Range(_) => Kind::Reads,
                Op::DeleteRange(_) => Kind::Removes,
                Op::Put(_) => Kind::Writes,
                Op::Txn(inner) => Kind::of(inner),
            };
            match (kind, other) {
                (Kind::Writes, _) | (_, Kind::Writes) => Kind::Writes,
                (Kind::Removes, _) | (_, Kind::Removes) => Kind::Removes,
                (Kind::Reads, Kind::Reads) => Kind::Reads,
            }
        })
    }
}

impl Coordination for RedisCoordination {
    fn range(&self, request: RangeRequest) -> BoxFuture<'_, Result<RangeResponse, RangeError>> {
        if request.range.key.is_empty() {
            return refuse(RangeError::EmptyKey);
        }
        Box::pin(async move {
            let answer = self.read(READ, Words::of_range(&request)).await;
            let known = [RangeError::Compacted, RangeError::FutureRevision];
            Ok(answer.map_err(|failure| failure.known(known))?.range(&request)?)
        })
    }

    fn put(&self, request: PutRequest) -> BoxFuture<'_, Result<PutResponse, PutError>> {
        if let Err(error) = check::put(&request) {
            return refuse(error);
        }
        let answer = self.write(WRITE, Words::of_put(&request));
        Box::pin(answer.map(move |answer| {
            let known = [PutError::LeaseNotFound, PutError::KeyNotFound];
            Ok(answer.map_err(|failure| failure.known(known))?.put(request.key)?)
        }))
    }

    fn delete_range(
        &self,
        request: DeleteRangeRequest,
    ) -> BoxFuture<'_, Result<DeleteRangeResponse, DeleteRangeError>> {
        if request.range.key.is_empty() {
            return refuse(DeleteRangeError::EmptyKey);
        }
        let answer = self.write(REMOVE, Words::of_delete(&request));
        Box::pin(answer.map(|answer| Ok(answer.map_err(Unavailable::from)?.delete_range()?)))
    }

    fn txn(&self, request: TxnRequest) -> BoxFuture<'_, Result<TxnResponse, TxnError>> {
        if let Err(error) = check::txn(&request, TXN_OPS_MAX) {
            return refuse(error);
        }
        let (words, kind) = (Words::of_txn(&request), Kind::of(&request));
        let answered = move |answer: Result<Answer, Failure>| {
            let known = [
                TxnError::LeaseNotFound,
                TxnError::KeyNotFound,
                TxnError::Compacted,
                TxnError::FutureRevision,
            ];
            Ok(answer.map_err(|failure| failure.known(known))?.txn(&request)?)
        };
        match kind {
            Kind::Reads => Box::pin(self.read(READ, words).map(answered)),
            Kind::Removes => Box::pin(self.write(REMOVE, words).map(answered)),
            Kind::Writes => Box::pin(self.write(WRITE, words).map(answered)),
        }
    }

    fn compact(&self, request: CompactRequest) -> BoxFuture<'_, Result<CompactResponse, CompactError>> {
        let answer = self.write(COMPACT, vec![request.revision.to_string().into()]);
        Box::pin(answer.map(|answer| {
            let known = [CompactError::Compacted, CompactError::FutureRevision];
            let revision = answer.map_err(|failure| failure.known(known))?.revision()?;
            Ok(CompactResponse { revision })
        }))
    }

    fn watch(&self, mut request: WatchRequest) -> BoxFuture<'_, Result<Box<dyn WatchStream>, WatchError>> {
        if request.range.key.is_empty() {
            request.range.key = Bytes::from_static(b"\0");
        }
        if request.range.is_empty() {
            return refuse(WatchError::EmptyRange);
        }
        Box::pin(async move {
            let (from, created) = begin(&self.caller, request.start_revision).await?;
            let watcher = Watcher::new(request);
            self.feed.add(&watcher, from);
            let watch = RedisWatch::new(watcher, self.feed.clone(), self.caller.clone(), created);
            Ok(Box::new(watch) as Box<dyn WatchStream>)
        })
    }

    fn lease_grant(
        &self,
        request: LeaseGrantRequest,
    ) -> BoxFuture<'_, Result<LeaseGrantResponse, LeaseGrantError>> {
        if request.ttl > LEASE_TTL_MAX {
            return refuse(LeaseGrantError::TtlTooLarge);
        }
        let ttl = request.ttl.max(REDIS_LEASE_TTL_MIN);
        let id = if request.id == LeaseId::NONE { random_lease() } else { request.id };
        let answer = self.write(LEASE_GRANT, vec![lease(id), ttl.as_millis().to_string().into()]);
        Box::pin(answer.map(move |answer| {
            let known = [LeaseGrantError::AlreadyExists];
            let revision = answer.map_err(|failure| failure.known(known))?.revision()?;
            Ok(LeaseGrantResponse { revision, id, ttl })
        }))
    }

    fn lease_revoke(&self, id: LeaseId) -> BoxFuture<'_, Result<LeaseRevokeResponse, LeaseRevokeError>> {
        let answer = self.write(LEASE_REVOKE, vec![lease(id)]);
        Box::pin(answer.map(|answer| {
            let known = [LeaseRevokeError::NotFound];
            let revision = answer.map_err(|failure| failure.known(known))?.revision()?;
            Ok(LeaseRevokeResponse { revision })
        }))
    }

    fn lease_keep_alive(
        &self,
        id: LeaseId,
    ) -> BoxFuture<'_, Result<LeaseKeepAliveResponse, LeaseKeepAliveError>> {
        Box::pin(async move {
            // Renewing twice does no harm.
            let answer = self.read(LEASE_KEEP_ALIVE, vec![lease(id)]).await;
            let mut answer = answer.map_err(|failure| failure.known([LeaseKeepAliveError::NotFound]))?;
            let revision = answer.revision()?;
            Ok(LeaseKeepAliveResponse { revision, ttl: Duration::from_millis(answer.number()?) })
        })
    }

    fn lease_time_to_live(
        &self,
        id: LeaseId,
        keys: bool,
    ) -> BoxFuture<'_, Result<LeaseTimeToLiveResponse, LeaseTimeToLiveError>> {
        Box::pin(async move {
            let with_keys = if keys { "1" } else { "0" };
            let answer = self.read(LEASE_TIME_TO_LIVE, vec![lease(id), with_keys.into()]).await;
            let mut answer = answer.map_err(|failure| failure.known([LeaseTimeToLiveError::NotFound]))?;
            let revision = answer.revision()?;
            let ttl = Duration::from_millis(answer.number()?);
            let granted_ttl = Duration::from_millis(answer.number()?);
            let mut attached = answer.inner()?;
            let mut keys = Vec::new();
            while !attached.is_empty() {
                keys.push(attached.bytes()?);
            }
            Ok(LeaseTimeToLiveResponse { revision, ttl, granted_ttl, keys })
        })
    }

    fn leases(&self) -> BoxFuture<'_, Result<LeaseListResponse, LeaseListError>> {
        Box::pin(async move {
            let mut answer = self.read(LEASES, Vec::new()).await.map_err(Unavailable::from)?;
            let revision = answer.revision()?;
            let mut listed = answer.inner()?;
            let mut leases = Vec::new();
            while !listed.is_empty() {
                let bytes = listed.bytes()?;
                let bytes = bytes.as_ref().try_into();
                leases.push(lease_of(bytes.map_err(|_| Unavailable::because("Redis has a strange lease"))?));
            }
            Ok(LeaseListResponse { revision, leases })
        })
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, StatusError>> {
        Box::pin(async move {
            let Standing { revision, compacted, .. } = Standing::ask(&self.caller).await?;
            // What a replica, or the disk, has not got yet when it answers can be taken back.
            let promises = Promises { linearizable: false, durable: false, fencing: Fencing::Weak };
            Ok(Status { engine: "redis".to_owned(), revision, compacted, promises })
        })
    }
}

/// A name that nobody has, but by a chance of one in billions of billions; then it is refused.
fn random_lease() -> LeaseId {
    let random = RandomState::new().hash_one(std::time::Instant::now());
    LeaseId(((random >> 1) as i64).max(1))
}
