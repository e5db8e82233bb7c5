//! The reference model: small, slow, and plain enough to be believed.
//!
//! It keeps the whole key space as it was at every revision and answers by looking. It shares no
//! code with an engine beyond the shapes of requests and replies.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hyrax_types::Revision;

use crate::{
    CompactError, CompactResponse, Compare, CompareOperator, CompareTarget, DeleteRangeError,
    DeleteRangeRequest, DeleteRangeResponse, Event, EventKind, Key, KeyRange, KeyValue, LEASE_TTL_MAX,
    LeaseGrantError, LeaseGrantRequest, LeaseGrantResponse, LeaseId, LeaseKeepAliveError,
    LeaseKeepAliveResponse, LeaseListResponse, LeaseRevokeError, LeaseRevokeResponse, LeaseTimeToLiveError,
    LeaseTimeToLiveResponse, Op, OpResponse, PutError, PutRequest, PutResponse, RangeError, RangeRequest,
    RangeResponse, SortOrder, SortTarget, TxnError, TxnRequest, TxnResponse,
};

type State = BTreeMap<Key, KeyValue>;

#[derive(Clone, Debug)]
struct Lease {
    ttl_ms: u64,
    deadline_ms: u64,
    dies_with_process: bool,
}

/// A key space with all of its past.
#[derive(Clone, Debug)]
pub struct Model {
    revision: Revision,
    compacted: Revision,
    ops_max: usize,
    /// The key space at the first revision and at each one after it that changed it.
    states: BTreeMap<Revision, State>,
    /// Revisions that were lost: those after the first and before the second of each pair.
    lost: Vec<(Revision, Revision)>,
    events: Vec<Event>,
    leases: BTreeMap<LeaseId, Lease>,
}

/// A transaction under way: nothing of it is in the model before it is done.
struct Draft<'a> {
    model: &'a Model,
    state: State,
    events: Vec<Event>,
}

impl Model {
    /// An empty key space at `first`, that takes at most `ops_max` operations in a transaction.
    pub fn new(first: Revision, compacted: Revision, ops_max: usize) -> Model {
        Model {
            revision: first,
            compacted,
            ops_max,
            states: BTreeMap::from([(first, State::new())]),
            lost: Vec::new(),
            events: Vec::new(),
            leases: BTreeMap::new(),
        }
    }

    /// The last revision taken.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The first revision that can be read.
    pub fn compacted(&self) -> Revision {
        self.compacted
    }

    /// The key space as the last revision left it.
    pub fn state(&self) -> &BTreeMap<Key, KeyValue> {
        self.now()
    }

    /// Every lease's name, and whether it dies with the process.
    pub fn lease_names(&self) -> Vec<(LeaseId, bool)> {
        self.leases.iter().map(|(id, lease)| (*id, lease.dies_with_process)).collect()
    }

    /// The process died and another took its place: it goes on at `revision`, what belonged to the one
    /// before is deleted, lease by lease, and every other lease begins anew.
    pub fn recover(&mut self, revision: Revision, now_ms: u64) {
        self.lost.push((self.revision, revision));
        self.revision = self.revision.max(revision);
        for (id, dies_with_process) in self.lease_names() {
            if dies_with_process {
                _ = self.lease_revoke(id);
            }
        }
        for lease in self.leases.values_mut() {
            lease.deadline_ms = now_ms + lease.ttl_ms;
        }
    }

    /// Every event ever, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// As [`crate::Coordination::range`].
    pub fn range(&self, request: &RangeRequest) -> Result<RangeResponse, RangeError> {
        if request.range.key.is_empty() {
            return Err(RangeError::EmptyKey);
        }
        self.revision_exists(request.revision)?;
        Ok(self.draft().range(request))
    }

    /// As [`crate::Coordination::put`].
    pub fn put(&mut self, request: &PutRequest) -> Result<PutResponse, PutError> {
        put_is_sound(request)?;
        // Alone, its lease comes first; in a transaction, what it would keep.
        self.lease_exists(request.lease)?;
        self.put_is_possible(request)?;
        let mut draft = self.draft();
        let response = draft.put(request);
        let (state, events) = (draft.state, draft.events);
        self.commit(state, events);
        Ok(response)
    }

