//! The key space's requests as etcd's messages, and etcd's answers as the key space's.
//!
//! A response's keys and values are slices of the message that they came in; what keeps them for long copies them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyrax_coordination as space;
use hyrax_coordination::{
    Compare, CompareOperator, CompareTarget, Event, EventKind, KeyRange, KeyValue, LeaseId, Op, OpResponse,
    SortOrder, SortTarget, Unavailable,
};
use hyrax_etcd::etcdserverpb as pb;
use hyrax_etcd::etcdserverpb::{compare, request_op, response_op};
use hyrax_etcd::mvccpb;
use hyrax_types::Revision;
use pb::range_request::{SortOrder as Order, SortTarget as Target};

/// A revision as etcd writes it. One beyond its numbers is one that never comes.
pub(crate) fn number(revision: Revision) -> i64 {
    i64::try_from(revision.0).unwrap_or(i64::MAX)
}

pub(crate) fn revision(number: i64) -> Revision {
    Revision(number.max(0) as u64)
}

/// The revision that a response tells of.
pub(crate) fn header(header: Option<&pb::ResponseHeader>) -> Revision {
    header.map_or(Revision::ZERO, |header| revision(header.revision))
}

pub(crate) fn range_request(request: space::RangeRequest) -> pb::RangeRequest {
    let sort_order = match request.sort_order {
        SortOrder::None => Order::None,
        SortOrder::Ascending => Order::Ascend,
        SortOrder::Descending => Order::Descend,
    };
    let sort_target = match request.sort_target {
        SortTarget::Key => Target::Key,
        SortTarget::Version => Target::Version,
        SortTarget::CreateRevision => Target::Create,
        SortTarget::ModRevision => Target::Mod,
        SortTarget::Value => Target::Value,
    };
    pb::RangeRequest {
        key: request.range.key,
        range_end: request.range.range_end,
        limit: i64::try_from(request.limit).unwrap_or(i64::MAX),
        revision: number(request.revision),
        sort_order: sort_order.into(),
        sort_target: sort_target.into(),
        serializable: false,
        keys_only: request.keys_only,
        count_only: request.count_only,
        min_mod_revision: number(request.min_mod_revision),
        max_mod_revision: number(request.max_mod_revision),
        min_create_revision: number(request.min_create_revision),
        max_create_revision: number(request.max_create_revision),
    }
}

pub(crate) fn put_request(request: space::PutRequest) -> pb::PutRequest {
    pb::PutRequest {
        key: request.key,
        value: request.value,
        lease: request.lease.0,
        prev_kv: request.prev_kv,
        ignore_value: request.ignore_value,
        ignore_lease: request.ignore_lease,
    }
}

pub(crate) fn delete_range_request(request: space::DeleteRangeRequest) -> pb::DeleteRangeRequest {
    let KeyRange { key, range_end } = request.range;
    pb::DeleteRangeRequest { key, range_end, prev_kv: request.prev_kv }
}

pub(crate) fn txn_request(request: space::TxnRequest) -> pb::TxnRequest {
    pb::TxnRequest {
        compare: request.compare.into_iter().map(comparison).collect(),
        success: request.success.into_iter().map(op).collect(),
        failure: request.failure.into_iter().map(op).collect(),
    }
}

/// Whether nothing in it writes.
pub(crate) fn only_reads(request: &space::TxnRequest) -> bool {
    request.success.iter().chain(&request.failure).all(|op| match op {
        Op::Range(_) => true,
        Op::Put(_) | Op::DeleteRange(_) => false,
        Op::Txn(inner) => only_reads(inner),
    })
}

fn op(op: Op) -> pb::RequestOp {
    use request_op::Request;
    let request = match op {
        Op::Range(request) => Request::RequestRange(range_request(request)),
        Op::Put(request) => Request::RequestPut(put_request(request)),
        Op::DeleteRange(request) => Request::RequestDeleteRange(delete_range_request(request)),
        Op::Txn(request) => Request::RequestTxn(txn_request(request)),
    };
    pb::RequestOp { request: Some(request) }
}

fn comparison(compare: Compare) -> pb::Compare {
    use compare::{CompareResult as Result, CompareTarget as Kind, TargetUnion as Given};
    let result = match compare.operator {
        CompareOperator::Equal => Result::Equal,
        CompareOperator::Greater => Result::Greater,
        CompareOperator::Less => Result::Less,
        CompareOperator::NotEqual => Result::NotEqual,
    };
    let (target, given) = match compare.target {
        CompareTarget::Version(given) => (Kind::Version, Given::Version(given)),
        CompareTarget::CreateRevision(given) => (Kind::Create, Given::CreateRevision(given)),
        CompareTarget::ModRevision(given) => (Kind::Mod, Given::ModRevision(given)),
        CompareTarget::Value(given) => (Kind::Value, Given::Value(given)),
        CompareTarget::Lease(given) => (Kind::Lease, Given::Lease(given.0)),
    };
    pb::Compare {
        result: result.into(),
        target: target.into(),
        key: compare.range.key,
        range_end: compare.range.range_end,
        target_union: Some(given),
    }
}

