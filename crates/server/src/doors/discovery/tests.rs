//! The door over an engine that goes away.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use axum::http::Method;
use futures_util::future::{BoxFuture, ready};
use http_body_util::BodyExt;
use hyrax_coordination::{
    CompactError, CompactRequest, CompactResponse, DeleteRangeError, DeleteRangeRequest, DeleteRangeResponse,
    Embedded, EmbeddedSettings, LeaseGrantError, LeaseGrantRequest, LeaseGrantResponse, LeaseId,
    LeaseKeepAliveError, LeaseKeepAliveResponse, LeaseListError, LeaseListResponse, LeaseRevokeError,
    LeaseRevokeResponse, LeaseTimeToLiveError, LeaseTimeToLiveResponse, PutError, PutRequest, PutResponse,
    RangeError, RangeRequest, RangeResponse, Status, StatusError, TxnError, TxnRequest, TxnResponse,
    WatchError, WatchRequest, WatchStream,
};
use hyrax_types::{Clock, SystemClock};

use super::*;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::net::PeerAddress;
use crate::server::Server;

/// An engine that can be cut off.
struct Line {
    engine: Embedded,
    is_cut: AtomicBool,
}

impl Line {
    fn call<'a, T: Send + 'a, E: From<Unavailable> + Send + 'a>(
        &'a self,
        call: impl FnOnce(&'a Embedded) -> BoxFuture<'a, Result<T, E>>,
    ) -> BoxFuture<'a, Result<T, E>> {
        if self.is_cut.load(Ordering::Relaxed) {
            return Box::pin(ready(Err(Unavailable::because("the line is cut").into())));
        }
        call(&self.engine)
    }
}

impl Coordination for Line {
    fn range(&self, request: RangeRequest) -> BoxFuture<'_, Result<RangeResponse, RangeError>> {
        self.call(|engine| engine.range(request))
    }

    fn put(&self, request: PutRequest) -> BoxFuture<'_, Result<PutResponse, PutError>> {
        self.call(|engine| engine.put(request))
    }

    fn delete_range(
        &self,
        request: DeleteRangeRequest,
    ) -> BoxFuture<'_, Result<DeleteRangeResponse, DeleteRangeError>> {
        self.call(|engine| engine.delete_range(request))
    }

    fn txn(&self, request: TxnRequest) -> BoxFuture<'_, Result<TxnResponse, TxnError>> {
        self.call(|engine| engine.txn(request))
    }

    fn compact(&self, request: CompactRequest) -> BoxFuture<'_, Result<CompactResponse, CompactError>> {
        self.call(|engine| engine.compact(request))
    }

    fn watch(&self, request: WatchRequest) -> BoxFuture<'_, Result<Box<dyn WatchStream>, WatchError>> {
        self.call(|engine| engine.watch(request))
    }

    fn lease_grant(
        &self,
        request: LeaseGrantRequest,
    ) -> BoxFuture<'_, Result<LeaseGrantResponse, LeaseGrantError>> {
        self.call(|engine| engine.lease_grant(request))
    }

    fn lease_revoke(&self, id: LeaseId) -> BoxFuture<'_, Result<LeaseRevokeResponse, LeaseRevokeError>> {
        self.call(|engine| engine.lease_revoke(id))
    }

    fn lease_keep_alive(
        &self,
        id: LeaseId,
    ) -> BoxFuture<'_, Result<LeaseKeepAliveResponse, LeaseKeepAliveError>> {
        self.call(|engine| engine.lease_keep_alive(id))
    }

    fn lease_time_to_live(
        &self,
        id: LeaseId,
        keys: bool,
    ) -> BoxFuture<'_, Result<LeaseTimeToLiveResponse, LeaseTimeToLiveError>> {
        self.call(|engine| engine.lease_time_to_live(id, keys))
    }

    fn leases(&self) -> BoxFuture<'_, Result<LeaseListResponse, LeaseListError>> {
        self.call(Coordination::leases)
    }

    fn status(&self) -> BoxFuture<'_, Result<Status, StatusError>> {
        self.call(Coordination::status)
    }
}

#[tokio::test(start_paused = true)]
async fn without_its_engine_the_door_fails_as_its_document_says_and_recovers() {
    let config = Config { listen: vec!["127.0.0.1:0".parse().unwrap()], ..Config::default() };
    let server = Server::bind(config).await.unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let engine = Embedded::start(clock, EmbeddedSettings::default());
    let line = Arc::new(Line { engine, is_cut: AtomicBool::new(false) });
    let engine: Arc<dyn Coordination> = line.clone();
    let lease = NodeLease::start(engine.clone(), Duration::from_secs(5)).await.unwrap();
    let ids = Ids::of(None, "a");
    let mut background = JoinSet::new();
    let door = Discovery::start(server.core().clone(), (engine, true), Arc::new(lease), ids, &mut background);
    let door = door.await.unwrap();
    let ask = async |method: Method, target: &str| {
        let request = Request::builder().method(method).uri(target).body(Body::empty()).unwrap();
        let peer = Peer { address: PeerAddress::Unix, local: None, tls: false, may_sudo: false };
        let seat = Arc::new(Seat::alone(Metrics::new(&[])).unwrap());
        let response = Arc::clone(&door).answer(request, peer, None, seat).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice::<serde_json::Value>(&body).unwrap())
    };
    let node = ("engine".parse().unwrap(), "10.0.0.1:80".parse().unwrap());
    line.is_cut.store(true, Ordering::Relaxed);
    for (method, target) in [
        (Method::GET, "/etcd/leader"),
        (Method::GET, "/etcd/services"),
        (Method::GET, "/etcd/services/engine"),
        (Method::POST, "/etcd/event?event_type=a&broadcast=1"),
    ] {
        let (status, body) = ask(method, target).await;
        assert_eq!(status, 500, "{target}");
        assert_eq!(body["error"], "coordination engine unavailable: the line is cut", "{target}");
    }
    let registering = tokio::spawn({
        let registrar = door.registrar.clone();
        async move { registrar.register(node.0, node.1).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    line.is_cut.store(false, Ordering::Relaxed);
    let registration = registering.await.unwrap().unwrap();
    let (status, body) = ask(Method::GET, "/etcd/services/engine").await;
    assert_eq!((status, &body["services"][0]["port"]), (200, &80.into()), "it was registered in the end");
    drop(registration);
}
