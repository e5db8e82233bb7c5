//! Elections: candidates stand in a [queue](crate::Owner), and the first is the leader.
//!
//! A candidate's place holds what it proclaims. An etcd client's election of the same name is the same
//! election.

mod observation;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use hyrax_coordination::{Coordination, Key, KeyValue, LeaseId, Value};
use hyrax_types::Revision;

pub use self::observation::{Observation, Observed};
use crate::queue::{Entry, Owner, Place, Queue, QueueError, Seat};

/// The election of one name.
#[derive(Clone)]
pub struct Election {
    queue: Queue,
}

impl Election {
    /// The election of that name.
    pub fn new(engine: Arc<dyn Coordination>, name: &[u8]) -> Election {
        Election { queue: Queue::new(engine, name) }
    }

    /// Stands for the election and waits to be the leader, who proclaims `value`. An owner that stands
    /// already has it proclaimed at its place. Dropping the future withdraws the candidate.
    pub async fn campaign(&self, owner: Owner, value: Value) -> Result<Leadership, QueueError> {
        let entered = self.queue.enter(owner, value.clone(), Entry::Always).await?;
        // Who enters always has a seat, its own or the one that it found.
        let seat = entered.seat.ok_or(QueueError::Lost)?;
        if entered.found.is_some_and(|found| found != value) {
            seat.rewrite(value).await?;
        }
        if !entered.first {
            seat.turn().await?;
        }
        Ok(Leadership { seat, revision: entered.revision })
    }

    /// Who leads: the leader's place with what it proclaims; and the engine's revision.
    pub async fn leader(&self) -> Result<(Option<Arc<KeyValue>>, Revision), QueueError> {
        Ok(self.queue.first(Revision::ZERO).await?)
    }

    /// Follows who leads, from now on.
    pub fn observe(&self) -> Observation {
        Observation::new(self.queue.clone())
    }

    /// Has a leader, known by its place, proclaim something else; the engine's revision.
    pub async fn proclaim(
        &self,
        (key, token): (Key, Revision),
        lease: LeaseId,
        value: Value,
    ) -> Result<Revision, QueueError> {
        let response = self.queue.rewrite(&Place { key, token }, lease, value).await?;
        if response.succeeded { Ok(response.revision) } else { Err(QueueError::Lost) }
    }

    /// Has a leader, known by its place, resign, if it has not; the engine's revision.
    pub async fn resign(&self, (key, token): (Key, Revision)) -> Result<Revision, QueueError> {
        Ok(self.queue.leave(&Place { key, token }).await?.revision)
    }
}

/// An election that is won. Dropping it resigns, in the background; where the owner had won before, the
/// one that won first does.
pub struct Leadership {
    seat: Seat,
    revision: Revision,
}

impl Leadership {
    /// The key of the leader's place.
    pub fn key(&self) -> &Key {
        self.seat.key()
    }

    /// The fencing token.
    pub fn token(&self) -> Revision {
        self.seat.token()
    }

    /// The engine's revision when the candidate stood.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Proclaims something else; the engine's revision. Fails where the leadership is lost.
    pub async fn proclaim(&self, value: Value) -> Result<Revision, QueueError> {
        self.seat.rewrite(value).await
    }

    /// Waits until the leadership is lost: its lease has ended, or somebody deleted its key. The future
    /// does not keep the leadership.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + use<> {
        self.seat.gone()
    }

    /// Makes way for the next candidate; whether this was still the leader.
    pub async fn resign(self) -> Result<bool, QueueError> {
        self.seat.leave().await
    }

    /// Leads until somebody deletes the key, or its lease ends; its key and token.
    pub fn keep(self) -> (Key, Revision) {
        let place = self.seat.stay();
        (place.key, place.token)
    }
}
