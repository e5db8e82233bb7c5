//! What is refused, in etcd's words.

use hyrax_etcd::etcdserverpb as pb;
use hyrax_etcd::etcdserverpb::request_op::Request;
use hyrax_tests::etcd::EtcdClient;
use hyrax_tests::hyrax::Hyrax;
use tonic::Code;

use super::stage::{delete, get, on_both, op, put, refused, run, write};

#[test]
fn what_is_wrong_with_a_request_is_said_as_etcd_says_it() {
    on_both(async |mut client| {
        refused(client.kv.range(get("")).await, Code::InvalidArgument, "etcdserver: key is not provided");
        refused(client.kv.put(put("", "a")).await, Code::InvalidArgument, "etcdserver: key is not provided");
        let request = pb::PutRequest { ignore_value: true, ..put("a", "b") };
        refused(client.kv.put(request).await, Code::InvalidArgument, "etcdserver: value is provided");
        let request = pb::PutRequest { lease: 99, ..put("a", "b") };
        refused(client.kv.put(request).await, Code::NotFound, "etcdserver: requested lease not found");
        let future = pb::RangeRequest { revision: i64::MAX, ..get("a") };
        let words = "etcdserver: mvcc: required revision is a future revision";
        refused(client.kv.range(future).await, Code::OutOfRange, words);
        let many = vec![op(Request::RequestRange(get("a"))); 129];
        let request = pb::TxnRequest { success: many, ..Default::default() };
        let words = "etcdserver: too many operations in txn request";
        refused(client.kv.txn(request).await, Code::InvalidArgument, words);
        let twice = vec![op(Request::RequestPut(put("a", ""))), op(Request::RequestPut(put("a", "")))];
        let request = pb::TxnRequest { success: twice, ..Default::default() };
        let words = "etcdserver: duplicate key given in txn request";
        refused(client.kv.txn(request).await, Code::InvalidArgument, words);
        let nothing = pb::TxnRequest { success: vec![pb::RequestOp { request: None }], ..Default::default() };
        refused(client.kv.txn(nothing).await, Code::InvalidArgument, "etcdserver: key not found");
        let request = pb::LeaseGrantRequest { ttl: i64::MAX, id: 0 };
        refused(client.lease.lease_grant(request).await, Code::OutOfRange, "etcdserver: too large lease TTL");
        let gone = client.keep_alive_once(99).await.unwrap();
        assert_eq!((gone.id, gone.ttl), (99, 0));
    });
}

#[test]
fn sizes_are_bounded_where_etcds_are() {
    on_both(async |mut client| {
        let limit = 1536 * 1024;
        write(&mut client, "a", &"x".repeat(limit - 64)).await;
        let large = put("a", &"x".repeat(limit));
        refused(client.kv.put(large).await, Code::InvalidArgument, "etcdserver: request is too large");
        let huge = client.kv.put(put("a", &"x".repeat(2 * 1024 * 1024 + 1))).await.unwrap_err();
        assert_eq!(huge.code(), Code::ResourceExhausted);
        assert!(huge.message().starts_with("grpc: received message larger than max ("), "{huge:?}");
        // A read is no write, however long its key.
        client.kv.range(get(&"x".repeat(limit + 1024))).await.unwrap();
    });
}

#[test]
fn headers_name_the_cluster_the_member_and_the_revision() {
    on_both(async |mut client| {
        let revision = write(&mut client, "a", "1").await;
        let header = client.kv.range(get("a")).await.unwrap().into_inner().header.unwrap();
        assert_eq!(header.revision, revision);
        assert!(header.cluster_id != 0 && header.member_id != 0 && header.raft_term > 0, "{header:?}");
        let status = client.maintenance.status(pb::StatusRequest {}).await.unwrap().into_inner();
        assert_eq!(status.header.unwrap().member_id, header.member_id);
        assert_eq!(status.leader, header.member_id);
        let grant = pb::LeaseGrantRequest { ttl: 100, id: 0 };
        let granted = client.lease.lease_grant(grant).await.unwrap().into_inner();
        assert_eq!(granted.header.unwrap().revision, revision);
        assert_eq!((granted.ttl, granted.error.as_str()), (100, ""));
        // Inside of a transaction there is the revision alone.
        let request =
            pb::TxnRequest { success: vec![op(Request::RequestRange(get("a")))], ..Default::default() };
        let response = client.kv.txn(request).await.unwrap().into_inner();
        let Some(pb::response_op::Response::ResponseRange(inner)) = &response.responses[0].response else {
            panic!("{response:?}");
        };
        let inner = inner.header.unwrap();
        assert_eq!((inner.cluster_id, inner.member_id, inner.revision), (0, 0, revision));
    });
}

#[test]
fn an_order_that_there_is_not_is_refused() {
    let hyrax = Hyrax::start(&[]);
    run(async {
        let mut client = EtcdClient::connect(hyrax.address()).await;
        for (sort_order, sort_target) in [(3, 0), (0, 5), (-1, 0)] {
            let request = pb::RangeRequest { sort_order, sort_target, ..get("a") };
            let words = "etcdserver: invalid sort option";
            refused(client.kv.range(request).await, Code::InvalidArgument, words);
        }
    });
}

#[test]
fn hyraxs_own_keys_and_lease_are_not_there() {
    let hyrax = Hyrax::start(&[]);
    let mut line = hyrax.line();
    line.request(&serde_json::json!({"cmd": "eadd", "key": "room", "id": "ann"}));
    run(async {
        let mut client = EtcdClient::connect(hyrax.address()).await;
        let all = pb::RangeRequest { range_end: "\0".into(), ..get("\0") };
        let response = client.kv.range(all).await.unwrap().into_inner();
        assert_eq!((response.count, response.kvs.len()), (0, 0));
        let words = "etcdserver: permission denied";
        refused(client.kv.put(put("\0hyrax/x", "")).await, Code::PermissionDenied, words);
        refused(client.kv.delete_range(delete("\0hyrax/x")).await, Code::PermissionDenied, words);
        let everything = pb::DeleteRangeRequest { range_end: "\0".into(), ..delete("\0") };
        let response = client.kv.delete_range(everything).await.unwrap().into_inner();
        assert_eq!(response.deleted, 0);
        let leases = client.lease.lease_leases(pb::LeaseLeasesRequest {}).await.unwrap().into_inner();
        assert_eq!(leases.leases, []);
    });
    let members = line.request(&serde_json::json!({"cmd": "emembers", "key": "room"}));
    assert_eq!(members["return"], serde_json::json!(["ann"]));
}
