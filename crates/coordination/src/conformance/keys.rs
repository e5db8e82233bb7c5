//! What must hold of keys, ranges and transactions.

use hyrax_types::Revision;

use super::key;
use crate::{
    CompactError, CompactRequest, Compare, CompareOperator, CompareTarget, Coordination, DeleteRangeError,
    DeleteRangeRequest, KeyRange, LeaseId, Op, OpResponse, PutError, PutRequest, RangeError, RangeRequest,
    RangeResponse, SortOrder, SortTarget, TxnError, TxnRequest,
};

async fn put(engine: &dyn Coordination, name: &str, value: &'static str) -> Revision {
    engine.put(PutRequest::new(key(name), value)).await.expect("put").revision
}

async fn range(engine: &dyn Coordination, request: RangeRequest) -> RangeResponse {
    engine.range(request).await.expect("range")
}

fn names(response: &RangeResponse) -> Vec<&str> {
    response.kvs.iter().map(|kv| std::str::from_utf8(&kv.key).expect("a name")).collect()
}

pub(super) async fn a_revision_is_taken_by_what_writes_and_by_nothing_else(engine: &dyn Coordination) {
    let first = put(engine, "a", "1").await;
    let second = put(engine, "a", "1").await;
    assert_eq!(second, first.next(), "the same value written is a write");
    let nothing = engine.delete_range(DeleteRangeRequest::new(KeyRange::single("x"))).await.expect("delete");
    assert_eq!((nothing.deleted, nothing.revision), (0, second));
    let reading =
        TxnRequest { success: vec![Op::Range(RangeRequest::new(KeyRange::all()))], ..TxnRequest::default() };
    assert_eq!(engine.txn(reading).await.expect("txn").revision, second);
    let writing = TxnRequest {
        success: ["b", "c", "d"].map(|name| Op::Put(PutRequest::new(key(name), "1"))).to_vec(),
        ..TxnRequest::default()
    };
    assert_eq!(engine.txn(writing).await.expect("txn").revision, second.next());
    let all = range(engine, RangeRequest::new(KeyRange::all())).await;
    assert_eq!(all.revision, second.next());
    let marks: Vec<_> = all.kvs.iter().map(|kv| (kv.create_revision, kv.mod_revision, kv.version)).collect();
    let third = second.next();
    assert_eq!(marks, [(first, second, 2), (third, third, 1), (third, third, 1), (third, third, 1)]);
    let gone = engine.delete_range(DeleteRangeRequest::new(KeyRange::all())).await.expect("delete");
    assert_eq!((gone.deleted, gone.revision), (4, third.next()));
    let again = put(engine, "a", "1").await;
    let kv = &range(engine, RangeRequest::new(KeyRange::single("a"))).await.kvs[0];
    assert_eq!((kv.create_revision, kv.version), (again, 1), "a deletion starts the count anew");
}

pub(super) async fn a_put_answers_and_keeps_what_it_is_told_to(engine: &dyn Coordination) {
    put(engine, "a", "1").await;
    let request = PutRequest { prev_kv: true, ..PutRequest::new("a", "2") };
    let before = engine.put(request).await.expect("put").prev_kv.expect("was there");
    assert_eq!((before.value.as_ref(), before.version), (&b"1"[..], 1));
    let request = PutRequest { prev_kv: true, ..PutRequest::new("new", "") };
    assert_eq!(engine.put(request).await.expect("put").prev_kv, None);
    let request = PutRequest { ignore_value: true, ..PutRequest::new("a", "") };
    engine.put(request).await.expect("put");
    let kv = &range(engine, RangeRequest::new(KeyRange::single("a"))).await.kvs[0];
    assert_eq!((kv.value.as_ref(), kv.version), (&b"2"[..], 3));
    let request = DeleteRangeRequest { prev_kv: true, ..DeleteRangeRequest::new(KeyRange::prefix("a")) };
    let gone = engine.delete_range(request).await.expect("delete");
    assert_eq!(gone.prev_kvs.len(), 1);
    assert_eq!(gone.prev_kvs[0].value.as_ref(), b"2");
}

