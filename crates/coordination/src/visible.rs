//! A key space without the keys that are nobody's business: what a door shows its clients.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hyrax_types::Revision;
use hyrax_types::key::{RESERVED_END, RESERVED_PREFIX, is_reserved};

use crate::{
    CompactError, CompactResponse, Compare, Coordination, DeleteRangeError, DeleteRangeRequest,
    DeleteRangeResponse, KeyRange, LeaseGrantError, LeaseGrantRequest, LeaseGrantResponse, LeaseId,
    LeaseKeepAliveError, LeaseKeepAliveResponse, LeaseListError, LeaseListResponse, LeaseRevokeError,
    LeaseRevokeResponse, LeaseTimeToLiveError, LeaseTimeToLiveResponse, Op, OpResponse, PutError, PutRequest,
    PutResponse, RangeError, RangeRequest, RangeResponse, Status, StatusError, TxnError, TxnRequest,
    TxnResponse, WatchBatch, WatchError, WatchRequest, WatchStream,
};

/// Tells a lease that nobody may know of.
pub type IsHidden = Box<dyn Fn(LeaseId) -> bool + Send + Sync>;

/// A key space in which the reserved keys ([`is_reserved`]) and some leases do not exist.
///
/// Reads, lists and watches pass them over, as do deletions of a range that begins before or after them. What
/// would write one by name is refused. A lease that is hidden can not be looked at, renewed, revoked or hung on.
pub struct Visible {
    all: Arc<dyn Coordination>,
    is_hidden: IsHidden,
}

impl Visible {
    /// What of `all` may be seen.
    pub fn new(all: Arc<dyn Coordination>, is_hidden: IsHidden) -> Visible {
        Visible { all, is_hidden }
    }

    /// The same put, unless it touches what is not there for its writer.
    fn put_request(&self, request: &PutRequest) -> Result<(), PutError> {
        if is_reserved(&request.key) {
            return Err(PutError::Reserved);
        }
        if request.lease != LeaseId::NONE && (self.is_hidden)(request.lease) {
            return Err(PutError::LeaseNotFound);
        }
        Ok(())
    }

    fn txn_request(&self, request: &mut TxnRequest) -> Result<(), TxnError> {
        for compare in &mut request.compare {
            comparison(compare)?;
        }
        for op in request.success.iter_mut().chain(&mut request.failure) {
            match op {
                Op::Put(put) => self.put_request(put)?,
                Op::Txn(inner) => self.txn_request(inner)?,
                Op::Range(range) => match Parts::of(&range.range) {
                    Parts::Whole => {}
                    Parts::Nothing => range.range = nothing(),
                    Parts::Two(parts) => *op = Op::Txn(both(parts, |part| read_part(range, part))),
                },
                Op::DeleteRange(delete) => match Parts::of(&delete.range) {
                    Parts::Whole => {}
                    Parts::Nothing => return Err(TxnError::Reserved),
                    Parts::Two(parts) => *op = Op::Txn(both(parts, |part| delete_part(delete, part))),
                },
            }
        }
        Ok(())
    }
}

/// What of a range can be seen.
enum Parts {
    /// All of it.
    Whole,
    /// None of it.
    Nothing,
    /// What is before the reserved keys, and what is after them; each may be empty.
    Two([KeyRange; 2]),
}

impl Parts {
    fn of(range: &KeyRange) -> Parts {
        if range.is_single() {
            return if is_reserved(&range.key) { Parts::Nothing } else { Parts::Whole };
        }
        // Almost every range begins after them: one comparison.
        if range.key >= RESERVED_END || (!range.is_open() && range.range_end <= RESERVED_PREFIX) {
            return Parts::Whole;
        }
        let begins_inside = range.key >= RESERVED_PREFIX;
        let ends_inside = !range.is_open() && range.range_end <= RESERVED_END;
        if begins_inside && ends_inside {
            return Parts::Nothing;
        }
        let before = KeyRange::between(range.key.clone(), Bytes::from_static(RESERVED_PREFIX));
        let after = KeyRange { key: Bytes::from_static(RESERVED_END), range_end: range.range_end.clone() };
        Parts::Two([if begins_inside { nothing() } else { before }, if ends_inside { nothing() } else { after }])
    }
}

/// A range that holds no key, and is good for every other purpose.
fn nothing() -> KeyRange {
    KeyRange::between(Bytes::from_static(RESERVED_END), Bytes::from_static(RESERVED_END))
}

/// The same comparison, of what can be seen. One of a range that has reserved keys in its middle can not be
/// made: whether there is any key at all decides it, and two ranges can not be asked that at once.
fn comparison(compare: &mut Compare) -> Result<(), TxnError> {
    match Parts::of(&compare.range) {
        Parts::Whole => Ok(()),
        Parts::Nothing => {
            compare.range = nothing();
            Ok(())
        }
        Parts::Two(_) => Err(TxnError::Reserved),
    }
}

fn read_part(request: &RangeRequest, part: KeyRange) -> Op {
    Op::Range(RangeRequest { range: part, ..request.clone() })
}

fn delete_part(request: &DeleteRangeRequest, part: KeyRange) -> Op {
    Op::DeleteRange(DeleteRangeRequest { range: part, prev_kv: request.prev_kv })
}

/// One operation on both parts, as one step.
fn both(parts: [KeyRange; 2], op: impl Fn(KeyRange) -> Op) -> TxnRequest {
    TxnRequest { success: parts.map(op).into(), ..TxnRequest::default() }
}

/// What reading both parts gave, as if it were one range.
fn merge_ranges(request: &RangeRequest, parts: TxnResponse) -> RangeResponse {
    let mut merged = RangeResponse { revision: parts.revision, ..RangeResponse::default() };
    for part in parts.responses {
        let OpResponse::Range(part) = part else { continue };
        merged.kvs.extend(part.kvs);
        merged.count += part.count;
        merged.more |= part.more;
    }
    let descending = request.sort_order == crate::SortOrder::Descending;
    if !request.is_ordered_by_key() {
        // From the order of the keys, as sorting begins with it.
        merged.kvs.sort_by(|a, b| a.key.cmp(&b.key));
        request.sort(&mut merged.kvs);
        debug_assert!(!descending || merged.kvs.len() < 2 || request.sort_target != crate::SortTarget::Key
            || merged.kvs[0].key >= merged.kvs[1].key);
    }
    if request.limit != 0 && merged.kvs.len() > request.limit {
        merged.kvs.truncate(request.limit);
        merged.more = true;
    }
    merged
}

/// What deleting both parts did.
fn merge_deletes(parts: TxnResponse) -> DeleteRangeResponse {
    let mut merged = DeleteRangeResponse { revision: parts.revision, ..DeleteRangeResponse::default() };
    for part in parts.responses {
        let OpResponse::DeleteRange(part) = part else { continue };
        merged.deleted += part.deleted;
        merged.prev_kvs.extend(part.prev_kvs);
    }
    merged
}
