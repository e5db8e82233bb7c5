//! A place in a queue, left when it is dropped.

use hyrax_coordination::{
    Compare, CompareOperator, CompareTarget, DeleteRangeRequest, Key, KeyRange, LeaseId, Op, PutRequest,
    TxnError, TxnRequest, TxnResponse, Value,
};
use hyrax_types::Revision;
use tokio::runtime::Handle;

use super::{Queue, QueueError};
use crate::retry::{Backoff, comes_back};

/// A place in a queue. Dropping it leaves the queue, if it was this that took the place.
pub(crate) struct Seat {
    pub(super) queue: Queue,
    place: Place,
    lease: LeaseId,
    leaves_on_drop: bool,
}

/// A key as it was created once: when it is deleted and created anew, it is another place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) key: Key,
    /// The revision that created it: who is first, and the fencing token of a lock.
    pub(crate) token: Revision,
}

impl Place {
    /// The condition that it is still there.
    pub(crate) fn is_there(&self) -> Compare {
        Compare {
            range: KeyRange::single(self.key.clone()),
            operator: CompareOperator::Equal,
            // Revisions count writes: they stay far below i64's end.
            target: CompareTarget::CreateRevision(self.token.0 as i64),
        }
    }
}

impl Queue {
    /// Gives a place up; whether it was there.
    pub(crate) async fn leave(&self, place: &Place) -> Result<TxnResponse, TxnError> {
        let delete = Op::DeleteRange(DeleteRangeRequest::new(KeyRange::single(place.key.clone())));
        self.engine.txn(while_there(place, delete)).await
    }

    /// Has the place hold another value; whether it was there.
    pub(crate) async fn rewrite(
        &self,
        place: &Place,
        lease: LeaseId,
        value: Value,
    ) -> Result<TxnResponse, TxnError> {
        let put = Op::Put(PutRequest::new(place.key.clone(), value).on_lease(lease));
        self.engine.txn(while_there(place, put)).await
    }
}

fn while_there(place: &Place, op: Op) -> TxnRequest {
    TxnRequest { compare: vec![place.is_there()], success: vec![op], failure: Vec::new() }
}

impl Seat {
    pub(super) fn new(queue: Queue, key: Key, token: Revision, lease: LeaseId, leaves_on_drop: bool) -> Seat {
        Seat { queue, place: Place { key, token }, lease, leaves_on_drop }
    }

    pub(crate) fn key(&self) -> &Key {
        &self.place.key
    }

    pub(crate) fn token(&self) -> Revision {
        self.place.token
    }

    /// Waits for its turn; the engine's revision then.
    pub(crate) async fn turn(&self) -> Result<Revision, QueueError> {
        self.queue.turn(&self.place).await
    }

    /// Whether it is still there.
    pub(crate) async fn is_there(&self) -> Result<bool, QueueError> {
        match self.queue.check(&self.place).await {
            Ok(_) => Ok(true),
            Err(QueueError::Lost) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Waits until it is gone. It does not keep the seat.
    pub(crate) fn gone(&self) -> impl Future<Output = ()> + Send + use<> {
        let (queue, place) = (self.queue.clone(), self.place.clone());
        async move { queue.gone(&place).await }
    }

    /// Has it hold another value; the engine's revision.
    pub(crate) async fn rewrite(&self, value: Value) -> Result<Revision, QueueError> {
        let response = self.queue.rewrite(&self.place, self.lease, value).await?;
        if response.succeeded { Ok(response.revision) } else { Err(QueueError::Lost) }
    }

    /// Leaves the queue; whether the place was still there. When this is dropped before it has ended, the
    /// queue is left all the same.
    pub(crate) async fn leave(mut self) -> Result<bool, QueueError> {
        self.leaves_on_drop = true;
        let response = self.queue.leave(&self.place).await?;
        self.leaves_on_drop = false;
        Ok(response.succeeded)
    }

    /// Stays in the queue until somebody deletes the key, or the lease ends.
    pub(crate) fn stay(mut self) -> Place {
        self.leaves_on_drop = false;
        self.place.clone()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and the lease with it.
        if self.leaves_on_drop
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(leave_in_the_end(self.queue.clone(), self.place.clone()));
        }
    }
}

/// Leaves the queue, however long the engine takes to answer: whoever waits there would wait for nobody.
async fn leave_in_the_end(queue: Queue, place: Place) {
    let mut backoff = Backoff::new();
    while let Err(TxnError::Unavailable(unavailable)) = queue.leave(&place).await
        && comes_back(&unavailable)
    {
        backoff.wait().await;
    }
}