    /// As [`crate::Coordination::delete_range`].
    pub fn delete_range(
        &mut self,
        request: &DeleteRangeRequest,
    ) -> Result<DeleteRangeResponse, DeleteRangeError> {
        if request.range.key.is_empty() {
            return Err(DeleteRangeError::EmptyKey);
        }
        let mut draft = self.draft();
        let response = draft.delete_range(request);
        let (state, events) = (draft.state, draft.events);
        self.commit(state, events);
        Ok(response)
    }

    /// As [`crate::Coordination::txn`].
    pub fn txn(&mut self, request: &TxnRequest) -> Result<TxnResponse, TxnError> {
        txn_is_sound(request, self.ops_max)?;
        written(&request.success)?;
        written(&request.failure)?;
        let plan = self.plan(request);
        self.each_op(&plan, &|op| match op {
            Op::Put(put) => Ok(self.put_is_possible(put)?),
            _ => Ok(()),
        })?;
        self.each_op(&plan, &|op| match op {
            Op::Range(range) => Ok(self.revision_exists(range.revision)?),
            _ => Ok(()),
        })?;
        let mut draft = self.draft();
        let mut response = draft.run(&plan);
        let (state, events) = (draft.state, draft.events);
        self.commit(state, events);
        response.revision = self.revision();
        Ok(response)
    }

    /// As [`crate::Coordination::compact`].
    pub fn compact(&mut self, revision: Revision) -> Result<CompactResponse, CompactError> {
        if revision <= self.compacted {
            return Err(CompactError::Compacted);
        }
        if revision > self.revision() {
            return Err(CompactError::FutureRevision);
        }
        self.compacted = revision;
        Ok(CompactResponse { revision: self.revision() })
    }

    /// As [`crate::Coordination::lease_grant`]; the name must be given, as which one an engine
    /// chooses is its own business.
    pub fn lease_grant(
        &mut self,
        request: &LeaseGrantRequest,
        ttl_min: Duration,
        now_ms: u64,
    ) -> Result<LeaseGrantResponse, LeaseGrantError> {
        if request.ttl > LEASE_TTL_MAX {
            return Err(LeaseGrantError::TtlTooLarge);
        }
        if self.leases.contains_key(&request.id) {
            return Err(LeaseGrantError::AlreadyExists);
        }
        let ttl = request.ttl.max(ttl_min);
        let ttl_ms = ttl.as_millis() as u64;
        let dies_with_process = request.dies_with_process;
        self.leases.insert(request.id, Lease { ttl_ms, deadline_ms: now_ms + ttl_ms, dies_with_process });
        Ok(LeaseGrantResponse { revision: self.revision(), id: request.id, ttl })
    }

    /// As [`crate::Coordination::lease_revoke`].
    pub fn lease_revoke(&mut self, id: LeaseId) -> Result<LeaseRevokeResponse, LeaseRevokeError> {
        self.leases.remove(&id).ok_or(LeaseRevokeError::NotFound)?;
        let keys = self.keys_of(id);
        let mut draft = self.draft();
        for key in keys {
            draft.delete(&key);
        }
        let (state, events) = (draft.state, draft.events);
        self.commit(state, events);
        Ok(LeaseRevokeResponse { revision: self.revision() })
    }

    /// As [`crate::Coordination::lease_keep_alive`].
    pub fn lease_keep_alive(
        &mut self,
        id: LeaseId,
        now_ms: u64,
    ) -> Result<LeaseKeepAliveResponse, LeaseKeepAliveError> {
        let revision = self.revision();
        let lease = self.leases.get_mut(&id).ok_or(LeaseKeepAliveError::NotFound)?;
        if lease.deadline_ms <= now_ms {
            return Err(LeaseKeepAliveError::NotFound);
        }
        lease.deadline_ms = now_ms + lease.ttl_ms;
        Ok(LeaseKeepAliveResponse { revision, ttl: Duration::from_millis(lease.ttl_ms) })
    }

    /// As [`crate::Coordination::lease_time_to_live`].
    pub fn lease_time_to_live(
        &self,
        id: LeaseId,
        keys: bool,
        now_ms: u64,
    ) -> Result<LeaseTimeToLiveResponse, LeaseTimeToLiveError> {
        let lease = self.leases.get(&id).ok_or(LeaseTimeToLiveError::NotFound)?;
        Ok(LeaseTimeToLiveResponse {
            revision: self.revision(),
            ttl: Duration::from_millis(lease.deadline_ms.saturating_sub(now_ms)),
            granted_ttl: Duration::from_millis(lease.ttl_ms),
            keys: if keys { self.keys_of(id) } else { Vec::new() },
        })
    }

