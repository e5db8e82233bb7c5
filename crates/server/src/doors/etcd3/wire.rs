//! etcd's messages and the key space's requests, one into the other.
//!
//! A message's fields are slices of what the connection read. They are handed on as such: what keeps them copies them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyrax_coordination as space;
use hyrax_coordination::{
    Compare, CompareOperator, CompareTarget, KeyRange, LeaseId, Op, OpResponse, SortOrder, SortTarget,
};
use hyrax_etcd::etcdserverpb as pb;
use hyrax_etcd::etcdserverpb::{compare, request_op, response_op};
use hyrax_etcd::mvccpb;
use hyrax_types::Revision;
use pb::range_request::{SortOrder as Order, SortTarget as Target};

use super::error::Refusal;

/// A revision of a request, where less than one means none.
pub(super) fn revision(number: i64) -> Revision {
    Revision(number.max(0) as u64)
}

/// A number of a response. Revisions and counts stay far below where the sign begins.
pub(super) fn number(revision: Revision) -> i64 {
    revision.0 as i64
}

/// Keys of a request that are only looked up.
pub(super) fn key_range(key: Bytes, range_end: Bytes) -> KeyRange {
    KeyRange { key, range_end }
}

pub(super) fn range_request(request: pb::RangeRequest) -> Result<space::RangeRequest, Refusal> {
    let sort_order = match request.sort_order.try_into() {
        Ok(Order::None) => SortOrder::None,
        Ok(Order::Ascend) => SortOrder::Ascending,
        Ok(Order::Descend) => SortOrder::Descending,
        Err(_) => return Err(Refusal::INVALID_SORT_OPTION),
    };
    let sort_target = match request.sort_target.try_into() {
        Ok(Target::Key) => SortTarget::Key,
        Ok(Target::Version) => SortTarget::Version,
        Ok(Target::Create) => SortTarget::CreateRevision,
        Ok(Target::Mod) => SortTarget::ModRevision,
        Ok(Target::Value) => SortTarget::Value,
        Err(_) => return Err(Refusal::INVALID_SORT_OPTION),
    };
    let (min_mod_revision, max_mod_revision) = bounds(request.min_mod_revision, request.max_mod_revision);
    let (min_create_revision, max_create_revision) =
        bounds(request.min_create_revision, request.max_create_revision);
    Ok(space::RangeRequest {
        range: key_range(request.key, request.range_end),
        revision: revision(request.revision),
        limit: usize::try_from(request.limit).unwrap_or(0),
        sort_target,
        sort_order,
        keys_only: request.keys_only,
        count_only: request.count_only,
        min_mod_revision,
        max_mod_revision,
        min_create_revision,
        max_create_revision,
    })
}

/// The least and the greatest revision let through. A greatest one below zero lets nothing through, for which
/// the key space has no other words.
fn bounds(min: i64, max: i64) -> (Revision, Revision) {
    if max < 0 { (Revision::MAX, Revision::ZERO) } else { (revision(min), revision(max)) }
}

pub(super) fn put_request(request: pb::PutRequest) -> space::PutRequest {
    space::PutRequest {
        key: request.key,
        value: request.value,
        lease: LeaseId(request.lease),
        prev_kv: request.prev_kv,
        ignore_value: request.ignore_value,
        ignore_lease: request.ignore_lease,
    }
}

pub(super) fn delete_range_request(request: pb::DeleteRangeRequest) -> space::DeleteRangeRequest {
    space::DeleteRangeRequest { range: key_range(request.key, request.range_end), prev_kv: request.prev_kv }
}

pub(super) fn compact_request(request: pb::CompactionRequest) -> space::CompactRequest {
    space::CompactRequest { revision: revision(request.revision), physical: request.physical }
}

pub(super) fn txn_request(request: pb::TxnRequest) -> Result<space::TxnRequest, Refusal> {
    Ok(space::TxnRequest {
        compare: request.compare.into_iter().filter_map(comparison).collect(),
        success: request.success.into_iter().map(op).collect::<Result<_, _>>()?,
        failure: request.failure.into_iter().map(op).collect::<Result<_, _>>()?,
    })
}

fn op(op: pb::RequestOp) -> Result<Op, Refusal> {
    Ok(match op.request {
        Some(request_op::Request::RequestRange(request)) => Op::Range(range_request(request)?),
        Some(request_op::Request::RequestPut(request)) => Op::Put(put_request(request)),
        Some(request_op::Request::RequestDeleteRange(request)) => {
            Op::DeleteRange(delete_range_request(request))
        }
        Some(request_op::Request::RequestTxn(request)) => Op::Txn(txn_request(request)?),
        None => return Err(Refusal::KEY_NOT_FOUND),
    })
}

