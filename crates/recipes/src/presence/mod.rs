//! Presence: EKGs, named sets of (connection, name) held as long as the connection lives.
//!
//! A session adds flat ids (one in each EKG) or names (any number); its entries hang on the node's
//! lease, so a node that dies takes them with it. Every node materializes all entries from one
//! watch, and tells its listener of each change in the order of the engine.
//!
//! Who may change what, and how it is told to clients, is not known here.

mod event;
mod layout;
mod session;
#[cfg(test)]
mod tests;
mod view;

use std::collections::HashMap;
use std::sync::Arc;

use hyrax_coordination::{
    Compare, Coordination, Key, LeaseId, TxnError, TxnRequest, TxnResponse, Unavailable,
};
use hyrax_types::{Clock, Revision, SessionId};
use parking_lot::Mutex;
use thiserror::Error;

pub use self::event::{
    Cause, EntryKind, Member, PresenceEvent, PresenceEventKind, PresenceListener, Scope, SessionRef,
};
use self::session::{Seat, Turn};
use self::view::View;
use crate::mirror::Mirror;
use crate::node_lease::NodeLease;
use crate::task::Task;

/// How often an operation is tried whose lease is gone each time.
const LEASES_TRIED_MAX: usize = 3;

/// Why presence was not changed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PresenceError {
    /// The session has ended.
    #[error("the session has ended")]
    Released,
    /// The guard that the change was to be made under does not hold.
    #[error("fenced")]
    Fenced,
    /// The engine could not be asked, or did not answer: the change may have happened.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The engine refused the transaction.
    #[error("the coordination engine refused: {0}")]
    Refused(TxnError),
}

/// All EKGs, and what this node's sessions have in them.
///
/// An operation that changes something returns after this node's view shows it. It runs to its end
/// even when the future that asked for it is dropped. The operations of one session run one after
/// another. A `guard` is a condition, such as a [fence](crate::Fence), that the change is made under: when it
/// does not hold, nothing is changed.
pub struct Presence {
    inner: Arc<Inner>,
    _restoring: Task,
}

struct Inner {
    engine: Arc<dyn Coordination>,
    lease: Arc<NodeLease>,
    clock: Arc<dyn Clock>,
    mirror: Mirror<View>,
    sessions: Mutex<HashMap<SessionId, Seat>>,
}

impl Presence {
    /// Reads who is there, and follows it from there on. `listener` hears of every change after.
    pub async fn start(
        engine: Arc<dyn Coordination>,
        lease: Arc<NodeLease>,
        clock: Arc<dyn Clock>,
        listener: Arc<dyn PresenceListener>,
    ) -> Result<Presence, Unavailable> {
        let view = View::new(listener);
        let mirror = Mirror::start(Arc::clone(&engine), layout::everything(), view).await?;
        let leases = lease.subscribe();
        let inner = Arc::new(Inner { engine, lease, clock, mirror, sessions: Mutex::default() });
        let restoring = Task::spawn(session::restore_on_each(Arc::clone(&inner), leases));
        Ok(Presence { inner, _restoring: restoring })
    }

    /// Adds the session to the EKG under a flat id, in place of the one it had.
    pub async fn add_flat(
        &self,
        session: SessionId,
        ekg: Key,
        id: Key,
        quiet: bool,
        guard: Option<Compare>,
    ) -> Result<(), PresenceError> {
        let seat = self.inner.seat(session);
        self.in_turn(session, seat, move |turn| turn.under(guard).add_flat(ekg, id, quiet)).await
    }

    /// Adds a name of the session to the EKG; `false`, and no change, when the name is already in
    /// it, whoever added it and how.
    pub async fn add_named(
        &self,
        session: SessionId,
        ekg: Key,
        name: Key,
        quiet: bool,
        guard: Option<Compare>,
    ) -> Result<bool, PresenceError> {
        let seat = self.inner.seat(session);
        self.in_turn(session, seat, move |turn| turn.under(guard).add_named(ekg, name, quiet)).await
    }

    /// Removes the session's flat id from the EKG, whichever it is; whether there was one. `given_id`
    /// is what others are told instead of the registered one.
    pub async fn remove_flat(
        &self,
        session: SessionId,
        ekg: Key,
        given_id: Option<Key>,
        quiet: bool,
        guard: Option<Compare>,
    ) -> Result<bool, PresenceError> {
        let Some(seat) = self.inner.seat_taken(session) else { return Ok(false) };
        self.in_turn(session, seat, move |turn| turn.under(guard).remove_flat(ekg, given_id, quiet)).await
    }

