use std::time::Duration;

use hyrax_types::SystemClock;

use super::*;
use crate::{
    CompareOperator, CompareTarget, Embedded, EmbeddedSettings, SortOrder, SortTarget, WatchRequest,
};

const HIDDEN: LeaseId = LeaseId(7);

/// An engine with keys on both sides of the reserved ones, and what may be seen of it.
async fn with_keys() -> (Arc<dyn Coordination>, Visible) {
    let all: Arc<dyn Coordination> =
        Arc::new(Embedded::start(Arc::new(SystemClock), EmbeddedSettings::default()));
    let lease = LeaseGrantRequest { id: HIDDEN, ..LeaseGrantRequest::new(Duration::from_secs(100)) };
    all.lease_grant(lease).await.unwrap();
    for key in ["\0a", "\0hyrax/1", "\0hyrax/2", "\0hyrax0", "a", "b"] {
        all.put(PutRequest::new(key, key)).await.unwrap();
    }
    let visible = Visible::new(all.clone(), Box::new(|id| id == HIDDEN));
    (all, visible)
}

async fn read(visible: &Visible, request: RangeRequest) -> (Vec<String>, u64, bool) {
    let read = visible.range(request).await.unwrap();
    let keys = read.kvs.iter().map(|kv| String::from_utf8_lossy(&kv.key).into_owned()).collect();
    (keys, read.count, read.more)
}

