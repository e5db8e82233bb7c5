//! Servers killed, connections cut, data lost: what an engine must make of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hyrax_coordination::{
    Compare, Coordination, DeleteRangeRequest, EventKind, KeyRange, LeaseGrantRequest, LeaseKeepAliveError,
    Op, PutError, PutRequest, RangeRequest, TxnRequest, Unavailable, WatchError, WatchRequest,
};
use hyrax_coordination_redis::{ConnectError, RedisCoordination};
use hyrax_tests::peers::{Redis, RedisCluster};
use hyrax_tests::proxy::Proxy;
use hyrax_tests::resp::words;
use hyrax_types::Revision;

use crate::stage::{PATIENCE, engine, next, put, settings};

fn outcome_unknown(result: Result<Revision, PutError>) -> bool {
    matches!(result, Err(PutError::Unavailable(Unavailable::Other { .. })))
}

async fn version(engine: &dyn Coordination, key: &'static str) -> u64 {
    let response = engine.range(RangeRequest::new(KeyRange::single(key))).await.expect("range");
    response.kvs.first().map_or(0, |kv| kv.version)
}

async fn put_at_last(engine: &dyn Coordination, key: &str, value: &str) -> Revision {
    let began = Instant::now();
    loop {
        match put(engine, key, value).await {
            Ok(revision) => return revision,
            Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_sees_every_revision_once_over_cut_connections() {
    let redis = Redis::start();
    let proxy = Arc::new(Proxy::start(redis.address()));
    let direct = engine(settings(redis.address())).await;
    let through = engine(settings(proxy.address())).await;
    let first = put(&*direct, "begin", "").await.expect("put");
    let mut watch = through.watch(WatchRequest::new(KeyRange::all(), Revision::ZERO)).await.expect("watch");
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
async fn a_write_whose_answer_is_lost_is_done_once_and_told_as_unknown() {
    let redis = Redis::start();
    let proxy = Proxy::start(redis.address());
    let direct = engine(settings(redis.address())).await;
    let url = format!("redis://{}?timeout=1s&connect_timeout=500ms", proxy.address());
    let through = engine(url.parse().expect("a URL")).await;
    proxy.hold_answers(true);
    let began = Instant::now();
    assert!(outcome_unknown(put(&*through, "once", "").await));
    assert!(began.elapsed() < Duration::from_secs(3));
    assert_eq!(version(&*direct, "once").await, 1);
    assert!(through.range(RangeRequest::new(KeyRange::all())).await.is_err());
    proxy.hold_answers(false);
    put_at_last(&*through, "after", "").await;
    assert_eq!(version(&*direct, "once").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_lost_everything_is_not_taken_for_the_one_it_was() {
    let redis = Redis::start();
    let engine = engine(settings(redis.address())).await;
    let before = put(&*engine, "a", "1").await.expect("put");
    let lease = engine.lease_grant(LeaseGrantRequest::new(Duration::from_secs(60))).await.expect("grant").id;
    let mut watch = engine.watch(WatchRequest::new(KeyRange::all(), Revision::ZERO)).await.expect("watch");
    redis.client().run(&words("FLUSHALL"));
    let after = put_at_last(&*engine, "a", "2").await;
    assert!(after > before, "no revision is met again");
    assert_eq!(version(&*engine, "a").await, 1);
    assert_eq!(engine.lease_keep_alive(lease).await, Err(LeaseKeepAliveError::NotFound));
    let ended = tokio::time::timeout(PATIENCE, watch.next()).await.expect("in time");
    assert!(matches!(ended, Err(WatchError::Compacted { .. })), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_outlive_a_time_in_which_nobody_could_renew_them() {
    let mut redis = Redis::start();
    let engine = engine(settings(redis.address())).await;
    let lease = engine.lease_grant(LeaseGrantRequest::new(Duration::from_secs(3))).await.expect("grant").id;
    redis.process().pause();
    tokio::time::sleep(Duration::from_secs(5)).await;
    redis.process().resume();
    engine.lease_keep_alive(lease).await.expect("the lease lives");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_of_thousands_of_events_is_seen_whole() {
    const KEYS: usize = 3_000;
    let redis = Redis::start();
    let (one, other) = (engine(settings(redis.address())).await, engine(settings(redis.address())).await);
    for begin in (0..KEYS).step_by(100) {
        let write = |number| Op::Put(PutRequest::new(format!("key{number:05}"), "v"));
        let success = (begin..begin + 100).map(write).collect();
        one.txn(TxnRequest { success, ..TxnRequest::default() }).await.expect("txn");
    }
    let mut live = other.watch(WatchRequest::new(KeyRange::all(), Revision::ZERO)).await.expect("watch");
    let before = one.status().await.expect("status").revision;
    let gone = one.delete_range(DeleteRangeRequest::new(KeyRange::all())).await.expect("delete");
    assert_eq!((gone.deleted, gone.revision), (KEYS as u64, before.next()));
    let mut past = other.watch(WatchRequest::new(KeyRange::all(), gone.revision)).await.expect("watch");
    for watch in [&mut live, &mut past] {
        let batch = next(&mut **watch).await;
        assert_eq!(batch.events.len(), KEYS);
        assert!(batch.events.iter().all(|event| event.kind == EventKind::Delete));
    }
    let then = RangeRequest { revision: before, limit: 10, ..RangeRequest::new(KeyRange::all()) };
    let then = one.range(then).await.expect("range");
    assert_eq!((then.count, then.kvs.len(), then.more), (KEYS as u64, 10, true));
    assert_eq!(then.kvs[9].key, "key00009");
}

#[tokio::test(flavor = "multi_thread")]
async fn engines_that_write_at_once_never_both_win() {
    const ROUNDS: usize = 200;
    let redis = Redis::start();
    let engines = [engine(settings(redis.address())).await, engine(settings(redis.address())).await];
    let claims = engines.map(|engine| {
        tokio::spawn(async move {
            let mut won = 0;
            for round in 0..ROUNDS {
                let key = format!("round{round}");
                let claim = TxnRequest {
                    compare: vec![Compare::absent(key.clone())],
                    success: vec![Op::Put(PutRequest::new(key, ""))],
                    failure: Vec::new(),
                };
                won += usize::from(engine.txn(claim).await.expect("txn").succeeded);
            }
            won
        })
    });
    let [one, other] = claims;
    assert_eq!(one.await.expect("no panic") + other.await.expect("no panic"), ROUNDS);
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_do_not_meet() {
    let redis = Redis::start();
    let of = async |name: &str| {
        let url = format!("redis://{}?namespace={name}", redis.address());
        engine(url.parse().expect("a URL")).await
    };
    let (one, other) = (of("one").await, of("other").await);
    put(&*one, "a", "1").await.expect("put");
    assert_eq!((version(&*one, "a").await, version(&*other, "a").await), (1, 0));
    assert_ne!(one.namespace_id(), other.namespace_id());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_is_followed_when_its_slot_moves() {
    let cluster = RedisCluster::start();
    let engine = engine(cluster.url().parse().expect("a URL")).await;
    let before = put(&*engine, "a", "1").await.expect("put");
    let mut watch = engine.watch(WatchRequest::new(KeyRange::all(), Revision::ZERO)).await.expect("watch");
    let slot = cluster.slot("{hyrax}");
    let to = (cluster.owner(slot) + 1) % 3;
    tokio::task::block_in_place(|| cluster.move_slot(slot, to));
    assert_eq!(put_at_last(&*engine, "a", "2").await, before.next(), "the same key space, elsewhere");
    assert_eq!(next(&mut *watch).await.events[0].kv.mod_revision, before.next());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_at_once() {
    let redis = Redis::start();
    redis.client().run(&words("CONFIG SET requirepass secret"));
    let url = |login: &str| format!("redis://{login}{}", redis.address()).parse().expect("a URL");
    put(&*engine(url(":secret@")).await, "a", "1").await.expect("put");
    for login in ["", ":wrong@"] {
        let began = Instant::now();
        let error = RedisCoordination::connect(url(login)).await.err().expect("a refusal");
        assert!(matches!(error, ConnectError::Refused(_)), "{error}");
        assert!(began.elapsed() < Duration::from_secs(2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_refuses_puts_and_goes_on_otherwise() {
    let redis = Redis::start();
    let engine = engine(settings(redis.address())).await;
    put(&*engine, "a", "1").await.expect("put");
    let lease = engine.lease_grant(LeaseGrantRequest::new(Duration::from_secs(60))).await.expect("grant").id;
    redis.client().run(&words("CONFIG SET maxmemory 1"));
    assert_eq!(put(&*engine, "b", "1").await, Err(PutError::Unavailable(Unavailable::NoSpace)));
    assert_eq!(version(&*engine, "a").await, 1);
    engine.lease_keep_alive(lease).await.expect("renewed");
    let gone = engine.delete_range(DeleteRangeRequest::new(KeyRange::all())).await.expect("delete");
    assert_eq!(gone.deleted, 1);
    redis.client().run(&words("CONFIG SET maxmemory 0"));
    put(&*engine, "b", "1").await.expect("there is room again");
}
