//! What one session of this node has in EKGs, and its changes to that, one after another.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hyrax_coordination::{
    Compare, DeleteRangeRequest, Key, KeyRange, LeaseId, Op, OpResponse, PutRequest, RangeRequest, SortOrder,
    SortTarget, TxnRequest, TxnResponse,
};
use hyrax_types::{Revision, SessionId};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use super::layout::{Entry, EntryValue, Note, entries_named};
use super::{Cause, EntryKind, Inner, PresenceError, SessionRef};

/// Entries changed in one transaction: engines take 128 operations, and nested ones count again.
const ENTRIES_PER_TXN: usize = 100;

/// How long to wait before an engine that did not answer is asked again.
const RETRY: Duration = Duration::from_millis(200);

/// What a session has; whoever holds the lock has its turn.
pub(super) type Seat = Arc<Mutex<Owned>>;

/// What a session has, or, where an engine did not answer, may have.
#[derive(Debug, Default)]
pub(super) struct Owned {
    flat: HashMap<Key, FlatIds>,
    /// By EKG and name: whether it is known to be there.
    named: HashMap<(Key, Key), bool>,
    released: bool,
}

impl Owned {
    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.flat.len() + self.named.len()
    }
}

/// The flat id in one EKG: the last. Before it stand those that may still be there.
#[derive(Clone, Debug, Default)]
struct FlatIds {
    ids: Vec<Key>,
    /// Whether the last one, and no other, is known to be there.
    settled: bool,
}

/// A session's turn to change what it has.
pub(super) struct Turn {
    inner: Arc<Inner>,
    session: SessionId,
    owned: OwnedMutexGuard<Owned>,
    /// What must hold for it to change anything.
    guard: Option<Compare>,
}

impl Turn {
    pub(super) fn new(inner: Arc<Inner>, session: SessionId, owned: OwnedMutexGuard<Owned>) -> Turn {
        Turn { inner, session, owned, guard: None }
    }

    /// The same where a change is only made if `guard` holds.
    pub(super) fn under(self, guard: Option<Compare>) -> Turn {
        Turn { guard, ..self }
    }

    /// Runs a transaction, if the guard holds.
    async fn txn(&self, request: impl Fn(LeaseId) -> TxnRequest) -> Result<TxnResponse, PresenceError> {
        let Some(guard) = &self.guard else { return self.inner.txn(request).await };
        let guarded = self.inner.txn(|lease| TxnRequest {
            compare: vec![guard.clone()],
            success: vec![Op::Txn(request(lease))],
            failure: Vec::new(),
        });
        let TxnResponse { revision, succeeded, responses } = guarded.await?;
        match responses.into_iter().next() {
            Some(OpResponse::Txn(inner)) if succeeded => Ok(TxnResponse { revision, ..inner }),
            _ => Err(PresenceError::Fenced),
        }
    }

    pub(super) async fn add_flat(mut self, ekg: Key, id: Key, quiet: bool) -> Result<(), PresenceError> {
        self.check_open()?;
        let before = self.owned.flat.get(&ekg).cloned();
        let flat = self.owned.flat.entry(ekg.clone()).or_default();
        if flat.settled && flat.ids.last() == Some(&id) {
            return Ok(());
        }
        flat.ids.retain(|other| *other != id);
        let replaced = flat.ids.clone();
        flat.ids.push(id.clone());
        flat.settled = false;
        let response = self
            .txn(|lease| {
                let of = |id: &Key| self.entry(lease, ekg.clone(), id.clone(), EntryKind::Flat);
                let mut success: Vec<_> = replaced.iter().map(|id| delete(&of(id))).collect();
                if !success.is_empty() {
                    // For those beyond the one that the new id is seen to replace.
                    success.push(note(lease, &Note::Removed { quiet: true, given: None }));
                }
                success.push(self.put(lease, &of(&id), quiet));
                unconditional(success)
            })
            .await;
        if response == Err(PresenceError::Fenced) {
            match before {
                Some(before) => self.owned.flat.insert(ekg.clone(), before),
                None => self.owned.flat.remove(&ekg),
            };
        }
        let revision = response?.revision;
        self.owned.flat.insert(ekg, FlatIds { ids: vec![id], settled: true });
        self.seen(revision).await
    }

