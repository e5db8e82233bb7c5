//! Random requests: mostly right ones, on few keys and leases so that they meet, some wrong in every way there is.

use bytes::Bytes;
use hyrax_etcd::etcdserverpb::compare::TargetUnion;
use hyrax_etcd::etcdserverpb::request_op::Request;
use hyrax_etcd::etcdserverpb::{
    CompactionRequest, Compare, DeleteRangeRequest, LeaseGrantRequest, PutRequest, RangeRequest, RequestOp,
    TxnRequest, WatchCreateRequest,
};

use super::call::Call;
use crate::differential::Random;

/// Twelve at most: as far as that, etcd's sort leaves equals in their order.
const KEYS: [&[u8]; 10] = [b"a", b"b", b"c", b"d", b"a/1", b"a/2", b"b/1", b"\0", b"\xff", b"zz"];
/// The first of them.
const NUL: &[u8] = b"\0";
/// Ends of ranges that are no other key: all that follow, and prefixes.
const ENDS: [&[u8]; 4] = [b"\0", b"a0", b"b0", b"e"];
const VALUES: [&[u8]; 6] = [b"", b"1", b"10", b"2", b"value", b"\xff\0"];
const LEASES: [i64; 6] = [1, 2, 3, 4, 77, -7];
/// Beyond every revision of an episode.
const FAR_REVISION: i64 = 1 << 40;
/// One more than etcd takes in a transaction.
const OPERATIONS_TOO_MANY: usize = 129;
/// Transactions in transactions in transactions.
const DEPTH_MAX: usize = 2;
/// No lease ends within a test.
const TTL_SECONDS_MIN: i64 = 1_000;
const TTL_SECONDS_MAX: i64 = 5_000;
/// One second more than etcd takes.
const TTL_TOO_LARGE: i64 = 9_000_000_001;

/// What the generator knows of the episode, for requests that mostly make sense.
#[derive(Clone, Copy, Debug)]
pub struct Hints {
    /// The last revision, as the episode counts.
    pub revision: i64,
    /// Whether another watch may be opened.
    pub may_watch: bool,
}

/// How often each kind of request comes.
#[derive(Clone, Copy, Debug)]
pub struct Mix([usize; 11]);

impl Mix {
    /// Reads and writes of keys.
    pub const KEYS: Mix = Mix([40, 35, 12, 6, 1, 1, 1, 1, 0, 1, 2]);
    /// Mostly transactions.
    pub const TRANSACTIONS: Mix = Mix([8, 15, 5, 64, 1, 2, 1, 1, 0, 1, 2]);
    /// Leases, and keys on them.
    pub const LEASES: Mix = Mix([12, 35, 5, 10, 1, 12, 9, 8, 3, 4, 1]);
    /// Watches, and what they see.
    pub const WATCHES: Mix = Mix([5, 44, 18, 18, 2, 3, 2, 0, 0, 0, 8]);
}

/// Makes requests from a seed.
#[derive(Clone, Debug)]
pub struct Generator {
    random: Random,
    mix: Mix,
}

impl Generator {
    /// The same seed, mix and hints make the same requests.
    pub fn new(seed: u64, mix: Mix) -> Generator {
        Generator { random: Random::new(seed), mix }
    }

    /// The next request.
    pub fn call(&mut self, hints: Hints) -> Call {
        match self.kind() {
            0 => Call::Range(self.range(hints)),
            1 => Call::Put(self.put()),
            2 => Call::DeleteRange(self.delete_range()),
            3 => Call::Txn(self.txn(hints, 0)),
            4 => Call::Compact(self.compact(hints)),
            5 => Call::LeaseGrant(self.grant()),
            6 => Call::LeaseRevoke(self.lease()),
            7 => Call::LeaseTimeToLive { id: self.lease(), keys: self.random.chance(60) },
            8 => Call::Leases,
            9 => Call::LeaseKeepAlive(self.lease()),
            10 if hints.may_watch => Call::Watch(self.watch(hints)),
            _ => Call::Put(self.put()),
        }
    }

