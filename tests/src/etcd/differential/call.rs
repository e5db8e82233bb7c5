//! What is asked, with revisions numbered from the episode's beginning: 1 is the revision that it began with.

use hyrax_etcd::etcdserverpb::compare::TargetUnion;
use hyrax_etcd::etcdserverpb::request_op::Request;
use hyrax_etcd::etcdserverpb::{
    CompactionRequest, Compare, DeleteRangeRequest, LeaseGrantRequest, PutRequest, RangeRequest, RequestOp,
    TxnRequest, WatchCreateRequest,
};

/// One request.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "they are etcd's own requests, by their names")]
pub enum Call {
    Range(RangeRequest),
    Put(PutRequest),
    DeleteRange(DeleteRangeRequest),
    Txn(TxnRequest),
    Compact(CompactionRequest),
    LeaseGrant(LeaseGrantRequest),
    LeaseRevoke(i64),
    LeaseTimeToLive { id: i64, keys: bool },
    Leases,
    LeaseKeepAlive(i64),
    Watch(WatchCreateRequest),
}

impl Call {
    /// The same, with the revisions of a server on which the episode began with revision `base`.
    pub fn on(&self, base: i64) -> Call {
        let mut call = self.clone();
        match &mut call {
            Call::Range(range) => move_range(range, base),
            Call::Txn(txn) => move_txn(txn, base),
            Call::Compact(compact) => move_revision(&mut compact.revision, base),
            Call::Watch(watch) => move_revision(&mut watch.start_revision, base),
            Call::Put(_)
            | Call::DeleteRange(_)
            | Call::LeaseGrant(_)
            | Call::LeaseRevoke(_)
            | Call::LeaseTimeToLive { .. }
            | Call::Leases
            | Call::LeaseKeepAlive(_) => {}
        }
        call
    }

    /// The same with one thing less in it, in each way that there is.
    pub fn smaller(&self) -> Vec<Call> {
        match self {
            Call::Txn(txn) => smaller_txns(txn).into_iter().map(Call::Txn).collect(),
            _ => Vec::new(),
        }
    }
}

fn smaller_txns(txn: &TxnRequest) -> Vec<TxnRequest> {
    let compares = without_one(&txn.compare).map(|compare| TxnRequest { compare, ..txn.clone() });
    let successes = smaller_operations(&txn.success);
    let successes = successes.into_iter().map(|success| TxnRequest { success, ..txn.clone() });
    let failures = smaller_operations(&txn.failure);
    let failures = failures.into_iter().map(|failure| TxnRequest { failure, ..txn.clone() });
    compares.chain(successes).chain(failures).collect()
}

fn smaller_operations(operations: &[RequestOp]) -> Vec<Vec<RequestOp>> {
    let mut smaller: Vec<_> = without_one(operations).collect();
    for (at, operation) in operations.iter().enumerate() {
        let Some(Request::RequestTxn(inner)) = &operation.request else { continue };
        smaller.extend(smaller_txns(inner).into_iter().map(|inner| {
            let mut with = operations.to_vec();
            with[at].request = Some(Request::RequestTxn(inner));
            with
        }));
    }
    smaller
}

fn without_one<T: Clone>(items: &[T]) -> impl Iterator<Item = Vec<T>> {
    (0..items.len()).map(|at| [&items[..at], &items[at + 1..]].concat())
}

/// Zero and less have meanings of their own, which no episode moves.
fn move_revision(revision: &mut i64, base: i64) {
    if *revision > 0 {
        *revision = (*revision - 1).saturating_add(base);
    }
}

fn move_range(range: &mut RangeRequest, base: i64) {
    for revision in [
        &mut range.revision,
        &mut range.min_mod_revision,
        &mut range.max_mod_revision,
        &mut range.min_create_revision,
        &mut range.max_create_revision,
    ] {
        move_revision(revision, base);
    }
}

fn move_txn(txn: &mut TxnRequest, base: i64) {
    for Compare { target_union, .. } in &mut txn.compare {
        if let Some(TargetUnion::CreateRevision(revision) | TargetUnion::ModRevision(revision)) = target_union
        {
            move_revision(revision, base);
        }
    }
    for RequestOp { request } in txn.success.iter_mut().chain(&mut txn.failure) {
        match request {
            Some(Request::RequestRange(range)) => move_range(range, base),
            Some(Request::RequestTxn(txn)) => move_txn(txn, base),
            Some(Request::RequestPut(_) | Request::RequestDeleteRange(_)) | None => {}
        }
    }
}
