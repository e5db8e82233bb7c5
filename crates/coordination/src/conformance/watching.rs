//! What must hold of watches.

use std::time::Duration;

use hyrax_types::Revision;

use super::key;
use crate::{
    CompactRequest, Coordination, DeleteRangeRequest, Event, EventKind, KeyRange, Op, PutRequest, TxnRequest,
    WatchBatch, WatchError, WatchRequest, WatchStream,
};

/// More than any engine queues for one watch.
const MANY: usize = 3_000;

async fn put(engine: &dyn Coordination, name: &str) -> Revision {
    engine.put(PutRequest::new(key(name), "1")).await.expect("put").revision
}

async fn delete(engine: &dyn Coordination, name: &str) -> Revision {
    let request = DeleteRangeRequest::new(KeyRange::single(key(name)));
    engine.delete_range(request).await.expect("delete").revision
}

async fn watch(engine: &dyn Coordination, request: WatchRequest) -> Box<dyn WatchStream> {
    engine.watch(request).await.expect("watch")
}

async fn next(watch: &mut dyn WatchStream) -> WatchBatch {
    tokio::time::timeout(Duration::from_secs(10), watch.next()).await.expect("in time").expect("it stands")
}

/// The next `count` events.
async fn take(watch: &mut dyn WatchStream, count: usize) -> Vec<Event> {
    let mut events = Vec::new();
    while events.len() < count {
        let batch = next(watch).await;
        let last = batch.events.last().map(|event| event.kv.mod_revision);
        assert!(last.is_none_or(|last| last <= batch.revision), "a batch says how far it goes");
        events.extend(batch.events);
    }
    assert_eq!(events.len(), count);
    events
}

fn told(events: &[Event]) -> Vec<(EventKind, &str, Revision)> {
    events
        .iter()
        .map(|event| (event.kind, std::str::from_utf8(&event.kv.key).expect("a name"), event.kv.mod_revision))
        .collect()
}

pub(super) async fn a_watch_sees_what_happens_from_now_from_then_and_from_later(engine: &dyn Coordination) {
    use EventKind::{Delete, Put};
    let first = put(engine, "a").await;
    let second = delete(engine, "a").await;
    let all = |revision| WatchRequest::new(KeyRange::all(), revision);
    let mut from_now = watch(engine, all(Revision::ZERO)).await;
    let mut from_then = watch(engine, all(second)).await;
    let mut from_later = watch(engine, all(Revision(second.0 + 2))).await;
    let third = put(engine, "b").await;
    let fourth = put(engine, "c").await;
    assert_eq!(told(&take(&mut *from_now, 2).await), [(Put, "b", third), (Put, "c", fourth)]);
    let seen = take(&mut *from_then, 3).await;
    assert_eq!(told(&seen), [(Delete, "a", second), (Put, "b", third), (Put, "c", fourth)]);
    assert_eq!(told(&take(&mut *from_later, 1).await), [(Put, "c", fourth)]);
    let mut from_first = watch(engine, all(first)).await;
    assert_eq!(take(&mut *from_first, 4).await[0].kv.version, 1);
}

pub(super) async fn a_watch_sees_its_keys_and_kinds_only(engine: &dyn Coordination) {
    use EventKind::{Delete, Put};
    let request = |range| WatchRequest::new(range, Revision::ZERO);
    let mut single = watch(engine, request(KeyRange::single("b"))).await;
    let mut prefix = watch(engine, WatchRequest { no_delete: true, ..request(KeyRange::prefix("b")) }).await;
    let mut open = watch(engine, WatchRequest { no_put: true, ..request(KeyRange::from("bb")) }).await;
    let mut before = watch(engine, WatchRequest { prev_kv: true, ..request(KeyRange::all()) }).await;
    assert!(matches!(
        engine.watch(request(KeyRange::between("z", "a"))).await.err(),
        Some(WatchError::EmptyRange)
    ));
    let mut at = Vec::new();
    for name in ["a", "b", "bb", "c"] {
        at.push(put(engine, name).await);
    }
    for name in ["a", "b", "bb", "c"] {
        at.push(delete(engine, name).await);
    }
    assert_eq!(told(&take(&mut *single, 2).await), [(Put, "b", at[1]), (Delete, "b", at[5])]);
    assert_eq!(told(&take(&mut *prefix, 2).await), [(Put, "b", at[1]), (Put, "bb", at[2])]);
    assert_eq!(told(&take(&mut *open, 2).await), [(Delete, "bb", at[6]), (Delete, "c", at[7])]);
    let all = take(&mut *before, 8).await;
    assert!(all[..4].iter().all(|event| event.prev_kv.is_none()));
    assert!(all[4..].iter().all(|event| event.prev_kv.as_ref().is_some_and(|kv| kv.value == "1")));
}

