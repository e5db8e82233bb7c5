//! Two servers, and short words for what is asked of them.

use std::net::SocketAddr;
use std::time::Duration;

use hyrax_etcd::etcdserverpb as pb;
use hyrax_tests::etcd::{EtcdClient, Watching};
use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Etcd;
use tokio::runtime::Runtime;
use tonic::{Code, Status};

/// How long anything may take that is to happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test's client.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = Runtime::new().expect("a runtime starts");
    runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await.expect("the test ends in time") })
}

/// Does the same to an etcd and to a Hyrax.
pub fn on_both(test: impl AsyncFn(EtcdClient)) {
    on_both_at(async |address| test(EtcdClient::connect(address).await).await);
}

/// Does the same to an etcd and to a Hyrax, by their addresses.
pub fn on_both_at(test: impl AsyncFn(SocketAddr)) {
    let (etcd, hyrax) = (Etcd::start(), Hyrax::start(&[]));
    run(test(etcd.address()));
    run(test(hyrax.address()));
}

pub fn get(key: &str) -> pb::RangeRequest {
    pb::RangeRequest { key: key.to_owned().into(), ..Default::default() }
}

pub fn put(key: &str, value: &str) -> pb::PutRequest {
    pb::PutRequest { key: key.to_owned().into(), value: value.to_owned().into(), ..Default::default() }
}

pub fn delete(key: &str) -> pb::DeleteRangeRequest {
    pb::DeleteRangeRequest { key: key.to_owned().into(), ..Default::default() }
}

pub fn create(key: &str) -> pb::WatchCreateRequest {
    pb::WatchCreateRequest { key: key.to_owned().into(), ..Default::default() }
}

pub fn op(request: pb::request_op::Request) -> pb::RequestOp {
    pb::RequestOp { request: Some(request) }
}

/// Writes a key, and answers the revision.
pub async fn write(client: &mut EtcdClient, key: &str, value: &str) -> i64 {
    let response = client.kv.put(put(key, value)).await.expect("a put").into_inner();
    response.header.expect("a header").revision
}

/// Checks that a request was refused so.
#[track_caller]
pub fn refused<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, message: &str) {
    let status = answer.expect_err("the request is refused");
    assert_eq!((status.code(), status.message()), (code, message));
}

/// The next response of a stream of watches.
pub async fn next(watching: &mut Watching) -> pb::WatchResponse {
    watching.next().await.expect("the stream goes on").expect("the stream goes on")
}

/// The keys and values of a response's events; deletions have no value.
pub fn events(response: &pb::WatchResponse) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let kvs = response.events.iter().map(|event| event.kv.as_ref().expect("an event has a key"));
    kvs.map(|kv| (text(&kv.key), text(&kv.value))).collect()
}
