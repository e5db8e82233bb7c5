//! Transactions: compare, then do one thing or another.

use hyrax_types::Revision;
use thiserror::Error;

use crate::{
    DeleteRangeRequest, DeleteRangeResponse, Key, KeyRange, KeyValue, LeaseId, PutError, PutRequest,
    PutResponse, RangeError, RangeRequest, RangeResponse, Unavailable, Value,
};

/// What a comparison looks at, with what it is compared to. A number that the key space can not
/// hold (a negative one) compares as a number all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompareTarget {
    /// The number of writes since the creation; zero where there is no key.
    Version(i64),
    /// The revision of the creation; zero where there is no key.
    CreateRevision(i64),
    /// The revision of the last write; zero where there is no key.
    ModRevision(i64),
    /// The value. Where there is no key the comparison fails.
    Value(Value),
    /// The lease; zero where there is none, or no key.
    Lease(LeaseId),
}

/// How what is found must stand to what is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CompareOperator {
    /// The same.
    #[default]
    Equal,
    /// Greater than what is given.
    Greater,
    /// Less than what is given.
    Less,
    /// Anything else.
    NotEqual,
}

/// One condition of a transaction: it must hold for every key of the range, or, where the range
/// holds none, for a key that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compare {
    /// The keys.
    pub range: KeyRange,
    /// How they must stand to the target.
    pub operator: CompareOperator,
    /// What is compared.
    pub target: CompareTarget,
}

impl Compare {
    /// The key does not exist.
    pub fn absent(key: impl Into<Key>) -> Compare {
        Compare::equal(KeyRange::single(key), CompareTarget::CreateRevision(0))
    }

    /// No key of the range exists.
    pub fn none_in(range: KeyRange) -> Compare {
        Compare::equal(range, CompareTarget::CreateRevision(0))
    }

    /// The key exists.
    pub fn present(key: impl Into<Key>) -> Compare {
        Compare {
            range: KeyRange::single(key),
            operator: CompareOperator::NotEqual,
            target: CompareTarget::CreateRevision(0),
        }
    }

    /// Nothing was written to the key since `revision`, which wrote it.
    pub fn unchanged_since(key: impl Into<Key>, revision: Revision) -> Compare {
        Compare::equal(KeyRange::single(key), CompareTarget::ModRevision(revision.0 as i64))
    }

    fn equal(range: KeyRange, target: CompareTarget) -> Compare {
        Compare { range, operator: CompareOperator::Equal, target }
    }

    /// Whether it holds for what was found: every key of the range that exists.
    pub(crate) fn holds<'a>(&self, found: impl Iterator<Item = &'a KeyValue>) -> bool {
        let mut found = found.peekable();
        if found.peek().is_none() {
            // A value that is not there equals nothing, not even the empty one.
            return !matches!(self.target, CompareTarget::Value(_)) && self.holds_for(&KeyValue::default());
        }
        found.all(|kv| self.holds_for(kv))
    }

    fn holds_for(&self, kv: &KeyValue) -> bool {
        // Revisions and versions count writes: they stay far below i64's end.
        let ordering = match &self.target {
            CompareTarget::Version(given) => (kv.version as i64).cmp(given),
            CompareTarget::CreateRevision(given) => (kv.create_revision.0 as i64).cmp(given),
            CompareTarget::ModRevision(given) => (kv.mod_revision.0 as i64).cmp(given),
            CompareTarget::Value(given) => kv.value.cmp(given),
            CompareTarget::Lease(given) => kv.lease.cmp(given),
        };
        match self.operator {
            CompareOperator::Equal => ordering.is_eq(),
            CompareOperator::NotEqual => ordering.is_ne(),
            CompareOperator::Greater => ordering.is_gt(),
            CompareOperator::Less => ordering.is_lt(),
        }
    }
}

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Reads keys; sees what the operations before it wrote.
    Range(RangeRequest),
    /// Writes a key.
    Put(PutRequest),
    /// Deletes keys.
    DeleteRange(DeleteRangeRequest),
    /// A transaction inside. Its comparisons see the state before the outermost one.
    Txn(TxnRequest),
}

/// Conditions, and what to do when they all hold and when they do not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TxnRequest {
    /// The conditions; none holds.
    pub compare: Vec<Compare>,
    /// What to do when all hold.
    pub success: Vec<Op>,
    /// What to do when one does not.
    pub failure: Vec<Op>,
}

/// What one operation of a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpResponse {
    /// Of a range.
    Range(RangeResponse),
    /// Of a put.
    Put(PutResponse),
    /// Of a deletion.
    DeleteRange(DeleteRangeResponse),
    /// Of a transaction inside.
    Txn(TxnResponse),
}

/// What a transaction did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TxnResponse {
    /// The engine's revision after it.
    pub revision: Revision,
    /// Whether the conditions held.
    pub succeeded: bool,
    /// One for each operation that was run, in order.
    pub responses: Vec<OpResponse>,
}

/// Why a transaction did nothing. The texts are etcd's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TxnError {
    /// An operation or a condition without a key.
    #[error("etcdserver: key is not provided")]
    EmptyKey,
    /// A value beside `ignore_value`.
    #[error("etcdserver: value is provided")]
    ValueProvided,
    /// A lease beside `ignore_lease`.
    #[error("etcdserver: lease is provided")]
    LeaseProvided,
    /// Two operations write the same key.
    #[error("etcdserver: duplicate key given in txn request")]
    DuplicateKey,
    /// More conditions or operations than the engine takes.
    #[error("etcdserver: too many operations in txn request")]
    TooManyOps,
    /// There is no such lease.
    #[error("etcdserver: requested lease not found")]
    LeaseNotFound,
    /// What should be kept is not there.
    #[error("etcdserver: key not found")]
    KeyNotFound,
    /// A key is not for who names it; only of [`Visible`](crate::Visible).
    #[error("etcdserver: permission denied")]
    Reserved,
    /// A range at a revision that is forgotten.
    #[error("etcdserver: mvcc: required revision has been compacted")]
    Compacted,
    /// A range at a revision that has not come yet.
    #[error("etcdserver: mvcc: required revision is a future revision")]
    FutureRevision,
    /// The engine could not be asked, or did not answer: the transaction may have happened.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<RangeError> for TxnError {
    fn from(error: RangeError) -> TxnError {
        match error {
            RangeError::EmptyKey => TxnError::EmptyKey,
            RangeError::Compacted => TxnError::Compacted,
            RangeError::FutureRevision => TxnError::FutureRevision,
            RangeError::Unavailable(unavailable) => TxnError::Unavailable(unavailable),
        }
    }
}

impl From<PutError> for TxnError {
    fn from(error: PutError) -> TxnError {
        match error {
            PutError::EmptyKey => TxnError::EmptyKey,
            PutError::ValueProvided => TxnError::ValueProvided,
            PutError::LeaseProvided => TxnError::LeaseProvided,
            PutError::LeaseNotFound => TxnError::LeaseNotFound,
            PutError::KeyNotFound => TxnError::KeyNotFound,
            PutError::Reserved => TxnError::Reserved,
            PutError::Unavailable(unavailable) => TxnError::Unavailable(unavailable),
        }
    }
}
