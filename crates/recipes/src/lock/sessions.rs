//! The locks of this node's sessions. They hang on the node's lease; each session has one place in the
//! queue of a lock, held or waited for.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyrax_coordination::{
    Coordination, DeleteRangeRequest, Key, KeyRange, LeaseId, Op, TxnError, TxnRequest, Unavailable, Value,
};
use hyrax_types::limits::LOCKS_PER_SESSION_MAX;
use hyrax_types::{Revision, SessionId};
use parking_lot::Mutex;
use thiserror::Error;

use super::{Entered, Held, Lock, Waiting};
use crate::election::Election;
use crate::node_lease::NodeLease;
use crate::queue::{Owner, QueueError};
use crate::retry::{Backoff, comes_back};
use crate::task::Task;

/// Places given up in one transaction: engines take 128 operations.
const DELETIONS_PER_TXN: usize = 100;

/// How often an operation is tried whose lease is gone each time.
const LEASES_TRIED_MAX: usize = 3;

/// Hears of locks that their holders have lost.
pub trait LockListener: Send + Sync + 'static {
    /// The session does not hold the lock any more, and did not release it.
    fn lost(&self, session: SessionId, name: &Key, token: Revision);
}

/// Why a session does not have a lock.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LocksError {
    /// The session has its place there already.
    #[error("this connection holds the lock or waits for it already; \"relock\" answers the token again")]
    Present,
    /// The lock did not come in time.
    #[error("timeout: the lock is held by another")]
    TimedOut,
    /// The session has as many locks as it may have.
    #[error("too many locks: a connection may hold or wait for {LOCKS_PER_SESSION_MAX}")]
    TooMany,
    /// The session has ended, or was silent for too long.
    #[error("the session has ended, or was silent for too long: what it waited for was given up")]
    Ended,
    /// There was no place, or it was lost.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// What the sessions of this node hold and wait for.
pub struct Locks {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Arc<dyn Coordination>,
    lease: Arc<NodeLease>,
    listener: Arc<dyn LockListener>,
    sessions: Mutex<HashMap<SessionId, HashMap<Key, Place>>>,
    claims: AtomicU64,
}

/// A session's place in the queue of a lock.
enum Place {
    /// It is waited for by the claim of this number.
    Awaited(u64),
    /// The lock is held.
    Held(HeldPlace),
}

struct HeldPlace {
    held: Held,
    /// What it hangs on.
    lease: LeaseId,
    /// For which of those that the session speaks for.
    member: Value,
    _watch: Task,
}

impl Locks {
    /// The locks of a node's sessions, none yet.
    pub fn new(
        engine: Arc<dyn Coordination>,
        lease: Arc<NodeLease>,
        listener: Arc<dyn LockListener>,
    ) -> Locks {
        let (sessions, claims) = Default::default();
        Locks { inner: Arc::new(Inner { engine, lease, listener, sessions, claims }) }
    }

    /// Takes the session's place at the lock, where it may then take the lock or wait for it. `member` is
    /// kept for others to read. Dropping the claim gives the place up.
    pub fn claim(&self, session: SessionId, name: Key, member: Value) -> Result<Claim, LocksError> {
        Claim::new(&self.inner, session, name, member.clone(), member)
    }

    /// The same for an election, whose leader holds the lock of its name: others read what it proclaims.
    pub fn stand(
        &self,
        session: SessionId,
        name: Key,
        member: Value,
        proclaimed: Value,
    ) -> Result<Claim, LocksError> {
        Claim::new(&self.inner, session, name, member, proclaimed)
    }

