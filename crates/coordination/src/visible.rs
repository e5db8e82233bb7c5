//! A key space without the keys that are nobody's business: what a door shows its clients.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{BoxFuture, ready};
use hyrax_types::{RESERVED_END, RESERVED_PREFIX, Revision, is_reserved};

use crate::{
    CompactError, CompactRequest, CompactResponse, Compare, Coordination, DeleteRangeError,
    DeleteRangeRequest, DeleteRangeResponse, KeyRange, KeyValue, LeaseGrantError, LeaseGrantRequest,
    LeaseGrantResponse, LeaseId, LeaseKeepAliveError, LeaseKeepAliveResponse, LeaseListError,
    LeaseListResponse, LeaseRevokeError, LeaseRevokeResponse, LeaseTimeToLiveError, LeaseTimeToLiveResponse,
    Maintenance, Op, OpResponse, PutError, PutRequest, PutResponse, RangeError, RangeRequest, RangeResponse,
    SortOrder, SortTarget, Status, StatusError, TxnError, TxnRequest, TxnResponse, Unavailable, Value,
    WatchBatch, WatchError, WatchRequest, WatchStream,
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

    /// Refuses a put that touches what is not there for its writer.
    fn check_put(&self, request: &PutRequest) -> Result<(), PutError> {
        if is_reserved(&request.key) {
            return Err(PutError::Reserved);
        }
        if request.lease != LeaseId::NONE && (self.is_hidden)(request.lease) {
            return Err(PutError::LeaseNotFound);
        }
        Ok(())
    }

    /// Refuses puts on a hidden lease.
    fn check_leases(&self, request: &TxnRequest) -> Result<(), TxnError> {
        request.success.iter().chain(&request.failure).try_for_each(|op| match op {
            Op::Put(put) => Ok(self.check_put(put)?),
            Op::Txn(inner) => self.check_leases(inner),
            Op::Range(_) | Op::DeleteRange(_) => Ok(()),
        })
    }

    /// Makes of a transaction one that sees and does what it may: an operation on a range with reserved keys in
    /// it becomes a transaction inside, of the operation on both parts.
    fn cut_txn(&self, request: &mut TxnRequest) -> Result<(), TxnError> {
        request.compare.iter_mut().try_for_each(cut_comparison)?;
        for op in request.success.iter_mut().chain(&mut request.failure) {
            match op {
                Op::Put(put) => self.check_put(put)?,
                Op::Txn(inner) => self.cut_txn(inner)?,
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

/// Whether a transaction names reserved keys anywhere. Almost none does, and then it is run as it is.
fn touches_reserved(request: &TxnRequest) -> bool {
    let touches = |range: &KeyRange| !matches!(Parts::of(range), Parts::Whole);
    request.compare.iter().any(|compare| touches(&compare.range))
        || request.success.iter().chain(&request.failure).any(|op| match op {
            Op::Put(put) => is_reserved(&put.key),
            Op::Range(range) => touches(&range.range),
            Op::DeleteRange(delete) => touches(&delete.range),
            Op::Txn(inner) => touches_reserved(inner),
        })
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
        // No key at all is refused, in the words for that.
        if range.key.is_empty() {
            return Parts::Whole;
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
        Parts::Two([
            if begins_inside { nothing() } else { before },
            if ends_inside { nothing() } else { after },
        ])
    }
}

/// A range that holds no key, and is good for every other purpose.
fn nothing() -> KeyRange {
    KeyRange::between(Bytes::from_static(RESERVED_END), Bytes::from_static(RESERVED_END))
}

/// Makes a comparison one of what can be seen. One of a range that has reserved keys in its middle can not be
/// made: whether there is any key at all decides it, and two ranges can not be asked that at once.
fn cut_comparison(compare: &mut Compare) -> Result<(), TxnError> {
    match Parts::of(&compare.range) {
        Parts::Whole => Ok(()),
        Parts::Nothing => {
            compare.range = nothing();
            Ok(())
        }
        Parts::Two(_) => Err(TxnError::Reserved),
    }
}

/// A part as its keys are kept: both are put in order and cut together.
fn read_part(request: &RangeRequest, part: KeyRange) -> Op {
    Op::Range(RangeRequest {
        range: part,
        limit: request.keys_read_max().unwrap_or(0),
        sort_target: SortTarget::Key,
        sort_order: SortOrder::None,
        // Their values may say their order.
        keys_only: request.keys_only && request.sort_target != SortTarget::Value,
        ..request.clone()
    })
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
        merged.revision = part.revision;
        merged.kvs.extend(part.kvs);
        merged.count += part.count;
        merged.more |= part.more;
    }
    if let Some(read_max) = request.keys_read_max() {
        merged.more |= merged.kvs.len() > read_max;
        merged.kvs.truncate(read_max);
    }
    request.sort(&mut merged.kvs);
    if request.limit != 0 && merged.kvs.len() > request.limit {
        merged.kvs.truncate(request.limit);
        merged.more = true;
    }
    if request.keys_only {
        for kv in merged.kvs.iter_mut().filter(|kv| !kv.value.is_empty()) {
            *kv = Arc::new(KeyValue { value: Value::new(), ..KeyValue::clone(kv) });
        }
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

/// What a transaction did, as the one that was asked for would have told it.
fn merge_txn(asked: &TxnRequest, response: &mut TxnResponse) {
    let ops = if response.succeeded { &asked.success } else { &asked.failure };
    for (op, response) in ops.iter().zip(&mut response.responses) {
        let OpResponse::Txn(inner) = response else { continue };
        match op {
            Op::Txn(op) => merge_txn(op, inner),
            Op::Range(op) => *response = OpResponse::Range(merge_ranges(op, std::mem::take(inner))),
            Op::DeleteRange(_) => *response = OpResponse::DeleteRange(merge_deletes(std::mem::take(inner))),
            // Never run in two parts.
            Op::Put(_) => {}
        }
    }
}

/// Why both parts of a range were not read. Nothing else is wrong with a transaction of two ranges.
fn range_error(error: TxnError) -> RangeError {
    match error {
        TxnError::Compacted => RangeError::Compacted,
        TxnError::FutureRevision => RangeError::FutureRevision,
        TxnError::Unavailable(unavailable) => RangeError::Unavailable(unavailable),
        error => RangeError::Unavailable(Unavailable::because(error.to_string())),
    }
}

/// Why both parts of a range were not deleted.
fn delete_error(error: TxnError) -> DeleteRangeError {
    match error {
        TxnError::Unavailable(unavailable) => DeleteRangeError::Unavailable(unavailable),
        error => DeleteRangeError::Unavailable(Unavailable::because(error.to_string())),
    }
}

/// A watch that passes the reserved keys over.
struct VisibleWatch(Box<dyn WatchStream>);

impl WatchStream for VisibleWatch {
    fn created_revision(&self) -> Revision {
        self.0.created_revision()
    }

    fn next(&mut self) -> BoxFuture<'_, Result<WatchBatch, WatchError>> {
        Box::pin(async move {
            loop {
                let mut batch = self.0.next().await?;
                let progress = batch.events.is_empty();
                batch.events.retain(|event| !is_reserved(&event.kv.key));
                if progress || !batch.events.is_empty() {
                    return Ok(batch);
                }
            }
        })
    }

    fn request_progress(&mut self) {
        self.0.request_progress();
    }
}

impl Coordination for Visible {
    fn range(&self, mut request: RangeRequest) -> BoxFuture<'_, Result<RangeResponse, RangeError>> {
        match Parts::of(&request.range) {
            // The engine says that there is no key.
            _ if request.range.key.is_empty() => self.all.range(request),
            Parts::Whole => self.all.range(request),
            Parts::Nothing => {
                request.range = nothing();
                self.all.range(request)
            }
            Parts::Two(parts) => Box::pin(async move {
                let txn = both(parts, |part| read_part(&request, part));
                let parts = self.all.txn(txn).await.map_err(range_error)?;
                Ok(merge_ranges(&request, parts))
            }),
        }
    }

    fn put(&self, request: PutRequest) -> BoxFuture<'_, Result<PutResponse, PutError>> {
        match self.check_put(&request) {
            Ok(()) => self.all.put(request),
            Err(error) => Box::pin(ready(Err(error))),
        }
    }

    fn delete_range(
        &self,
        request: DeleteRangeRequest,
    ) -> BoxFuture<'_, Result<DeleteRangeResponse, DeleteRangeError>> {
        match Parts::of(&request.range) {
            _ if request.range.key.is_empty() => self.all.delete_range(request),
            Parts::Whole => self.all.delete_range(request),
            Parts::Nothing => Box::pin(ready(Err(DeleteRangeError::Reserved))),
            Parts::Two(parts) => Box::pin(async move {
                let txn = both(parts, |part| delete_part(&request, part));
                let parts = self.all.txn(txn).await.map_err(delete_error)?;
                Ok(merge_deletes(parts))
            }),
        }
    }

    fn txn(&self, mut request: TxnRequest) -> BoxFuture<'_, Result<TxnResponse, TxnError>> {
        if !touches_reserved(&request) {
            return match self.check_leases(&request) {
                Ok(()) => self.all.txn(request),
                Err(error) => Box::pin(ready(Err(error))),
            };
        }
        let asked = request.clone();
        if let Err(error) = self.cut_txn(&mut request) {
            return Box::pin(ready(Err(error)));
        }
        Box::pin(async move {
            let mut response = self.all.txn(request).await?;
            merge_txn(&asked, &mut response);
            Ok(response)
        })
    }

    fn compact(&self, request: CompactRequest) -> BoxFuture<'_, Result<CompactResponse, CompactError>> {
        self.all.compact(request)
    }

    fn watch(&self, request: WatchRequest) -> BoxFuture<'_, Result<Box<dyn WatchStream>, WatchError>> {
        if matches!(Parts::of(&request.range), Parts::Whole) && !request.range.key.is_empty() {
            return self.all.watch(request);
        }
        Box::pin(async move {
            let watch = self.all.watch(request).await?;
            Ok(Box::new(VisibleWatch(watch)) as Box<dyn WatchStream>)
        })
    }

    fn lease_grant(
        &self,
        request: LeaseGrantRequest,
    ) -> BoxFuture<'_, Result<LeaseGrantResponse, LeaseGrantError>> {
        self.all.lease_grant(request)
    }

    fn lease_revoke(&self, id: LeaseId) -> BoxFuture<'_, Result<LeaseRevokeResponse, LeaseRevokeError>> {
        if (self.is_hidden)(id) {
            return Box::pin(ready(Err(LeaseRevokeError::NotFound)));
        }
        self.all.lease_revoke(id)
    }

    fn lease_keep_alive(
        &self,
        id: LeaseId,
    ) -> BoxFuture<'_, Result<LeaseKeepAliveResponse, LeaseKeepAliveError>> {
        if (self.is_hidden)(id) {
            return Box::pin(ready(Err(LeaseKeepAliveError::NotFound)));
        }
        self.all.lease_keep_alive(id)
    }

    fn lease_time_to_live(
        &self,
        id: LeaseId,
        keys: bool,
    ) -> BoxFuture<'_, Result<LeaseTimeToLiveResponse, LeaseTimeToLiveError>> {
        if (self.is_hidden)(id) {
            return Box::pin(ready(Err(LeaseTimeToLiveError::NotFound)));
        }
        self.all.lease_time_to_live(id, keys)
    }

    fn leases(&self) -> BoxFuture<'_, Result<LeaseListResponse, LeaseListError>> {
        Box::pin(async move {
            let mut listed = self.all.leases().await?;
            listed.leases.retain(|id| !(self.is_hidden)(*id));
            Ok(listed)
        })
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, StatusError>> {
        self.all.status()
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        self.all.maintenance()
    }
}

#[cfg(test)]
mod tests;
