//! What is answered, with what may differ between two servers taken out or numbered anew.

use hyrax_etcd::etcdserverpb::response_op::Response;
use hyrax_etcd::etcdserverpb::{
    CompactionResponse, DeleteRangeResponse, LeaseGrantResponse, LeaseKeepAliveResponse, LeaseLeasesResponse,
    LeaseRevokeResponse, LeaseTimeToLiveResponse, PutResponse, RangeResponse, ResponseHeader, TxnResponse,
    WatchResponse,
};
use hyrax_etcd::mvccpb::{Event, KeyValue};
use tonic::{Code, Status};

/// By how many seconds the rest of a lease may differ: the two servers are asked one after the other, on a machine
/// that may be busy.
const TTL_TOLERANCE_SECONDS: i64 = 30;

/// An answer that is no error.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "they are etcd's own responses, by their names")]
pub enum Answer {
    Range(RangeResponse),
    Put(PutResponse),
    DeleteRange(DeleteRangeResponse),
    Txn(TxnResponse),
    Compact(CompactionResponse),
    LeaseGrant(LeaseGrantResponse),
    LeaseRevoke(LeaseRevokeResponse),
    LeaseTimeToLive(LeaseTimeToLiveResponse),
    Leases(LeaseLeasesResponse),
    LeaseKeepAlive(LeaseKeepAliveResponse),
    Watch(WatchResponse),
}

/// An error, as clients match on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// gRPC's code.
    pub code: Code,
    /// The words.
    pub message: String,
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Refusal {
        Refusal { code: status.code(), message: status.message().to_owned() }
    }
}

impl Answer {
    /// The same, told from an episode that began with revision `base`.
    pub fn since(mut self, base: i64) -> Answer {
        match &mut self {
            Answer::Range(range) => clean_range(range, base),
            Answer::Put(put) => clean_put(put, base),
            Answer::DeleteRange(delete) => clean_delete(delete, base),
            Answer::Txn(txn) => clean_txn(txn, base),
            Answer::Compact(compact) => clean_header(&mut compact.header, base),
            Answer::LeaseGrant(grant) => clean_header(&mut grant.header, base),
            Answer::LeaseRevoke(revoke) => clean_header(&mut revoke.header, base),
            Answer::LeaseTimeToLive(lease) => {
                clean_header(&mut lease.header, base);
                // In no order: etcd keeps them in a map.
                lease.keys.sort();
            }
            Answer::Leases(leases) => {
                clean_header(&mut leases.header, base);
                // By when they end, to the nanosecond.
                leases.leases.sort_by_key(|lease| lease.id);
            }
            Answer::LeaseKeepAlive(lease) => clean_header(&mut lease.header, base),
            Answer::Watch(watch) => clean_watch(watch, base),
        }
        self
    }

    /// The revision in its header.
    pub fn revision(&self) -> Option<i64> {
        let header = match self {
            Answer::Range(answer) => &answer.header,
            Answer::Put(answer) => &answer.header,
            Answer::DeleteRange(answer) => &answer.header,
            Answer::Txn(answer) => &answer.header,
            Answer::Compact(answer) => &answer.header,
            Answer::LeaseGrant(answer) => &answer.header,
            Answer::LeaseRevoke(answer) => &answer.header,
            Answer::LeaseTimeToLive(answer) => &answer.header,
            Answer::Leases(answer) => &answer.header,
            Answer::LeaseKeepAlive(answer) => &answer.header,
            Answer::Watch(answer) => &answer.header,
        };
        Some(header.as_ref()?.revision)
    }

    /// Whether two answers are the same but for time that has passed.
    pub fn same(&self, other: &Answer) -> bool {
        match (self, other) {
            (Answer::LeaseTimeToLive(one), Answer::LeaseTimeToLive(other))
                if one.ttl > 0 && (one.ttl - other.ttl).abs() <= TTL_TOLERANCE_SECONDS =>
            {
                *one == LeaseTimeToLiveResponse { ttl: one.ttl, ..other.clone() }
            }
            _ => self == other,
        }
    }
}

/// An event, told from an episode that began with revision `base`.
pub fn clean_event(event: &mut Event, base: i64) {
    for key in [&mut event.kv, &mut event.prev_kv].into_iter().flatten() {
        clean_key(key, base);
    }
}

/// The same of a watch's response.
pub fn clean_watch(watch: &mut WatchResponse, base: i64) {
    clean_header(&mut watch.header, base);
    clean_revision(&mut watch.compact_revision, base);
    watch.events.iter_mut().for_each(|event| clean_event(event, base));
}

fn clean_revision(revision: &mut i64, base: i64) {
    if *revision > 0 {
        *revision = *revision - base + 1;
    }
}

fn clean_header(header: &mut Option<ResponseHeader>, base: i64) {
    if let Some(header) = header {
        clean_revision(&mut header.revision, base);
        *header = ResponseHeader { revision: header.revision, ..ResponseHeader::default() };
    }
}

fn clean_key(key: &mut KeyValue, base: i64) {
    clean_revision(&mut key.create_revision, base);
    clean_revision(&mut key.mod_revision, base);
}

fn clean_range(range: &mut RangeResponse, base: i64) {
    clean_header(&mut range.header, base);
    range.kvs.iter_mut().for_each(|key| clean_key(key, base));
}

fn clean_put(put: &mut PutResponse, base: i64) {
    clean_header(&mut put.header, base);
    put.prev_kv.iter_mut().for_each(|key| clean_key(key, base));
}

fn clean_delete(delete: &mut DeleteRangeResponse, base: i64) {
    clean_header(&mut delete.header, base);
    delete.prev_kvs.iter_mut().for_each(|key| clean_key(key, base));
}

fn clean_txn(txn: &mut TxnResponse, base: i64) {
    clean_header(&mut txn.header, base);
    for operation in &mut txn.responses {
        match &mut operation.response {
            Some(Response::ResponseRange(range)) => clean_range(range, base),
            Some(Response::ResponsePut(put)) => clean_put(put, base),
            Some(Response::ResponseDeleteRange(delete)) => clean_delete(delete, base),
            Some(Response::ResponseTxn(txn)) => clean_txn(txn, base),
            None => {}
        }
    }
}