    /// Has a session that leads for this member proclaim something else; the fencing token, none where it does not
    /// lead.
    pub async fn proclaim(
        &self,
        session: SessionId,
        name: &Key,
        member: &Value,
        proclaimed: Value,
    ) -> Result<Option<Revision>, LocksError> {
        let place = {
            let sessions = self.inner.sessions.lock();
            match sessions.get(&session).and_then(|locks| locks.get(name)) {
                Some(Place::Held(place)) if place.member == *member => {
                    Some(((place.held.key().clone(), place.held.token()), place.lease))
                }
                _ => None,
            }
        };
        let Some((place, lease)) = place else { return Ok(None) };
        let token = place.1;
        Election::new(Arc::clone(&self.inner.engine), name).proclaim(place, lease, proclaimed).await?;
        Ok(Some(token))
    }

    /// The locks that a session holds or waits for.
    pub fn names(&self, session: SessionId) -> Vec<Key> {
        let sessions = self.inner.sessions.lock();
        sessions.get(&session).map(|locks| locks.keys().cloned().collect()).unwrap_or_default()
    }

    /// Takes everything from a session that was silent for too long, and tells it what it has lost.
    pub async fn expel(&self, session: SessionId) {
        let lost: Vec<(Key, Revision)> = {
            let sessions = self.inner.sessions.lock();
            let held = sessions.get(&session).into_iter().flatten().filter_map(|(name, place)| match place {
                Place::Held(place) => Some((name.clone(), place.held.token())),
                Place::Awaited(_) => None,
            });
            held.collect()
        };
        self.release(session).await;
        for (name, token) in lost {
            self.inner.listener.lost(session, &name, token);
        }
    }

    /// Takes the lock if nobody has it, the session included; the fencing token.
    pub async fn try_lock(
        &self,
        session: SessionId,
        name: Key,
        member: Value,
    ) -> Result<Option<Revision>, LocksError> {
        match self.claim(session, name, member) {
            Err(LocksError::Present) => Ok(None),
            claim => Ok(claim?.try_lock().await?.ok()),
        }
    }

    /// Takes the lock if nobody has it, or the session has it for the same member; the fencing token.
    pub async fn relock(
        &self,
        session: SessionId,
        name: Key,
        member: Value,
    ) -> Result<Option<Revision>, LocksError> {
        let token = {
            let sessions = self.inner.sessions.lock();
            match sessions.get(&session).and_then(|locks| locks.get(&name)) {
                Some(Place::Held(place)) if place.member == member => Some(place.held.token()),
                _ => None,
            }
        };
        match token {
            Some(token) => Ok(Some(token)),
            None => self.try_lock(session, name, member).await,
        }
    }

    /// Releases a lock that the session holds, for this member if one is given; whether it did.
    pub async fn unlock(
        &self,
        session: SessionId,
        name: &Key,
        member: Option<&[u8]>,
    ) -> Result<bool, LocksError> {
        let Some(held) = self.inner.take(
            session,
            name,
            |place| matches!(place, Place::Held(place) if member.is_none_or(|member| member == place.member)),
        ) else {
            return Ok(false);
        };
        match held {
            Place::Held(place) => Ok(place.held.release().await?),
            Place::Awaited(_) => Ok(false),
        }
    }

    /// Whether the session holds or waits for any lock.
    pub fn has_any(&self, session: SessionId) -> bool {
        self.inner.sessions.lock().contains_key(&session)
    }

    /// Gives up all that the session holds, for it has ended. What it waits for is given up by those who
    /// wait. An engine that can not be reached is asked until it answers.
    pub async fn release(&self, session: SessionId) {
        let Some(locks) = self.inner.sessions.lock().remove(&session) else { return };
        let keys: Vec<Key> = locks
            .into_values()
            .filter_map(|place| match place {
                Place::Held(place) => Some(place.held.keep().0),
                Place::Awaited(_) => None,
            })
            .collect();
        let inner = Arc::clone(&self.inner);
        // As its own task, so that a caller who goes away leaves nothing half done.
        let task = tokio::spawn(async move {
            for chunk in keys.chunks(DELETIONS_PER_TXN) {
                inner.delete_in_the_end(chunk).await;
            }
        });
        // It ends early only with the runtime.
        _ = task.await;
    }
}

