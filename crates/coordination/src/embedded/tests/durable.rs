//! The engine over a journal: what is on disk, what is seen before it is, and what a start makes of it.

use std::sync::Arc;
use std::time::Duration;

use hyrax_journal::disk::{Operation, Refusal, SimulatedDisk};
use hyrax_journal::{Disk, JournalSettings, RealDisk};
use hyrax_types::{Revision, SystemClock};

use crate::conformance;
use crate::embedded::{Embedded, EmbeddedSettings, Recovery};
use crate::{
    Alarm, CompactRequest, Compare, Coordination, DeleteRangeRequest, EventKind, KeyRange, LeaseGrantRequest,
    LeaseId, LeaseKeepAliveError, Op, PutError, PutRequest, RangeError, RangeRequest, TxnRequest,
    Unavailable, WatchError, WatchRequest,
};

pub(super) fn journal_settings() -> JournalSettings {
    JournalSettings { segment_bytes: 64 * 1024, ..JournalSettings::new(7) }
}

pub(super) fn open(disk: Arc<dyn Disk>) -> (Embedded, Recovery) {
    let settings = EmbeddedSettings::default();
    Embedded::open(Arc::new(SystemClock), settings, disk, journal_settings()).expect("opened")
}

fn owned(ttl_s: u64) -> LeaseGrantRequest {
    LeaseGrantRequest { dies_with_process: true, ..LeaseGrantRequest::new(Duration::from_secs(ttl_s)) }
}

async fn put(engine: &Embedded, key: &'static str, value: &'static str) -> Revision {
    engine.put(PutRequest::new(key, value)).await.expect("put").revision
}