    /// As [`crate::Coordination::leases`].
    pub fn leases(&self) -> LeaseListResponse {
        let mut leases: Vec<_> = self.leases.iter().map(|(id, lease)| (lease.deadline_ms, *id)).collect();
        leases.sort();
        LeaseListResponse {
            revision: self.revision(),
            leases: leases.into_iter().map(|(_, id)| id).collect(),
        }
    }

    /// Ends the leases whose time has run out, in the order of their ends.
    pub fn expire(&mut self, now_ms: u64) {
        let due = |lease: &Lease| lease.deadline_ms <= now_ms;
        while let Some((_, id)) =
            self.leases.iter().filter(|(_, l)| due(l)).map(|(id, l)| (l.deadline_ms, *id)).min()
        {
            _ = self.lease_revoke(id);
        }
    }

    fn keys_of(&self, id: LeaseId) -> Vec<Key> {
        self.now().values().filter(|kv| kv.lease == id).map(|kv| kv.key.clone()).collect()
    }

    fn now(&self) -> &State {
        self.at(self.revision)
    }

    fn at(&self, revision: Revision) -> &State {
        // There is always the first one, and nothing before it can be asked for.
        let (_, state) = self.states.range(..=revision).next_back().expect("a known revision");
        state
    }

    fn draft(&self) -> Draft<'_> {
        Draft { model: self, state: self.now().clone(), events: Vec::new() }
    }

    fn commit(&mut self, state: State, events: Vec<Event>) {
        if !events.is_empty() {
            self.revision = self.revision.next();
            self.states.insert(self.revision, state);
            self.events.extend(events);
        }
    }

    fn revision_exists(&self, revision: Revision) -> Result<(), RangeError> {
        if revision > self.revision() {
            Err(RangeError::FutureRevision)
        } else if revision != Revision::ZERO && (revision < self.compacted || self.lost(revision)) {
            Err(RangeError::Compacted)
        } else {
            Ok(())
        }
    }

    fn lost(&self, revision: Revision) -> bool {
        self.lost.iter().any(|(last, next)| *last < revision && revision < *next)
    }

    fn put_is_possible(&self, request: &PutRequest) -> Result<(), PutError> {
        if (request.ignore_value || request.ignore_lease) && !self.now().contains_key(&request.key) {
            return Err(PutError::KeyNotFound);
        }
        self.lease_exists(request.lease)
    }

    fn lease_exists(&self, lease: LeaseId) -> Result<(), PutError> {
        if lease != LeaseId::NONE && !self.leases.contains_key(&lease) {
            return Err(PutError::LeaseNotFound);
        }
        Ok(())
    }

    fn compare(&self, compare: &Compare) -> bool {
        let found: Vec<_> = self.now().values().filter(|kv| compare.range.contains(&kv.key)).collect();
        if found.is_empty() {
            let is_value = matches!(compare.target, CompareTarget::Value(_));
            return !is_value && compare_one(compare, &KeyValue::default());
        }
        found.into_iter().all(|kv| compare_one(compare, kv))
    }

    fn plan<'a>(&self, request: &'a TxnRequest) -> Plan<'a> {
        let succeeded = request.compare.iter().all(|compare| self.compare(compare));
        let ops = if succeeded { &request.success } else { &request.failure };
        let step = |op: &'a Op| match op {
            Op::Txn(inner) => Step::Inner(self.plan(inner)),
            op => Step::Op(op),
        };
        Plan { succeeded, steps: ops.iter().map(step).collect() }
    }

    fn each_op(&self, plan: &Plan<'_>, check: &dyn Fn(&Op) -> Result<(), TxnError>) -> Result<(), TxnError> {
        plan.steps.iter().try_for_each(|step| match step {
            Step::Op(op) => check(op),
            Step::Inner(plan) => self.each_op(plan, check),
        })
    }
}

/// A transaction after its comparisons.
struct Plan<'a> {
    succeeded: bool,
    steps: Vec<Step<'a>>,
}