/// A condition; none for one that always holds, as etcd has it for operators and targets that there are not.
fn comparison(compare: pb::Compare) -> Option<Compare> {
    let operator = match compare.result.try_into() {
        Ok(compare::CompareResult::Equal) => CompareOperator::Equal,
        Ok(compare::CompareResult::Greater) => CompareOperator::Greater,
        Ok(compare::CompareResult::Less) => CompareOperator::Less,
        Ok(compare::CompareResult::NotEqual) => CompareOperator::NotEqual,
        Err(_) => return None,
    };
    // What is compared with goes by the target alone: beside a value of another kind it is zero, or empty.
    use compare::TargetUnion as Given;
    let target = match (compare.target.try_into(), compare.target_union) {
        (Ok(compare::CompareTarget::Version), Some(Given::Version(given))) => CompareTarget::Version(given),
        (Ok(compare::CompareTarget::Version), _) => CompareTarget::Version(0),
        (Ok(compare::CompareTarget::Create), Some(Given::CreateRevision(given))) => {
            CompareTarget::CreateRevision(given)
        }
        (Ok(compare::CompareTarget::Create), _) => CompareTarget::CreateRevision(0),
        (Ok(compare::CompareTarget::Mod), Some(Given::ModRevision(given))) => {
            CompareTarget::ModRevision(given)
        }
        (Ok(compare::CompareTarget::Mod), _) => CompareTarget::ModRevision(0),
        (Ok(compare::CompareTarget::Value), Some(Given::Value(given))) => CompareTarget::Value(given),
        (Ok(compare::CompareTarget::Value), _) => CompareTarget::Value(Bytes::new()),
        (Ok(compare::CompareTarget::Lease), Some(Given::Lease(given))) => {
            CompareTarget::Lease(LeaseId(given))
        }
        (Ok(compare::CompareTarget::Lease), _) => CompareTarget::Lease(LeaseId::NONE),
        // Everything is equal to what is not there to be looked at.
        (Err(_), _) if operator == CompareOperator::Equal => return None,
        (Err(_), _) => return Some(never(compare.key)),
    };
    Some(Compare { range: key_range(compare.key, compare.range_end), operator, target })
}

/// A condition that no key meets.
fn never(key: Bytes) -> Compare {
    let target = CompareTarget::Version(i64::MIN);
    Compare { range: KeyRange::single(key), operator: CompareOperator::Less, target }
}

/// A time to live of a request. Less than a second is a second, as TTLs are counted in them.
pub(super) fn ttl(seconds: i64) -> Duration {
    Duration::from_secs(seconds.max(1) as u64)
}

/// A time to live of a response. What lives is never said to have none: clients take that for its end.
pub(super) fn ttl_seconds(ttl: Duration) -> i64 {
    let whole = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
    i64::try_from(whole).unwrap_or(i64::MAX)
}

pub(super) fn key_value(kv: &space::KeyValue) -> mvccpb::KeyValue {
    mvccpb::KeyValue {
        key: kv.key.clone(),
        create_revision: number(kv.create_revision),
        mod_revision: number(kv.mod_revision),
        version: kv.version as i64,
        value: kv.value.clone(),
        lease: kv.lease.0,
    }
}

fn key_values(kvs: &[Arc<space::KeyValue>]) -> Vec<mvccpb::KeyValue> {
    kvs.iter().map(|kv| key_value(kv)).collect()
}

pub(super) fn range_response(
    response: space::RangeResponse,
    header: pb::ResponseHeader,
) -> pb::RangeResponse {
    pb::RangeResponse {
        header: Some(header),
        kvs: key_values(&response.kvs),
        more: response.more,
        count: response.count as i64,
    }
}

pub(super) fn put_response(response: space::PutResponse, header: pb::ResponseHeader) -> pb::PutResponse {
    let prev_kv = response.prev_kv.as_deref().map(key_value);
    pb::PutResponse { header: Some(header), prev_kv }
}

pub(super) fn delete_range_response(
    response: space::DeleteRangeResponse,
    header: pb::ResponseHeader,
) -> pb::DeleteRangeResponse {
    pb::DeleteRangeResponse {
        header: Some(header),
        deleted: response.deleted as i64,
        prev_kvs: key_values(&response.prev_kvs),
    }
}

pub(super) fn txn_response(response: space::TxnResponse, header: pb::ResponseHeader) -> pb::TxnResponse {
    pb::TxnResponse {
        header: Some(header),
        succeeded: response.succeeded,
        responses: response.responses.into_iter().map(op_response).collect(),
    }
}

/// The header of an operation inside a transaction: etcd tells the revision alone.
fn inner_header(revision: Revision) -> pb::ResponseHeader {
    pb::ResponseHeader { revision: number(revision), ..pb::ResponseHeader::default() }
}

fn op_response(response: OpResponse) -> pb::ResponseOp {
    let response = match response {
        OpResponse::Range(response) => {
            let header = inner_header(response.revision);
            response_op::Response::ResponseRange(range_response(response, header))
        }
        OpResponse::Put(response) => {
            let header = inner_header(response.revision);
            response_op::Response::ResponsePut(put_response(response, header))
        }
        OpResponse::DeleteRange(response) => {
            let header = inner_header(response.revision);
            response_op::Response::ResponseDeleteRange(delete_range_response(response, header))
        }
        // Of a transaction inside not even that.
        OpResponse::Txn(response) => {
            response_op::Response::ResponseTxn(txn_response(response, pb::ResponseHeader::default()))
        }
    };
    pb::ResponseOp { response: Some(response) }
}