fn keys(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[tokio::test]
async fn reserved_keys_are_passed_over_whatever_the_order_and_the_limit() {
    let (_, visible) = with_keys().await;
    let all = RangeRequest::new(KeyRange::all());
    let whole = keys(&["\0a", "\0hyrax0", "a", "b"]);
    assert_eq!(read(&visible, all.clone()).await, (whole.clone(), 4, false));
    let limited = RangeRequest { limit: 1, ..all.clone() };
    assert_eq!(read(&visible, limited).await, (keys(&["\0a"]), 4, true));
    let exact = RangeRequest { limit: 4, ..all.clone() };
    assert_eq!(read(&visible, exact).await, (whole, 4, false));
    let descending = RangeRequest { sort_order: SortOrder::Descending, limit: 3, ..all.clone() };
    assert_eq!(read(&visible, descending).await, (keys(&["b", "a", "\0hyrax0"]), 4, true));
    let latest = RangeRequest {
        sort_target: SortTarget::ModRevision,
        sort_order: SortOrder::Descending,
        limit: 1,
        ..all.clone()
    };
    assert_eq!(read(&visible, latest).await, (keys(&["b"]), 4, true));
    let counted = RangeRequest { count_only: true, ..all };
    assert_eq!(read(&visible, counted).await, (Vec::new(), 4, false));
    let from_inside = RangeRequest::new(KeyRange::between("\0hyrax/1", "b"));
    assert_eq!(read(&visible, from_inside).await, (keys(&["\0hyrax0", "a"]), 2, false));
    let to_inside = RangeRequest::new(KeyRange::between("\0", "\0hyrax/2"));
    assert_eq!(read(&visible, to_inside).await, (keys(&["\0a"]), 1, false));
    for inside in [
        KeyRange::single("\0hyrax/1"),
        KeyRange::prefix("\0hyrax/"),
        KeyRange::between("\0hyrax/1", "\0hyrax/9"),
    ] {
        assert_eq!(read(&visible, RangeRequest::new(inside)).await, (Vec::new(), 0, false));
    }
    let mut future = RangeRequest::new(KeyRange::all());
    future.revision = Revision::MAX;
    assert_eq!(visible.range(future.clone()).await, Err(RangeError::FutureRevision));
    future.range = KeyRange::single("\0hyrax/1");
    assert_eq!(visible.range(future.clone()).await, Err(RangeError::FutureRevision));
    future.range = KeyRange::from("");
    assert_eq!(visible.range(future).await, Err(RangeError::EmptyKey));
}

#[tokio::test]
async fn reserved_keys_are_neither_written_nor_deleted() {
    let (all, visible) = with_keys().await;
    assert_eq!(visible.put(PutRequest::new("\0hyrax/3", "")).await, Err(PutError::Reserved));
    let inside = DeleteRangeRequest::new(KeyRange::prefix("\0hyrax/"));
    assert_eq!(visible.delete_range(inside).await, Err(DeleteRangeError::Reserved));
    let everything = DeleteRangeRequest { prev_kv: true, ..DeleteRangeRequest::new(KeyRange::all()) };
    let deleted = visible.delete_range(everything).await.unwrap();
    assert_eq!((deleted.deleted, deleted.prev_kvs.len()), (4, 4));
    let left = all.range(RangeRequest::new(KeyRange::all())).await.unwrap();
    assert_eq!(left.count, 2);
    assert_eq!(deleted.revision, left.revision, "both parts go in one revision");
}

#[tokio::test]
async fn a_transaction_sees_and_does_the_same() {
    let (all, visible) = with_keys().await;
    let range = || Op::Range(RangeRequest::new(KeyRange::all()));
    let inner = TxnRequest { success: vec![range()], ..TxnRequest::default() };
    let request = TxnRequest {
        compare: vec![Compare::absent("\0hyrax/1")],
        success: vec![
            Op::Put(PutRequest::new("c", "")),
            range(),
            Op::Txn(inner),
            Op::DeleteRange(DeleteRangeRequest::new(KeyRange::between("\0", "a"))),
        ],
        failure: Vec::new(),
    };
    let response = visible.txn(request.clone()).await.unwrap();
    assert!(response.succeeded);
    let [OpResponse::Put(_), OpResponse::Range(read), OpResponse::Txn(inner), OpResponse::DeleteRange(gone)] =
        &response.responses[..]
    else {
        panic!("{response:?}");
    };
    assert_eq!((read.count, gone.deleted), (5, 2));
    assert_eq!(read.revision, response.revision);
    assert!(matches!(&inner.responses[..], [OpResponse::Range(read)] if read.count == 5), "{inner:?}");
    assert_eq!(all.range(RangeRequest::new(KeyRange::prefix("\0hyrax/"))).await.unwrap().count, 2);

    for op in [
        Op::Put(PutRequest::new("\0hyrax/1", "")),
        Op::DeleteRange(DeleteRangeRequest::new(KeyRange::single("\0hyrax/1"))),
    ] {
        let inner = TxnRequest { failure: vec![op.clone()], ..TxnRequest::default() };
        for op in [op, Op::Txn(inner)] {
            let request = TxnRequest { success: vec![op], ..TxnRequest::default() };
            assert_eq!(visible.txn(request).await, Err(TxnError::Reserved));
        }
    }
    let across = Compare {
        range: KeyRange::all(),
        operator: CompareOperator::Greater,
        target: CompareTarget::Version(0),
    };
    let request = TxnRequest { compare: vec![across], ..TxnRequest::default() };
    assert_eq!(visible.txn(request).await, Err(TxnError::Reserved));
}

#[tokio::test]
async fn a_watch_does_not_hear_of_reserved_keys() {
    let (all, visible) = with_keys().await;
    let mut everything = visible.watch(WatchRequest::new(KeyRange::all(), Revision::ZERO)).await.unwrap();
    let mut inside =
        visible.watch(WatchRequest::new(KeyRange::prefix("\0hyrax/"), Revision::ZERO)).await.unwrap();
    all.put(PutRequest::new("\0hyrax/3", "")).await.unwrap();
    let written = all.put(PutRequest::new("c", "")).await.unwrap();
    let batch = everything.next().await.unwrap();
    assert_eq!((batch.events.len(), batch.events[0].kv.mod_revision), (1, written.revision));
    inside.request_progress();
    let waited = tokio::time::timeout(Duration::from_secs(5), inside.next()).await.unwrap().unwrap();
    assert_eq!(waited.events, []);
}

#[tokio::test]
async fn a_hidden_lease_is_not_there() {
    let (_, visible) = with_keys().await;
    assert_eq!(visible.leases().await.unwrap().leases, []);
    assert_eq!(visible.lease_revoke(HIDDEN).await, Err(LeaseRevokeError::NotFound));
    assert_eq!(visible.lease_keep_alive(HIDDEN).await, Err(LeaseKeepAliveError::NotFound));
    assert_eq!(visible.lease_time_to_live(HIDDEN, true).await, Err(LeaseTimeToLiveError::NotFound));
    let put = PutRequest::new("a", "").on_lease(HIDDEN);
    assert_eq!(visible.put(put.clone()).await, Err(PutError::LeaseNotFound));
    let txn = TxnRequest { success: vec![Op::Put(put)], ..TxnRequest::default() };
    assert_eq!(visible.txn(txn).await, Err(TxnError::LeaseNotFound));
}