pub(crate) fn range_response(response: pb::RangeResponse) -> space::RangeResponse {
    space::RangeResponse {
        revision: header(response.header.as_ref()),
        kvs: key_values(response.kvs),
        more: response.more,
        count: response.count.max(0) as u64,
    }
}

pub(crate) fn put_response(response: pb::PutResponse) -> space::PutResponse {
    space::PutResponse {
        revision: header(response.header.as_ref()),
        prev_kv: response.prev_kv.map(|kv| Arc::new(key_value(kv))),
    }
}

pub(crate) fn delete_range_response(response: pb::DeleteRangeResponse) -> space::DeleteRangeResponse {
    space::DeleteRangeResponse {
        revision: header(response.header.as_ref()),
        deleted: response.deleted.max(0) as u64,
        prev_kvs: key_values(response.prev_kvs),
    }
}

/// A transaction's answer; a server that leaves out what an operation did is of no use.
pub(crate) fn txn_response(response: pb::TxnResponse) -> Result<space::TxnResponse, Unavailable> {
    let after = header(response.header.as_ref());
    let before = if wrote(&response) { Revision(after.0.saturating_sub(1)) } else { after };
    Answering { before, after, written: false }.txn_response(response)
}

/// Whether something in it took a revision.
fn wrote(response: &pb::TxnResponse) -> bool {
    use response_op::Response;
    response.responses.iter().any(|op| match &op.response {
        Some(Response::ResponsePut(_)) => true,
        Some(Response::ResponseDeleteRange(response)) => response.deleted > 0,
        Some(Response::ResponseTxn(inner)) => wrote(inner),
        Some(Response::ResponseRange(_)) | None => false,
    })
}

/// A transaction's responses as they are read, in order. etcd does not tell at which revision one inside was done.
struct Answering {
    before: Revision,
    after: Revision,
    written: bool,
}

impl Answering {
    fn txn_response(&mut self, response: pb::TxnResponse) -> Result<space::TxnResponse, Unavailable> {
        let responses =
            response.responses.into_iter().map(|op| self.op_response(op)).collect::<Result<_, _>>()?;
        let revision = if self.written { self.after } else { self.before };
        Ok(space::TxnResponse { revision, succeeded: response.succeeded, responses })
    }

    fn op_response(&mut self, response: pb::ResponseOp) -> Result<OpResponse, Unavailable> {
        use response_op::Response;
        Ok(match response.response {
            Some(Response::ResponseRange(response)) => OpResponse::Range(range_response(response)),
            Some(Response::ResponsePut(response)) => {
                self.written = true;
                OpResponse::Put(put_response(response))
            }
            Some(Response::ResponseDeleteRange(response)) => {
                self.written |= response.deleted > 0;
                OpResponse::DeleteRange(delete_range_response(response))
            }
            Some(Response::ResponseTxn(response)) => OpResponse::Txn(self.txn_response(response)?),
            None => return Err(Unavailable::because("etcd left out what an operation of a transaction did")),
        })
    }
}

fn key_values(kvs: Vec<mvccpb::KeyValue>) -> Vec<Arc<KeyValue>> {
    kvs.into_iter().map(|kv| Arc::new(key_value(kv))).collect()
}

fn key_value(kv: mvccpb::KeyValue) -> KeyValue {
    KeyValue {
        key: kv.key,
        value: kv.value,
        create_revision: revision(kv.create_revision),
        mod_revision: revision(kv.mod_revision),
        version: kv.version.max(0) as u64,
        lease: LeaseId(kv.lease),
    }
}

/// An event, copied: watches queue events, and their readers keep them, when the others of the message are long gone.
pub(crate) fn event(event: mvccpb::Event) -> Event {
    let copied = |kv: mvccpb::KeyValue| {
        let kv = key_value(kv);
        let copy = |bytes: &Bytes| Bytes::copy_from_slice(bytes);
        Arc::new(KeyValue { key: copy(&kv.key), value: copy(&kv.value), ..kv })
    };
    let kind = match event.r#type() {
        mvccpb::event::EventType::Put => EventKind::Put,
        mvccpb::event::EventType::Delete => EventKind::Delete,
    };
    Event { kind, kv: copied(event.kv.unwrap_or_default()), prev_kv: event.prev_kv.map(copied) }
}

/// A time to live as etcd counts it: in seconds, begun ones included. The longest there can be stays too long.
pub(crate) fn ttl_seconds(ttl: Duration) -> i64 {
    let whole = ttl.as_secs().saturating_add(u64::from(ttl.subsec_nanos() > 0));
    i64::try_from(whole).unwrap_or(i64::MAX)
}

pub(crate) fn ttl(seconds: i64) -> Duration {
    Duration::from_secs(seconds.max(0) as u64)
}