pub(super) async fn a_range_is_cut_and_ordered_as_asked(engine: &dyn Coordination) {
    let mut revisions = Vec::new();
    for (name, value) in [("b", "3"), ("a", "1"), ("d", "2"), ("c", "4"), ("c", "5"), ("d", "6"), ("d", "0")]
    {
        revisions.push(put(engine, name, value).await);
    }
    let all = RangeRequest::new(KeyRange::all());
    assert_eq!(names(&range(engine, all.clone()).await), ["a", "b", "c", "d"]);
    let limited = range(engine, RangeRequest { limit: 2, ..all.clone() }).await;
    assert_eq!((names(&limited), limited.more, limited.count), (vec!["a", "b"], true, 4));
    let exact = range(engine, RangeRequest { limit: 4, ..all.clone() }).await;
    assert_eq!((exact.kvs.len(), exact.more), (4, false));
    let counted = range(engine, RangeRequest { count_only: true, limit: 1, ..all.clone() }).await;
    assert_eq!((counted.kvs.len(), counted.count, counted.more), (0, 4, false));
    let bare = range(engine, RangeRequest { keys_only: true, ..all.clone() }).await;
    assert!(bare.kvs.iter().all(|kv| kv.value.is_empty() && kv.version > 0));

    let sorted = |sort_target, sort_order| RangeRequest { sort_target, sort_order, ..all.clone() };
    use SortOrder::{Ascending, Descending, None};
    for (target, order, expected) in [
        (SortTarget::Key, Descending, ["d", "c", "b", "a"]),
        (SortTarget::Value, None, ["d", "a", "b", "c"]),
        (SortTarget::ModRevision, Ascending, ["b", "a", "c", "d"]),
        (SortTarget::CreateRevision, Descending, ["c", "d", "a", "b"]),
    ] {
        assert_eq!(names(&range(engine, sorted(target, order)).await), expected, "{target:?} {order:?}");
    }
    let top = RangeRequest { limit: 1, ..sorted(SortTarget::Version, Descending) };
    let top = range(engine, top).await;
    assert_eq!((names(&top), top.more, top.count), (vec!["d"], true, 4), "ordered before it is cut");
    // With a target and no order one key more than asked for is read, put in order, and cut.
    let cut = RangeRequest { limit: 1, ..sorted(SortTarget::ModRevision, None) };
    let cut = range(engine, cut).await;
    assert_eq!((names(&cut), cut.more, cut.count), (vec!["b"], true, 4), "of a and b, b is older");

    let recent = RangeRequest { min_mod_revision: revisions[4], ..all.clone() };
    assert_eq!(names(&range(engine, recent).await), ["c", "d"]);
    let old = RangeRequest { max_create_revision: revisions[1], limit: 1, ..all.clone() };
    let old = range(engine, old).await;
    assert_eq!((names(&old), old.more, old.count), (vec!["a"], true, 4));
    assert_eq!(range(engine, RangeRequest::new(KeyRange::between("z", "a"))).await.count, 0);
    assert_eq!(names(&range(engine, RangeRequest::new(KeyRange::between("b", "d"))).await), ["b", "c"]);
    assert_eq!(names(&range(engine, RangeRequest::new(KeyRange::from("c"))).await), ["c", "d"]);
}

pub(super) async fn the_past_can_be_read_until_it_is_compacted(engine: &dyn Coordination) {
    let first = put(engine, "a", "1").await;
    let second = put(engine, "a", "2").await;
    let third = engine.delete_range(DeleteRangeRequest::new(KeyRange::single("a"))).await.expect("delete");
    let fourth = put(engine, "b", "1").await;
    let at = |revision| RangeRequest { revision, ..RangeRequest::new(KeyRange::single("a")) };
    assert_eq!(range(engine, at(first)).await.kvs[0].value.as_ref(), b"1");
    assert_eq!(range(engine, at(second)).await.kvs[0].value.as_ref(), b"2");
    assert_eq!(range(engine, at(third.revision)).await.count, 0);
    assert_eq!(range(engine, at(second)).await.revision, fourth, "the header tells the present");
    assert_eq!(engine.range(at(fourth.next())).await, Err(RangeError::FutureRevision));

    engine.compact(CompactRequest::new(second)).await.expect("compact");
    assert_eq!(engine.range(at(first)).await, Err(RangeError::Compacted));
    assert_eq!(range(engine, at(second)).await.kvs[0].value.as_ref(), b"2");
    assert_eq!(engine.compact(CompactRequest::new(second)).await, Err(CompactError::Compacted));
    assert_eq!(engine.compact(CompactRequest::new(fourth.next())).await, Err(CompactError::FutureRevision));
    engine.compact(CompactRequest::new(fourth)).await.expect("compact");
    assert_eq!(engine.range(at(third.revision)).await, Err(RangeError::Compacted));
    assert_eq!(range(engine, at(fourth)).await.count, 0);
    assert_eq!(range(engine, RangeRequest::new(KeyRange::single("b"))).await.count, 1);
}

