//! Locks: one holder at a time, served in the order in which they came.
//!
//! A holder's place in the [queue](crate::Owner) is its lock, and the revision that created the place
//! is its fencing token: whoever holds the lock later has a greater one. A lock ends with its lease; the
//! holder may not have noticed, so a write that must not happen then carries a [`Fence`].
//!
//! An etcd client's mutex of the same name and these exclude each other.

#[cfg(test)]
mod cut_off_tests;
mod fence;
mod sessions;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use hyrax_coordination::{Coordination, Key, KeyValue, Value};
use hyrax_types::Revision;

pub use self::fence::{Fence, FenceError};
pub use self::sessions::{Claim, LockListener, Locks, LocksError, Queued};
use crate::queue::{Entry, Owner, Queue, QueueError, Seat};

/// The lock of one name.
#[derive(Clone)]
pub struct Lock {
    queue: Queue,
}

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The holder's place: its key, and the value that it came with.
    pub kv: Arc<KeyValue>,
    /// How many wait behind it.
    pub waiting: u64,
}

impl Holder {
    /// The holder's fencing token.
    pub fn token(&self) -> Revision {
        self.kv.create_revision
    }
}

impl Lock {
    /// The lock of that name.
    pub fn new(engine: Arc<dyn Coordination>, name: &[u8]) -> Lock {
        Lock { queue: Queue::new(engine, name) }
    }

    /// Waits for the lock. `value` is kept at the place for others to read. An owner that holds the lock
    /// has it again at once. Dropping the future leaves the queue.
    pub async fn acquire(&self, owner: Owner, value: Value) -> Result<Held, QueueError> {
        match self.enter(owner, value).await? {
            Entered::Held(held) => Ok(held),
            Entered::Waiting(waiting) => waiting.turn().await,
        }
    }

    /// Takes a place in the queue, and with it the lock, if nobody is before it.
    pub async fn enter(&self, owner: Owner, value: Value) -> Result<Entered, QueueError> {
        let entered = self.queue.enter(owner, value, Entry::Always).await?;
        // Who enters always has a seat, its own or the one that it found.
        let seat = entered.seat.ok_or(QueueError::Lost)?;
        Ok(match entered.first {
            true => Entered::Held(Held { seat, revision: entered.revision }),
            false => Entered::Waiting(Waiting { seat }),
        })
    }

    /// Waits for the lock no longer than `patience`; none when it did not come.
    pub async fn acquire_within(
        &self,
        owner: Owner,
        value: Value,
        patience: Duration,
    ) -> Result<Option<Held>, QueueError> {
        match tokio::time::timeout(patience, self.acquire(owner, value)).await {
            Ok(held) => held.map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Takes the lock if nobody has it; an owner that holds it has it again. None when it is another's.
    pub async fn try_acquire(&self, owner: Owner, value: Value) -> Result<Option<Held>, QueueError> {
        let entered = self.queue.enter(owner, value, Entry::WhenFirst).await?;
        let held = entered.seat.filter(|_| entered.first);
        Ok(held.map(|seat| Held { seat, revision: entered.revision }))
    }

    /// Who holds the lock.
    pub async fn holder(&self) -> Result<Option<Holder>, QueueError> {
        let standing = self.queue.standing().await?;
        Ok(standing.map(|(kv, waiting)| Holder { kv, waiting }))
    }
}

/// What came of entering a lock's queue.
pub enum Entered {
    /// The lock is held.
    Held(Held),
    /// It is another's.
    Waiting(Waiting),
}

/// A place in a lock's queue. Dropping it gives it up.
pub struct Waiting {
    seat: Seat,
}

impl Waiting {
    /// Waits for the lock. Dropping the future leaves the queue.
    pub async fn turn(self) -> Result<Held, QueueError> {
        let revision = self.seat.turn().await?;
        Ok(Held { seat: self.seat, revision })
    }
}

/// A lock that is held. Dropping it releases it, in the background; where the owner had it before, the
/// one that had it first does.
pub struct Held {
    seat: Seat,
    revision: Revision,
}

impl Held {
    /// The key of the holder's place.
    pub fn key(&self) -> &Key {
        self.seat.key()
    }

    /// The fencing token.
    pub fn token(&self) -> Revision {
        self.seat.token()
    }

    /// The engine's revision when the lock was had.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Whether it is still held.
    pub async fn is_held(&self) -> Result<bool, QueueError> {
        self.seat.is_there().await
    }

    /// Waits until the lock is lost: its lease has ended, or somebody deleted its key. The future does
    /// not hold the lock.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + use<> {
        self.seat.gone()
    }

    /// Releases it; whether it was still held.
    pub async fn release(self) -> Result<bool, QueueError> {
        self.seat.leave().await
    }

    /// Keeps it until somebody deletes its key, or its lease ends; its key and token.
    pub fn keep(self) -> (Key, Revision) {
        let place = self.seat.stay();
        (place.key, place.token)
    }
}
