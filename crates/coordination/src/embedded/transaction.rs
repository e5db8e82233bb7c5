//! One transaction over the store: which branches it takes, whether they can be run, and the run.

use std::sync::Arc;

use hyrax_types::Revision;

use super::record::{Item, Kept, together};
use super::store::Store;
use crate::{
    DeleteRangeRequest, DeleteRangeResponse, Event, EventKind, KeyValue, LeaseId, Op, OpResponse, PutRequest,
    PutResponse, TxnError, TxnRequest, TxnResponse,
};

/// Which branch a transaction takes, and those inside the branch. All are chosen before anything is
/// written, as in etcd.
pub(super) struct Path {
    succeeded: bool,
    inner: Vec<Path>,
}

impl Path {
    /// Compares with how things are at `at`. The depth of the request was bounded by [`crate::check::txn`].
    pub(super) fn choose(store: &Store, request: &TxnRequest, at: Revision) -> Path {
        let succeeded = request
            .compare
            .iter()
            .all(|compare| compare.holds(store.keys.range(&compare.range, at).map(AsRef::as_ref)));
        let inner = branch(request, succeeded)
            .iter()
            .filter_map(|op| match op {
                Op::Txn(inner) => Some(Path::choose(store, inner, at)),
                _ => None,
            })
            .collect();
        Path { succeeded, inner }
    }

    /// Whether every operation on the way can be run: first the puts, then the ranges, as in etcd; `now`
    /// is the last revision that they may read.
    pub(super) fn check(&self, store: &Store, request: &TxnRequest, now: Revision) -> Result<(), TxnError> {
        self.each(request, &mut |op| match op {
            Op::Put(put) => store.check_put(put).map_err(TxnError::from),
            _ => Ok(()),
        })?;
        self.each(request, &mut |op| match op {
            Op::Range(range) => store.check_revision(range.revision, now).map_err(TxnError::from),
            _ => Ok(()),
        })
    }

    /// Runs a transaction of which no branch writes, with `now` as the last revision.
    pub(super) fn read(&self, store: &Store, request: &TxnRequest, now: Revision) -> TxnResponse {
        let mut inner = self.inner.iter();
        let ops = branch(request, self.succeeded).iter();
        let responses = ops.filter_map(|op| match op {
            Op::Range(range) => Some(OpResponse::Range(store.range_at(range, now))),
            Op::Txn(request) => inner.next().map(|path| OpResponse::Txn(path.read(store, request, now))),
            Op::Put(_) | Op::DeleteRange(_) => None,
        });
        TxnResponse { revision: now, succeeded: self.succeeded, responses: responses.collect() }
    }

    fn each(
        &self,
        request: &TxnRequest,
        check: &mut dyn FnMut(&Op) -> Result<(), TxnError>,
    ) -> Result<(), TxnError> {
        let mut inner = self.inner.iter();
        for op in branch(request, self.succeeded) {
            match op {
                Op::Txn(request) => {
                    if let Some(path) = inner.next() {
                        path.each(request, check)?;
                    }
                }
                op => check(op)?,
            }
        }
        Ok(())
    }
}

/// The operations of one branch.
fn branch(request: &TxnRequest, succeeded: bool) -> &[Op] {
    if succeeded { &request.success } else { &request.failure }
}

