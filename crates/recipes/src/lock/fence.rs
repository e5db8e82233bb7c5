//! Guards: a write that is refused once the lock is another's.

use std::sync::Arc;

use hyrax_coordination::{Compare, Coordination, Key};
use hyrax_types::Revision;
use thiserror::Error;

use crate::queue::{Place, Queue, QueueError};

/// The condition that a lock is held by whoever has this token.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Fence {
    /// The lock's name.
    pub lock: Key,
    /// The holder's token.
    pub token: Revision,
}

/// Why a guarded write is not made.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FenceError {
    /// The lock is nobody's or another's.
    #[error("fenced")]
    Fenced,
    /// The engine could not be asked.
    #[error(transparent)]
    Queue(QueueError),
}

impl Fence {
    /// Whether the lock is held with this token, as a condition for the transaction that writes: it holds
    /// there for as long as the lock does.
    ///
    /// Whoever has the first place keeps it until the key goes, since nobody can come before; so the
    /// condition looks at that key alone.
    pub async fn check(&self, engine: &Arc<dyn Coordination>) -> Result<Compare, FenceError> {
        let queue = Queue::new(Arc::clone(engine), &self.lock);
        let first = queue.first(Revision::ZERO).await;
        let (first, _) = first.map_err(|error| FenceError::Queue(error.into()))?;
        match first {
            Some(kv) if kv.create_revision == self.token => {
                Ok(Place { key: kv.key.clone(), token: self.token }.is_there())
            }
            _ => Err(FenceError::Fenced),
        }
    }
}