enum Step<'a> {
    Op(&'a Op),
    Inner(Plan<'a>),
}

impl Draft<'_> {
    fn next_revision(&self) -> Revision {
        self.model.revision().next()
    }

    fn revision(&self) -> Revision {
        if self.events.is_empty() { self.model.revision() } else { self.next_revision() }
    }

    fn run(&mut self, plan: &Plan<'_>) -> TxnResponse {
        let mut responses = Vec::new();
        for step in &plan.steps {
            responses.push(match step {
                Step::Op(Op::Range(range)) => OpResponse::Range(self.range(range)),
                Step::Op(Op::Put(put)) => OpResponse::Put(self.put(put)),
                Step::Op(Op::DeleteRange(delete)) => OpResponse::DeleteRange(self.delete_range(delete)),
                Step::Op(Op::Txn(_)) => continue,
                Step::Inner(plan) => OpResponse::Txn(self.run(plan)),
            });
        }
        TxnResponse { revision: self.revision(), succeeded: plan.succeeded, responses }
    }

    fn range(&self, request: &RangeRequest) -> RangeResponse {
        let state = match request.revision {
            Revision::ZERO => &self.state,
            revision => self.model.at(revision),
        };
        let found: Vec<KeyValue> =
            state.values().filter(|kv| request.range.contains(&kv.key)).cloned().collect();
        let count = found.len() as u64;
        if request.count_only {
            return RangeResponse { revision: self.revision(), kvs: Vec::new(), more: false, count };
        }
        let mut kvs = found;
        let above = |bound: Revision, value: Revision| bound != Revision::ZERO && value > bound;
        kvs.retain(|kv| {
            kv.mod_revision >= request.min_mod_revision
                && kv.create_revision >= request.min_create_revision
                && !above(request.max_mod_revision, kv.mod_revision)
                && !above(request.max_create_revision, kv.create_revision)
        });
        let bounds = [
            request.min_mod_revision,
            request.max_mod_revision,
            request.min_create_revision,
            request.max_create_revision,
        ];
        if request.sort_order == SortOrder::None && request.limit > 0 && bounds == [Revision::ZERO; 4] {
            // Before they are put in order, and one more than will be left.
            kvs.truncate(request.limit + 1);
        }
        match request.sort_target {
            SortTarget::Key => {}
            SortTarget::Version => kvs.sort_by_key(|kv| kv.version),
            SortTarget::CreateRevision => kvs.sort_by_key(|kv| kv.create_revision),
            SortTarget::ModRevision => kvs.sort_by_key(|kv| kv.mod_revision),
            SortTarget::Value => kvs.sort_by_key(|kv| kv.value.clone()),
        }
        if request.sort_order == SortOrder::Descending {
            kvs.reverse();
        }
        let more = request.limit > 0 && kvs.len() > request.limit;
        if more {
            kvs.truncate(request.limit);
        }
        if request.keys_only {
            kvs.iter_mut().for_each(|kv| kv.value.clear());
        }
        RangeResponse { revision: self.revision(), kvs: kvs.into_iter().map(Arc::new).collect(), more, count }
    }

    fn put(&mut self, request: &PutRequest) -> PutResponse {
        let revision = self.next_revision();
        let before = self.state.get(&request.key).cloned();
        let mut kv = KeyValue {
            key: request.key.clone(),
            value: request.value.clone(),
            create_revision: revision,
            mod_revision: revision,
            version: 1,
            lease: request.lease,
        };
        if let Some(before) = &before {
            kv.create_revision = before.create_revision;
            kv.version = before.version + 1;
            if request.ignore_value {
                kv.value = before.value.clone();
            }
            if request.ignore_lease {
                kv.lease = before.lease;
            }
        }
        self.state.insert(kv.key.clone(), kv.clone());
        let prev_kv = before.map(Arc::new);
        self.events.push(Event { kind: EventKind::Put, kv: Arc::new(kv), prev_kv: prev_kv.clone() });
        PutResponse { revision, prev_kv: prev_kv.filter(|_| request.prev_kv) }
    }

    fn delete(&mut self, key: &Key) {
        if let Some(before) = self.state.remove(key) {
            let kv = KeyValue { key: key.clone(), mod_revision: self.next_revision(), ..KeyValue::default() };
            let prev_kv = Some(Arc::new(before));
            self.events.push(Event { kind: EventKind::Delete, kv: Arc::new(kv), prev_kv });
        }
    }

    fn delete_range(&mut self, request: &DeleteRangeRequest) -> DeleteRangeResponse {
        let found: Vec<_> =
            self.state.values().filter(|kv| request.range.contains(&kv.key)).cloned().collect();
        for kv in &found {
            self.delete(&kv.key);
        }
        let deleted = found.len() as u64;
        let prev_kvs = if request.prev_kv { found.into_iter().map(Arc::new).collect() } else { Vec::new() };
        DeleteRangeResponse { revision: self.revision(), deleted, prev_kvs }
    }
}