/// Writes one revision. Nothing can fail here: all was checked before.
pub(super) struct Writer<'a> {
    store: &'a mut Store,
    /// The revision that it takes if it writes.
    revision: Revision,
    written: bool,
    /// Whether something of it is among the changes.
    begun: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(store: &'a mut Store) -> Writer<'a> {
        let revision = store.revision.next();
        Writer::of(store, revision)
    }

    /// Writes a certain revision, after the store's.
    pub(super) fn of(store: &'a mut Store, revision: Revision) -> Writer<'a> {
        Writer { store, revision, written: false, begun: false }
    }

    /// The revision that is current as things stand.
    fn current(&self) -> Revision {
        if self.written { self.revision } else { self.store.revision }
    }

    /// Takes the revision, if anything was written, and answers the store's.
    pub(super) fn finish(self) -> Revision {
        self.store.revision = self.current();
        if self.begun {
            self.store.changes.push(Item::End);
        }
        if !self.store.changes.are_kept() {
            self.store.show(self.store.revision);
        }
        self.store.revision
    }

    pub(super) fn run(&mut self, request: &TxnRequest, path: &Path) -> TxnResponse {
        let mut inner = path.inner.iter();
        let ops = branch(request, path.succeeded);
        let mut responses = Vec::with_capacity(ops.len());
        for op in ops {
            responses.push(match op {
                Op::Range(range) => OpResponse::Range(self.store.range_at(range, self.current())),
                Op::Put(put) => OpResponse::Put(self.put(put)),
                Op::DeleteRange(delete) => OpResponse::DeleteRange(self.delete_range(delete)),
                Op::Txn(request) => match inner.next() {
                    Some(path) => OpResponse::Txn(self.run(request, path)),
                    // The path was chosen over this very list, so it has one for each.
                    None => continue,
                },
            });
        }
        TxnResponse { revision: self.current(), succeeded: path.succeeded, responses }
    }

    pub(super) fn put(&mut self, request: &PutRequest) -> PutResponse {
        let value = if request.ignore_value { Kept::AsItIs } else { Kept::Is(request.value.as_ref()) };
        let lease = if request.ignore_lease { Kept::AsItIs } else { Kept::Is(request.lease) };
        let before = self.write(&request.key, value, lease);
        PutResponse { revision: self.revision, prev_kv: before.filter(|_| request.prev_kv) }
    }

    /// Writes a key and answers what it was.
    pub(super) fn write(
        &mut self,
        key: &[u8],
        value: Kept<&[u8]>,
        lease: Kept<LeaseId>,
    ) -> Option<Arc<KeyValue>> {
        self.change(Item::Put { key, value, lease });
        let before = self.store.keys.get(key, Revision::MAX).map(Arc::clone);
        let kept = before.as_deref();
        let lease_before = kept.map_or(LeaseId::NONE, |kept| kept.lease);
        // What should be kept is there unless this very transaction deleted it, which etcd's rule on
        // duplicates lets pass in a few shapes (and then etcd itself stops). Then nothing is kept.
        let value = match value {
            Kept::Is(value) => value,
            Kept::AsItIs => kept.map_or(&b""[..], |kept| kept.value.as_ref()),
        };
        let lease = match lease {
            Kept::Is(lease) => lease,
            Kept::AsItIs => lease_before,
        };
        let leases = &mut self.store.leases;
        if !(leases.dies_with_process(lease) && (kept.is_none() || leases.dies_with_process(lease_before))) {
            self.store.changes.must_last();
        }
        let (key, value) = together(key, value);
        let kv = Arc::new(KeyValue {
            key,
            value,
            create_revision: kept.map_or(self.revision, |kept| kept.create_revision),
            mod_revision: self.revision,
            version: kept.map_or(1, |kept| kept.version + 1),
            lease,
        });
        if lease_before != lease {
            leases.detach(lease_before, &kv.key);
            leases.attach(lease, &kv.key);
        }
        self.record(EventKind::Put, kv, before.clone());
        before
    }

    pub(super) fn delete_range(&mut self, request: &DeleteRangeRequest) -> DeleteRangeResponse {
        let found: Vec<_> = self.store.keys.range(&request.range, Revision::MAX).map(Arc::clone).collect();
        if !found.is_empty() {
            self.change(Item::delete_range(&request.range));
        }
        for kv in &found {
            if !self.store.leases.dies_with_process(kv.lease) {
                self.store.changes.must_last();
            }
            self.remove(Arc::clone(kv));
        }
        DeleteRangeResponse {
            revision: self.current(),
            deleted: found.len() as u64,
            prev_kvs: if request.prev_kv { found } else { Vec::new() },
        }
    }

    /// Deletes one key, if it is there, as what hung on a lease: of that the changes tell.
    pub(super) fn delete(&mut self, key: &[u8]) {
        if let Some(kv) = self.store.keys.get(key, Revision::MAX).map(Arc::clone) {
            self.remove(kv);
        }
    }

    fn remove(&mut self, before: Arc<KeyValue>) {
        self.store.leases.detach(before.lease, &before.key);
        let deletion =
            KeyValue { key: before.key.clone(), mod_revision: self.revision, ..KeyValue::default() };
        self.record(EventKind::Delete, Arc::new(deletion), Some(before));
    }

    fn record(&mut self, kind: EventKind, kv: Arc<KeyValue>, prev_kv: Option<Arc<KeyValue>>) {
        self.store.keys.push(Arc::clone(&kv));
        self.store.log.push(Event { kind, kv, prev_kv });
        self.written = true;
    }

    fn change(&mut self, item: Item<'_>) {
        if !self.store.changes.are_kept() {
            return;
        }
        if !self.begun {
            self.begun = true;
            self.store.changes.push(Item::Begin { revision: self.revision });
        }
        self.store.changes.push(item);
    }
}
