//! Reading keys.

use std::cmp::Reverse;
use std::sync::Arc;

use hyrax_types::Revision;
use thiserror::Error;

use crate::{KeyRange, KeyValue, Unavailable, Value};

/// What to order a range by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortTarget {
    /// By key.
    #[default]
    Key,
    /// By the number of writes since the creation.
    Version,
    /// By the revision of the creation.
    CreateRevision,
    /// By the revision of the last write.
    ModRevision,
    /// By value.
    Value,
}

/// Which way to order a range. The order among equals is the engine's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortOrder {
    /// By key, or, for another target, ascending.
    #[default]
    None,
    /// The least first.
    Ascending,
    /// The greatest first.
    Descending,
}

/// Which keys to read, and what of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeRequest {
    /// The keys.
    pub range: KeyRange,
    /// At which revision; zero for now.
    pub revision: Revision,
    /// At most this many; zero for all.
    pub limit: usize,
    /// What to order by, before the limit cuts.
    pub sort_target: SortTarget,
    /// Which way. With a target other than the key and no order, the limit cuts first.
    pub sort_order: SortOrder,
    /// Leave the values out.
    pub keys_only: bool,
    /// Only count.
    pub count_only: bool,
    /// Leave out what was last written before this; zero for no such bound.
    pub min_mod_revision: Revision,
    /// Leave out what was last written after this; zero for no such bound.
    pub max_mod_revision: Revision,
    /// Leave out what was created before this; zero for no such bound.
    pub min_create_revision: Revision,
    /// Leave out what was created after this; zero for no such bound.
    pub max_create_revision: Revision,
}

impl RangeRequest {
    /// All of `range`, now.
    pub fn new(range: KeyRange) -> RangeRequest {
        RangeRequest { range, ..RangeRequest::default() }
    }

    /// Whether the order asked for is the one that keys are kept in.
    pub(crate) fn is_ordered_by_key(&self) -> bool {
        self.sort_target == SortTarget::Key && self.sort_order != SortOrder::Descending
    }

    /// How many keys are read, from the least on; `None` for all. A limit can cut there where nothing is left out
    /// and the order is that of the keys. As in etcd, it also does where there is a target but no order: what is
    /// then put in order is one key more than asked for.
    pub fn keys_read_max(&self) -> Option<usize> {
        if self.limit == 0 || self.filters() {
            return None;
        }
        if self.is_ordered_by_key() {
            return Some(self.limit);
        }
        (self.sort_order == SortOrder::None).then(|| self.limit.saturating_add(1))
    }

    /// Whether some of the range may be left out, whatever the limit.
    fn filters(&self) -> bool {
        [self.min_mod_revision, self.max_mod_revision, self.min_create_revision, self.max_create_revision]
            .iter()
            .any(|bound| *bound != Revision::ZERO)
    }

    /// Whether the revision bounds let `kv` through.
    pub(crate) fn admits(&self, kv: &KeyValue) -> bool {
        let within = |revision: Revision, min: Revision, max: Revision| {
            revision >= min && (max == Revision::ZERO || revision <= max)
        };
        within(kv.mod_revision, self.min_mod_revision, self.max_mod_revision)
            && within(kv.create_revision, self.min_create_revision, self.max_create_revision)
    }

    /// The answer, from what was read: `count` keys are in the range, and `kvs` are the first of them, in order, as many
    /// as [`keys_read_max`](Self::keys_read_max) lets be read.
    pub fn respond(&self, revision: Revision, count: u64, mut kvs: Vec<Arc<KeyValue>>) -> RangeResponse {
        let mut more = !self.count_only && (kvs.len() as u64) < count && self.keys_read_max().is_some();
        kvs.retain(|kv| self.admits(kv));
        self.sort(&mut kvs);
        if self.limit != 0 && kvs.len() > self.limit {
            kvs.truncate(self.limit);
            more = true;
        }
        if self.keys_only {
            // What was read with its value, to be put in order by it.
            for kv in kvs.iter_mut().filter(|kv| !kv.value.is_empty()) {
                *kv = Arc::new(KeyValue { value: Value::new(), ..KeyValue::clone(kv) });
            }
        }
        RangeResponse { revision, kvs, more, count }
    }

    /// Puts what was read in the order asked for, from the order of the keys.
    pub fn sort(&self, kvs: &mut [Arc<KeyValue>]) {
        // In descending order too, equals stay in the order of their keys, as in etcd.
        fn sort<T: Ord>(kvs: &mut [Arc<KeyValue>], order: SortOrder, by: impl Fn(&KeyValue) -> T) {
            match order {
                SortOrder::Descending => kvs.sort_by_key(|kv| Reverse(by(kv))),
                SortOrder::None | SortOrder::Ascending => kvs.sort_by_key(|kv| by(kv)),
            }
        }
        match self.sort_target {
            SortTarget::Key if self.sort_order == SortOrder::Descending => kvs.reverse(),
            SortTarget::Key => {}
            SortTarget::Version => sort(kvs, self.sort_order, |kv| kv.version),
            SortTarget::CreateRevision => sort(kvs, self.sort_order, |kv| kv.create_revision),
            SortTarget::ModRevision => sort(kvs, self.sort_order, |kv| kv.mod_revision),
            SortTarget::Value => sort(kvs, self.sort_order, |kv| kv.value.clone()),
        }
    }
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeResponse {
    /// The engine's revision at the read.
    pub revision: Revision,
    /// The keys, as ordered and limited.
    pub kvs: Vec<Arc<KeyValue>>,
    /// Whether the limit left some out.
    pub more: bool,
    /// How many keys the range holds, whatever was left out.
    pub count: u64,
}

/// Why a range was not read. The texts are etcd's.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RangeError {
    /// The range begins with an empty key.
    #[error("etcdserver: key is not provided")]
    EmptyKey,
    /// The revision asked for is forgotten.
    #[error("etcdserver: mvcc: required revision has been compacted")]
    Compacted,
    /// The revision asked for has not come yet.
    #[error("etcdserver: mvcc: required revision is a future revision")]
    FutureRevision,
    /// The engine could not be asked.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
