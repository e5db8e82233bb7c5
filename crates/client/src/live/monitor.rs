//! Streams of changes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use hyrax_types::Revision;
use tokio::sync::mpsc;

use super::Error;
use super::change::{Change, ChangeKind};
use super::client::Client;
use super::driver::Control;
use super::queue::{Next, Queue};
use super::topics::Reader;

/// The changes of one key: first its value as a reset, then each change. It ends with an error, where the server
/// refuses it. Dropping it ends it.
///
/// What its reader has not read yet waits, up to `queue_bytes` of the settings; beyond that it is dropped, and the
/// reader is told the value as it then is.
pub struct Monitor {
    key: Bytes,
    queue: Arc<Queue<Change>>,
    controls: mpsc::UnboundedSender<Control>,
    has_ended: bool,
}

impl Monitor {
    pub(super) fn start(client: &Client, key: Bytes) -> Monitor {
        let queue = Arc::new(Queue::new(client.settings().queue_bytes));
        client.control(Control::Monitor { key: key.clone(), reader: Reader::Value(Arc::clone(&queue)) });
        Monitor { key, queue, controls: client.controls(), has_ended: false }
    }

    /// The next change; none when it has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<Change, Error>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl Stream for Monitor {
    type Item = Result<Change, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        loop {
            match ready!(self.queue.poll_next(context)) {
                Next::Item(change) => return Poll::Ready(Some(Ok(change))),
                Next::Gap => {
                    self.queue.await_whole();
                    // The task ends only with the runtime.
                    _ = self.controls.send(Control::Refresh { key: self.key.clone() });
                }
                Next::Ended(error) => {
                    self.has_ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let reader = Reader::Value(Arc::clone(&self.queue));
        _ = self.controls.send(Control::Unmonitor { key: self.key.clone(), reader });
    }
}

/// The changes of all keys under a prefix, from when it began. Dropping it ends it.
pub struct PrefixMonitor {
    prefix: Bytes,
    queue: Arc<Queue<Change>>,
    /// Its own connection's.
    _client: Client,
    has_ended: bool,
}

impl PrefixMonitor {
    /// Over a connection that is this monitor's alone.
    pub(super) async fn start(client: &Client, prefix: Bytes) -> Result<PrefixMonitor, Error> {
        let queue = Arc::new(Queue::new(client.settings().queue_bytes));
        client.control(Control::Prefix { prefix: prefix.clone(), queue: Arc::clone(&queue) });
        let monitor = PrefixMonitor { prefix, queue, _client: client.clone(), has_ended: false };
        // Answered after it, so that what happens from here on is told.
        client.ping().await?;
        Ok(monitor)
    }

    /// The next change; none when it has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<Change, Error>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl Stream for PrefixMonitor {
    type Item = Result<Change, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        match ready!(self.queue.poll_next(context)) {
            Next::Item(change) => Poll::Ready(Some(Ok(change))),
            Next::Gap => {
                let key = self.prefix.clone();
                Poll::Ready(Some(Ok(Change { key, rev: Revision::ZERO, kind: ChangeKind::Missed })))
            }
            Next::Ended(error) => {
                self.has_ended = true;
                Poll::Ready(Some(Err(error)))
            }
        }
    }
}