pub(super) async fn a_txn_compares_before_and_reads_within(engine: &dyn Coordination) {
    let revision = put(engine, "a", "1").await;
    let inner = TxnRequest {
        compare: vec![Compare::absent("b")],
        success: vec![Op::Put(PutRequest::new("c", "inner"))],
        failure: vec![Op::Put(PutRequest::new("c", "wrong"))],
    };
    let request = TxnRequest {
        compare: vec![Compare::unchanged_since("a", revision), Compare::none_in(KeyRange::prefix("b"))],
        success: vec![
            Op::Put(PutRequest::new("b", "2")),
            Op::Range(RangeRequest::new(KeyRange::single("b"))),
            Op::Range(RangeRequest { revision, ..RangeRequest::new(KeyRange::single("b")) }),
            Op::Txn(inner),
            Op::DeleteRange(DeleteRangeRequest::new(KeyRange::single("a"))),
        ],
        failure: Vec::new(),
    };
    let again = request.clone();
    let response = engine.txn(request).await.expect("txn");
    assert!(response.succeeded);
    assert_eq!(response.revision, revision.next());
    let [
        _,
        OpResponse::Range(now),
        OpResponse::Range(past),
        OpResponse::Txn(inner),
        OpResponse::DeleteRange(gone),
    ] = &response.responses[..]
    else {
        panic!("five responses of their kinds: {response:?}")
    };
    assert_eq!((now.kvs[0].value.as_ref(), now.kvs[0].mod_revision), (&b"2"[..], revision.next()));
    assert_eq!(past.count, 0, "a past revision does not see the transaction");
    assert!(inner.succeeded, "compared before anything was written");
    assert_eq!(gone.deleted, 1);
    let response = engine.txn(again).await.expect("txn");
    assert!(!response.succeeded && response.responses.is_empty());

    // Over a range it must hold for each key; a value that is not there equals nothing.
    let compare = |range, operator, target| TxnRequest {
        compare: vec![Compare { range, operator, target }],
        ..TxnRequest::default()
    };
    use CompareOperator::{Equal, Greater, Less, NotEqual};
    for (range, operator, target, expected) in [
        (KeyRange::from("a"), Equal, CompareTarget::Version(1), true),
        (KeyRange::from("a"), Equal, CompareTarget::Value("2".into()), false),
        (KeyRange::from("a"), Greater, CompareTarget::Value("1".into()), true),
        (KeyRange::single("none"), Equal, CompareTarget::Value("".into()), false),
        (KeyRange::single("none"), NotEqual, CompareTarget::Value("x".into()), false),
        (KeyRange::single("none"), Equal, CompareTarget::Lease(LeaseId::NONE), true),
        (KeyRange::single("none"), Less, CompareTarget::ModRevision(1), true),
    ] {
        let request = compare(range, operator, target);
        let succeeded = engine.txn(request.clone()).await.expect("txn").succeeded;
        assert_eq!(succeeded, expected, "{request:?}");
    }
}

pub(super) async fn what_can_not_be_done_says_why_and_does_nothing(engine: &dyn Coordination) {
    let revision = put(engine, "a", "1").await;
    let put_of = |request: PutRequest| Op::Put(request);
    let new = |name: &'static str| PutRequest::new(name, "1");
    assert_eq!(engine.range(RangeRequest::default()).await, Err(RangeError::EmptyKey));
    assert_eq!(engine.delete_range(DeleteRangeRequest::default()).await, Err(DeleteRangeError::EmptyKey));
    for (request, error) in [
        (new(""), PutError::EmptyKey),
        (PutRequest { ignore_value: true, ..new("a") }, PutError::ValueProvided),
        (PutRequest { ignore_lease: true, lease: LeaseId(9), ..new("a") }, PutError::LeaseProvided),
        (PutRequest { ignore_lease: true, ..new("none") }, PutError::KeyNotFound),
        (PutRequest { lease: LeaseId(987_654), ..new("a") }, PutError::LeaseNotFound),
    ] {
        assert_eq!(engine.put(request.clone()).await, Err(error.clone()), "{request:?}");
        let txn = TxnRequest { success: vec![put_of(new("z")), put_of(request)], ..TxnRequest::default() };
        assert_eq!(engine.txn(txn).await, Err(error.into()));
    }
    // Where both are missing, a put names the lease, and one in a transaction the key.
    let both = PutRequest { ignore_value: true, lease: LeaseId(987_654), ..PutRequest::new("none", "") };
    assert_eq!(engine.put(both.clone()).await, Err(PutError::LeaseNotFound));
    let txn = TxnRequest { success: vec![put_of(both)], ..TxnRequest::default() };
    assert_eq!(engine.txn(txn).await, Err(TxnError::KeyNotFound));
    let delete = |range| Op::DeleteRange(DeleteRangeRequest::new(range));
    let inner = |success| Op::Txn(TxnRequest { success, ..TxnRequest::default() });
    let future = RangeRequest { revision: revision.next(), ..RangeRequest::new(KeyRange::all()) };
    for (success, error) in [
        (vec![put_of(new("x")), put_of(new("x"))], TxnError::DuplicateKey),
        (vec![put_of(new("x")), delete(KeyRange::prefix("x"))], TxnError::DuplicateKey),
        (vec![put_of(new("x")), inner(vec![put_of(new("x"))])], TxnError::DuplicateKey),
        (vec![put_of(new("x")), Op::Range(future)], TxnError::FutureRevision),
        (vec![put_of(new("x")), delete(KeyRange::single(""))], TxnError::EmptyKey),
        (vec![inner(Vec::new()); 129], TxnError::TooManyOps),
        (vec![inner(vec![inner(Vec::new()); 64]); 65], TxnError::TooManyOps),
    ] {
        let request = TxnRequest { success, ..TxnRequest::default() };
        assert_eq!(engine.txn(request).await, Err(error));
    }
    let both = TxnRequest {
        compare: vec![Compare::present("none")],
        success: vec![put_of(new("a"))],
        failure: vec![put_of(PutRequest { lease: LeaseId(987_654), ..new("a") })],
    };
    assert_eq!(engine.txn(both).await, Err(TxnError::LeaseNotFound));
    assert_eq!(range(engine, RangeRequest::new(KeyRange::all())).await.revision, revision);
}