async fn names(engine: &Embedded) -> Vec<String> {
    let all = engine.range(RangeRequest::new(KeyRange::all())).await.expect("range");
    all.kvs.iter().map(|kv| String::from_utf8_lossy(&kv.key).into_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_simulated_disk_it_conforms() {
    conformance::run(Arc::new(open(Arc::new(SimulatedDisk::new())).0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_real_disk_it_conforms() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = Arc::new(RealDisk::open(directory.path()).expect("the disk"));
    conformance::run(Arc::new(open(disk).0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_runtime_syncs_it_conforms() {
    let settings = EmbeddedSettings { syncs_in_runtime: true, ..EmbeddedSettings::default() };
    let disk = Arc::new(SimulatedDisk::new());
    let opened = Embedded::open(Arc::new(SystemClock), settings, disk, journal_settings());
    let (engine, _) = opened.expect("opened");
    // The disk is found to be quick.
    for _ in 0..100 {
        put(&engine, "a", "1").await;
    }
    conformance::run(Arc::new(engine)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_after_a_clean_end() {
    let disk = SimulatedDisk::new();
    let (engine, recovery) = open(Arc::new(disk.clone()));
    assert!(recovery.clean && recovery.revision == Revision(1), "{recovery}");
    let lease = engine.lease_grant(LeaseGrantRequest::new(Duration::from_secs(100))).await.expect("grant").id;
    put(&engine, "a", "1").await;
    engine.put(PutRequest::new("b", "2").on_lease(lease)).await.expect("put");
    let third = put(&engine, "a", "3").await;
    engine.delete_range(DeleteRangeRequest::new(KeyRange::single("c"))).await.expect("nothing");
    let before = engine.range(RangeRequest::new(KeyRange::all())).await.expect("range");
    engine.close().expect("closed");
    assert_eq!(engine.put(PutRequest::new("d", "")).await, Err(PutError::Unavailable(Unavailable::Stopped)));
    drop(engine);

    let (engine, recovery) = open(Arc::new(disk));
    assert!(recovery.clean && recovery.jumped_from.is_none(), "{recovery}");
    assert_eq!((recovery.keys, recovery.leases, recovery.revision), (2, 1, third));
    assert_eq!(engine.range(RangeRequest::new(KeyRange::all())).await.expect("range"), before);
    let past = RangeRequest { revision: Revision(2), ..RangeRequest::new(KeyRange::all()) };
    assert_eq!(engine.range(past).await.expect("the past too").count, 1);
    let standing = engine.lease_time_to_live(lease, true).await.expect("the lease");
    assert_eq!(standing.keys, ["b"]);
    assert!(standing.ttl > Duration::from_secs(99), "its full time again");
    let mut watch = engine.watch(WatchRequest::new(KeyRange::all(), Revision(2))).await.expect("watch");
    assert_eq!(watch.next().await.expect("the history").events.len(), 3);
    assert_eq!(put(&engine, "d", "").await, third.next());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_holds_the_state_and_its_history() {
    let disk = SimulatedDisk::new();
    let (engine, _) = open(Arc::new(disk.clone()));
    let lease = engine.lease_grant(LeaseGrantRequest::new(Duration::from_secs(100))).await.expect("grant").id;
    for i in 0..2_000 {
        engine.put(PutRequest::new(format!("{}", i % 700), format!("{i}"))).await.expect("put");
    }
    engine.put(PutRequest::new("leased", "").on_lease(lease)).await.expect("put");
    engine.delete_range(DeleteRangeRequest::new(KeyRange::prefix("1"))).await.expect("delete");
    engine.compact(CompactRequest::new(Revision(1_500))).await.expect("compact");
    engine.save_snapshot().expect("a snapshot");
    let after = put(&engine, "after", "").await;
    let all = RangeRequest::new(KeyRange::all());
    let requests: Vec<_> = [1_500, 1_501, 1_999, 2_002, 2_003, after.0]
        .map(|at| RangeRequest { revision: Revision(at), ..all.clone() })
        .into();
    let mut before = Vec::new();
    for request in &requests {
        before.push(engine.range(request.clone()).await.expect("range"));
    }
    let hash = engine.maintenance().expect("maintenance").hash_kv(Revision::ZERO).await.expect("hash");
    drop(engine);

    let (engine, recovery) = open(Arc::new(disk));
    assert!(recovery.records <= 2, "{recovery}");
    assert!(!recovery.clean);
    let jumped = engine.status().await.expect("status").revision;
    assert!(jumped > after);
    for (request, before) in requests.iter().zip(before) {
        let found = engine.range(request.clone()).await.expect("range");
        assert_eq!(found.kvs, before.kvs);
        assert_eq!(found.count, before.count);
    }
    let gone = RangeRequest { revision: Revision(1_499), ..all };
    assert_eq!(engine.range(gone).await, Err(RangeError::Compacted));
    let standing = engine.lease_time_to_live(lease, true).await.expect("the lease");
    assert_eq!(standing.keys, ["leased"]);
    let mut watch = engine.watch(WatchRequest::new(KeyRange::all(), Revision(1_500))).await.expect("watch");
    let mut seen = Vec::new();
    while seen.last() != Some(&after) {
        seen.extend(watch.next().await.expect("events").events.iter().map(|event| event.kv.mod_revision));
    }
    seen.dedup();
    assert_eq!(seen, (1_500..=after.0).map(Revision).collect::<Vec<_>>(), "every revision from there on");
    let again = engine.maintenance().expect("maintenance").hash_kv(after).await.expect("hash");
    assert_eq!((again.hash, again.compacted), (hash.hash, hash.compacted));
}

/// A disk whose syncs wait until they are let go.
fn held(disk: &SimulatedDisk) -> Arc<std::sync::atomic::AtomicBool> {
    let hold = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let held = Arc::clone(&hold);
    disk.observe(Arc::new(move |_, operation| {
        while operation == Operation::Sync && held.load(std::sync::atomic::Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }));
    hold
}

fn set(hold: &std::sync::atomic::AtomicBool, to: bool) {
    hold.store(to, std::sync::atomic::Ordering::SeqCst);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_seen_before_it_is_synced() {
    let disk = SimulatedDisk::new();
    let hold = held(&disk);
    let (engine, _) = open(Arc::new(disk.clone()));
    let first = put(&engine, "a", "1").await;
    let mut watch = engine.watch(WatchRequest::new(KeyRange::all(), Revision::ZERO)).await.expect("watch");
    set(&hold, true);
    let mut second = engine.put(PutRequest::new("a", "2"));
    let patience = Duration::from_millis(50);
    assert!(tokio::time::timeout(patience, &mut second).await.is_err(), "the writer waits");
    assert!(tokio::time::timeout(patience, watch.next()).await.is_err(), "and so do watches");
    let read = engine.range(RangeRequest::new(KeyRange::single("a"))).await.expect("reads do not wait");
    assert_eq!((read.revision, read.kvs[0].value.as_ref()), (first, &b"1"[..]));
    let reading = TxnRequest {
        compare: vec![Compare::unchanged_since("a", first)],
        success: vec![Op::Range(RangeRequest::new(KeyRange::all()))],
        failure: Vec::new(),
    };
    let read = engine.txn(reading.clone()).await.expect("nor does a transaction that only reads");
    assert!(read.succeeded && read.revision == first);
    let past = RangeRequest { revision: first.next(), ..RangeRequest::new(KeyRange::all()) };
    assert_eq!(engine.range(past).await, Err(RangeError::FutureRevision));
    assert_eq!(engine.status().await.expect("status").revision, first);
    let failing = TxnRequest { success: vec![Op::Put(PutRequest::new("b", ""))], ..reading };
    let mut failing = engine.txn(failing);
    assert!(tokio::time::timeout(patience, &mut failing).await.is_err(), "it saw what is not synced");
    set(&hold, false);
    assert_eq!(second.await.expect("put").revision, first.next());
    assert!(!failing.await.expect("txn").succeeded);
    assert_eq!(watch.next().await.expect("the event").revision, first.next());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_dies_with_the_process_waits_for_nobody_but_what_came_before() {
    let disk = SimulatedDisk::new();
    let hold = held(&disk);
    let (engine, _) = open(Arc::new(disk.clone()));
    let first = put(&engine, "kept", "1").await;
    let mut watch = engine.watch(WatchRequest::new(KeyRange::all(), Revision::ZERO)).await.expect("watch");
    set(&hold, true);
    let lease = engine.lease_grant(owned(60)).await.expect("granted at once").id;
    engine.put(PutRequest::new("mine", "").on_lease(lease)).await.expect("put at once");
    assert_eq!(watch.next().await.expect("told at once").revision, first.next());
    engine.delete_range(DeleteRangeRequest::new(KeyRange::single("mine"))).await.expect("deleted at once");
    let patience = Duration::from_millis(50);
    let over = engine.put(PutRequest::new("kept", "2").on_lease(lease));
    assert!(tokio::time::timeout(patience, over).await.is_err(), "what it takes the place of must last");
    let behind = engine.put(PutRequest::new("mine", "").on_lease(lease));
    assert!(tokio::time::timeout(patience, behind).await.is_err(), "what came before must last");
    set(&hold, false);
    let revoked = engine.lease_revoke(lease).await.expect("revoked").revision;
    assert_eq!(revoked, Revision(first.0 + 5));
    assert_eq!(names(&engine).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_shown_is_never_used_again() {
    let disk = SimulatedDisk::new();
    let hold = held(&disk);
    let (engine, _) = open(Arc::new(disk.clone()));
    let lost = engine.lease_grant(owned(60)).await.expect("granted").id;
    engine.put(PutRequest::new("recovered", "").on_lease(lost)).await.expect("put");
    let last = put(&engine, "kept", "").await;
    set(&hold, true);
    let shown = engine.put(PutRequest::new("lost", "").on_lease(lost)).await.expect("put").revision;
    let crashed = (0..).map(|seed| disk.crash(seed));
    set(&hold, false);
    drop(engine);
    // One of the crashes loses what was not synced.
    for disk in crashed.take(20) {
        let (engine, recovery) = open(Arc::new(disk));
        assert_eq!(recovery.ended_leases, 1, "{recovery}");
        assert_eq!(names(&engine).await, ["kept"]);
        assert_eq!(engine.lease_keep_alive(lost).await, Err(LeaseKeepAliveError::NotFound));
        let found = recovery.jumped_from.expect("an unclean end");
        assert!(found == last || found == shown);
        let from = |revision| engine.watch(WatchRequest::new(KeyRange::all(), revision));
        let mut resumed = from(found.next()).await.expect("nothing after it was found, so nothing is missed");
        let batch = resumed.next().await.expect("events");
        assert!(batch.events.iter().all(|event| event.kind == EventKind::Delete));
        assert!(batch.events[0].kv.mod_revision > Revision(shown.0 + 1_000));
        let compacted = match from(found.next().next()).await.err() {
            Some(WatchError::Compacted { compacted }) => compacted,
            other => panic!("it may have seen what is lost: {other:?}"),
        };
        assert!(from(compacted).await.is_ok());
        let at = RangeRequest { revision: found.next(), ..RangeRequest::new(KeyRange::all()) };
        assert_eq!(engine.range(at).await, Err(RangeError::Compacted));
        assert!(put(&engine, "new", "").await > shown);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_and_recovers_by_itself() {
    let disk = SimulatedDisk::new();
    let (engine, _) = open(Arc::new(disk.clone()));
    put(&engine, "a", "1").await;
    disk.set_capacity(Some(disk.used()));
    let refused = loop {
        if let Err(error) = engine.put(PutRequest::new("b", vec![b'x'; 10_000])).await {
            break error;
        }
    };
    assert_eq!(refused, PutError::Unavailable(Unavailable::NoSpace));
    assert_eq!(refused.to_string(), "etcdserver: mvcc: database space exceeded");
    let maintenance = engine.maintenance().expect("maintenance");
    assert_eq!(maintenance.alarms(), [Alarm::NoSpace]);
    assert_eq!(names(&engine).await, ["a", "b"]);
    disk.set_capacity(None);
    while !maintenance.alarms().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    engine.put(PutRequest::new("c", vec![b'x'; 100_000])).await.expect("there is room again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_stops_writes_and_shows_nothing_more() {
    let disk = SimulatedDisk::new();
    let (engine, _) = open(Arc::new(disk.clone()));
    let first = put(&engine, "a", "1").await;
    disk.refuse(Operation::Sync, 1, Refusal::InputOutput);
    let refused = engine.put(PutRequest::new("a", "2")).await;
    assert!(matches!(refused, Err(PutError::Unavailable(Unavailable::Other { .. }))), "{refused:?}");
    assert!(engine.put(PutRequest::new("a", "3")).await.is_err());
    assert!(engine.lease_revoke(LeaseId(1)).await.is_err());
    let read = engine.range(RangeRequest::new(KeyRange::all())).await.expect("reads go on");
    assert_eq!((read.revision, read.kvs[0].value.as_ref()), (first, &b"1"[..]));
    assert_eq!(engine.maintenance().expect("maintenance").alarms(), [Alarm::Corrupt]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_happens_whether_its_answer_is_awaited_or_not() {
    let disk = SimulatedDisk::new();
    let (engine, _) = open(Arc::new(disk.clone()));
    for i in 0..100 {
        drop(engine.put(PutRequest::new(format!("{i:02}"), "")));
    }
    let last = put(&engine, "last", "").await;
    assert_eq!(last, Revision(102));
    assert_eq!(names(&engine).await.len(), 101);
}