fn compare_one(compare: &Compare, kv: &KeyValue) -> bool {
    let ordering = match &compare.target {
        CompareTarget::Version(given) => i128::from(kv.version).cmp(&i128::from(*given)),
        CompareTarget::CreateRevision(given) => i128::from(kv.create_revision.0).cmp(&i128::from(*given)),
        CompareTarget::ModRevision(given) => i128::from(kv.mod_revision.0).cmp(&i128::from(*given)),
        CompareTarget::Value(given) => kv.value.cmp(given),
        CompareTarget::Lease(given) => kv.lease.cmp(given),
    };
    match compare.operator {
        CompareOperator::Equal => ordering.is_eq(),
        CompareOperator::NotEqual => !ordering.is_eq(),
        CompareOperator::Greater => ordering.is_gt(),
        CompareOperator::Less => ordering.is_lt(),
    }
}

fn put_is_sound(request: &PutRequest) -> Result<(), PutError> {
    if request.key.is_empty() {
        Err(PutError::EmptyKey)
    } else if request.ignore_value && !request.value.is_empty() {
        Err(PutError::ValueProvided)
    } else if request.ignore_lease && request.lease != LeaseId::NONE {
        Err(PutError::LeaseProvided)
    } else {
        Ok(())
    }
}

fn txn_is_sound(request: &TxnRequest, ops_max: usize) -> Result<(), TxnError> {
    let ops = request.compare.len().max(request.success.len()).max(request.failure.len());
    if ops > ops_max {
        return Err(TxnError::TooManyOps);
    }
    if request.compare.iter().any(|compare| compare.range.key.is_empty()) {
        return Err(TxnError::EmptyKey);
    }
    for op in request.success.iter().chain(&request.failure) {
        match op {
            Op::Range(RangeRequest { range, .. }) | Op::DeleteRange(DeleteRangeRequest { range, .. }) => {
                if range.key.is_empty() {
                    return Err(TxnError::EmptyKey);
                }
            }
            Op::Put(put) => put_is_sound(put)?,
            Op::Txn(inner) => txn_is_sound(inner, ops_max - ops)?,
        }
    }
    Ok(())
}

/// What the operations put and delete, if no key is put twice, or both put and deleted; with etcd's
/// exceptions: deletions without an end, and a put before a deletion in transactions inside.
fn written(ops: &[Op]) -> Result<(Vec<Key>, Vec<KeyRange>), TxnError> {
    let mut puts: Vec<Key> = Vec::new();
    let mut deletes: Vec<KeyRange> = Vec::new();
    for op in ops {
        if let Op::DeleteRange(delete) = op {
            deletes.push(delete.range.clone());
        }
    }
    let put = |key: &Key, puts: &mut Vec<Key>, deletes: &[KeyRange]| {
        let deleted = deletes.iter().any(|range| range.range_end.as_ref() != b"\0" && range.contains(key));
        if deleted || puts.contains(key) {
            return Err(TxnError::DuplicateKey);
        }
        puts.push(key.clone());
        Ok(())
    };
    for op in ops {
        if let Op::Txn(inner) = op {
            let (success_puts, success_deletes) = written(&inner.success)?;
            let (failure_puts, failure_deletes) = written(&inner.failure)?;
            for key in &success_puts {
                put(key, &mut puts, &deletes)?;
            }
            for key in failure_puts.iter().filter(|key| !success_puts.contains(key)) {
                put(key, &mut puts, &deletes)?;
            }
            deletes.extend(success_deletes);
            deletes.extend(failure_deletes);
        }
    }
    for op in ops {
        if let Op::Put(request) = op {
            put(&request.key, &mut puts, &deletes)?;
        }
    }
    Ok((puts, deletes))
}
