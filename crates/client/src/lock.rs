//! Locks, held by guards.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hyrax_coordination::{Coordination, Key, Value};
use hyrax_recipes::lock::Holder;
use hyrax_recipes::{Fence, LockListener, Locks, LocksError, NodeLease, QueueError};
use hyrax_types::{Revision, SessionId};
use parking_lot::Mutex;
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::connection::{Connection, NoLease, next_session};

/// Why a lock was not had.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LockError {
    /// This process could not have a lease.
    #[error(transparent)]
    NoLease(#[from] NoLease),
    /// The place in its queue was not had, or lost.
    #[error(transparent)]
    Lock(#[from] LocksError),
}

/// The lock of a name: one holder at a time, everywhere, served in the order in which they came.
#[derive(Clone)]
pub struct Lock {
    connection: Connection,
    name: Key,
    note: Value,
}

impl Lock {
    pub(crate) fn new(connection: Connection, name: &[u8]) -> Lock {
        Lock { connection, name: Key::copy_from_slice(name), note: Value::new() }
    }

    /// What others may read of its holder, such as a host's name.
    #[must_use]
    pub fn note(mut self, note: impl Into<Value>) -> Lock {
        self.note = note.into();
        self
    }

    /// Waits for the lock, however long that takes. Each call is a contender of its own, also within one process.
    ///
    /// Cancel-safe: dropping the future leaves the queue.
    pub async fn acquire(&self) -> Result<LockGuard, LockError> {
        self.acquire_for(None).await
    }

    /// Waits for the lock no longer than `patience`; none when it did not come. Cancel-safe, as
    /// [`Lock::acquire`].
    pub async fn acquire_within(&self, patience: Duration) -> Result<Option<LockGuard>, LockError> {
        match self.acquire_for(Some(patience)).await {
            Ok(guard) => Ok(Some(guard)),
            Err(LockError::Lock(LocksError::TimedOut)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes the lock if nobody has it. Cancel-safe: dropping the future gives it up again.
    pub async fn try_acquire(&self) -> Result<Option<LockGuard>, LockError> {
        let desk = self.connection.locks().await?;
        let place = desk.place(&self.name);
        let claim = desk.locks.claim(place.session, self.name.clone(), self.note.clone())?;
        Ok(claim.try_lock().await?.ok().map(|token| LockGuard { place, token }))
    }

    /// Who holds the lock now.
    pub async fn holder(&self) -> Result<Option<Holder>, QueueError> {
        hyrax_recipes::Lock::new(self.connection.coordination(), &self.name).holder().await
    }

    async fn acquire_for(&self, patience: Option<Duration>) -> Result<LockGuard, LockError> {
        let desk = self.connection.locks().await?;
        let place = desk.place(&self.name);
        let claim = desk.locks.claim(place.session, self.name.clone(), self.note.clone())?;
        let token = claim.lock(patience).await?;
        Ok(LockGuard { place, token })
    }
}

/// A lock that is held. Dropping it releases it, in the background.
///
/// It may be lost before: when this process could not show for one and a half heartbeats that it lives, or somebody
/// deleted the lock's key. [`LockGuard::lost`] tells so, by this machine's own clock where nothing else can. Whatever must
/// not happen without the lock carries its [token](LockGuard::token).
#[must_use = "the lock is released when this is dropped"]
pub struct LockGuard {
    place: Place,
    token: Revision,
}

impl LockGuard {
    /// The fencing token: whoever holds the lock later has a greater one.
    pub fn token(&self) -> Revision {
        self.token
    }

    /// The condition that it is still held, for a transaction of [`Connection::coordination`].
    pub fn fence(&self) -> Fence {
        Fence { lock: self.place.name.clone(), token: self.token }
    }

    /// Waits until the lock is lost. Cancel-safe; the future does not hold the lock.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut lost = self.place.lost.clone();
        async move {
            // The sender goes only when the guard does.
            if lost.wait_for(|lost| *lost).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Whether it was lost.
    pub fn is_lost(&self) -> bool {
        *self.place.lost.borrow()
    }

    /// Releases it and waits until that is done; whether it was still held. Dropped half way, it is released in the
    /// background.
    pub async fn release(self) -> Result<bool, LockError> {
        Ok(self.place.shared.locks.unlock(self.place.session, &self.place.name, None).await?)
    }
}

impl fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = String::from_utf8_lossy(&self.place.name);
        f.debug_struct("LockGuard").field("name", &name).field("token", &self.token).finish_non_exhaustive()
    }
}

/// The locks that this process holds by guards: each guard is a session of its own.
pub(crate) struct LockDesk {
    locks: Arc<Locks>,
    losses: Arc<Losses>,
}

/// Who is to be told of a loss.
#[derive(Default)]
struct Losses(Mutex<HashMap<SessionId, watch::Sender<bool>>>);

impl LockListener for Losses {
    fn lost(&self, session: SessionId, _: &Key, _: Revision) {
        if let Some(holder) = self.0.lock().get(&session) {
            holder.send_replace(true);
        }
    }
}

impl LockDesk {
    pub(crate) fn new(engine: Arc<dyn Coordination>, lease: Arc<NodeLease>) -> LockDesk {
        let losses = Arc::new(Losses::default());
        let locks = Locks::new(engine, lease, Arc::clone(&losses) as Arc<dyn LockListener>);
        LockDesk { locks: Arc::new(locks), losses }
    }

    /// A contender for a lock.
    fn place(&self, name: &Key) -> Place {
        let session = next_session();
        let (tell, lost) = watch::channel(false);
        self.losses.0.lock().insert(session, tell);
        let shared = Held { locks: Arc::clone(&self.locks), losses: Arc::clone(&self.losses) };
        Place { shared, session, name: name.clone(), lost }
    }
}

#[derive(Clone)]
struct Held {
    locks: Arc<Locks>,
    losses: Arc<Losses>,
}

/// A contender for a lock. Dropping it gives up what it holds.
struct Place {
    shared: Held,
    session: SessionId,
    name: Key,
    lost: watch::Receiver<bool>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.losses.0.lock().remove(&self.session);
        // Without a runtime the process is ending, and the lease with it.
        if self.shared.locks.has_any(self.session)
            && let Ok(runtime) = Handle::try_current()
        {
            let (locks, session) = (Arc::clone(&self.shared.locks), self.session);
            runtime.spawn(async move { locks.release(session).await });
        }
    }
}
