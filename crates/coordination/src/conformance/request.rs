//! Random requests over a few keys, and what each is answered by the model and by an engine.

use std::time::Duration;

use hyrax_types::Revision;
use proptest::prelude::*;

use crate::model::Model;
use crate::{
    CompactError, CompactRequest, CompactResponse, Compare, CompareOperator, CompareTarget, Coordination,
    DeleteRangeError, DeleteRangeRequest, DeleteRangeResponse, Key, KeyRange, LeaseGrantError,
    LeaseGrantRequest, LeaseGrantResponse, LeaseId, LeaseKeepAliveError, LeaseKeepAliveResponse,
    LeaseListResponse, LeaseRevokeError, LeaseRevokeResponse, LeaseTimeToLiveError, LeaseTimeToLiveResponse,
    Op, PutError, PutRequest, PutResponse, RangeError, RangeRequest, RangeResponse, SortOrder, SortTarget,
    TxnError, TxnRequest, TxnResponse, Value,
};

/// Any request of [`Coordination`] but watch and status.
#[derive(Clone, Debug)]
pub enum Request {
    /// See [`Coordination::range`].
    Range(RangeRequest),
    /// See [`Coordination::put`].
    Put(PutRequest),
    /// See [`Coordination::delete_range`].
    DeleteRange(DeleteRangeRequest),
    /// See [`Coordination::txn`].
    Txn(TxnRequest),
    /// See [`Coordination::compact`].
    Compact(Revision),
    /// See [`Coordination::lease_grant`].
    LeaseGrant(LeaseGrantRequest),
    /// See [`Coordination::lease_revoke`].
    LeaseRevoke(LeaseId),
    /// See [`Coordination::lease_keep_alive`].
    LeaseKeepAlive(LeaseId),
    /// See [`Coordination::lease_time_to_live`], with keys.
    LeaseTimeToLive(LeaseId),
    /// See [`Coordination::leases`].
    Leases,
}

/// What a [`Request`] is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "one for each request")]
pub enum Reply {
    Range(Result<RangeResponse, RangeError>),
    Put(Result<PutResponse, PutError>),
    DeleteRange(Result<DeleteRangeResponse, DeleteRangeError>),
    Txn(Result<TxnResponse, TxnError>),
    Compact(Result<CompactResponse, CompactError>),
    LeaseGrant(Result<LeaseGrantResponse, LeaseGrantError>),
    LeaseRevoke(Result<LeaseRevokeResponse, LeaseRevokeError>),
    LeaseKeepAlive(Result<LeaseKeepAliveResponse, LeaseKeepAliveError>),
    LeaseTimeToLive(Result<LeaseTimeToLiveResponse, LeaseTimeToLiveError>),
    Leases(LeaseListResponse),
}

impl Request {
    /// What the model answers at `now_ms`, where no lease is shorter than `ttl_min`.
    pub fn ask_model(&self, model: &mut Model, ttl_min: Duration, now_ms: u64) -> Reply {
        match self {
            Request::Range(request) => Reply::Range(model.range(request)),
            Request::Put(request) => Reply::Put(model.put(request)),
            Request::DeleteRange(request) => Reply::DeleteRange(model.delete_range(request)),
            Request::Txn(request) => Reply::Txn(model.txn(request)),
            Request::Compact(revision) => Reply::Compact(model.compact(*revision)),
            Request::LeaseGrant(request) => Reply::LeaseGrant(model.lease_grant(request, ttl_min, now_ms)),
            Request::LeaseRevoke(id) => Reply::LeaseRevoke(model.lease_revoke(*id)),
            Request::LeaseKeepAlive(id) => Reply::LeaseKeepAlive(model.lease_keep_alive(*id, now_ms)),
            Request::LeaseTimeToLive(id) => {
                Reply::LeaseTimeToLive(model.lease_time_to_live(*id, true, now_ms))
            }
            Request::Leases => Reply::Leases(model.leases()),
        }
    }

    /// What an engine answers.
    pub async fn ask(&self, engine: &dyn Coordination) -> Reply {
        match self.clone() {
            Request::Range(request) => Reply::Range(engine.range(request).await),
            Request::Put(request) => Reply::Put(engine.put(request).await),
            Request::DeleteRange(request) => Reply::DeleteRange(engine.delete_range(request).await),
            Request::Txn(request) => Reply::Txn(engine.txn(request).await),
            Request::Compact(revision) => Reply::Compact(engine.compact(CompactRequest::new(revision)).await),
            Request::LeaseGrant(request) => Reply::LeaseGrant(engine.lease_grant(request).await),
            Request::LeaseRevoke(id) => Reply::LeaseRevoke(engine.lease_revoke(id).await),
            Request::LeaseKeepAlive(id) => Reply::LeaseKeepAlive(engine.lease_keep_alive(id).await),
            Request::LeaseTimeToLive(id) => Reply::LeaseTimeToLive(engine.lease_time_to_live(id, true).await),
            Request::Leases => Reply::Leases(engine.leases().await.unwrap_or_default()),
        }
    }
}

