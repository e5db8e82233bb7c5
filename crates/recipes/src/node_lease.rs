//! The one lease on which everything hangs that a node's sessions own.
//!
//! It is kept alive for all of them together. A node that dies loses it, and with it all they owned,
//! within its time to live. A node that was merely thought dead gets another, and whoever hung
//! things on the old one hangs them on the new one.

use std::sync::Arc;
use std::time::Duration;

use hyrax_coordination::{
    Coordination, LeaseGrantError, LeaseGrantRequest, LeaseId, LeaseKeepAliveError, LeaseRevokeError,
    Unavailable,
};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::task::Task;

/// Renewals within one time to live: two may fail and the lease lives.
const RENEWALS_PER_LIFE: u32 = 3;

/// A lease kept alive until this is dropped. Dropping it leaves the lease to run out, as a node that
/// dies does; [`NodeLease::revoke`] ends it at once.
pub struct NodeLease {
    shared: Arc<Shared>,
    _tasks: [Task; 2],
}

struct Shared {
    engine: Arc<dyn Coordination>,
    ttl: Duration,
    current: watch::Sender<LeaseId>,
    /// Until then the lease surely lives: counted from when a renewal was sent, not from when it was answered.
    lives_until: watch::Sender<Instant>,
    /// Whether that time has not come.
    lives: watch::Sender<bool>,
    /// Somebody found it gone before the next renewal did.
    suspected: Notify,
}

impl NodeLease {
    /// Grants a lease and keeps it alive.
    pub async fn start(engine: Arc<dyn Coordination>, ttl: Duration) -> Result<NodeLease, LeaseGrantError> {
        let asked = Instant::now();
        let granted = engine.lease_grant(request(ttl)).await?;
        let shared = Arc::new(Shared {
            engine,
            ttl,
            current: watch::Sender::new(granted.id),
            lives_until: watch::Sender::new(asked + granted.ttl),
            lives: watch::Sender::new(true),
            suspected: Notify::new(),
        });
        let tasks = [
            Task::spawn(keep_alive(Arc::clone(&shared))),
            Task::spawn(look_at_the_clock(Arc::clone(&shared))),
        ];
        Ok(NodeLease { shared, _tasks: tasks })
    }

    /// The lease as it is now.
    pub fn id(&self) -> LeaseId {
        *self.shared.current.borrow()
    }

    /// Waits until `id` is not known to live any more: it was replaced, or no renewal was answered for its whole
    /// time to live. Whoever owns by it stops by then, even when nothing can tell it so.
    pub fn ended(&self, id: LeaseId) -> impl Future<Output = ()> + Send + use<> {
        let shared = Arc::clone(&self.shared);
        async move { shared.ended(id).await }
    }

    /// Waits until the lease, or one in its place, is known to live.
    pub async fn lives(&self) {
        // The sender is in `self`.
        _ = self.shared.lives.subscribe().wait_for(|lives| *lives).await;
    }

    /// Hears of each lease that takes the place of a lost one.
    pub(crate) fn subscribe(&self) -> watch::Receiver<LeaseId> {
        self.shared.current.subscribe()
    }

    /// Renews the lease once, or replaces it if it is lost. The background task does the same in
    /// time; this is for a simulation that moves the clock itself.
    pub async fn renew(&self) -> Result<(), Unavailable> {
        self.shared.renew().await
    }

    /// Waits until `lost`, which the engine does not know any more, has been replaced.
    pub async fn replaced(&self, lost: LeaseId) -> Result<(), Unavailable> {
        self.shared.suspected.notify_one();
        let mut current = self.shared.current.subscribe();
        let replaced = current.wait_for(|current| *current != lost);
        match tokio::time::timeout(self.shared.ttl, replaced).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Unavailable::because("this node's lease was lost and is not replaced yet")),
        }
    }

    /// Ends the lease, and with it all that hangs on it: a node that leaves deliberately.
    pub async fn revoke(self) -> Result<(), LeaseRevokeError> {
        let NodeLease { shared, _tasks: tasks } = self;
        drop(tasks);
        let id = *shared.current.borrow();
        shared.engine.lease_revoke(id).await.map(|_| ())
    }
}

impl Shared {
    async fn renew(&self) -> Result<(), Unavailable> {
        let id = *self.current.borrow();
        let asked = Instant::now();
        match self.engine.lease_keep_alive(id).await {
            Ok(renewed) => {
                self.lives_until(asked + renewed.ttl);
                Ok(())
            }
            Err(LeaseKeepAliveError::Unavailable(unavailable)) => Err(unavailable),
            Err(LeaseKeepAliveError::NotFound) => {
                let asked = Instant::now();
                let granted = self.engine.lease_grant(request(self.ttl)).await;
                let granted = granted.map_err(|error| Unavailable::because(error.to_string()))?;
                self.current.send_if_modified(|current| {
                    // Another renewal may have been faster; its lease is in use then, and this one,
                    // with nothing on it, runs out.
                    let first = *current == id;
                    if first {
                        self.lives_until(asked + granted.ttl);
                        *current = granted.id;
                    }
                    first
                });
                Ok(())
            }
        }
    }

    fn lives_until(&self, until: Instant) {
        self.lives_until.send_if_modified(|lives_until| {
            let is_later = until > *lives_until;
            *lives_until = until.max(*lives_until);
            is_later
        });
        if until > Instant::now() {
            self.lives.send_replace(true);
        }
    }

    async fn ended(&self, id: LeaseId) {
        let (mut current, mut lives) = (self.current.subscribe(), self.lives.subscribe());
        // The senders are in `self`.
        tokio::select! {
            _ = current.wait_for(|current| *current != id) => {}
            _ = lives.wait_for(|lives| !lives) => {}
        }
    }
}

/// What hangs on it belongs to sessions of this process.
fn request(ttl: Duration) -> LeaseGrantRequest {
    LeaseGrantRequest { dies_with_process: true, ..LeaseGrantRequest::new(ttl) }
}

/// Notes when the lease is not known to live any more: one timer for all who wait for that.
async fn look_at_the_clock(shared: Arc<Shared>) {
    let mut lives_until = shared.lives_until.subscribe();
    loop {
        let until = *lives_until.borrow_and_update();
        tokio::time::sleep_until(until).await;
        if *lives_until.borrow() > until {
            continue;
        }
        shared.lives.send_replace(false);
        // The sender is in `shared`.
        _ = lives_until.changed().await;
    }
}

async fn keep_alive(shared: Arc<Shared>) {
    let every = shared.ttl / RENEWALS_PER_LIFE;
    // An engine that does not answer is asked more often: the lease is running out.
    let again = every / 5;
    let mut wait = every;
    loop {
        _ = tokio::time::timeout(wait, shared.suspected.notified()).await;
        wait = match tokio::time::timeout(every, shared.renew()).await {
            Ok(Ok(())) => every,
            _ => again,
        };
    }
}
