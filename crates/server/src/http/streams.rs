//! Streams of an HTTP/2 connection, served in the connection's own task.
//!
//! A call that reads or writes one key takes less time than to hand it to another task and to be told that it
//! is done. And where both tasks run at once, the connection writes the head of a reply while the rest of it is
//! being made, which is two writes for one. A long call keeps the others of its connection waiting, and nobody
//! else.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use hyper::rt::Executor;
use parking_lot::Mutex;

/// Takes the streams that a connection opens.
#[derive(Clone, Default)]
pub(super) struct Streams(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        self.0.lock().push(Box::pin(stream));
    }
}

/// A connection with its streams. When it ends, they end.
pub(super) struct InOneTask<C> {
    connection: Pin<Box<C>>,
    opened: Streams,
    streams: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl<C: Future> InOneTask<C> {
    /// The connection that `make` makes, which must give its streams to the executor that it is given.
    pub(super) fn new(make: impl FnOnce(Streams) -> C) -> Self {
        let opened = Streams::default();
        let connection = Box::pin(make(opened.clone()));
        InOneTask { connection, opened, streams: FuturesUnordered::new() }
    }

    /// The connection itself.
    pub(super) fn connection(&mut self) -> Pin<&mut C> {
        self.connection.as_mut()
    }

    /// Begins the streams that were opened; whether there were any. Most have their reply at once.
    fn begin_opened(&mut self, cx: &mut Context<'_>) -> bool {
        let opened = std::mem::take(&mut *self.opened.0.lock());
        let any = !opened.is_empty();
        for mut stream in opened {
            if stream.as_mut().poll(cx).is_pending() {
                self.streams.push(stream);
            }
        }
        any
    }
}

impl<C: Future> Future for InOneTask<C> {
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        let this = &mut *self;
        loop {
            while let Poll::Ready(Some(())) = this.streams.poll_next_unpin(cx) {}
            // After the streams, as it writes what they say.
            if let Poll::Ready(ended) = this.connection.as_mut().poll(cx) {
                return Poll::Ready(ended);
            }
            if !this.begin_opened(cx) {
                return Poll::Pending;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::future::{pending, poll_fn};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_connection_is_polled_again_after_its_streams_and_ends_with_them() {
        let polls = Arc::new(AtomicUsize::new(0));
        let (done, waits) = oneshot::channel::<()>();
        let (dropped, ended) = oneshot::channel::<()>();
        let counted = polls.clone();
        let mut held = Some((waits, dropped));
        let connection = |streams: Streams| {
            poll_fn(move |_| {
                let number = counted.fetch_add(1, Ordering::Relaxed);
                if let Some((waits, dropped)) = held.take() {
                    streams.execute(async {});
                    streams.execute(async { _ = waits.await });
                    streams.execute(async move {
                        let _dropped = dropped;
                        pending::<()>().await;
                    });
                }
                if number == 4 { Poll::Ready(()) } else { Poll::Pending }
            })
        };
        let mut served = InOneTask::new(connection);
        assert!((&mut served).now_or_never().is_none());
        assert_eq!(polls.load(Ordering::Relaxed), 2, "once for the streams opened, once for what they say");
        drop(done);
        assert!((&mut served).now_or_never().is_none());
        assert_eq!(served.streams.len(), 1, "two of three are done");
        while (&mut served).now_or_never().is_none() {}
        drop(served);
        assert!(ended.await.is_err(), "the third is gone with the connection");
    }
}
