//! The store: state, the time and a request in; the next state, a reply and events out.
//!
//! Pure: no clock, no lock, no task, no watcher, no disk. Whoever serves it reads the events that a
//! request caused with [`Store::events_between`], and, if there is a journal, what to write there with
//! [`Store::changes`].

use std::collections::BTreeMap;
use std::time::Duration;

use hyrax_types::Revision;

use super::changes::Changes;
use super::holes::Holes;
use super::keyspace::Keyspace;
use super::leases::{Grant, Leases};
use super::log::EventLog;
use super::reading::Reading;
use super::record::Item;
use super::transaction::{Path, Writer};
use crate::check;
use crate::{
    CompactError, CompactResponse, DeleteRangeError, DeleteRangeRequest, DeleteRangeResponse, Event,
    LEASE_TTL_MAX, LeaseGrantError, LeaseGrantRequest, LeaseGrantResponse, LeaseId, LeaseKeepAliveError,
    LeaseKeepAliveResponse, LeaseListResponse, LeaseRevokeError, LeaseRevokeResponse, LeaseTimeToLiveError,
    LeaseTimeToLiveResponse, PutError, PutRequest, PutResponse, RangeError, RangeRequest, RangeResponse,
    TxnError, TxnRequest, TxnResponse, WatchError,
};

/// The bounds of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The revision of the empty store. One, as in etcd; or, where a revision must not be met again
    /// after a restart, something that grows from one run to the next.
    pub first_revision: Revision,
    /// Operations, or conditions, in one transaction.
    pub txn_ops_max: usize,
    /// The shortest time to live; a lease granted with less gets this.
    pub lease_ttl_min: Duration,
    /// Events remembered; more are compacted, the oldest first.
    pub history_events_max: usize,
    /// Bytes of events remembered; more are compacted, the oldest first.
    pub history_bytes_max: usize,
}

impl Default for StoreSettings {
    fn default() -> StoreSettings {
        StoreSettings {
            first_revision: Revision(1),
            txn_ops_max: hyrax_types::limits::TXN_OPS_MAX,
            lease_ttl_min: hyrax_types::limits::LEASE_TTL_MIN,
            history_events_max: hyrax_types::limits::COORDINATION_HISTORY_EVENTS_MAX,
            history_bytes_max: hyrax_types::limits::COORDINATION_HISTORY_BYTES_MAX,
        }
    }
}

/// Whether a bounded step left something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing is left.
    Done,
    /// Call again.
    More,
}

/// Every lease, the one to expire next first.
pub(crate) fn in_order((revision, mut deadlines): (Revision, Vec<(u64, LeaseId)>)) -> LeaseListResponse {
    deadlines.sort_unstable();
    LeaseListResponse { revision, leases: deadlines.into_iter().map(|(_, id)| id).collect() }
}

/// The keys, their past and the leases.
#[derive(Debug)]
pub(crate) struct Store {
    settings: StoreSettings,
    /// The last revision taken.
    pub(super) revision: Revision,
    /// The last revision that may be shown. Without a journal that is the one before; with one, it
    /// follows as the journal is synced.
    visible: Revision,
    compacted: Revision,
    /// Revisions that somebody still reads, as many times: they are not swept.
    pinned: BTreeMap<Revision, usize>,
    pub(super) holes: Holes,
    pub(super) keys: Keyspace,
    pub(super) log: EventLog,
    pub(super) leases: Leases,
    pub(super) changes: Changes,
}

impl Store {
    pub(crate) fn new(settings: StoreSettings) -> Store {
        Store {
            settings,
            revision: settings.first_revision,
            visible: settings.first_revision,
            compacted: Revision(settings.first_revision.0.saturating_sub(1)),
            pinned: BTreeMap::new(),
            holes: Holes::default(),
            keys: Keyspace::default(),
            log: EventLog::default(),
            leases: Leases::default(),
            changes: Changes::default(),
        }
    }

    /// An empty store whose past before `compacted` is forgotten.
    pub(super) fn restored(settings: StoreSettings, compacted: Revision) -> Store {
        let mut store = Store { compacted, ..Store::new(settings) };
        store.skip_to(compacted);
        store
    }

    /// Goes on from `revision`, if that is a later one.
    pub(super) fn skip_to(&mut self, revision: Revision) {
        self.revision = self.revision.max(revision);
        self.show(self.revision);
    }

    /// The last revision taken.
    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    /// The last revision that may be shown.
    pub(crate) fn visible(&self) -> Revision {
        self.visible
    }

    /// From now on nothing is shown before somebody says so with [`Store::show`], and what is to be
    /// journaled is collected.
    pub(super) fn keep_changes(&mut self) {
        self.changes.keep();
    }

    /// Lets everything up to `revision` be seen.
    pub(super) fn show(&mut self, revision: Revision) {
        self.visible = self.visible.max(revision);
    }

    /// The first revision that can still be read.
    pub(crate) fn compacted(&self) -> Revision {
        self.compacted
    }

