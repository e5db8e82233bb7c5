//! What calls cost the engine.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyrax_coordination::{
    CompactError, CompactRequest, CompactResponse, DeleteRangeError, DeleteRangeRequest, DeleteRangeResponse,
    LeaseGrantError, LeaseGrantRequest, LeaseGrantResponse, LeaseId, LeaseKeepAliveError,
    LeaseKeepAliveResponse, LeaseListError, LeaseListResponse, LeaseRevokeError, LeaseRevokeResponse,
    LeaseTimeToLiveError, LeaseTimeToLiveResponse, Op, OpResponse, PutError, PutRequest, PutResponse,
    RangeError, RangeResponse, Status, StatusError, TxnError, WatchError, WatchRequest, WatchStream,
};

use super::*;

/// Keys below the directories that are listed.
const BELOW: usize = 200_000;
/// Keys written with one transaction.
const AT_ONCE: usize = 100;

/// An engine that counts the keys that are read off it.
struct Counting {
    engine: Arc<dyn Coordination>,
    read: Arc<AtomicU64>,
}

fn keys_in(responses: &[OpResponse]) -> u64 {
    responses
        .iter()
        .map(|response| if let OpResponse::Range(range) = response { range.kvs.len() as u64 } else { 0 })
        .sum()
}

macro_rules! forwarded {
    ($($method:ident($($name:ident: $kind:ty),*) -> $answer:ty, $error:ty;)*) => {
        $(fn $method(&self, $($name: $kind),*) -> BoxFuture<'_, Result<$answer, $error>> {
            self.engine.$method($($name),*)
        })*
    };
}

impl Coordination for Counting {
    fn range(&self, request: RangeRequest) -> BoxFuture<'_, Result<RangeResponse, RangeError>> {
        let count = |response: RangeResponse| {
            self.read.fetch_add(response.kvs.len() as u64, Ordering::Relaxed);
            response
        };
        self.engine.range(request).map(move |answer| answer.map(count)).boxed()
    }

    fn txn(&self, request: TxnRequest) -> BoxFuture<'_, Result<TxnResponse, TxnError>> {
        let count = |response: TxnResponse| {
            self.read.fetch_add(keys_in(&response.responses), Ordering::Relaxed);
            response
        };
        self.engine.txn(request).map(move |answer| answer.map(count)).boxed()
    }

    forwarded! {
        put(request: PutRequest) -> PutResponse, PutError;
        delete_range(request: DeleteRangeRequest) -> DeleteRangeResponse, DeleteRangeError;
        compact(request: CompactRequest) -> CompactResponse, CompactError;
        watch(request: WatchRequest) -> Box<dyn WatchStream>, WatchError;
        lease_grant(request: LeaseGrantRequest) -> LeaseGrantResponse, LeaseGrantError;
        lease_revoke(id: LeaseId) -> LeaseRevokeResponse, LeaseRevokeError;
        lease_keep_alive(id: LeaseId) -> LeaseKeepAliveResponse, LeaseKeepAliveError;
        lease_time_to_live(id: LeaseId, keys: bool) -> LeaseTimeToLiveResponse, LeaseTimeToLiveError;
        leases() -> LeaseListResponse, LeaseListError;
        status() -> Status, StatusError;
    }
}

#[tokio::test]
async fn ten_children_above_many_keys_are_ten_keys_read() {
    let engine = engine();
    let read = Arc::new(AtomicU64::new(0));
    let counting = Counting { engine: Arc::clone(&engine), read: Arc::clone(&read) };
    let tree = Tree::start(Arc::new(counting), Arc::new(SystemClock));
    for child in 0..10 {
        tree.set(&path(&format!("/top/{child}/deep/{child}")), file("x"), never()).await.unwrap();
    }
    let key = |number: usize| layout::file(&path(&format!("/top/{}/deep/{number}", number % 10)));
    for first in (0..BELOW).step_by(AT_ONCE) {
        let puts = (first..first + AT_ONCE).map(|number| Op::Put(PutRequest::new(key(number), "set\nx")));
        engine.txn(TxnRequest { success: puts.collect(), ..TxnRequest::default() }).await.unwrap();
    }
    assert_eq!(
        engine.range(RangeRequest::new(layout::files_below(&path("/top"), 3))).await.unwrap().count,
        BELOW as u64
    );
    for (directory, children) in [("/top", 10), ("/", 1), ("/top/3", 1)] {
        read.store(0, Ordering::Relaxed);
        assert_eq!(tree.get(&path(directory), false).await.unwrap().node.nodes.len(), children);
        // Beside the children, what is on the way to the directory.
        assert!(read.load(Ordering::Relaxed) <= children as u64 + 4, "{directory}: {read:?} keys were read");
    }
    assert_eq!(tree.get(&path("/top/3/deep"), false).await.unwrap().node.nodes.len(), BELOW / 10);
}
