//! [`Coordination`] as the embedded engine does it: the request is run when it is called, and what is
//! returned only waits.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{BoxFuture, ready};

use super::reading::Reading;
use super::shared::{Answer, Pin, Shared};
use super::store::{Progress, in_order};
use super::watch::EmbeddedWatch;
use super::{Embedded, room};
use crate::{
    CompactError, CompactRequest, CompactResponse, Coordination, DeleteRangeError, DeleteRangeRequest,
    DeleteRangeResponse, Fencing, LeaseGrantError, LeaseGrantRequest, LeaseGrantResponse, LeaseId,
    LeaseKeepAliveError, LeaseKeepAliveResponse, LeaseListError, LeaseListResponse, LeaseRevokeError,
    LeaseRevokeResponse, LeaseTimeToLiveError, LeaseTimeToLiveResponse, Maintenance, Promises, PutError,
    PutRequest, PutResponse, RangeError, RangeRequest, RangeResponse, Status, StatusError, TxnError,
    TxnRequest, TxnResponse, Unavailable, WatchError, WatchRequest, WatchStream,
};

/// Keys looked at in one hold of the lock.
const RANGE_STEP_KEYS: usize = 2_048;

/// A reply that is there already.
fn answer<'a, T: Send + 'a>(reply: T) -> BoxFuture<'a, T> {
    Box::pin(ready(reply))
}

/// A reply that is given when its wait is over.
fn when_seen<'a, T, E>(answered: Result<Answer<Result<T, E>>, Unavailable>) -> BoxFuture<'a, Result<T, E>>
where
    T: Send + 'a,
    E: From<Unavailable> + Send + 'a,
{
    match answered {
        Err(unavailable) => answer(Err(unavailable.into())),
        Ok(Answer { reply, wait: None, .. }) => answer(reply),
        Ok(Answer { reply, wait: Some(wait), .. }) => Box::pin(async move {
            // Who was to tell is gone: so is the engine.
            wait.await.unwrap_or(Err(Unavailable::Stopped))?;
            reply
        }),
    }
}

/// Reads many keys, as they were when it began.
async fn range_in_steps(shared: &Arc<Shared>, request: RangeRequest) -> Result<RangeResponse, RangeError> {
    let (mut reading, _pin) = {
        let store = &mut shared.state.lock().store;
        store.check_range(&request)?;
        let mut reading = Reading::new(&request, store.visible());
        if reading.step(&store.keys, RANGE_STEP_KEYS) == Progress::Done {
            return Ok(reading.finish());
        }
        (reading, Pin::new(shared, store))
    };
    loop {
        tokio::task::yield_now().await;
        let progress = reading.step(&shared.state.lock().store.keys, RANGE_STEP_KEYS);
        if progress == Progress::Done {
            return Ok(reading.finish());
        }
    }
}