    /// What happened from `first` to `last`, in order.
    pub(crate) fn events_between(&self, first: Revision, last: Revision) -> impl Iterator<Item = &Event> {
        self.log.between(first, last)
    }

    /// Reads what may be shown.
    #[cfg(test)]
    pub(crate) fn range(&self, request: &RangeRequest) -> Result<RangeResponse, RangeError> {
        self.check_range(request)?;
        Ok(self.range_at(request, self.visible))
    }

    /// Whether what may be shown has the range.
    pub(super) fn check_range(&self, request: &RangeRequest) -> Result<(), RangeError> {
        if request.range.key.is_empty() {
            return Err(RangeError::EmptyKey);
        }
        self.check_revision(request.revision, self.visible)
    }

    pub(crate) fn put(&mut self, request: &PutRequest) -> Result<PutResponse, PutError> {
        check::put(request)?;
        // As etcd has it: in a transaction, what is to be kept comes first.
        self.check_lease(request)?;
        self.check_put(request)?;
        let mut writer = Writer::new(self);
        let response = writer.put(request);
        writer.finish();
        Ok(response)
    }

    pub(crate) fn delete_range(
        &mut self,
        request: &DeleteRangeRequest,
    ) -> Result<DeleteRangeResponse, DeleteRangeError> {
        if request.range.key.is_empty() {
            return Err(DeleteRangeError::EmptyKey);
        }
        let mut writer = Writer::new(self);
        let response = writer.delete_range(request);
        writer.finish();
        Ok(response)
    }

    pub(crate) fn txn(&mut self, request: &TxnRequest) -> Result<TxnResponse, TxnError> {
        check::txn(request, self.settings.txn_ops_max)?;
        let path = Path::choose(self, request, Revision::MAX);
        path.check(self, request, self.revision)?;
        let mut writer = Writer::new(self);
        let response = writer.run(request, &path);
        let revision = writer.finish();
        Ok(TxnResponse { revision, ..response })
    }

    /// The same of a transaction that can not write: of what may be shown.
    pub(crate) fn read_txn(&self, request: &TxnRequest) -> Result<TxnResponse, TxnError> {
        check::txn(request, self.settings.txn_ops_max)?;
        let path = Path::choose(self, request, self.visible);
        path.check(self, request, self.visible)?;
        Ok(path.read(self, request, self.visible))
    }

    /// Makes `revision` the first that can be read. What only earlier ones can see is dropped by
    /// [`Store::sweep`].
    pub(crate) fn compact(&mut self, revision: Revision) -> Result<CompactResponse, CompactError> {
        if revision <= self.compacted {
            return Err(CompactError::Compacted);
        }
        if revision > self.visible {
            return Err(CompactError::FutureRevision);
        }
        self.compact_to(revision);
        self.changes.push(Item::Compact { revision });
        self.changes.must_last();
        Ok(CompactResponse { revision: self.visible })
    }

    pub(super) fn compact_to(&mut self, revision: Revision) {
        self.compacted = self.compacted.max(revision);
        self.holes.forget(self.compacted);
    }

    /// Compacts what is more than the bounds of the history, but for what was not shown yet.
    pub(crate) fn compact_excess(&mut self) {
        let StoreSettings { history_events_max, history_bytes_max, .. } = self.settings;
        if let Some(revision) = self.log.excess(history_events_max, history_bytes_max) {
            self.compact_to(revision.min(self.visible));
        }
    }

    /// Drops at most `events_max` compacted events and what only they kept.
    pub(crate) fn sweep(&mut self, events_max: usize) -> Progress {
        let floor = self.floor();
        for _ in 0..events_max {
            let Some(key) = self.log.pop_before(floor) else { return Progress::Done };
            self.keys.forget(&key, floor);
        }
        if self.log.has_before(floor) { Progress::More } else { Progress::Done }
    }

    /// The first revision that somebody may read, clients or not.
    fn floor(&self) -> Revision {
        self.pinned.first_key_value().map_or(self.compacted, |(pinned, _)| self.compacted.min(*pinned))
    }

    /// Keeps what can be read now until [`Store::unpin`], whatever is compacted meanwhile. Answers
    /// from which revision on.
    pub(super) fn pin(&mut self) -> Revision {
        *self.pinned.entry(self.compacted).or_default() += 1;
        self.compacted
    }

    pub(super) fn unpin(&mut self, revision: Revision) {
        if let Some(times) = self.pinned.get_mut(&revision) {
            *times -= 1;
            if *times == 0 {
                self.pinned.remove(&revision);
            }
        }
    }