    pub(super) async fn add_named(mut self, ekg: Key, name: Key, quiet: bool) -> Result<bool, PresenceError> {
        self.check_open()?;
        let place = (ekg.clone(), name.clone());
        if self.owned.named.get(&place) == Some(&true) {
            return Ok(false);
        }
        // Until the engine has answered it may be there.
        let doubtful = self.owned.named.insert(place.clone(), false).is_some();
        let holders = entries_named(&ekg, &name);
        let response = self
            .txn(|lease| {
                let entry = self.entry(lease, ekg.clone(), name.clone(), EntryKind::Named);
                TxnRequest {
                    compare: vec![Compare::none_in(holders.clone())],
                    success: vec![self.put(lease, &entry, quiet)],
                    failure: vec![
                        Op::Range(keys_of(KeyRange::single(entry.key()))),
                        Op::Range(RangeRequest {
                            limit: 1,
                            sort_target: SortTarget::ModRevision,
                            sort_order: SortOrder::Descending,
                            ..keys_of(holders.clone())
                        }),
                    ],
                }
            })
            .await;
        if response == Err(PresenceError::Fenced) && !doubtful {
            self.owned.named.remove(&place);
        }
        let response = response?;
        let added = response.succeeded || (doubtful && found(&response, 0).is_some());
        if added {
            self.owned.named.insert(place, true);
        } else {
            self.owned.named.remove(&place);
        }
        // A caller who is told that the name is taken finds it taken.
        let taken_at = found(&response, 1).unwrap_or(response.revision);
        self.seen(taken_at).await?;
        Ok(added)
    }

    pub(super) async fn remove_flat(
        mut self,
        ekg: Key,
        given: Option<Key>,
        quiet: bool,
    ) -> Result<bool, PresenceError> {
        let Some(flat) = self.owned.flat.get(&ekg) else { return Ok(false) };
        let ids = flat.ids.clone();
        let why = Note::Removed { quiet, given };
        let response = self
            .txn(|lease| {
                let of = |id: &Key| self.entry(lease, ekg.clone(), id.clone(), EntryKind::Flat);
                unconditional(ids.iter().map(|id| delete(&of(id))).chain([note(lease, &why)]).collect())
            })
            .await?;
        self.owned.flat.remove(&ekg);
        self.seen(response.revision).await?;
        Ok(true)
    }

    pub(super) async fn remove_named(
        mut self,
        ekg: Key,
        name: Key,
        quiet: bool,
    ) -> Result<bool, PresenceError> {
        let place = (ekg, name);
        if !self.owned.named.contains_key(&place) {
            return Ok(false);
        }
        let why = Note::Removed { quiet, given: None };
        let response = self
            .txn(|lease| {
                let (ekg, name) = place.clone();
                let entry = self.entry(lease, ekg, name, EntryKind::Named);
                unconditional(vec![delete(&entry), note(lease, &why)])
            })
            .await?;
        self.owned.named.remove(&place);
        self.seen(response.revision).await?;
        Ok(true)
    }

    pub(super) async fn release(mut self, cause: Cause) -> Result<(), PresenceError> {
        self.owned.released = true;
        let Owned { flat, named, .. } = std::mem::take(&mut *self.owned);
        self.owned.released = true;
        let flat = flat
            .into_iter()
            .flat_map(|(ekg, flat)| flat.ids.into_iter().map(move |id| (ekg.clone(), id, EntryKind::Flat)));
        let named = named.into_keys().map(|(ekg, name)| (ekg, name, EntryKind::Named));
        let entries: Vec<_> = flat.chain(named).collect();
        let mut last = Revision::ZERO;
        for chunk in entries.chunks(ENTRIES_PER_TXN) {
            last = self.delete_released(chunk, cause).await?;
        }
        self.inner.sessions.lock().remove(&self.session);
        self.seen(last).await
    }

