//! Servers killed, connections cut, members that say nothing: what an engine must make of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hyrax_coordination::{
    CompactRequest, Coordination, KeyRange, LeaseGrantRequest, PutError, PutRequest, RangeRequest,
    Unavailable, WatchError, WatchRequest,
};
use hyrax_coordination_etcd::{EtcdSettings, Timeouts};
use hyrax_tests::peers::{Etcd, EtcdCluster};
use hyrax_tests::proxy::Proxy;
use hyrax_types::Revision;

use crate::stage::{PATIENCE, engine, next, put, settings};

/// Settings under which a test need not wait for long.
fn impatient(settings: EtcdSettings) -> EtcdSettings {
    let timeouts = Timeouts { connect: Duration::from_millis(500), request: Duration::from_secs(2) };
    EtcdSettings { timeouts, ..settings }
}

fn outcome_unknown(result: Result<Revision, PutError>) -> bool {
    matches!(result, Err(PutError::Unavailable(Unavailable::Other { .. })))
}

async fn version(engine: &dyn Coordination, key: &'static str) -> u64 {
    let response = engine.range(RangeRequest::new(KeyRange::single(key))).await.expect("range");
    response.kvs.first().map_or(0, |kv| kv.version)
}

/// Waits until a write succeeds.
async fn put_at_last(engine: &dyn Coordination, key: &str, value: &str) -> Revision {
    let began = Instant::now();
    loop {
        match put(engine, key, value).await {
            Ok(revision) => return revision,
            Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
        }
    }
}