    /// Removes a name of the session from the EKG; whether it was there.
    pub async fn remove_named(
        &self,
        session: SessionId,
        ekg: Key,
        name: Key,
        quiet: bool,
        guard: Option<Compare>,
    ) -> Result<bool, PresenceError> {
        let Some(seat) = self.inner.seat_taken(session) else { return Ok(false) };
        self.in_turn(session, seat, move |turn| turn.under(guard).remove_named(ekg, name, quiet)).await
    }

    /// Removes all that the session has, for it has ended. An engine that can not be reached is
    /// asked again until it answers, or the node's lease is lost and the entries with it.
    pub async fn release(&self, session: SessionId, cause: Cause) -> Result<(), PresenceError> {
        let Some(seat) = self.inner.seat_taken(session) else { return Ok(()) };
        self.in_turn(session, seat, move |turn| turn.release(cause)).await
    }

    /// Who is in the EKG, ordered by name.
    pub fn members(&self, ekg: &[u8], scope: Scope) -> Vec<Member> {
        self.inner.mirror.read(|view, _| view.members(ekg, scope, self.inner.lease.id()))
    }

    /// How many connections are in the EKG.
    pub fn card(&self, ekg: &[u8], scope: Scope) -> usize {
        self.inner.mirror.read(|view, _| view.card(ekg, scope, self.inner.lease.id()))
    }

    /// Whether somebody is in the EKG under that name or id.
    pub fn contains(&self, ekg: &[u8], name: &Key, scope: Scope) -> bool {
        self.inner.mirror.read(|view, _| view.contains(ekg, name, scope, self.inner.lease.id()))
    }

    /// How many entries all EKGs have together, over all nodes.
    pub fn entries(&self) -> usize {
        self.inner.mirror.read(|view, _| view.entries())
    }

    /// The revision up to which changes have been told.
    pub fn revision(&self) -> Revision {
        self.inner.mirror.read(|_, revision| revision)
    }

    /// How many entries a session has. While an operation of that session runs it is not known, and
    /// counts as none.
    pub fn held(&self, session: SessionId) -> usize {
        let seat = self.inner.seat_taken(session);
        seat.and_then(|seat| seat.try_lock().map(|owned| owned.len()).ok()).unwrap_or(0)
    }

    /// Hands over who is in the EKG, and as of which revision, while no event is told: what the
    /// listener hears after this call has a greater revision, and all that it heard before is in.
    ///
    /// Neither `read` nor the listener may call back into presence.
    pub fn snapshot(&self, ekg: &[u8], read: &mut dyn FnMut(Revision, Vec<Member>)) {
        self.inner.mirror.read(|view, revision| {
            read(revision, view.members(ekg, Scope::Cluster, self.inner.lease.id()));
        });
    }

    /// Runs an operation after those that the session began before. As its own task, so that a
    /// caller who goes away leaves nothing half done.
    async fn in_turn<R, F>(
        &self,
        session: SessionId,
        seat: Seat,
        operation: impl FnOnce(Turn) -> F + Send + 'static,
    ) -> Result<R, PresenceError>
    where
        R: Send + 'static,
        F: Future<Output = Result<R, PresenceError>> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let task = tokio::spawn(async move {
            let owned = seat.lock_owned().await;
            operation(Turn::new(inner, session, owned)).await
        });
        // The task is never aborted: it ends early only with the runtime.
        task.await.unwrap_or_else(|error| Err(Unavailable::because(error.to_string()).into()))
    }
}

impl Inner {
    fn seat(&self, session: SessionId) -> Seat {
        Arc::clone(self.sessions.lock().entry(session).or_default())
    }

    fn seat_taken(&self, session: SessionId) -> Option<Seat> {
        self.sessions.lock().get(&session).cloned()
    }

    /// Runs a transaction that hangs keys on the node's lease; again, if that was just replaced.
    async fn txn(&self, request: impl Fn(LeaseId) -> TxnRequest) -> Result<TxnResponse, PresenceError> {
        let mut tried = 0;
        loop {
            let lease = self.lease.id();
            match self.engine.txn(request(lease)).await {
                Ok(response) => return Ok(response),
                Err(TxnError::LeaseNotFound) if tried < LEASES_TRIED_MAX => {
                    tried += 1;
                    self.lease.replaced(lease).await?;
                }
                Err(TxnError::Unavailable(unavailable)) => return Err(unavailable.into()),
                Err(error) => return Err(PresenceError::Refused(error)),
            }
        }
    }
}