impl Inner {
    /// Takes a place out, if it is there and `matches`.
    fn take(&self, session: SessionId, name: &Key, matches: impl Fn(&Place) -> bool) -> Option<Place> {
        let mut sessions = self.sessions.lock();
        let locks = sessions.get_mut(&session)?;
        if !matches(locks.get(name)?) {
            return None;
        }
        let taken = locks.remove(name);
        if locks.is_empty() {
            sessions.remove(&session);
        }
        taken
    }

    /// Deletes places that are one session's alone, so that nothing needs to be compared.
    async fn delete_in_the_end(&self, keys: &[Key]) {
        let delete = |key: &Key| Op::DeleteRange(DeleteRangeRequest::new(KeyRange::single(key.clone())));
        let request = TxnRequest { success: keys.iter().map(delete).collect(), ..TxnRequest::default() };
        let mut backoff = Backoff::new();
        while let Err(TxnError::Unavailable(unavailable)) = self.engine.txn(request.clone()).await
            && comes_back(&unavailable)
        {
            backoff.wait().await;
        }
    }

    /// Tells the session once it has lost the lock.
    fn tell_loss(self: Arc<Self>, session: SessionId, name: Key, token: Revision) {
        let lost = self.take(
            session,
            &name,
            |place| matches!(place, Place::Held(place) if place.held.token() == token),
        );
        if lost.is_some() {
            // Dropping it deletes its key, should the lease live after all.
            self.listener.lost(session, &name, token);
        }
    }
}

/// A session's place while the lock is not held. Dropping it gives the place up.
pub struct Claim {
    inner: Arc<Inner>,
    session: SessionId,
    name: Key,
    member: Value,
    /// What others read.
    value: Value,
    number: u64,
}

impl Claim {
    fn new(
        inner: &Arc<Inner>,
        session: SessionId,
        name: Key,
        member: Value,
        value: Value,
    ) -> Result<Claim, LocksError> {
        let number = inner.claims.fetch_add(1, Ordering::Relaxed);
        {
            let mut sessions = inner.sessions.lock();
            let locks = sessions.entry(session).or_default();
            if locks.contains_key(&name) {
                return Err(LocksError::Present);
            }
            if locks.len() >= LOCKS_PER_SESSION_MAX {
                return Err(LocksError::TooMany);
            }
            locks.insert(name.clone(), Place::Awaited(number));
        }
        Ok(Claim { inner: Arc::clone(inner), session, name, member, value, number })
    }

    /// Takes the lock if nobody has it; the fencing token, or the claim, to wait with.
    pub async fn try_lock(self) -> Result<Result<Revision, Claim>, LocksError> {
        match self.try_acquire().await? {
            Some(held) => self.fulfil(held).map(Ok),
            None => Ok(Err(self)),
        }
    }

    /// Takes the lock, or a place in its queue: who comes later waits behind it. The fencing token, or what to wait
    /// with.
    pub async fn enter(self) -> Result<Result<Revision, Queued>, LocksError> {
        match self.stand_in_line().await? {
            (Entered::Held(held), lease) => self.fulfil((held, lease)).map(Ok),
            (Entered::Waiting(waiting), lease) => Ok(Err(Queued { claim: self, waiting, lease })),
        }
    }

    /// Waits for the lock, at most for `patience` if that is given; the fencing token.
    pub async fn lock(self, patience: Option<Duration>) -> Result<Revision, LocksError> {
        let held = within(patience, self.acquire()).await?;
        self.fulfil(held)
    }

    /// Waits for the lock; anew, at the queue's end, where the node's lease was lost meanwhile.
    async fn acquire(&self) -> Result<(Held, LeaseId), LocksError> {
        let mut tried = 0;
        loop {
            let (held, lease) = match self.stand_in_line().await? {
                (Entered::Held(held), lease) => (Ok(held), lease),
                (Entered::Waiting(waiting), lease) => (waiting.turn().await, lease),
            };
            match held {
                Err(QueueError::Lost) if tried < LEASES_TRIED_MAX => tried += 1,
                held => return Ok((held?, lease)),
            }
        }
    }

