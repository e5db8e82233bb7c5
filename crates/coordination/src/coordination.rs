//! The trait that recipes and doors stand on.

use futures_util::future::BoxFuture;

use crate::{
    CompactError, CompactRequest, CompactResponse, DeleteRangeError, DeleteRangeRequest, DeleteRangeResponse,
    LeaseGrantError, LeaseGrantRequest, LeaseGrantResponse, LeaseId, LeaseKeepAliveError,
    LeaseKeepAliveResponse, LeaseListError, LeaseListResponse, LeaseRevokeError, LeaseRevokeResponse,
    LeaseTimeToLiveError, LeaseTimeToLiveResponse, Maintenance, PutError, PutRequest, PutResponse,
    RangeError, RangeRequest, RangeResponse, Status, StatusError, TxnError, TxnRequest, TxnResponse,
    WatchError, WatchRequest, WatchStream,
};

/// An ordered key space with revisions, transactions, leases and watches, as etcd v3 defines them.
///
/// One revision orders everything: each transaction that writes takes the next one, whatever it
/// writes; one that writes nothing takes none. A watch sees every revision once, whole, in order.
///
/// A write happens when it is called, whether its answer is awaited or not. Who drops the answer only
/// does not learn of it.
pub trait Coordination: Send + Sync + 'static {
    /// Reads a key or a range of keys, now or at a past revision.
    fn range(&self, request: RangeRequest) -> BoxFuture<'_, Result<RangeResponse, RangeError>>;

    /// Writes one key.
    fn put(&self, request: PutRequest) -> BoxFuture<'_, Result<PutResponse, PutError>>;

    /// Deletes a key or a range of keys. Deleting nothing is no change.
    fn delete_range(
        &self,
        request: DeleteRangeRequest,
    ) -> BoxFuture<'_, Result<DeleteRangeResponse, DeleteRangeError>>;

    /// Compares, then runs one of two lists of operations, in one revision.
    fn txn(&self, request: TxnRequest) -> BoxFuture<'_, Result<TxnResponse, TxnError>>;

    /// Forgets what only revisions before the one given can see.
    fn compact(&self, request: CompactRequest) -> BoxFuture<'_, Result<CompactResponse, CompactError>>;

    /// Watches a key or a range of keys, from now or from a past revision.
    ///
    /// When this returns, the watch stands: every change with a greater revision than the engine's
    /// at that moment is seen. A start that is already compacted fails here or at the first
    /// [`WatchStream::next`].
    fn watch(&self, request: WatchRequest) -> BoxFuture<'_, Result<Box<dyn WatchStream>, WatchError>>;

    /// Creates a lease, which lives for its time to live after each renewal.
    fn lease_grant(
        &self,
        request: LeaseGrantRequest,
    ) -> BoxFuture<'_, Result<LeaseGrantResponse, LeaseGrantError>>;

    /// Ends a lease and deletes its keys, in one revision.
    fn lease_revoke(&self, id: LeaseId) -> BoxFuture<'_, Result<LeaseRevokeResponse, LeaseRevokeError>>;

    /// Renews a lease for its whole time to live.
    fn lease_keep_alive(
        &self,
        id: LeaseId,
    ) -> BoxFuture<'_, Result<LeaseKeepAliveResponse, LeaseKeepAliveError>>;

    /// How long a lease has left, and with `keys` what hangs on it.
    fn lease_time_to_live(
        &self,
        id: LeaseId,
        keys: bool,
    ) -> BoxFuture<'_, Result<LeaseTimeToLiveResponse, LeaseTimeToLiveError>>;

    /// Every lease, the one to expire next first.
    fn leases(&self) -> BoxFuture<'_, Result<LeaseListResponse, LeaseListError>>;

    /// Which engine this is, where it stands and what it promises.
    fn status(&self) -> BoxFuture<'_, Result<Status, StatusError>>;

    /// What those need who look after the engine; `None` where its state is another server's.
    fn maintenance(&self) -> Option<&dyn Maintenance> {
        None
    }
}