/// Watches all keys until it has seen `last`; every event once, in order of revisions.
async fn revisions_until(engine: &dyn Coordination, from: Revision, last: Revision) -> Vec<Revision> {
    let mut watch = engine.watch(WatchRequest::new(KeyRange::all(), from)).await.expect("watch");
    let mut seen = Vec::new();
    while seen.last().is_none_or(|seen| *seen < last) {
        seen.extend(next(&mut *watch).await.events.iter().map(|event| event.kv.mod_revision));
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_sees_every_revision_once_over_cut_connections() {
    let etcd = Etcd::start();
    let proxy = Arc::new(Proxy::start(etcd.address()));
    let direct = engine(settings(&[etcd.address()])).await;
    let through = engine(settings(&[proxy.address()])).await;
    let first = put(&*direct, "begin", "").await.expect("put");
    let request = WatchRequest::new(KeyRange::all(), Revision::ZERO);
    let mut watch = through.watch(request).await.expect("watch");
    let done = Arc::new(AtomicBool::new(false));
    let cutting = {
        let (proxy, done) = (proxy.clone(), done.clone());
        tokio::spawn(async move {
            while !done.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(90)).await;
                proxy.cut();
            }
        })
    };
    let mut last = first;
    for number in 0..600 {
        last = put(&*direct, &format!("key{}", number % 7), "").await.expect("put");
        if number % 3 == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    done.store(true, Ordering::Relaxed);
    cutting.await.expect("no panic");
    let mut seen = Vec::new();
    while seen.last() != Some(&last) {
        seen.extend(next(&mut *watch).await.events.iter().map(|event| event.kv.mod_revision));
    }
    let expected: Vec<_> = (first.0 + 1..=last.0).map(Revision).collect();
    assert_eq!(seen, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_etcd_that_is_killed_and_started_again_is_found_again() {
    let mut etcd = Etcd::start();
    let engine = engine(impatient(settings(&[etcd.address()]))).await;
    let first = put(&*engine, "a", "1").await.expect("put");
    let mut watch = engine.watch(WatchRequest::new(KeyRange::all(), Revision::ZERO)).await.expect("watch");
    let lease = engine.lease_grant(LeaseGrantRequest::new(Duration::from_secs(60))).await.expect("grant").id;
    etcd.process().kill();
    let began = Instant::now();
    assert!(outcome_unknown(put(&*engine, "a", "2").await));
    assert!(engine.range(RangeRequest::new(KeyRange::all())).await.is_err());
    assert!(engine.lease_keep_alive(lease).await.is_err());
    assert!(began.elapsed() < Duration::from_secs(9), "three requests of at most two seconds each");
    etcd.start_again();
    let last = put_at_last(&*engine, "a", "3").await;
    assert_eq!(last, first.next(), "what found nobody was not done later");
    let seen = next(&mut *watch).await;
    assert_eq!(seen.events.iter().map(|event| event.kv.mod_revision).collect::<Vec<_>>(), [last]);
    engine.lease_keep_alive(lease).await.expect("the lease lives");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_answer_is_lost_is_done_once_and_told_as_unknown() {
    let etcd = Etcd::start();
    let proxy = Proxy::start(etcd.address());
    let direct = engine(settings(&[etcd.address()])).await;
    let through = engine(impatient(settings(&[proxy.address()]))).await;
    proxy.hold_answers(true);
    assert!(outcome_unknown(put(&*through, "once", "").await));
    assert_eq!(version(&*direct, "once").await, 1);
    proxy.hold_answers(false);
    put_at_last(&*through, "after", "").await;
    assert_eq!(version(&*direct, "once").await, 1);
    // The same where the connection breaks instead.
    proxy.hold_answers(true);
    // It is on its way before anybody waits for it.
    let writing = through.put(PutRequest::new("broken", ""));
    while version(&*direct, "broken").await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    proxy.cut();
    assert!(outcome_unknown(writing.await.map(|response| response.revision)));
    proxy.hold_answers(false);
    put_at_last(&*through, "after", "").await;
    assert_eq!(version(&*direct, "broken").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_says_nothing_is_left_for_another() {
    let cluster = EtcdCluster::start();
    let proxies = cluster.addresses().map(Proxy::start);
    let through = engine(settings(&proxies.each_ref().map(Proxy::address))).await;
    let lease = through.lease_grant(LeaseGrantRequest::new(Duration::from_secs(5))).await.expect("grant").id;
    let mut watch = through.watch(WatchRequest::new(KeyRange::all(), Revision::ZERO)).await.expect("watch");
    for round in 0..3 {
        // Whichever it speaks to: all but one are silent, then another one.
        for (number, proxy) in proxies.iter().enumerate() {
            proxy.hold(number != round);
        }
        let began = Instant::now();
        through.lease_keep_alive(lease).await.expect("the lease is renewed in time");
        assert!(began.elapsed() < Duration::from_secs(5));
        through.range(RangeRequest::new(KeyRange::all())).await.expect("range");
        let written = put_at_last(&*through, "round", &round.to_string()).await;
        assert_eq!(next(&mut *watch).await.events[0].kv.mod_revision, written);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_without_a_leader_is_unavailable_in_bounded_time_and_comes_back() {
    let mut cluster = EtcdCluster::start();
    let engine = engine(impatient(settings(&cluster.addresses()))).await;
    let first = put(&*engine, "a", "1").await.expect("put");
    let mut watch = engine.watch(WatchRequest::new(KeyRange::all(), Revision::ZERO)).await.expect("watch");
    cluster.process(0).kill();
    let mut last = put_at_last(&*engine, "a", "2").await;
    assert!(last > first, "two of three are a majority");
    cluster.process(1).kill();
    for _ in 0..3 {
        let began = Instant::now();
        assert!(outcome_unknown(put(&*engine, "lost", "").await));
        assert!(engine.range(RangeRequest::new(KeyRange::all())).await.is_err());
        assert!(engine.status().await.is_err());
        assert!(began.elapsed() < Duration::from_secs(8), "requests of at most two seconds each");
    }
    cluster.start_again(0);
    cluster.start_again(1);
    let again = put_at_last(&*engine, "a", "3").await;
    let mut seen = Vec::new();
    while last < again {
        let events = next(&mut *watch).await.events;
        last = events.last().expect("no notice was asked for").kv.mod_revision;
        seen.extend(events);
    }
    let whole = revisions_until(&*engine, first.next(), again).await;
    assert_eq!(seen.iter().map(|event| event.kv.mod_revision).collect::<Vec<_>>(), whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_was_away_while_its_past_was_forgotten_says_so() {
    let etcd = Etcd::start();
    let proxy = Proxy::start(etcd.address());
    let direct = engine(settings(&[etcd.address()])).await;
    let through = engine(settings(&[proxy.address()])).await;
    let request = || WatchRequest::new(KeyRange::single("a"), Revision::ZERO);
    let mut watch = through.watch(request()).await.expect("watch");
    proxy.refuse(true);
    put(&*direct, "a", "1").await.expect("put");
    let last = put(&*direct, "a", "2").await.expect("put");
    direct.compact(CompactRequest::new(last)).await.expect("compact");
    proxy.refuse(false);
    let ended = tokio::time::timeout(PATIENCE, watch.next()).await.expect("in time");
    assert_eq!(ended, Err(WatchError::Compacted { compacted: last }));
    through.watch(request()).await.expect("a new one stands");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_watches_come_back_together() {
    const WATCHES: usize = 500;
    let etcd = Etcd::start();
    let proxy = Proxy::start(etcd.address());
    let direct = engine(settings(&[etcd.address()])).await;
    let through = engine(settings(&[proxy.address()])).await;
    let mut watches = Vec::new();
    for number in 0..WATCHES {
        let range = KeyRange::single(format!("key{number}"));
        watches.push(through.watch(WatchRequest::new(range, Revision::ZERO)).await.expect("watch"));
    }
    proxy.cut();
    for number in 0..WATCHES {
        put(&*direct, &format!("key{number}"), "").await.expect("put");
    }
    for (number, watch) in watches.iter_mut().enumerate() {
        let batch = next(&mut **watch).await;
        assert_eq!(batch.events.len(), 1);
        assert_eq!(batch.events[0].kv.key, format!("key{number}"));
    }
}