    async fn stand_in_line(&self) -> Result<(Entered, LeaseId), LocksError> {
        let lock = Lock::new(Arc::clone(&self.inner.engine), &self.name);
        let mut tried = 0;
        loop {
            let lease = self.inner.lease.id();
            let owner = Owner::session(lease, self.session);
            match lock.enter(owner, self.value.clone()).await {
                Err(QueueError::LeaseNotFound) if tried < LEASES_TRIED_MAX => {
                    tried += 1;
                    self.inner.lease.replaced(lease).await.map_err(unavailable)?;
                }
                entered => return Ok((entered?, lease)),
            }
        }
    }

    async fn try_acquire(&self) -> Result<Option<(Held, LeaseId)>, LocksError> {
        let lock = Lock::new(Arc::clone(&self.inner.engine), &self.name);
        let mut tried = 0;
        loop {
            let lease = self.inner.lease.id();
            let owner = Owner::session(lease, self.session);
            match lock.try_acquire(owner, self.value.clone()).await {
                Err(QueueError::LeaseNotFound) if tried < LEASES_TRIED_MAX => {
                    tried += 1;
                    self.inner.lease.replaced(lease).await.map_err(unavailable)?;
                }
                held => return Ok(held?.map(|held| (held, lease))),
            }
        }
    }

    /// The lock has come; the fencing token.
    fn fulfil(self, (held, lease): (Held, LeaseId)) -> Result<Revision, LocksError> {
        let token = held.token();
        let (lost, lease_ended) = (held.lost(), self.inner.lease.ended(lease));
        let inner = Arc::clone(&self.inner);
        let (session, name) = (self.session, self.name.clone());
        let mut sessions = self.inner.sessions.lock();
        let locks = sessions.get_mut(&self.session).ok_or(LocksError::Ended)?;
        let Entry::Occupied(mut place) = locks.entry(self.name.clone()) else {
            return Err(LocksError::Ended);
        };
        // Another claim's place stays its own.
        if !matches!(place.get(), Place::Awaited(number) if *number == self.number) {
            return Err(LocksError::Ended);
        }
        let watch = Task::spawn(async move {
            tokio::select! {
                () = lost => {}
                () = lease_ended => {}
            }
            inner.tell_loss(session, name, token);
        });
        let member = self.member.clone();
        place.insert(Place::Held(HeldPlace { held, lease, member, _watch: watch }));
        drop(sessions);
        Ok(token)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let number = self.number;
        self.inner.take(
            self.session,
            &self.name,
            |place| matches!(place, Place::Awaited(other) if *other == number),
        );
    }
}

/// A session's place in the queue of a lock that is another's. Dropping it gives the place up.
pub struct Queued {
    claim: Claim,
    waiting: Waiting,
    lease: LeaseId,
}

impl Queued {
    /// Waits for the lock, at most for `patience` if that is given; the fencing token.
    pub async fn lock(self, patience: Option<Duration>) -> Result<Revision, LocksError> {
        let Queued { claim, waiting, lease } = self;
        let turn = async {
            match waiting.turn().await {
                Ok(held) => Ok((held, lease)),
                // The node's lease was lost meanwhile: anew, at the queue's end.
                Err(QueueError::Lost) => claim.acquire().await,
                Err(error) => Err(error.into()),
            }
        };
        let held = within(patience, turn).await?;
        claim.fulfil(held)
    }
}

async fn within<T>(
    patience: Option<Duration>,
    waiting: impl Future<Output = Result<T, LocksError>>,
) -> Result<T, LocksError> {
    let Some(patience) = patience else { return waiting.await };
    tokio::time::timeout(patience, waiting).await.unwrap_or(Err(LocksError::TimedOut))
}

fn unavailable(unavailable: Unavailable) -> LocksError {
    QueueError::from(unavailable).into()
}
