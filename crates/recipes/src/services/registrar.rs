//! Registering nodes on a lease that is kept alive, and having them registered again when it is lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyrax_coordination::{
    Compare, Coordination, DeleteRangeRequest, KeyRange, LeaseId, Op, PutRequest, TxnError, TxnRequest,
    Unavailable,
};
use hyrax_types::Revision;
use parking_lot::Mutex;
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use super::layout::{Note, key_of, value_of};
use super::{ServiceName, ServiceNode};
use crate::node_lease::NodeLease;
use crate::retry::{Backoff, comes_back};
use crate::task::Task;

/// How often a node is registered whose lease is gone each time.
const LEASES_TRIED_MAX: usize = 3;

/// Why a node was not registered.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RegisterError {
    /// The engine could not be asked.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The engine refused the transaction.
    #[error("the coordination engine refused: {0}")]
    Refused(TxnError),
}

/// Registers nodes on one lease. When the lease is lost, what is registered is registered again on the one that
/// takes its place.
///
/// A key has one owner: whoever registered it last. Who registered it before does not take it along when it ends.
/// Where both were registered here, it goes back to the earlier one when the later one ends.
#[derive(Clone)]
pub struct Registrar {
    inner: Arc<Inner>,
    _restoring: Arc<Task>,
}

struct Inner {
    engine: Arc<dyn Coordination>,
    lease: Arc<NodeLease>,
    /// What is registered and has not ended. Those of one node are neighbours, the latest last.
    kept: Mutex<BTreeMap<Place, Arc<Standing>>>,
    last: AtomicU64,
}

/// A registration: whose, of what, and which.
type Place = (ServiceName, ServiceNode, u64);

/// How it stands with a registration. The lock is held while the engine is asked.
#[derive(Default)]
struct Standing(tokio::sync::Mutex<Ownership>);

#[derive(Default)]
struct Ownership {
    /// The write that made the key this registration's, and the lease that it hangs on.
    owned: Option<(Revision, LeaseId)>,
    has_ended: bool,
}

/// A node that is registered. Dropping it removes the node, in the background, as [`Registration::deregister`]
/// does.
pub struct Registration {
    registrar: Registrar,
    place: Place,
    standing: Arc<Standing>,
    has_ended: bool,
}

impl Registrar {
    pub(super) fn new(engine: Arc<dyn Coordination>, lease: Arc<NodeLease>) -> Registrar {
        let leases = lease.subscribe();
        let inner = Arc::new(Inner { engine, lease, kept: Mutex::default(), last: AtomicU64::new(0) });
        let restoring = Task::spawn(restore_on_each(Arc::clone(&inner), leases));
        Registrar { inner, _restoring: Arc::new(restoring) }
    }

    /// Registers a node. An engine that does not answer is asked until it does, as the node may be registered
    /// without anybody knowing; who stops waiting has it removed again.
    pub async fn register(
        &self,
        service: ServiceName,
        node: ServiceNode,
    ) -> Result<Registration, RegisterError> {
        let (tell, told) = oneshot::channel();
        let registrar = self.clone();
        tokio::spawn(async move {
            let registered = registrar
                .inner
                .register(service, node)
                .await
                .map(|(place, standing)| Registration { registrar, place, standing, has_ended: false });
            // Where nobody waits any more, it is dropped, and ends.
            _ = tell.send(registered);
        });
        // The task is never aborted: it ends early only with the runtime.
        told.await.unwrap_or_else(|_| Err(Unavailable::Stopped.into()))
    }

    /// How many nodes are registered here.
    pub fn registered(&self) -> usize {
        self.inner.kept.lock().len()
    }
}

impl Registration {
    /// The service.
    pub fn service(&self) -> &ServiceName {
        &self.place.0
    }

    /// The node.
    pub fn node(&self) -> ServiceNode {
        self.place.1
    }

    /// Removes the node, as its owner wants. It is removed even when the future is dropped.
    pub async fn deregister(self) {
        self.end(Note::Deregistered).await;
    }

    /// Removes the node whose owner fell silent: those who follow hear of an expiry. It is removed even when the
    /// future is dropped.
    pub async fn expire(self) {
        self.end(Note::Expired).await;
    }

    async fn end(mut self, why: Note) {
        self.has_ended = true;
        let inner = Arc::clone(&self.registrar.inner);
        let ending = inner.end(self.place.clone(), Arc::clone(&self.standing), why);
        // It ends early only with the runtime, and the lease with it.
        _ = tokio::spawn(ending).await;
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and the lease with it.
        if !self.has_ended
            && let Ok(runtime) = Handle::try_current()
        {
            let (inner, standing) = (Arc::clone(&self.registrar.inner), Arc::clone(&self.standing));
            runtime.spawn(inner.end(self.place.clone(), standing, Note::Deregistered));
        }
    }
}

impl Inner {
    async fn register(
        &self,
        service: ServiceName,
        node: ServiceNode,
    ) -> Result<(Place, Arc<Standing>), RegisterError> {
        let place = (service, node, self.last.fetch_add(1, Ordering::Relaxed));
        let standing = Arc::<Standing>::default();
        let mut ownership = standing.0.lock().await;
        self.kept.lock().insert(place.clone(), Arc::clone(&standing));
        let put = self.put(&place).await;
        match put {
            Ok(owned) => {
                ownership.owned = Some(owned);
                drop(ownership);
                Ok((place, standing))
            }
            Err(error) => {
                ownership.has_ended = true;
                self.kept.lock().remove(&place);
                Err(error)
            }
        }
    }

