//! A fair queue in the key space: what locks and elections are made of.
//!
//! ```text
//! <name>/<lease>             a seat of whoever names that lease, as etcd's own clients take it
//! <name>/<lease>-<session>   a seat of one session that shares its node's lease
//! ```
//!
//! Lease and session are hexadecimal, without leading zeros. Each seat hangs on its lease. Whose key was
//! created first has the turn; whoever comes later waits for the one before alone, so that an end wakes one.
//! This is the layout of etcd's concurrency package, so that its users and ours wait for each other. As
//! there, a name is a folder: the queue `a` also waits for seats of the queue `a/b`.

mod owner;
mod seat;
mod turn;

use std::sync::Arc;

use hyrax_coordination::{
    Compare, Coordination, Key, KeyRange, KeyValue, Op, OpResponse, PutRequest, RangeError, RangeRequest,
    SortOrder, SortTarget, TxnError, TxnRequest, TxnResponse, Unavailable, Value,
};
use hyrax_types::Revision;
use thiserror::Error;
use tokio::sync::oneshot;

pub use self::owner::Owner;
pub(crate) use self::seat::{Place, Seat};
use crate::retry::{Backoff, comes_back};

/// Why there is no place in a queue, or no longer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum QueueError {
    /// The lease that the place should hang on is not known.
    #[error("etcdserver: requested lease not found")]
    LeaseNotFound,
    /// The place is gone: its lease has ended, or somebody deleted its key.
    #[error("the place in the queue is gone: its lease has ended, or its key was deleted")]
    Lost,
    /// The engine could not be asked, or did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The engine refused the transaction.
    #[error("the coordination engine refused: {0}")]
    Refused(TxnError),
}

impl From<TxnError> for QueueError {
    fn from(error: TxnError) -> QueueError {
        match error {
            TxnError::LeaseNotFound => QueueError::LeaseNotFound,
            TxnError::Unavailable(unavailable) => QueueError::Unavailable(unavailable),
            error => QueueError::Refused(error),
        }
    }
}

impl From<RangeError> for QueueError {
    fn from(error: RangeError) -> QueueError {
        QueueError::from(TxnError::from(error))
    }
}

/// When to take a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Whoever is there already.
    Always,
    /// Only when it has the turn at once.
    WhenFirst,
}

/// What came of entering.
pub(crate) struct Entered {
    /// The seat; none when another has the turn and that was not to be waited for.
    pub(crate) seat: Option<Seat>,
    /// Whether the seat has the turn.
    pub(crate) first: bool,
    /// The engine's revision then.
    pub(crate) revision: Revision,
    /// What the seat holds, where it was there before.
    pub(crate) found: Option<Value>,
}

/// The queue of one name.
#[derive(Clone)]
pub(crate) struct Queue {
    pub(crate) engine: Arc<dyn Coordination>,
    /// The name and a `/`.
    prefix: Key,
}

impl Queue {
    pub(crate) fn new(engine: Arc<dyn Coordination>, name: &[u8]) -> Queue {
        Queue { engine, prefix: [name, b"/"].concat().into() }
    }

    /// Every seat.
    pub(crate) fn range(&self) -> KeyRange {
        KeyRange::prefix(self.prefix.clone())
    }

    /// The seat of an owner.
    fn key(&self, owner: Owner) -> Key {
        [&self.prefix, owner.suffix().as_bytes()].concat().into()
    }

    /// Takes a seat, or finds the one that the owner has. The transaction runs to its end even when the
    /// caller goes away; the seat that nobody waits for any more is then left.
    pub(crate) async fn enter(
        &self,
        owner: Owner,
        value: Value,
        entry: Entry,
    ) -> Result<Entered, QueueError> {
        let (tell, told) = oneshot::channel();
        let queue = self.clone();
        tokio::spawn(async move {
            let entered = queue.enter_to_the_end(owner, value, entry).await;
            _ = tell.send(entered);
        });
        // The task is never aborted: it ends early only with the runtime.
        told.await.unwrap_or_else(|_| Err(Unavailable::Stopped.into()))
    }

    async fn enter_to_the_end(
        &self,
        owner: Owner,
        value: Value,
        entry: Entry,
    ) -> Result<Entered, QueueError> {
        let mut backoff = Backoff::new();
        let mut maybe_made = false;
        loop {
            match self.engine.txn(self.entering(owner, value.clone(), entry)).await {
                Ok(response) => return Ok(self.entered(owner, &response, maybe_made)),
                // A seat that was taken without anybody knowing would block the queue for as long as its
                // lease lives, and that of a session's is the node's. Others' leases are their own concern.
                Err(TxnError::Unavailable(unavailable))
                    if owner.is_exclusive()
                        && (maybe_made || matches!(unavailable, Unavailable::Other { .. }))
                        && comes_back(&unavailable) =>
                {
                    maybe_made = true;
                    backoff.wait().await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn entering(&self, owner: Owner, value: Value, entry: Entry) -> TxnRequest {
        let key = self.key(owner);
        let free = match entry {
            Entry::Always => Compare::absent(key.clone()),
            Entry::WhenFirst => Compare::none_in(self.range()),
        };
        let put = PutRequest::new(key.clone(), value).on_lease(owner.lease);
        let first = Op::Range(self.first_at(Revision::ZERO));
        let own = Op::Range(RangeRequest::new(KeyRange::single(key)));
        TxnRequest {
            compare: vec![free],
            success: vec![Op::Put(put), first.clone()],
            failure: vec![own, first],
        }
    }

    fn entered(&self, owner: Owner, response: &TxnResponse, maybe_made: bool) -> Entered {
        let revision = response.revision;
        let first = first_found(response.responses.get(1));
        if response.succeeded {
            let seat = Seat::new(self.clone(), self.key(owner), revision, owner.lease, true);
            let first = first.is_none_or(|kv| kv.key == *seat.key());
            return Entered { seat: Some(seat), first, revision, found: None };
        }
        let Some(own) = first_found(response.responses.first()) else {
            return Entered { seat: None, first: false, revision, found: None };
        };
        let made = maybe_made && owner.is_exclusive();
        let seat = Seat::new(self.clone(), own.key.clone(), own.create_revision, own.lease, made);
        let first = first.is_none_or(|kv| kv.key == own.key);
        Entered { seat: Some(seat), first, revision, found: Some(own.value.clone()) }
    }

    /// Asks for who has the turn, now or at a past revision.
    fn first_at(&self, revision: Revision) -> RangeRequest {
        RangeRequest {
            revision,
            limit: 1,
            sort_target: SortTarget::CreateRevision,
            sort_order: SortOrder::Ascending,
            ..RangeRequest::new(self.range())
        }
    }

    /// Who has the turn, now or at a past revision; and the engine's revision.
    pub(crate) async fn first(
        &self,
        revision: Revision,
    ) -> Result<(Option<Arc<KeyValue>>, Revision), RangeError> {
        let mut response = self.engine.range(self.first_at(revision)).await?;
        Ok((response.kvs.pop(), response.revision))
    }

    /// Who has the turn, and how many wait behind it.
    pub(crate) async fn standing(&self) -> Result<Option<(Arc<KeyValue>, u64)>, QueueError> {
        let mut response = self.engine.range(self.first_at(Revision::ZERO)).await?;
        Ok(response.kvs.pop().map(|first| (first, response.count.saturating_sub(1))))
    }
}

fn first_found(response: Option<&OpResponse>) -> Option<&Arc<KeyValue>> {
    match response? {
        OpResponse::Range(range) => range.kvs.first(),
        _ => None,
    }
}