    /// Deletes some of what an ended session had, however long the engine takes to answer: an entry
    /// left behind would be a ghost for as long as this node lives.
    async fn delete_released(
        &self,
        entries: &[(Key, Key, EntryKind)],
        cause: Cause,
    ) -> Result<Revision, PresenceError> {
        let why = Note::Closed(cause);
        loop {
            let deleted = self
                .inner
                .txn(|lease| {
                    let of = |(ekg, name, kind): &(Key, Key, EntryKind)| {
                        self.entry(lease, ekg.clone(), name.clone(), *kind)
                    };
                    let deletions = entries.iter().map(|entry| delete(&of(entry)));
                    unconditional(deletions.chain([note(lease, &why)]).collect())
                })
                .await;
            match deleted {
                Ok(response) => return Ok(response.revision),
                Err(PresenceError::Unavailable(_)) => tokio::time::sleep(RETRY).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// Adds all that the session had to a new lease, for the old one was lost with it. A name that
    /// another took meanwhile stays theirs.
    async fn restore(mut self) -> Result<(), PresenceError> {
        if self.owned.released {
            return Ok(());
        }
        let flat = self.owned.flat.iter();
        let flat: Vec<_> =
            flat.filter_map(|(ekg, flat)| Some((ekg.clone(), flat.ids.last()?.clone()))).collect();
        for chunk in flat.chunks(ENTRIES_PER_TXN) {
            self.inner
                .txn(|lease| {
                    let put = |(ekg, id): &(Key, Key)| {
                        self.put(lease, &self.entry(lease, ekg.clone(), id.clone(), EntryKind::Flat), false)
                    };
                    unconditional(chunk.iter().map(put).collect())
                })
                .await?;
            for (ekg, id) in chunk {
                self.owned.flat.insert(ekg.clone(), FlatIds { ids: vec![id.clone()], settled: true });
            }
        }
        let named: Vec<_> = self.owned.named.keys().cloned().collect();
        for chunk in named.chunks(ENTRIES_PER_TXN) {
            let response = self
                .inner
                .txn(|lease| {
                    let readd = |(ekg, name): &(Key, Key)| {
                        let entry = self.entry(lease, ekg.clone(), name.clone(), EntryKind::Named);
                        Op::Txn(TxnRequest {
                            compare: vec![Compare::none_in(entries_named(ekg, name))],
                            success: vec![self.put(lease, &entry, false)],
                            failure: vec![Op::Range(keys_of(KeyRange::single(entry.key())))],
                        })
                    };
                    unconditional(chunk.iter().map(readd).collect())
                })
                .await?;
            for (place, outcome) in chunk.iter().zip(&response.responses) {
                let OpResponse::Txn(outcome) = outcome else { continue };
                if outcome.succeeded || found(outcome, 0).is_some() {
                    self.owned.named.insert(place.clone(), true);
                } else {
                    self.owned.named.remove(place);
                }
            }
        }
        Ok(())
    }

    fn check_open(&self) -> Result<(), PresenceError> {
        if self.owned.released { Err(PresenceError::Released) } else { Ok(()) }
    }

    fn entry(&self, lease: LeaseId, ekg: Key, name: Key, kind: EntryKind) -> Entry {
        Entry { ekg, name, session: SessionRef { node: lease, session: self.session }, kind }
    }

    fn put(&self, lease: LeaseId, entry: &Entry, quiet: bool) -> Op {
        let value = EntryValue { quiet, joined_ms: self.inner.clock.now_ms() };
        Op::Put(PutRequest::new(entry.key(), value.value()).on_lease(lease))
    }

    /// Waits until this node's view shows what was written.
    async fn seen(&self, revision: Revision) -> Result<(), PresenceError> {
        Ok(self.inner.mirror.reached(revision).await?)
    }
}

/// Gives every session back what it had, each time the node's lease is replaced.
pub(super) async fn restore_on_each(inner: Arc<Inner>, mut leases: watch::Receiver<LeaseId>) {
    while leases.changed().await.is_ok() {
        let seats: Vec<_> = inner.sessions.lock().iter().map(|(id, seat)| (*id, Arc::clone(seat))).collect();
        for (session, seat) in seats {
            loop {
                let owned = Arc::clone(&seat).lock_owned().await;
                match Turn::new(Arc::clone(&inner), session, owned).restore().await {
                    Err(PresenceError::Unavailable(_)) => tokio::time::sleep(RETRY).await,
                    Ok(()) | Err(_) => break,
                }
            }
        }
    }
}

fn unconditional(success: Vec<Op>) -> TxnRequest {
    TxnRequest { success, ..TxnRequest::default() }
}

fn delete(entry: &Entry) -> Op {
    Op::DeleteRange(DeleteRangeRequest::new(KeyRange::single(entry.key())))
}

fn note(lease: LeaseId, why: &Note) -> Op {
    Op::Put(PutRequest::new(Note::key(lease), why.value()).on_lease(lease))
}

fn keys_of(range: KeyRange) -> RangeRequest {
    RangeRequest { keys_only: true, ..RangeRequest::new(range) }
}

/// The revision of the first key that the operation at `index` read, if it read any.
fn found(response: &TxnResponse, index: usize) -> Option<Revision> {
    match response.responses.get(index)? {
        OpResponse::Range(range) => range.kvs.first().map(|kv| kv.mod_revision),
        _ => None,
    }
}
