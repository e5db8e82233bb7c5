//! A world for tests: one engine in memory, a clock that the test moves, and links to the engine that it cuts.
//!
//! Time passes for the engine's leases and for everybody's timers alike, in steps that are short beside a heartbeat,
//! and everybody acts in between: a holder must have stopped by the time the engine lets another begin.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use hyrax_coordination::{
    CompactError, CompactRequest, CompactResponse, Coordination, DeleteRangeError, DeleteRangeRequest,
    DeleteRangeResponse, Embedded, EmbeddedSettings, LeaseGrantError, LeaseGrantRequest, LeaseGrantResponse,
    LeaseId, LeaseKeepAliveError, LeaseKeepAliveResponse, LeaseListError, LeaseListResponse,
    LeaseRevokeError, LeaseRevokeResponse, LeaseTimeToLiveError, LeaseTimeToLiveResponse, PutError,
    PutRequest, PutResponse, RangeError, RangeRequest, RangeResponse, Status, StatusError, TxnError,
    TxnRequest, TxnResponse, WatchBatch, WatchError, WatchRequest, WatchStream,
};
use hyrax_types::{ManualClock, Revision};
use tokio::sync::watch;

use crate::node_lease::NodeLease;

/// How much time passes in one step.
const STEP_MS: u64 = 250;

/// The engine, and the time.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) engine: Arc<Embedded>,
}

impl World {
    pub(crate) fn new() -> World {
        let clock = Arc::new(ManualClock::at_ms(1_000_000));
        let engine = Arc::new(Embedded::start(Arc::clone(&clock) as _, EmbeddedSettings::default()));
        World { clock, engine }
    }

    /// Runs a test in which no time passes but what it lets pass.
    pub(crate) fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime of one thread");
        runtime.block_on(test);
    }

    pub(crate) fn engine(&self) -> Arc<dyn Coordination> {
        Arc::clone(&self.engine) as _
    }

    /// A process: its link to the engine, and its lease there.
    pub(crate) async fn node(&self, ttl: Duration) -> Node {
        let link = Arc::new(Link { engine: self.engine(), traffic: watch::Sender::new(Traffic::Flows) });
        let lease = NodeLease::start(Arc::clone(&link) as _, ttl).await.expect("the engine is in memory");
        Node { link, lease: Arc::new(lease) }
    }

    /// Lets time pass; `look` is called after each step.
    pub(crate) async fn pass(&self, time_ms: u64, mut look: impl AsyncFnMut()) {
        let mut left = time_ms;
        while left > 0 {
            let step = left.min(STEP_MS);
            self.clock.advance_ms(step);
            tokio::time::advance(Duration::from_millis(step)).await;
            settle().await;
            look().await;
            self.engine.expire_leases();
            settle().await;
            look().await;
            left -= step;
        }
    }
}

/// Lets every task do what it can do now.
pub(crate) async fn settle() {
    for _ in 0..60 {
        tokio::task::yield_now().await;
    }
}

/// A process.
pub(crate) struct Node {
    pub(crate) link: Arc<Link>,
    pub(crate) lease: Arc<NodeLease>,
}

/// What passes between a process and the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// Everything.
    Flows,
    /// Nothing.
    Stands,
    /// Requests arrive, and answers do not.
    Deaf,
}

/// The way to the engine. What does not pass waits until it does.
pub(crate) struct Link {
    engine: Arc<dyn Coordination>,
    traffic: watch::Sender<Traffic>,
}

impl Link {
    pub(crate) fn set(&self, traffic: Traffic) {
        self.traffic.send_replace(traffic);
    }

    async fn until(&self, passes: impl FnMut(&Traffic) -> bool) {
        // The sender is in `self`.
        _ = self.traffic.subscribe().wait_for(passes).await;
    }

    fn pass<'a, R: Send + 'a>(&'a self, request: BoxFuture<'a, R>) -> BoxFuture<'a, R> {
        Box::pin(async move {
            self.until(|traffic| *traffic != Traffic::Stands).await;
            let answer = request.await;
            self.until(|traffic| *traffic == Traffic::Flows).await;
            answer
        })
    }
}

macro_rules! pass {
    ($($name:ident($($argument:ident: $of:ty),*) -> $answer:ty;)*) => {$(
        fn $name(&self, $($argument: $of),*) -> BoxFuture<'_, $answer> {
            self.pass(Box::pin(async move { self.engine.$name($($argument),*).await }))
        }
    )*};
}

impl Coordination for Link {
    pass! {
        range(request: RangeRequest) -> Result<RangeResponse, RangeError>;
        put(request: PutRequest) -> Result<PutResponse, PutError>;
        delete_range(request: DeleteRangeRequest) -> Result<DeleteRangeResponse, DeleteRangeError>;
        txn(request: TxnRequest) -> Result<TxnResponse, TxnError>;
        compact(request: CompactRequest) -> Result<CompactResponse, CompactError>;
        lease_grant(request: LeaseGrantRequest) -> Result<LeaseGrantResponse, LeaseGrantError>;
        lease_revoke(id: LeaseId) -> Result<LeaseRevokeResponse, LeaseRevokeError>;
        lease_keep_alive(id: LeaseId) -> Result<LeaseKeepAliveResponse, LeaseKeepAliveError>;
        lease_time_to_live(id: LeaseId, keys: bool) -> Result<LeaseTimeToLiveResponse, LeaseTimeToLiveError>;
        leases() -> Result<LeaseListResponse, LeaseListError>;
        status() -> Result<Status, StatusError>;
    }

    fn watch(&self, request: WatchRequest) -> BoxFuture<'_, Result<Box<dyn WatchStream>, WatchError>> {
        self.pass(Box::pin(async move {
            let watch = self.engine.watch(request).await?;
            let traffic = self.traffic.subscribe();
            Ok(Box::new(Linked { watch, traffic }) as Box<dyn WatchStream>)
        }))
    }
}

/// A watch over a link.
struct Linked {
    watch: Box<dyn WatchStream>,
    traffic: watch::Receiver<Traffic>,
}

impl WatchStream for Linked {
    fn created_revision(&self) -> Revision {
        self.watch.created_revision()
    }

    fn next(&mut self) -> BoxFuture<'_, Result<WatchBatch, WatchError>> {
        Box::pin(async move {
            loop {
                _ = self.traffic.wait_for(|traffic| *traffic == Traffic::Flows).await;
                tokio::select! {
                    batch = self.watch.next() => return batch,
                    _ = self.traffic.changed() => {}
                }
            }
        })
    }

    fn request_progress(&mut self) {
        self.watch.request_progress();
    }
}