impl Coordination for Embedded {
    fn range(&self, request: RangeRequest) -> BoxFuture<'_, Result<RangeResponse, RangeError>> {
        if !request.range.is_single() {
            return Box::pin(range_in_steps(&self.engine.shared, request));
        }
        let store = &self.engine.shared.state.lock().store;
        answer(store.check_range(&request).map(|()| store.range_at(&request, store.visible())))
    }

    fn put(&self, request: PutRequest) -> BoxFuture<'_, Result<PutResponse, PutError>> {
        when_seen(self.engine.write(room::put(&request), |store, _| store.put(&request)))
    }

    fn delete_range(
        &self,
        request: DeleteRangeRequest,
    ) -> BoxFuture<'_, Result<DeleteRangeResponse, DeleteRangeError>> {
        when_seen(self.engine.write(room::delete_range(&request), |store, _| store.delete_range(&request)))
    }

    fn txn(&self, request: TxnRequest) -> BoxFuture<'_, Result<TxnResponse, TxnError>> {
        let room = room::txn(&request, self.engine.settings.store.txn_ops_max);
        if room == 0 {
            let reply = self.engine.shared.state.lock().store.read_txn(&request);
            return answer(reply);
        }
        when_seen(self.engine.write(room::ITEM + room, |store, _| store.txn(&request)))
    }

    fn compact(&self, request: CompactRequest) -> BoxFuture<'_, Result<CompactResponse, CompactError>> {
        let compacted = when_seen(self.engine.write(room::ITEM, |store, _| store.compact(request.revision)));
        if !request.physical {
            return compacted;
        }
        Box::pin(async move {
            let response = compacted.await?;
            while self.engine.shared.sweep_step() == Progress::More {
                tokio::task::yield_now().await;
            }
            Ok(response)
        })
    }

    fn watch(&self, mut request: WatchRequest) -> BoxFuture<'_, Result<Box<dyn WatchStream>, WatchError>> {
        if request.range.key.is_empty() {
            request.range.key = Bytes::from_static(b"\0");
        }
        if request.range.is_empty() {
            return answer(Err(WatchError::EmptyRange));
        }
        let progress_every = request.progress_notify.then_some(self.engine.settings.progress_every);
        let (watcher, created) = {
            let state = &mut *self.engine.shared.state.lock();
            if let Err(error) = state.store.check_watch(request.start_revision) {
                return answer(Err(error));
            }
            let current = state.store.visible();
            let past = request.start_revision.0 != 0 && request.start_revision <= current;
            let behind_from = past.then_some(request.start_revision);
            (state.watchers.add(request, behind_from), current)
        };
        let watch = EmbeddedWatch::new(Arc::clone(&self.engine.shared), watcher, created, progress_every);
        answer(Ok(Box::new(watch) as Box<dyn WatchStream>))
    }

    fn lease_grant(
        &self,
        request: LeaseGrantRequest,
    ) -> BoxFuture<'_, Result<LeaseGrantResponse, LeaseGrantError>> {
        when_seen(self.engine.write(room::ITEM, |store, now_ms| store.lease_grant(&request, now_ms)))
    }

    fn lease_revoke(&self, id: LeaseId) -> BoxFuture<'_, Result<LeaseRevokeResponse, LeaseRevokeError>> {
        when_seen(self.engine.write(room::ITEM, |store, _| store.lease_revoke(id)))
    }

    fn lease_keep_alive(
        &self,
        id: LeaseId,
    ) -> BoxFuture<'_, Result<LeaseKeepAliveResponse, LeaseKeepAliveError>> {
        let now_ms = self.engine.clock.now_ms();
        let renew = |store: &mut super::Store, now_ms| store.lease_keep_alive(id, now_ms);
        when_seen(Ok(self.engine.shared.keep_alive(now_ms, id, renew)))
    }

    fn lease_time_to_live(
        &self,
        id: LeaseId,
        keys: bool,
    ) -> BoxFuture<'_, Result<LeaseTimeToLiveResponse, LeaseTimeToLiveError>> {
        let now_ms = self.engine.clock.now_ms();
        let look = |store: &super::Store, now_ms| store.lease_time_to_live(id, keys, now_ms);
        when_seen(Ok(self.engine.shared.observe(now_ms, look)))
    }

    fn leases(&self) -> BoxFuture<'_, Result<LeaseListResponse, LeaseListError>> {
        let now_ms = self.engine.clock.now_ms();
        let Answer { reply, wait, wants_ceiling } =
            self.engine.shared.observe(now_ms, |store, _| store.lease_deadlines());
        when_seen(Ok(Answer { reply: Ok(in_order(reply)), wait, wants_ceiling }))
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, StatusError>> {
        let (revision, compacted) = {
            let state = self.engine.shared.state.lock();
            (state.store.visible(), state.store.compacted())
        };
        answer(Ok(Status {
            engine: "embedded".to_owned(),
            revision,
            compacted,
            promises: Promises {
                linearizable: true,
                durable: self.engine.journal.is_some(),
                // In memory it dies with its process; on disk a revision is not used again: in neither
                // case is one met that was overtaken.
                fencing: Fencing::Strong,
            },
        }))
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        Some(self)
    }
}
