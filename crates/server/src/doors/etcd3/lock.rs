//! The Lock service: etcd's mutex as a call. The lock is its lease's, not the call's: it lasts until the key is
//! deleted or the lease ends. Failures have etcd's words, but never a code, as in etcd.

use std::sync::Arc;
use std::time::Duration;

use hyrax_coordination::{
    DeleteRangeError, DeleteRangeRequest, KeyRange, LeaseGrantRequest, LeaseId, TxnError, Value,
};
use hyrax_etcd::v3lockpb as pb;
use hyrax_recipes::{Lock, Owner, QueueError};
use tonic::Code;

use super::Etcd;
use super::caller::Caller;
use super::error::Refusal;

/// How long a lease lives that is granted for who names none: etcd's.
const SESSION_TTL: Duration = Duration::from_secs(60);

/// How a failure leaves these services. `lost` is what the caller is told whose place is gone.
pub(super) fn refusal(error: QueueError, lost: &'static str) -> Refusal {
    match error {
        QueueError::Lost => Refusal::new(Code::Unknown, lost),
        QueueError::Unavailable(unavailable) => unavailable.into(),
        QueueError::Refused(TxnError::Reserved) => TxnError::Reserved.into(),
        QueueError::Refused(error) => Refusal::new(Code::Unknown, error.to_string()),
        QueueError::LeaseNotFound => Refusal::new(Code::Unknown, error.to_string()),
    }
}

impl Etcd {
    /// The lease that a place shall hang on: the one named, which is renewed, or a new one.
    pub(super) async fn session_lease(&self, named: i64) -> Result<LeaseId, Refusal> {
        if named == 0 {
            return Ok(self.space().lease_grant(LeaseGrantRequest::new(SESSION_TTL)).await?.id);
        }
        let lease = LeaseId(named);
        // Whether it is there, taking the place finds out.
        _ = self.space().lease_keep_alive(lease).await;
        Ok(lease)
    }

    /// Lock's `Lock`. It waits its turn; a caller who goes away leaves the queue.
    pub async fn lock(&self, caller: &Caller, request: pb::LockRequest) -> Result<pb::LockResponse, Refusal> {
        self.check_write(caller)?;
        let lease = self.session_lease(request.lease).await?;
        let lock = Lock::new(Arc::clone(&self.core.coordination), &request.name);
        let held = self.until_closing(async {
            let held = lock.acquire(Owner::lease(lease), Value::new()).await;
            held.map_err(|error| refusal(error, "mutex: session is expired"))
        });
        let held = held.await?;
        let header = Some(self.header(held.revision()));
        let (key, _) = held.keep();
        Ok(pb::LockResponse { header, key })
    }

    /// Lock's `Unlock`: deletes the key, whosever it is.
    pub async fn unlock(
        &self,
        caller: &Caller,
        request: pb::UnlockRequest,
    ) -> Result<pb::UnlockResponse, Refusal> {
        self.check_write(caller)?;
        let range = KeyRange::single(request.key);
        let deleted = self.space().delete_range(DeleteRangeRequest::new(range)).await;
        let deleted = deleted.map_err(|error| match error {
            DeleteRangeError::EmptyKey => Refusal::new(Code::Unknown, error.to_string()),
            error => error.into(),
        })?;
        Ok(pb::UnlockResponse { header: Some(self.header(deleted.revision)) })
    }
}
