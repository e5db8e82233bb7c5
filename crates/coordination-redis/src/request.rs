//! Requests as the words that the functions read.

use bytes::Bytes;
use hyrax_coordination::{
    Compare, CompareOperator, CompareTarget, DeleteRangeRequest, LeaseId, Op, PutRequest, RangeRequest,
    SortTarget, TxnRequest,
};

/// The words of one request.
#[derive(Default)]
pub(crate) struct Words(Vec<Bytes>);

impl Words {
    pub(crate) fn of_range(request: &RangeRequest) -> Vec<Bytes> {
        let mut words = Words::default();
        words.range(request);
        words.0
    }

    pub(crate) fn of_put(request: &PutRequest) -> Vec<Bytes> {
        let mut words = Words::default();
        words.put(request);
        words.0
    }

    pub(crate) fn of_delete(request: &DeleteRangeRequest) -> Vec<Bytes> {
        let mut words = Words::default();
        words.delete(request);
        words.0
    }

    pub(crate) fn of_txn(request: &TxnRequest) -> Vec<Bytes> {
        let mut words = Words::default();
        words.txn(request);
        words.0
    }

    fn word(&mut self, word: &'static str) {
        self.0.push(Bytes::from_static(word.as_bytes()));
    }

    fn bytes(&mut self, bytes: &Bytes) {
        self.0.push(bytes.clone());
    }

    fn number(&mut self, number: impl ToString) {
        self.0.push(number.to_string().into());
    }

    fn flags<const COUNT: usize>(&mut self, flags: [bool; COUNT]) {
        for flag in flags {
            self.word(if flag { "1" } else { "0" });
        }
    }

    fn range(&mut self, request: &RangeRequest) {
        self.word("R");
        self.bytes(&request.range.key);
        self.bytes(&request.range.range_end);
        self.number(request.revision);
        self.number(request.keys_read_max().unwrap_or(0));
        // Their values may say their order.
        let without_values = request.keys_only && request.sort_target != SortTarget::Value;
        self.flags([without_values, request.count_only]);
    }

    fn put(&mut self, request: &PutRequest) {
        self.word("P");
        self.bytes(&request.key);
        self.bytes(&request.value);
        self.0.push(lease(request.lease));
        self.flags([request.ignore_value, request.ignore_lease, request.prev_kv]);
    }

    fn delete(&mut self, request: &DeleteRangeRequest) {
        self.word("D");
        self.bytes(&request.range.key);
        self.bytes(&request.range.range_end);
        self.flags([request.prev_kv]);
    }

    /// As deep as transactions are nested, which [`hyrax_coordination::check`] has bounded.
    fn txn(&mut self, request: &TxnRequest) {
        self.word("T");
        self.number(request.compare.len());
        request.compare.iter().for_each(|compare| self.compare(compare));
        for ops in [&request.success, &request.failure] {
            self.number(ops.len());
            for op in ops {
                match op {
                    Op::Range(request) => self.range(request),
                    Op::Put(request) => self.put(request),
                    Op::DeleteRange(request) => self.delete(request),
                    Op::Txn(request) => self.txn(request),
                }
            }
        }
    }

    fn compare(&mut self, compare: &Compare) {
        self.bytes(&compare.range.key);
        self.bytes(&compare.range.range_end);
        self.word(match compare.operator {
            CompareOperator::Equal => "=",
            CompareOperator::NotEqual => "!",
            CompareOperator::Greater => ">",
            CompareOperator::Less => "<",
        });
        match &compare.target {
            CompareTarget::Version(given) => self.named("version", given.to_string().into()),
            CompareTarget::CreateRevision(given) => self.named("create", given.to_string().into()),
            CompareTarget::ModRevision(given) => self.named("mod", given.to_string().into()),
            CompareTarget::Value(given) => self.named("value", given.clone()),
            CompareTarget::Lease(given) => self.named("lease", lease(*given)),
        }
    }

    fn named(&mut self, name: &'static str, given: Bytes) {
        self.word(name);
        self.0.push(given);
    }
}

/// A lease in bytes that are ordered as leases are.
pub(crate) fn lease(id: LeaseId) -> Bytes {
    Bytes::copy_from_slice(&(id.0 ^ i64::MIN).to_be_bytes())
}

/// A lease out of them.
pub(crate) fn lease_of(bytes: [u8; 8]) -> LeaseId {
    LeaseId(i64::from_be_bytes(bytes) ^ i64::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_are_ordered_as_their_bytes() {
        let ids = [i64::MIN, -5, -1, 0, 1, 77, i64::MAX].map(LeaseId);
        let bytes = ids.map(lease);
        assert!(bytes.is_sorted());
        assert_eq!(bytes.map(|bytes| lease_of(bytes.as_ref().try_into().unwrap())), ids);
        assert_eq!(lease(LeaseId::NONE).as_ref(), b"\x80\0\0\0\0\0\0\0");
    }
}
