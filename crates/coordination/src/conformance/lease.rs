//! What must hold of leases.

use std::time::{Duration, Instant};

use super::key;
use crate::{
    Coordination, EventKind, KeyRange, LEASE_TTL_MAX, LeaseGrantError, LeaseGrantRequest, LeaseId,
    LeaseKeepAliveError, LeaseRevokeError, LeaseTimeToLiveError, PutRequest, RangeRequest, WatchRequest,
};

async fn grant(engine: &dyn Coordination, seconds: u64) -> LeaseId {
    let request = LeaseGrantRequest::new(Duration::from_secs(seconds));
    let granted = engine.lease_grant(request).await.expect("grant");
    assert_ne!(granted.id, LeaseId::NONE);
    assert!(granted.ttl >= request.ttl);
    granted.id
}

async fn put(engine: &dyn Coordination, name: &str, lease: LeaseId) {
    engine.put(PutRequest::new(key(name), "").on_lease(lease)).await.expect("put");
}

async fn count(engine: &dyn Coordination) -> u64 {
    engine.range(RangeRequest::new(KeyRange::all())).await.expect("range").count
}

pub(super) async fn a_revoked_lease_takes_its_keys_in_one_revision(engine: &dyn Coordination) {
    let (lease, other) = (grant(engine, 100).await, grant(engine, 100).await);
    for name in ["a", "b", "c"] {
        put(engine, name, lease).await;
    }
    put(engine, "d", other).await;
    let before = engine.status().await.expect("status").revision;
    let mut watch = engine.watch(WatchRequest::new(KeyRange::all(), before.next())).await.expect("watch");
    let revoked = engine.lease_revoke(lease).await.expect("revoke");
    assert_eq!(revoked.revision, before.next());
    let batch = watch.next().await.expect("a batch");
    let seen: Vec<_> = batch.events.iter().map(|event| (event.kind, event.kv.mod_revision)).collect();
    assert_eq!(seen, [(EventKind::Delete, before.next()); 3]);
    assert_eq!(count(engine).await, 1);
    let empty = grant(engine, 100).await;
    assert_eq!(engine.lease_revoke(empty).await.expect("revoke").revision, before.next(), "wrote nothing");
}

pub(super) async fn a_key_hangs_on_the_lease_of_its_last_put(engine: &dyn Coordination) {
    let (first, second) = (grant(engine, 100).await, grant(engine, 200).await);
    for name in ["a", "b", "c"] {
        put(engine, name, first).await;
    }
    put(engine, "b", second).await;
    put(engine, "c", LeaseId::NONE).await;
    let keep = PutRequest { ignore_lease: true, ..PutRequest::new("a", "kept") };
    engine.put(keep).await.expect("put");
    let standing = engine.lease_time_to_live(first, true).await.expect("standing");
    assert_eq!(standing.keys, ["a"]);
    assert!(standing.granted_ttl == Duration::from_secs(100) && standing.ttl <= standing.granted_ttl);
    assert!(engine.lease_time_to_live(first, false).await.expect("standing").keys.is_empty());
    assert_eq!(engine.leases().await.expect("leases").leases, [first, second], "the next to end first");
    engine.lease_revoke(first).await.expect("revoke");
    assert_eq!(count(engine).await, 2);
    engine.lease_revoke(second).await.expect("revoke");
    assert_eq!(count(engine).await, 1);
}

pub(super) async fn a_lease_ends_when_nobody_renews_it(engine: &dyn Coordination) {
    let (kept, left) = (grant(engine, 2).await, grant(engine, 2).await);
    put(engine, "kept", kept).await;
    put(engine, "left", left).await;
    let mut watch = engine
        .watch(WatchRequest { no_put: true, ..WatchRequest::new(KeyRange::all(), Default::default()) })
        .await
        .expect("watch");
    let started = Instant::now();
    let renewing = async {
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(engine.lease_keep_alive(kept).await.expect("keep alive").ttl >= Duration::from_secs(2));
        }
    };
    let ended = tokio::select! {
        () = renewing => None,
        batch = watch.next() => Some(batch.expect("a batch")),
        () = tokio::time::sleep(Duration::from_secs(8)) => None,
    };
    let ended = ended.expect("the lease ends");
    assert!(started.elapsed() >= Duration::from_millis(1_900), "not before its time");
    assert_eq!(ended.events.len(), 1);
    assert_eq!(ended.events[0].kv.key.as_ref(), b"left");
    assert_eq!(engine.lease_keep_alive(left).await, Err(LeaseKeepAliveError::NotFound));
    assert_eq!(engine.leases().await.expect("leases").leases, [kept]);
}

pub(super) async fn what_is_wrong_with_a_lease_is_said(engine: &dyn Coordination) {
    let id = LeaseId(77);
    assert_eq!(engine.lease_revoke(id).await, Err(LeaseRevokeError::NotFound));
    assert_eq!(engine.lease_keep_alive(id).await, Err(LeaseKeepAliveError::NotFound));
    assert_eq!(engine.lease_time_to_live(id, true).await, Err(LeaseTimeToLiveError::NotFound));
    let request = LeaseGrantRequest { id, ..LeaseGrantRequest::new(Duration::from_secs(100)) };
    assert_eq!(engine.lease_grant(request).await.expect("grant").id, id);
    assert_eq!(engine.lease_grant(request).await, Err(LeaseGrantError::AlreadyExists));
    let ttl = LEASE_TTL_MAX + Duration::from_secs(1);
    let request = LeaseGrantRequest { id: LeaseId(78), ..LeaseGrantRequest::new(ttl) };
    assert_eq!(engine.lease_grant(request).await, Err(LeaseGrantError::TtlTooLarge));
    let request = LeaseGrantRequest { id: LeaseId(79), ..LeaseGrantRequest::default() };
    assert!(engine.lease_grant(request).await.expect("raised").ttl > Duration::ZERO);
}