    pub(crate) fn lease_grant(
        &mut self,
        request: &LeaseGrantRequest,
        now_ms: u64,
    ) -> Result<LeaseGrantResponse, LeaseGrantError> {
        if request.ttl > LEASE_TTL_MAX {
            return Err(LeaseGrantError::TtlTooLarge);
        }
        if self.leases.contains(request.id) {
            return Err(LeaseGrantError::AlreadyExists);
        }
        let id = if request.id == LeaseId::NONE { self.leases.free_id(now_ms) } else { request.id };
        let ttl = request.ttl.max(self.settings.lease_ttl_min);
        // The longest there is fits into milliseconds.
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let grant = Grant { id, ttl_ms, dies_with_process: request.dies_with_process };
        self.leases.grant(grant, now_ms);
        self.changes.push(Item::Grant(grant));
        if !grant.dies_with_process {
            self.changes.must_last();
        }
        Ok(LeaseGrantResponse { revision: self.visible, id, ttl })
    }

    pub(crate) fn lease_revoke(&mut self, id: LeaseId) -> Result<LeaseRevokeResponse, LeaseRevokeError> {
        if !self.leases.dies_with_process(id) {
            self.changes.must_last();
        }
        let keys = self.leases.remove(id).ok_or(LeaseRevokeError::NotFound)?;
        let mut writer = Writer::new(self);
        for key in keys {
            writer.delete(&key);
        }
        let revision = writer.finish();
        self.changes.push(Item::Revoke { id, revision });
        Ok(LeaseRevokeResponse { revision })
    }

    pub(crate) fn lease_keep_alive(
        &mut self,
        id: LeaseId,
        now_ms: u64,
    ) -> Result<LeaseKeepAliveResponse, LeaseKeepAliveError> {
        let ttl = self.leases.keep_alive(id, now_ms).ok_or(LeaseKeepAliveError::NotFound)?;
        Ok(LeaseKeepAliveResponse { revision: self.visible, ttl })
    }

    pub(crate) fn lease_time_to_live(
        &self,
        id: LeaseId,
        keys: bool,
        now_ms: u64,
    ) -> Result<LeaseTimeToLiveResponse, LeaseTimeToLiveError> {
        let standing = self.leases.standing(id, now_ms).ok_or(LeaseTimeToLiveError::NotFound)?;
        Ok(LeaseTimeToLiveResponse {
            revision: self.revision,
            ttl: standing.remaining,
            granted_ttl: standing.granted,
            keys: if keys { standing.keys() } else { Vec::new() },
        })
    }

    /// What [`in_order`] makes the answer of.
    pub(crate) fn lease_deadlines(&self) -> (Revision, Vec<(u64, LeaseId)>) {
        (self.revision, self.leases.deadlines())
    }

    /// Revokes leases whose time has run out, each in its own revision, in a step that looks at no
    /// more than `leases_max` and stops after `keys_max` deletions.
    pub(crate) fn expire(&mut self, now_ms: u64, leases_max: usize, keys_max: u64) -> Progress {
        let first = self.log.pushed();
        let mut budget = leases_max;
        while self.log.pushed() - first < keys_max {
            match self.leases.due(now_ms, &mut budget) {
                Ok(None) => return Progress::Done,
                // It was found among the leases, so it is there to be revoked.
                Ok(Some(id)) => _ = self.lease_revoke(id),
                Err(_) => return Progress::More,
            }
        }
        Progress::More
    }

    /// Whether `revision` can be read by one to whom `now` is the last. Zero stands for that.
    pub(super) fn check_revision(&self, revision: Revision, now: Revision) -> Result<(), RangeError> {
        if revision > now {
            return Err(RangeError::FutureRevision);
        }
        if revision != Revision::ZERO && (revision < self.compacted || self.holes.hide(revision)) {
            return Err(RangeError::Compacted);
        }
        Ok(())
    }

    /// Whether a watch can start at `revision`. Zero stands for the next one.
    pub(super) fn check_watch(&self, revision: Revision) -> Result<(), WatchError> {
        if revision == Revision::ZERO {
            return Ok(());
        }
        if revision < self.compacted {
            return Err(WatchError::Compacted { compacted: self.compacted });
        }
        match self.holes.first_after(revision) {
            Some(compacted) => Err(WatchError::Compacted { compacted }),
            None => Ok(()),
        }
    }

    /// Whether what the put wants to keep, and its lease, are there.
    pub(super) fn check_put(&self, request: &PutRequest) -> Result<(), PutError> {
        if (request.ignore_value || request.ignore_lease)
            && self.keys.get(&request.key, Revision::MAX).is_none()
        {
            return Err(PutError::KeyNotFound);
        }
        self.check_lease(request)
    }

    fn check_lease(&self, request: &PutRequest) -> Result<(), PutError> {
        if request.lease != LeaseId::NONE && !self.leases.contains(request.lease) {
            return Err(PutError::LeaseNotFound);
        }
        Ok(())
    }

    /// Reads a range whose revision has been checked, as of `now` where it names none.
    pub(super) fn range_at(&self, request: &RangeRequest, now: Revision) -> RangeResponse {
        let mut reading = Reading::new(request, now);
        _ = reading.step(&self.keys, usize::MAX);
        reading.finish()
    }
}