/// Random requests to an engine whose first revision is `first`; the revisions they name lie near it.
/// A lease lives for `ttls` seconds.
pub fn requests(first: Revision, ttls: std::ops::Range<u64>) -> impl Strategy<Value = Request> {
    let ttl = ttls.prop_map(Duration::from_secs);
    prop_oneof![
        4 => range_request(first).prop_map(Request::Range),
        6 => put_request().prop_map(Request::Put),
        2 => delete_request().prop_map(Request::DeleteRange),
        8 => txn_request(first).prop_map(Request::Txn),
        1 => revisions(first).prop_map(Request::Compact),
        2 => (1..5i64, ttl, any::<bool>()).prop_map(|(id, ttl, dies_with_process)| {
            Request::LeaseGrant(LeaseGrantRequest { id: LeaseId(id), ttl, dies_with_process })
        }),
        1 => leases().prop_map(Request::LeaseRevoke),
        1 => leases().prop_map(Request::LeaseKeepAlive),
        1 => leases().prop_map(Request::LeaseTimeToLive),
        1 => Just(Request::Leases),
    ]
}

fn keys() -> impl Strategy<Value = Key> {
    const KEYS: &[&str] = &["a", "b", "ba", "bb", "c", "d"];
    prop_oneof![
        60 => prop::sample::select(KEYS).prop_map(Key::from),
        1 => Just(Key::new()),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    prop::sample::select(&["", "1", "2", "3"][..]).prop_map(Value::from)
}

fn leases() -> impl Strategy<Value = LeaseId> {
    (0..6i64).prop_map(LeaseId)
}

fn revisions(first: Revision) -> impl Strategy<Value = Revision> {
    prop_oneof![2 => Just(0), 5 => 1..60u64]
        .prop_map(move |offset| if offset == 0 { Revision::ZERO } else { Revision(first.0 - 1 + offset) })
}

fn ranges() -> impl Strategy<Value = KeyRange> {
    prop_oneof![
        4 => keys().prop_map(KeyRange::single),
        2 => (keys(), keys()).prop_map(|(key, end)| KeyRange::between(key, end)),
        1 => keys().prop_map(KeyRange::from),
        1 => Just(KeyRange::prefix("b")),
    ]
}

fn range_request(first: Revision) -> impl Strategy<Value = RangeRequest> {
    let order = prop::sample::select(vec![SortOrder::None, SortOrder::Ascending, SortOrder::Descending]);
    let bound = move || prop_oneof![4 => Just(Revision::ZERO), 1 => revisions(first)];
    let bounds = (bound(), bound(), bound(), bound());
    (ranges(), revisions(first), 0..4usize, order, any::<[bool; 2]>(), bounds).prop_map(
        |(range, revision, limit, sort_order, [keys_only, count_only], bounds)| RangeRequest {
            range,
            revision,
            limit,
            // Other targets have equals, whose order is each engine's own.
            sort_target: SortTarget::Key,
            sort_order,
            keys_only,
            count_only,
            min_mod_revision: bounds.0,
            max_mod_revision: bounds.1,
            min_create_revision: bounds.2,
            max_create_revision: bounds.3,
        },
    )
}

fn put_request() -> impl Strategy<Value = PutRequest> {
    let lease = prop_oneof![3 => Just(LeaseId::NONE), 2 => leases()];
    let ignore = || prop_oneof![5 => Just(false), 1 => Just(true)];
    (keys(), values(), lease, any::<bool>(), ignore(), ignore()).prop_map(
        |(key, value, lease, prev_kv, ignore_value, ignore_lease)| PutRequest {
            key,
            value: if ignore_value && value != "1" { Value::new() } else { value },
            lease: if ignore_lease && lease.0 != 1 { LeaseId::NONE } else { lease },
            prev_kv,
            ignore_value,
            ignore_lease,
        },
    )
}

fn delete_request() -> impl Strategy<Value = DeleteRangeRequest> {
    (ranges(), any::<bool>()).prop_map(|(range, prev_kv)| DeleteRangeRequest { range, prev_kv })
}

fn compares() -> impl Strategy<Value = Compare> {
    use CompareOperator::{Equal, Greater, Less, NotEqual};
    let operator = prop::sample::select(vec![Equal, Greater, Less, NotEqual]);
    let number = -1..40i64;
    let target = prop_oneof![
        (0..3i64).prop_map(CompareTarget::Version),
        number.clone().prop_map(CompareTarget::CreateRevision),
        number.prop_map(CompareTarget::ModRevision),
        values().prop_map(CompareTarget::Value),
        leases().prop_map(CompareTarget::Lease),
    ];
    (ranges(), operator, target).prop_map(|(range, operator, target)| Compare { range, operator, target })
}

fn txn_request(first: Revision) -> impl Strategy<Value = TxnRequest> {
    // A put that keeps what the same transaction deleted stops a real etcd, so none is made here.
    let put = put_request().prop_map(|put| PutRequest { ignore_value: false, ignore_lease: false, ..put });
    let leaf = prop_oneof![
        2 => range_request(first).prop_map(Op::Range),
        5 => put.prop_map(Op::Put),
        2 => delete_request().prop_map(Op::DeleteRange),
    ];
    let op = leaf.prop_recursive(2, 8, 3, |inner| txn_of(inner).prop_map(Op::Txn));
    txn_of(op)
}

fn txn_of(op: impl Strategy<Value = Op> + Clone) -> impl Strategy<Value = TxnRequest> {
    let ops = prop::collection::vec(op, 0..4);
    (prop::collection::vec(compares(), 0..2), ops.clone(), ops)
        .prop_map(|(compare, success, failure)| TxnRequest { compare, success, failure })
}
