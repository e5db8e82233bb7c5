//! The store: state, the time and a request in; the next state, a reply and events out.
//!
//! Pure: no clock, no lock, no task, no watcher. Whoever serves it reads the events that a request
//! caused with [`Store::events_from`].

use std::sync::Arc;
use std::time::Duration;

use hyrax_types::Revision;

use super::check;
use super::keyspace::Keyspace;
use super::leases::Leases;
use super::log::EventLog;
use super::transaction::{Path, Writer};
use crate::{
    CompactError, CompactResponse, DeleteRangeError, DeleteRangeRequest, DeleteRangeResponse, Event,
    KeyValue, LEASE_TTL_MAX, LeaseGrantError, LeaseGrantRequest, LeaseGrantResponse, LeaseId,
    LeaseKeepAliveError, LeaseKeepAliveResponse, LeaseListResponse, LeaseRevokeError, LeaseRevokeResponse,
    LeaseTimeToLiveError, LeaseTimeToLiveResponse, PutError, PutRequest, PutResponse, RangeError,
    RangeRequest, RangeResponse, TxnError, TxnRequest, TxnResponse,
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

/// The keys, their past and the leases.
#[derive(Debug)]
pub(crate) struct Store {
    settings: StoreSettings,
    pub(super) revision: Revision,
    compacted: Revision,
    pub(super) keys: Keyspace,
    pub(super) log: EventLog,
    pub(super) leases: Leases,
}

impl Store {
    pub(crate) fn new(settings: StoreSettings) -> Store {
        Store {
            settings,
            revision: settings.first_revision,
            compacted: Revision(settings.first_revision.0.saturating_sub(1)),
            keys: Keyspace::default(),
            log: EventLog::default(),
            leases: Leases::default(),
        }
    }

    /// The last revision taken.
    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    /// The first revision that can still be read.
    pub(crate) fn compacted(&self) -> Revision {
        self.compacted
    }

    /// What happened at `revision` and later, in order.
    pub(crate) fn events_from(&self, revision: Revision) -> impl Iterator<Item = &Arc<Event>> {
        self.log.from(revision)
    }

    pub(crate) fn range(&self, request: &RangeRequest) -> Result<RangeResponse, RangeError> {
        if request.range.key.is_empty() {
            return Err(RangeError::EmptyKey);
        }
        self.check_revision(request.revision)?;
        Ok(self.range_at(request, self.revision))
    }

    pub(crate) fn put(&mut self, request: &PutRequest) -> Result<PutResponse, PutError> {
        check::put(request)?;
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
        let path = Path::choose(self, request);
        path.check(self, request)?;
        let mut writer = Writer::new(self);
        let response = writer.run(request, &path);
        let revision = writer.finish();
        Ok(TxnResponse { revision, ..response })
    }

    /// Makes `revision` the first that can be read. What only earlier ones can see is dropped by
    /// [`Store::sweep`].
    pub(crate) fn compact(&mut self, revision: Revision) -> Result<CompactResponse, CompactError> {
        if revision <= self.compacted {
            return Err(CompactError::Compacted);
        }
        if revision > self.revision {
            return Err(CompactError::FutureRevision);
        }
        self.compacted = revision;
        Ok(CompactResponse { revision: self.revision })
    }

    /// Compacts what is more than the bounds of the history.
    pub(crate) fn compact_excess(&mut self) {
        let StoreSettings { history_events_max, history_bytes_max, .. } = self.settings;
        if let Some(revision) = self.log.excess(history_events_max, history_bytes_max) {
            self.compacted = self.compacted.max(revision);
        }
    }

    /// Drops at most `events_max` compacted events and what only they kept.
    pub(crate) fn sweep(&mut self, events_max: usize) -> Progress {
        for _ in 0..events_max {
            let Some(key) = self.log.pop_before(self.compacted) else { return Progress::Done };
            self.keys.forget(&key, self.compacted);
        }
        Progress::More
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
        self.leases.grant(id, ttl, now_ms);
        Ok(LeaseGrantResponse { revision: self.revision, id, ttl })
    }

    pub(crate) fn lease_revoke(&mut self, id: LeaseId) -> Result<LeaseRevokeResponse, LeaseRevokeError> {
        let keys = self.leases.remove(id).ok_or(LeaseRevokeError::NotFound)?;
        let mut writer = Writer::new(self);
        for key in keys {
            writer.delete(&key);
        }
        Ok(LeaseRevokeResponse { revision: writer.finish() })
    }

    pub(crate) fn lease_keep_alive(
        &mut self,
        id: LeaseId,
        now_ms: u64,
    ) -> Result<LeaseKeepAliveResponse, LeaseKeepAliveError> {
        let ttl = self.leases.keep_alive(id, now_ms).ok_or(LeaseKeepAliveError::NotFound)?;
        Ok(LeaseKeepAliveResponse { revision: self.revision, ttl })
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
            keys: if keys { standing.keys.iter().cloned().collect() } else { Vec::new() },
        })
    }

    pub(crate) fn leases(&self) -> LeaseListResponse {
        LeaseListResponse { revision: self.revision, leases: self.leases.by_deadline() }
    }

    /// Revokes leases whose time has run out, each in its own revision, in a step that looks at no
    /// more than `leases_max` and stops after `keys_max` deletions.
    pub(crate) fn expire(&mut self, now_ms: u64, leases_max: usize, keys_max: u64) -> Progress {
        let first = self.log.pushed();
        let mut budget = leases_max;
        while self.log.pushed() - first < keys_max {
            match self.leases.due(now_ms, &mut budget) {
                Ok(None) => return Progress::Done,
                // It is in the queue, so it is there to be revoked.
                Ok(Some(id)) => _ = self.lease_revoke(id),
                Err(_) => return Progress::More,
            }
        }
        Progress::More
    }

    /// Whether `revision` can be read. Zero stands for now.
    pub(super) fn check_revision(&self, revision: Revision) -> Result<(), RangeError> {
        if revision > self.revision {
            return Err(RangeError::FutureRevision);
        }
        if revision != Revision::ZERO && revision < self.compacted {
            return Err(RangeError::Compacted);
        }
        Ok(())
    }

    /// Whether what the put wants to keep, and its lease, are there.
    pub(super) fn check_put(&self, request: &PutRequest) -> Result<(), PutError> {
        if (request.ignore_value || request.ignore_lease)
            && self.keys.get(&request.key, Revision::MAX).is_none()
        {
            return Err(PutError::KeyNotFound);
        }
        if request.lease != LeaseId::NONE && !self.leases.contains(request.lease) {
            return Err(PutError::LeaseNotFound);
        }
        Ok(())
    }

    /// Reads a range whose revision has been checked, as of `now` where it names none.
    pub(super) fn range_at(&self, request: &RangeRequest, now: Revision) -> RangeResponse {
        let at = if request.revision == Revision::ZERO { now } else { request.revision };
        let mut response = RangeResponse { revision: now, ..RangeResponse::default() };
        let found = self.keys.range(&request.range, at);
        if request.count_only {
            response.count = found.count() as u64;
            return response;
        }
        // Without a filter or an order of its own the limit can cut while reading.
        let ordered = request.is_ordered_by_key();
        let keep =
            if request.limit == 0 || request.filters() || !ordered { usize::MAX } else { request.limit };
        for kv in found {
            response.count += 1;
            if response.kvs.len() == keep {
                response.more = true;
            } else if request.admits(kv) {
                response.kvs.push(Arc::clone(kv));
            }
        }
        request.sort(&mut response.kvs);
        if request.limit != 0 && response.kvs.len() > request.limit {
            response.kvs.truncate(request.limit);
            response.more = true;
        }
        if request.keys_only {
            for kv in &mut response.kvs {
                *kv = Arc::new(KeyValue { value: crate::Value::new(), ..KeyValue::clone(kv) });
            }
        }
        response
    }
}