    /// Writes the key of a registration, however long the engine takes to answer.
    async fn put(&self, place: &Place) -> Result<(Revision, LeaseId), RegisterError> {
        let mut backoff = Backoff::new();
        let mut lost = 0;
        loop {
            let lease = self.lease.id();
            let request = TxnRequest { success: registering(place, lease), ..TxnRequest::default() };
            match self.engine.txn(request).await {
                Ok(response) => return Ok((response.revision, lease)),
                Err(TxnError::LeaseNotFound) if lost < LEASES_TRIED_MAX => {
                    lost += 1;
                    self.lease.replaced(lease).await?;
                }
                Err(TxnError::Unavailable(unavailable)) if may_have_happened(&unavailable) => {
                    backoff.wait().await;
                }
                Err(TxnError::Unavailable(unavailable)) => return Err(unavailable.into()),
                Err(error) => return Err(RegisterError::Refused(error)),
            }
        }
    }

    /// Ends a registration: its node is removed, if it is its own, and no earlier one here takes it back.
    async fn end(self: Arc<Self>, place: Place, standing: Arc<Standing>, why: Note) {
        self.kept.lock().remove(&place);
        let mut ownership = standing.0.lock().await;
        ownership.has_ended = true;
        let Some(owned) = ownership.owned.take() else { return };
        let (service, node, _) = &place;
        loop {
            let (from, to) = ((service.clone(), *node, 0), (service.clone(), *node, u64::MAX));
            let heir = self.kept.lock().range(from..to).next_back().map(|(_, heir)| Arc::clone(heir));
            let Some(heir) = heir else { break };
            let mut heir = heir.0.lock().await;
            if !heir.has_ended {
                // One that registered later has written the key itself.
                if heir.owned.is_none_or(|(revision, _)| revision < owned.0) {
                    heir.owned = Some(owned);
                }
                return;
            }
        }
        self.delete(&place, owned, why).await;
    }

    async fn delete(&self, (service, node, _): &Place, (revision, lease): (Revision, LeaseId), why: Note) {
        let key = key_of(service, *node);
        let request = TxnRequest {
            compare: vec![Compare::unchanged_since(key.clone(), revision)],
            success: vec![
                Op::DeleteRange(DeleteRangeRequest::new(KeyRange::single(key))),
                Op::Put(PutRequest::new(Note::key(lease), why.value()).on_lease(lease)),
            ],
            failure: Vec::new(),
        };
        let mut backoff = Backoff::new();
        // Without the lease it is gone already, and if it changed hands it is not to go.
        while let Err(TxnError::Unavailable(unavailable)) = self.engine.txn(request.clone()).await
            && comes_back(&unavailable)
        {
            backoff.wait().await;
        }
    }

    /// Registers again what went with a lost lease, unless another has it now.
    async fn restore(&self, place: &Place, standing: &Standing) {
        let mut ownership = standing.0.lock().await;
        if ownership.has_ended || ownership.owned.is_none() {
            return;
        }
        let mut backoff = Backoff::new();
        loop {
            let lease = self.lease.id();
            if ownership.owned.is_some_and(|(_, on)| on == lease) {
                return;
            }
            let request = TxnRequest {
                compare: vec![Compare::absent(key_of(&place.0, place.1))],
                success: registering(place, lease),
                failure: Vec::new(),
            };
            match self.engine.txn(request).await {
                Ok(response) => {
                    ownership.owned = response.succeeded.then_some((response.revision, lease));
                    return;
                }
                Err(TxnError::LeaseNotFound) => _ = self.lease.replaced(lease).await,
                Err(TxnError::Unavailable(unavailable)) if comes_back(&unavailable) => backoff.wait().await,
                Err(_) => return,
            }
        }
    }
}

/// Whether the engine may have done what it did not answer, and can be asked again.
fn may_have_happened(unavailable: &Unavailable) -> bool {
    matches!(unavailable, Unavailable::Other { .. })
}

/// Writes a node's key on a lease, and that whoever has the lease notes why it deletes.
fn registering((service, node, _): &Place, lease: LeaseId) -> Vec<Op> {
    let note = Note::key(lease);
    vec![
        Op::Put(PutRequest::new(key_of(service, *node), value_of(*node)).on_lease(lease)),
        Op::Txn(TxnRequest {
            compare: vec![Compare::absent(note.clone())],
            success: vec![Op::Put(PutRequest::new(note, Note::Registered.value()).on_lease(lease))],
            failure: Vec::new(),
        }),
    ]
}

/// Registers everything again, each time the lease is replaced. The latest of one node comes first, as it is the
/// one that owned it.
async fn restore_on_each(inner: Arc<Inner>, mut leases: watch::Receiver<LeaseId>) {
    while leases.changed().await.is_ok() {
        let kept: Vec<_> = {
            let kept = inner.kept.lock();
            kept.iter().rev().map(|(place, standing)| (place.clone(), Arc::clone(standing))).collect()
        };
        for (place, standing) in kept {
            inner.restore(&place, &standing).await;
        }
    }
}
