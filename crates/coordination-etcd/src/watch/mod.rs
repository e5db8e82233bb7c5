//! Watches: all of them over one stream, each with a queue of its own.
//!
//! - `hub` is the task that keeps the stream: it creates watches, takes what the server sends, and after an accident
//!   creates them anew from where each was.
//! - `member` is one watch as the hub knows it: how far it is, and what of a revision is still to come.
//! - `queue` is what its reader has not read. When that is too much, the hub has the server end the watch, and creates
//!   it anew from there when the reader has caught up: the server's history is the longer queue.

mod hub;
mod member;
mod queue;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hyrax_coordination::{Unavailable, WatchBatch, WatchError, WatchRequest, WatchStream};
use hyrax_types::Revision;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use self::hub::{Command, Hub, Key};
use self::member::Member;
use self::queue::Queue;
use crate::call::Caller;

/// Where watches are asked for.
pub(crate) struct Watches {
    /// A watch has few commands under way at a time, so the queue is as long as there are watches.
    commands: mpsc::UnboundedSender<Command>,
    last_key: AtomicU64,
    caller: Caller,
}

impl Watches {
    /// The way to ask, and what answers as long as it runs.
    pub(crate) fn new(caller: Caller) -> (Watches, impl Future<Output = ()> + use<>) {
        let (commands, asked) = mpsc::unbounded_channel();
        let hub = Hub::new(asked, caller.clone());
        (Watches { commands, last_key: AtomicU64::new(0), caller }, hub.run())
    }

    /// A watch that stands.
    pub(crate) async fn watch(&self, mut request: WatchRequest) -> Result<EtcdWatch, WatchError> {
        if request.range.key.is_empty() {
            request.range.key = Bytes::from_static(b"\0");
        }
        if request.range.is_empty() {
            return Err(WatchError::EmptyRange);
        }
        let queue = Arc::new(Queue::default());
        let (standing, stands) = oneshot::channel();
        let member = Member::new(request, queue.clone(), standing);
        let key = self.last_key.fetch_add(1, Ordering::Relaxed);
        let mut watch = EtcdWatch { key, queue, created: Revision::ZERO, commands: self.commands.clone() };
        watch.tell(Command::Add(key, Box::new(member)));
        match timeout(self.caller.request_max, stands).await {
            Ok(Ok(created)) => {
                watch.created = created?;
                Ok(watch)
            }
            Ok(Err(_)) => Err(Unavailable::Stopped.into()),
            Err(_) if self.caller.link.trouble().is_some() => Err(self.caller.unreachable().into()),
            Err(_) => Err(Unavailable::because("etcd did not create a watch in time").into()),
        }
    }
}

/// A watch that goes on over lost connections.
pub(crate) struct EtcdWatch {
    key: Key,
    queue: Arc<Queue>,
    created: Revision,
    commands: mpsc::UnboundedSender<Command>,
}

impl EtcdWatch {
    fn tell(&self, command: Command) {
        // Without a hub the queue is at its end, which its reader is told.
        _ = self.commands.send(command);
    }
}

impl WatchStream for EtcdWatch {
    fn created_revision(&self) -> Revision {
        self.created
    }

    fn next(&mut self) -> BoxFuture<'_, Result<WatchBatch, WatchError>> {
        Box::pin(async move {
            let (batch, caught_up) = self.queue.take().await?;
            if caught_up {
                self.tell(Command::CaughtUp(self.key));
            }
            Ok(batch)
        })
    }

    fn request_progress(&mut self) {
        self.tell(Command::Progress(self.key));
    }
}

impl Drop for EtcdWatch {
    fn drop(&mut self) {
        self.tell(Command::Remove(self.key));
    }
}
