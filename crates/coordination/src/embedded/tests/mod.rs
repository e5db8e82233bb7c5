//! The embedded engine against the model, and what is particular to it.

use std::sync::Arc;
use std::time::Duration;

use hyrax_types::{ManualClock, Revision, SystemClock};
use proptest::prelude::*;

mod crash;
mod durable;
mod pause;

use super::store::{Progress, Store, StoreSettings, in_order};
use super::{Embedded, EmbeddedSettings};
use crate::conformance::{self, Reply, Request, requests};
use crate::model::Model;
use crate::{
    Coordination, KeyRange, LeaseGrantRequest, LeaseId, PutRequest, RangeRequest, WatchError, WatchRequest,
};

fn ask(store: &mut Store, request: &Request, now_ms: u64) -> Reply {
    match request {
        Request::Range(request) => Reply::Range(store.range(request)),
        Request::Put(request) => Reply::Put(store.put(request)),
        Request::DeleteRange(request) => Reply::DeleteRange(store.delete_range(request)),
        Request::Txn(request) => Reply::Txn(store.txn(request)),
        Request::Compact(revision) => Reply::Compact(store.compact(*revision)),
        Request::LeaseGrant(request) => Reply::LeaseGrant(store.lease_grant(request, now_ms)),
        Request::LeaseRevoke(id) => Reply::LeaseRevoke(store.lease_revoke(*id)),
        Request::LeaseKeepAlive(id) => Reply::LeaseKeepAlive(store.lease_keep_alive(*id, now_ms)),
        Request::LeaseTimeToLive(id) => Reply::LeaseTimeToLive(store.lease_time_to_live(*id, true, now_ms)),
        Request::Leases => Reply::Leases(in_order(store.lease_deadlines())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Each request comes some time after the one before; what is compacted is swept in small steps.
    #[test]
    fn the_store_answers_and_tells_what_the_model_does(
        steps in prop::collection::vec((requests(Revision(1), 1..20), 0..3_000u64, 0..4usize), 1..80),
    ) {
        let settings = StoreSettings { txn_ops_max: 5, ..StoreSettings::default() };
        let mut store = Store::new(settings);
        let mut model = Model::new(Revision(1), Revision(0), 5);
        let mut told = Vec::new();
        let mut now_ms = 1_000;
        for (request, after_ms, swept) in steps {
            now_ms += after_ms;
            let before = store.revision();
            model.expire(now_ms);
            while store.expire(now_ms, 2, 1) == Progress::More {}
            let expected = request.ask_model(&mut model, settings.lease_ttl_min, now_ms);
            prop_assert_eq!(ask(&mut store, &request, now_ms), expected, "{:?}", request);
            told.extend(store.events_between(before.next(), Revision::MAX).cloned());
            _ = store.sweep(swept);
        }
        prop_assert_eq!(told, model.events());
        while store.sweep(1) == Progress::More {}
        let kept: Vec<_> = store.events_between(Revision::ZERO, Revision::MAX).cloned().collect();
        let from = model.events().partition_point(|event| event.kv.mod_revision < store.compacted());
        prop_assert_eq!(kept, &model.events()[from..]);
        let at_compacted = Request::Range(RangeRequest {
            revision: store.compacted(),
            ..RangeRequest::new(KeyRange::all())
        });
        let expected = at_compacted.ask_model(&mut model, Duration::ZERO, now_ms);
        prop_assert_eq!(ask(&mut store, &at_compacted, now_ms), expected);
    }
}

#[tokio::test]
async fn the_embedded_engine_conforms() {
    conformance::run(Arc::new(Embedded::start(Arc::new(SystemClock), EmbeddedSettings::default()))).await;
}

#[tokio::test]
async fn the_history_stays_bounded_and_a_watch_that_is_left_behind_is_told() {
    let store = StoreSettings { history_events_max: 2_000, ..StoreSettings::default() };
    let settings = EmbeddedSettings { store, ..EmbeddedSettings::default() };
    let engine = Embedded::start(Arc::new(SystemClock), settings);
    let mut unread = engine.watch(WatchRequest::new(KeyRange::all(), Revision::ZERO)).await.expect("watch");
    for i in 0..10_000 {
        engine.put(PutRequest::new(format!("{}", i % 10), "x")).await.expect("put");
    }
    let kept = engine.engine.shared.state.lock().store.events_between(Revision::ZERO, Revision::MAX).count();
    assert!(kept <= 2_001, "{kept} events kept");
    let mut seen = 0;
    let error = loop {
        match unread.next().await {
            Ok(batch) => seen += batch.events.len(),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, WatchError::Compacted { .. }), "told, not skipped");
    assert_eq!(seen, 1_024, "what was queued came first");
}

#[tokio::test]
async fn bytes_bound_the_history_too() {
    let store = StoreSettings { history_bytes_max: 1_000_000, ..StoreSettings::default() };
    let settings = EmbeddedSettings { store, ..EmbeddedSettings::default() };
    let engine = Embedded::start(Arc::new(SystemClock), settings);
    for _ in 0..100 {
        engine.put(PutRequest::new("a", vec![b'x'; 100_000])).await.expect("put");
        let state = engine.engine.shared.state.lock();
        let bytes: usize =
            state.store.events_between(Revision::ZERO, Revision::MAX).map(|event| event.kv.value.len()).sum();
        assert!(bytes <= 1_000_000, "{bytes} bytes kept");
    }
}

#[tokio::test]
async fn leases_end_by_the_clock_given() {
    let clock = Arc::new(ManualClock::at_ms(1_000_000));
    let engine = Embedded::start(Arc::clone(&clock) as _, EmbeddedSettings::default());
    let ttl = Duration::from_secs(5);
    for id in 1..=1_000 {
        engine
            .lease_grant(LeaseGrantRequest { id: LeaseId(id), ..LeaseGrantRequest::new(ttl) })
            .await
            .expect("grant");
        engine.put(PutRequest::new(format!("{id}"), "").on_lease(LeaseId(id))).await.expect("put");
    }
    clock.advance_ms(3_000);
    engine.lease_keep_alive(LeaseId(7)).await.expect("renewed");
    clock.advance_ms(2_000);
    engine.expire_leases();
    assert_eq!(engine.leases().await.expect("leases").leases, [LeaseId(7)]);
    let left = engine.range(RangeRequest::new(KeyRange::all())).await.expect("range");
    assert_eq!(left.count, 1);
    assert_eq!(left.revision, Revision(1 + 1_000 + 999));
}

#[tokio::test]
async fn a_dropped_watch_is_forgotten() {
    let engine = Embedded::start(Arc::new(SystemClock), EmbeddedSettings::default());
    for range in [KeyRange::single("a"), KeyRange::prefix("a"), KeyRange::all()] {
        let watch = engine.watch(WatchRequest::new(range, Revision::ZERO)).await.expect("watch");
        drop(watch);
    }
    let debug = format!("{:?}", engine.engine.shared.state.lock().watchers);
    assert!(!debug.contains("Watcher {"), "{debug}");
}
