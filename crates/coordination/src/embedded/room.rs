//! How many bytes of the journal a request may take, told by the request alone.

use super::record::ITEM_OVERHEAD_BYTES;
use crate::{DeleteRangeRequest, Op, PutRequest, TxnRequest};

/// For one item without strings, and the record around it.
pub(super) const ITEM: usize = 2 * ITEM_OVERHEAD_BYTES;

pub(super) fn put(request: &PutRequest) -> usize {
    ITEM + request.key.len() + request.value.len()
}

pub(super) fn delete_range(request: &DeleteRangeRequest) -> usize {
    ITEM + request.range.key.len() + request.range.range_end.len()
}

/// For the longer one of its branches; and none for what can not write. How deep it nests is not known to
/// be bounded yet, so neither is this: what the store would refuse takes no room.
pub(super) fn txn(request: &TxnRequest, ops_max: usize) -> usize {
    let branch = |ops: &[Op]| -> usize {
        let of_op = |op: &Op| match op {
            Op::Range(_) => 0,
            Op::Put(request) => put(request),
            Op::DeleteRange(request) => delete_range(request),
            Op::Txn(request) => match ops_max.checked_sub(ops.len()) {
                Some(left) => txn(request, left),
                None => 0,
            },
        };
        ops.iter().map(of_op).sum()
    };
    branch(&request.success).max(branch(&request.failure))
}