    /// A place in the mix, each as often as it says.
    fn kind(&mut self) -> usize {
        let mut left = self.random.below(self.mix.0.iter().sum());
        let found = self.mix.0.iter().position(|&weight| {
            let is_here = left < weight;
            left = left.saturating_sub(weight);
            is_here
        });
        found.unwrap_or_default()
    }

    fn one_of(&mut self, choices: &[&'static [u8]]) -> Bytes {
        Bytes::from_static(choices[self.random.below(choices.len())])
    }

    fn key(&mut self) -> Bytes {
        // No key at all is refused.
        if self.random.chance(1) { Bytes::new() } else { self.one_of(&KEYS) }
    }

    /// Nothing, for one key alone; another key, before or after; or an end that is no key.
    fn range_end(&mut self, ranges_percent: usize) -> Bytes {
        if !self.random.chance(ranges_percent) {
            Bytes::new()
        } else if self.random.chance(50) {
            self.one_of(&ENDS)
        } else {
            self.one_of(&KEYS)
        }
    }

    fn value(&mut self) -> Bytes {
        self.one_of(&VALUES)
    }

    fn lease(&mut self) -> i64 {
        if self.random.chance(5) { 0 } else { *self.random.pick(&LEASES) }
    }

    fn revision(&mut self, hints: Hints) -> i64 {
        match self.random.below(100) {
            0..90 => self.random.between(1, hints.revision),
            90..96 => hints.revision + self.random.between(1, 3),
            96..98 => FAR_REVISION,
            _ => -1,
        }
    }

    /// A revision `percent` times in a hundred, else none.
    fn revision_sometimes(&mut self, percent: usize, hints: Hints) -> i64 {
        if self.random.chance(percent) { self.revision(hints) } else { 0 }
    }

    /// A value of an enumeration, now and then one that it does not have.
    fn variant(&mut self, count: usize) -> i32 {
        let last = if self.random.chance(1) { count + 5 } else { count - 1 };
        self.random.between(0, last as i64) as i32
    }

    fn range(&mut self, hints: Hints) -> RangeRequest {
        let sorted = self.random.chance(35);
        let (sort_order, sort_target) = match sorted {
            // Only what there is: etcd 3.4 dies of others (3.5 refuses them).
            true => (self.random.between(0, 2) as i32, self.random.between(0, 4) as i32),
            false => (0, 0),
        };
        RangeRequest {
            key: self.key(),
            range_end: self.range_end(65),
            limit: if self.random.chance(30) { self.random.between(-1, 5) } else { 0 },
            revision: self.revision_sometimes(35, hints),
            sort_order,
            sort_target,
            serializable: self.random.chance(20),
            keys_only: self.random.chance(15),
            count_only: self.random.chance(10),
            min_mod_revision: self.revision_sometimes(6, hints),
            max_mod_revision: self.revision_sometimes(6, hints),
            min_create_revision: self.revision_sometimes(6, hints),
            max_create_revision: self.revision_sometimes(6, hints),
        }
    }

    fn put(&mut self) -> PutRequest {
        let (ignore_value, ignore_lease) = (self.random.chance(6), self.random.chance(6));
        // With a value that is to be ignored as well, rarely: that is refused.
        let (value, lease) =
            (!ignore_value || self.random.chance(20), !ignore_lease || self.random.chance(20));
        PutRequest {
            key: self.key(),
            value: if value { self.value() } else { Bytes::new() },
            lease: if lease && self.random.chance(25) { self.lease() } else { 0 },
            prev_kv: self.random.chance(30),
            ignore_value,
            ignore_lease,
        }
    }

    fn delete_range(&mut self) -> DeleteRangeRequest {
        DeleteRangeRequest { key: self.key(), range_end: self.range_end(25), prev_kv: self.random.chance(40) }
    }

    fn txn(&mut self, hints: Hints, depth: usize) -> TxnRequest {
        let compares = self.random.below(4);
        TxnRequest {
            compare: (0..compares).map(|_| self.compare(hints)).collect(),
            success: self.operations(hints, depth),
            failure: self.operations(hints, depth),
        }
    }

    fn operations(&mut self, hints: Hints, depth: usize) -> Vec<RequestOp> {
        if depth == 0 && self.random.number().is_multiple_of(200) {
            let read = Request::RequestRange(RangeRequest { key: self.key(), ..RangeRequest::default() });
            return vec![RequestOp { request: Some(read) }; OPERATIONS_TOO_MANY];
        }
        let count = self.random.below(4);
        let mut operations: Vec<_> = (0..count).map(|_| self.operation(hints, depth)).collect();
        let kinds = || operations.iter().map(|operation| &operation.request);
        let deletes =
            kinds().any(|kind| !matches!(kind, Some(Request::RequestRange(_) | Request::RequestPut(_))));
        if depth > 0 || deletes {
            // etcd 3.4 dies where a put is to keep what was deleted before it in the same transaction.
            operations.iter_mut().for_each(keep_nothing);
        }
        operations
    }

    fn operation(&mut self, hints: Hints, depth: usize) -> RequestOp {
        let request = match self.random.below(100) {
            0..35 => {
                let range = self.range(hints);
                // Below zero, etcd takes it for the present in a range alone, and for compacted in a transaction.
                Request::RequestRange(RangeRequest { revision: range.revision.max(0), ..range })
            }
            35..70 => Request::RequestPut(self.put()),
            70..85 => {
                let mut delete = self.delete_range();
                if delete.key == NUL {
                    // With Hyrax' own keys in its middle it is two, which puts beside it may not touch.
                    delete.range_end = Bytes::new();
                }
                Request::RequestDeleteRange(delete)
            }
            85..100 if depth < DEPTH_MAX => Request::RequestTxn(self.txn(hints, depth + 1)),
            _ => Request::RequestPut(self.put()),
        };
        RequestOp { request: Some(request) }
    }

    fn compare(&mut self, hints: Hints) -> Compare {
        let target = self.variant(5);
        // What is compared with is mostly what the target says.
        let kind = if self.random.chance(95) { target } else { self.variant(5) };
        let target_union = match kind {
            0 => Some(TargetUnion::Version(self.random.between(0, 3))),
            1 => Some(TargetUnion::CreateRevision(self.revision_sometimes(70, hints))),
            2 => Some(TargetUnion::ModRevision(self.revision_sometimes(70, hints))),
            3 => Some(TargetUnion::Value(self.value())),
            4 => Some(TargetUnion::Lease(self.lease())),
            _ => None,
        };
        let key = self.key();
        // A range with Hyrax' own keys in its middle cannot be compared.
        let range_end = if key == NUL { Bytes::new() } else { self.range_end(15) };
        Compare { result: self.random.between(0, 3) as i32, target, key, range_end, target_union }
    }

    fn compact(&mut self, hints: Hints) -> CompactionRequest {
        CompactionRequest { revision: self.revision(hints), physical: self.random.chance(50) }
    }

    fn grant(&mut self) -> LeaseGrantRequest {
        let ttl = match self.random.below(20) {
            0 => TTL_TOO_LARGE,
            _ => self.random.between(TTL_SECONDS_MIN, TTL_SECONDS_MAX),
        };
        // An id that the server chooses would differ.
        LeaseGrantRequest { ttl, id: *self.random.pick(&LEASES) }
    }

    fn watch(&mut self, hints: Hints) -> WatchCreateRequest {
        let start_revision = match self.random.below(10) {
            0..3 => 0,
            3..9 => self.random.between(1, hints.revision),
            _ => hints.revision + self.random.between(1, 3),
        };
        let filters = match self.random.below(10) {
            filter @ (0 | 1) => vec![filter as i32],
            _ => Vec::new(),
        };
        // What was before a revision's second change is not compared, which a filter may show without the first.
        let prev_kv = self.random.chance(50) && filters.is_empty();
        WatchCreateRequest {
            key: self.key(),
            range_end: self.range_end(60),
            start_revision,
            filters,
            prev_kv,
            ..WatchCreateRequest::default()
        }
    }
}

fn keep_nothing(operation: &mut RequestOp) {
    if let Some(Request::RequestPut(put)) = &mut operation.request {
        (put.ignore_value, put.ignore_lease) = (false, false);
    }
}