pub(super) async fn a_revision_is_never_split(engine: &dyn Coordination) {
    let mut behind = watch(engine, WatchRequest::new(KeyRange::all(), Revision::ZERO)).await;
    let writes = |round: usize| TxnRequest {
        success: (0..100).map(|i| Op::Put(PutRequest::new(format!("{i:03}"), format!("{round}")))).collect(),
        ..TxnRequest::default()
    };
    let rounds = MANY / 100;
    for round in 0..rounds {
        engine.txn(writes(round)).await.expect("txn");
    }
    let mut seen = 0;
    while seen < rounds * 100 {
        let batch = next(&mut *behind).await;
        assert_eq!(batch.events.len() % 100, 0, "whole revisions");
        for revision in batch.events.chunks(100) {
            assert!(revision.iter().all(|event| event.kv.mod_revision == revision[0].kv.mod_revision));
        }
        seen += batch.events.len();
    }
}

pub(super) async fn a_watch_that_is_not_read_misses_nothing(engine: &dyn Coordination) {
    let mut single = watch(engine, WatchRequest::new(KeyRange::single("hot"), Revision::ZERO)).await;
    let mut all = watch(engine, WatchRequest::new(KeyRange::all(), Revision::ZERO)).await;
    let mut at = Vec::new();
    for i in 0..MANY {
        at.push(put(engine, if i % 2 == 0 { "hot" } else { "cold" }).await);
    }
    let revisions = |events: &[Event]| events.iter().map(|event| event.kv.mod_revision).collect::<Vec<_>>();
    assert_eq!(revisions(&take(&mut *all, MANY).await), at);
    let hot: Vec<_> = at.iter().copied().step_by(2).collect();
    assert_eq!(revisions(&take(&mut *single, MANY / 2).await), hot);
    let next = put(engine, "hot").await;
    assert_eq!(revisions(&take(&mut *single, 1).await), [next], "it has caught up");
}

pub(super) async fn a_watch_of_the_forgotten_says_so(engine: &dyn Coordination) {
    let first = put(engine, "a").await;
    let second = put(engine, "a").await;
    put(engine, "a").await;
    engine.compact(CompactRequest::new(second)).await.expect("compact");
    let request = |revision| WatchRequest::new(KeyRange::all(), revision);
    let error = match engine.watch(request(first)).await {
        Ok(mut watch) => watch.next().await.expect_err("compacted"),
        Err(error) => error,
    };
    assert_eq!(error, WatchError::Compacted { compacted: second });
    let mut from_there = watch(engine, request(second)).await;
    assert_eq!(take(&mut *from_there, 2).await[0].kv.mod_revision, second);
}

pub(super) async fn progress_is_told_when_asked_for(engine: &dyn Coordination) {
    let mut quiet = watch(engine, WatchRequest::new(KeyRange::single("quiet"), Revision::ZERO)).await;
    put(engine, "quiet").await;
    let last = put(engine, "loud").await;
    quiet.request_progress();
    assert_eq!(take(&mut *quiet, 1).await.len(), 1, "what is pending comes first");
    let progress = next(&mut *quiet).await;
    assert_eq!((progress.revision, progress.events), (last, Vec::new()));
}
