//! The Watch service: streams of watches.
//!
//! A client opens a stream, asks in it for watches, and is told in it what they see. `requests` takes what the
//! client asks; a `member` is one watch; a `feed` watches the engine for all members that watch the same; an
//! `outbox` is what the stream has yet to send.

mod encode;
mod feed;
mod member;
mod outbox;
mod requests;

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::{Stream, stream};
use hyrax_etcd::etcdserverpb::WatchRequest;
use parking_lot::Mutex;

use self::feed::{Feed, Subject};
pub use self::outbox::WatchReplies;
use self::requests::Watching;
use super::Etcd;
use super::caller::Caller;
use super::error::Refusal;
use crate::grpc::{Connection, FramedReplies, Messages};

/// The feeds that watches may join, by what they are about.
#[derive(Default)]
pub(super) struct Feeds(Mutex<HashMap<Subject, Arc<Feed>>>);

impl Feeds {
    fn lock(&self) -> parking_lot::MutexGuard<'_, HashMap<Subject, Arc<Feed>>> {
        self.0.lock()
    }
}

impl Etcd {
    /// A stream of watches: takes what `requests` asks for, and answers by what is returned. When there are no more
    /// requests the watches go on; when a request fails to come they end.
    pub(crate) fn watch(
        self: &Arc<Self>,
        caller: Caller,
        connection: Arc<Connection>,
        requests: impl Stream<Item = Result<WatchRequest, Refusal>> + Send + 'static,
    ) -> WatchReplies {
        let (watching, outbox) = Watching::new(self.clone(), caller, connection);
        let task = tokio::spawn(watching.run(requests));
        WatchReplies::new(outbox, task.abort_handle())
    }
}

/// Serves a stream of watches over gRPC.
pub(super) fn serve(
    etcd: Arc<Etcd>,
    caller: Caller,
    connection: Arc<Connection>,
    messages: Messages,
) -> FramedReplies {
    let requests = stream::try_unfold(messages, async |mut messages: Messages| {
        Ok(messages.next().await?.map(|request| (request, messages)))
    });
    Box::pin(etcd.watch(caller, connection, requests))
}
