//! The engine that lives in this process: a pure store, served.
//!
//! `store` decides; this file brings the clock, the lock, the watches and the task that ends
//! leases. No lock is held across an await, and each is held for one request, or one bounded step
//! of what goes on in the background.

mod check;
mod interval;
mod keyspace;
mod leases;
mod log;
pub(crate) mod store;
#[cfg(test)]
mod tests;
mod transaction;
mod watch;
mod watchers;

use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, ready};
use hyrax_types::{Clock, Revision};
use parking_lot::Mutex;

pub use self::store::StoreSettings;
use self::store::{Progress, Store};
use self::watch::EmbeddedWatch;
use self::watchers::Watchers;
use crate::{
    CompactError, CompactRequest, CompactResponse, Coordination, DeleteRangeError, DeleteRangeRequest,
    DeleteRangeResponse, Fencing, LeaseGrantError, LeaseGrantRequest, LeaseGrantResponse, LeaseId,
    LeaseKeepAliveError, LeaseKeepAliveResponse, LeaseListError, LeaseListResponse, LeaseRevokeError,
    LeaseRevokeResponse, LeaseTimeToLiveError, LeaseTimeToLiveResponse, Promises, PutError, PutRequest,
    PutResponse, RangeError, RangeRequest, RangeResponse, Status, StatusError, TxnError, TxnRequest,
    TxnResponse, WatchError, WatchRequest, WatchStream,
};

/// Compacted events dropped in one hold of the lock. With every write it is more than the write
/// adds, so that the history stays bounded whatever the load.
const SWEEP_STEP_EVENTS: usize = 256;

/// Leases looked at, and keys deleted, in one hold of the lock.
const EXPIRY_STEP_LEASES: usize = 256;
const EXPIRY_STEP_KEYS: u64 = 1_024;

/// How the engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmbeddedSettings {
    /// The bounds of the store.
    pub store: StoreSettings,
    /// How often leases are looked at: how late one may end.
    pub expiry_every: Duration,
    /// How long a watch with `progress_notify` hears nothing before it is told where it stands.
    pub progress_every: Duration,
}

impl Default for EmbeddedSettings {
    fn default() -> EmbeddedSettings {
        EmbeddedSettings {
            store: StoreSettings::default(),
            expiry_every: Duration::from_millis(50),
            progress_every: Duration::from_secs(600),
        }
    }
}

/// What is behind the lock.
#[derive(Debug)]
struct State {
    store: Store,
    watchers: Watchers,
}

/// What the engine, its watches and its background task share.
struct Shared {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
}

impl Shared {
    /// Runs one request that may write, and tells the watches what it did.
    fn write<R>(&self, request: impl FnOnce(&mut Store, u64) -> R) -> R {
        let now_ms = self.clock.now_ms();
        let state = &mut *self.state.lock();
        let before = state.store.revision();
        let reply = request(&mut state.store, now_ms);
        if state.store.revision() != before {
            state.watchers.publish(state.store.events_from(before.next()));
            state.store.compact_excess();
            _ = state.store.sweep(SWEEP_STEP_EVENTS);
        }
        reply
    }

    /// One bounded step of ending leases.
    fn expire_step(&self) -> Progress {
        self.write(|store, now_ms| store.expire(now_ms, EXPIRY_STEP_LEASES, EXPIRY_STEP_KEYS))
    }
}

/// [`Coordination`] in this process, in memory.
pub struct Embedded {
    shared: Arc<Shared>,
    settings: EmbeddedSettings,
}

impl Embedded {
    /// Starts an empty engine, and on the current tokio runtime the task that ends its leases; the
    /// task stops when the engine is dropped.
    ///
    /// # Panics
    /// When called outside a tokio runtime.
    pub fn start(clock: Arc<dyn Clock>, settings: EmbeddedSettings) -> Embedded {
        let state = State { store: Store::new(settings.store), watchers: Watchers::default() };
        let shared = Arc::new(Shared { state: Mutex::new(state), clock });
        tokio::spawn(end_leases(Arc::downgrade(&shared), settings.expiry_every));
        Embedded { shared, settings }
    }

    /// Ends every lease whose time has run out, now. The background task does the same in steps;
    /// this is for a simulation that moves the clock itself.
    pub fn expire_leases(&self) {
        while self.shared.expire_step() == Progress::More {}
    }
}

/// A reply that is there already.
fn answer<'a, T: Send + 'a>(reply: T) -> BoxFuture<'a, T> {
    Box::pin(ready(reply))
}

async fn end_leases(shared: Weak<Shared>, every: Duration) {
    let mut interval = tokio::time::interval(every);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        loop {
            // Not held over the wait: the engine goes when its owner lets go.
            let Some(shared) = shared.upgrade() else { return };
            if shared.expire_step() == Progress::Done {
                break;
            }
            drop(shared);
            tokio::task::yield_now().await;
        }
    }
}

impl Coordination for Embedded {
    fn range(&self, request: RangeRequest) -> BoxFuture<'_, Result<RangeResponse, RangeError>> {
        let reply = self.shared.state.lock().store.range(&request);
        answer(reply)
    }

    fn put(&self, request: PutRequest) -> BoxFuture<'_, Result<PutResponse, PutError>> {
        answer(self.shared.write(|store, _| store.put(&request)))
    }

    fn delete_range(
        &self,
        request: DeleteRangeRequest,
    ) -> BoxFuture<'_, Result<DeleteRangeResponse, DeleteRangeError>> {
        answer(self.shared.write(|store, _| store.delete_range(&request)))
    }

    fn txn(&self, request: TxnRequest) -> BoxFuture<'_, Result<TxnResponse, TxnError>> {
        answer(self.shared.write(|store, _| store.txn(&request)))
    }

    fn compact(&self, request: CompactRequest) -> BoxFuture<'_, Result<CompactResponse, CompactError>> {
        Box::pin(async move {
            let response = self.shared.state.lock().store.compact(request.revision)?;
            loop {
                let progress = self.shared.state.lock().store.sweep(SWEEP_STEP_EVENTS);
                if progress == Progress::Done {
                    return Ok(response);
                }
                tokio::task::yield_now().await;
            }
        })
    }

    fn watch(&self, mut request: WatchRequest) -> BoxFuture<'_, Result<Box<dyn WatchStream>, WatchError>> {
        if request.range.key.is_empty() {
            request.range.key = Bytes::from_static(b"\0");
        }
        if request.range.is_empty() {
            return answer(Err(WatchError::EmptyRange));
        }
        let progress_every = request.progress_notify.then_some(self.settings.progress_every);
        let (watcher, created) = {
            let state = &mut *self.shared.state.lock();
            let compacted = state.store.compacted();
            if request.start_revision != Revision::ZERO && request.start_revision < compacted {
                return answer(Err(WatchError::Compacted { compacted }));
            }
            let current = state.store.revision();
            let past = request.start_revision != Revision::ZERO && request.start_revision <= current;
            let behind_from = past.then_some(request.start_revision);
            (state.watchers.add(request, behind_from), current)
        };
        let watch = EmbeddedWatch::new(Arc::clone(&self.shared), watcher, created, progress_every);
        answer(Ok(Box::new(watch) as Box<dyn WatchStream>))
    }

    fn lease_grant(
        &self,
        request: LeaseGrantRequest,
    ) -> BoxFuture<'_, Result<LeaseGrantResponse, LeaseGrantError>> {
        answer(self.shared.write(|store, now_ms| store.lease_grant(&request, now_ms)))
    }

    fn lease_revoke(&self, id: LeaseId) -> BoxFuture<'_, Result<LeaseRevokeResponse, LeaseRevokeError>> {
        answer(self.shared.write(|store, _| store.lease_revoke(id)))
    }

    fn lease_keep_alive(
        &self,
        id: LeaseId,
    ) -> BoxFuture<'_, Result<LeaseKeepAliveResponse, LeaseKeepAliveError>> {
        answer(self.shared.write(|store, now_ms| store.lease_keep_alive(id, now_ms)))
    }

    fn lease_time_to_live(
        &self,
        id: LeaseId,
        keys: bool,
    ) -> BoxFuture<'_, Result<LeaseTimeToLiveResponse, LeaseTimeToLiveError>> {
        answer(self.shared.write(|store, now_ms| store.lease_time_to_live(id, keys, now_ms)))
    }

    fn leases(&self) -> BoxFuture<'_, Result<LeaseListResponse, LeaseListError>> {
        let reply = self.shared.state.lock().store.leases();
        answer(Ok(reply))
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, StatusError>> {
        let (revision, compacted) = {
            let state = self.shared.state.lock();
            (state.store.revision(), state.store.compacted())
        };
        answer(Ok(Status {
            engine: "embedded".to_owned(),
            revision,
            compacted,
            // It dies with its process, so nothing overtaken is ever met again.
            promises: Promises { linearizable: true, durable: false, fencing: Fencing::Strong },
        }))
    }
}
