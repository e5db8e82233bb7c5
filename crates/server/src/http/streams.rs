//! Streams of an HTTP/2 connection, served in the connection's own task.
//!
//! A call that reads or writes one key takes less time than to hand it to another task and to be told that it
//! is done. And where both tasks run at once, the connection writes the head of a reply while the rest of it is
//! being made, which is two writes for one. A long call keeps the others of its connection waiting, and nobody
//! else.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::task::AtomicWaker;
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

/// Polls of the connection in one turn of its task. Where it wants more, others have their turn first.
const POLLS_MAX: usize = 32;

/// A connection with its streams. When it ends, they end.
pub(super) struct InOneTask<C> {
    connection: Pin<Box<C>>,
    bell: Arc<Bell>,
    opened: Streams,
    streams: FuturesUnordered<BoxFuture<'static, ()>>,
}

/// Rung when the connection is to be polled: something came, or a stream has something for it to write. While
/// the task has its turn that is noted alone, as it looks again before it sleeps.
#[derive(Default)]
struct Bell {
    rung: AtomicBool,
    has_turn: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // In one order with what the task does at its turn's end: either it sees this, or it is woken.
        self.rung.store(true, Ordering::SeqCst);
        if !self.has_turn.load(Ordering::SeqCst) {
            self.task.wake();
        }
    }
}

impl<C: Future> InOneTask<C> {
    /// The connection that `make` makes, which must give its streams to the executor that it is given.
    pub(super) fn new(make: impl FnOnce(Streams) -> C) -> Self {
        let opened = Streams::default();
        let connection = Box::pin(make(opened.clone()));
        let bell = Arc::new(Bell { rung: AtomicBool::new(true), ..Bell::default() });
        InOneTask { connection, bell, opened, streams: FuturesUnordered::new() }
    }

    /// The connection itself, to be told something.
    pub(super) fn connection(&mut self) -> Pin<&mut C> {
        self.bell.rung.store(true, Ordering::SeqCst);
        self.connection.as_mut()
    }

    /// Lets streams and connection go on for as long as one has something for the other.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<C::Output> {
        let waker = Waker::from(self.bell.clone());
        for _ in 0..POLLS_MAX {
            while let Poll::Ready(Some(())) = self.streams.poll_next_unpin(cx) {}
            if !self.bell.rung.swap(false, Ordering::SeqCst) {
                return Poll::Pending;
            }
            // After the streams, as it writes what they say.
            if let Poll::Ready(ended) = self.connection.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Poll::Ready(ended);
            }
            self.streams.extend(self.opened.0.lock().drain(..));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<C: Future> Future for InOneTask<C> {
    type Output = C::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Output> {
        self.bell.task.register(cx.waker());
        self.bell.has_turn.store(true, Ordering::SeqCst);
        let ended = self.turn(cx);
        self.bell.has_turn.store(false, Ordering::SeqCst);
        if ended.is_pending() && self.bell.rung.load(Ordering::SeqCst) {
            cx.waker().wake_by_ref();
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, poll_fn};
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;
    use tokio::sync::{mpsc, oneshot};

    #[tokio::test]
    async fn streams_go_on_without_the_connection_and_end_with_it() {
        let polls = Arc::new(AtomicUsize::new(0));
        let (to_connection, mut heard) = mpsc::unbounded_channel::<&str>();
        let (done, waits) = oneshot::channel::<()>();
        let (dropped, ended) = oneshot::channel::<()>();
        let counted = polls.clone();
        let mut to_open = Some((to_connection.clone(), waits, dropped));
        let served = InOneTask::new(|streams| {
            poll_fn(move |cx| {
                counted.fetch_add(1, Ordering::Relaxed);
                if let Some((to_connection, waits, dropped)) = to_open.take() {
                    streams.execute(async move {
                        _ = waits.await;
                        _ = to_connection.send("write");
                    });
                    streams.execute(async move {
                        let _dropped = dropped;
                        pending::<()>().await;
                    });
                }
                loop {
                    match heard.poll_recv(cx) {
                        Poll::Ready(Some("end")) => return Poll::Ready(()),
                        Poll::Ready(_) => {}
                        Poll::Pending => return Poll::Pending,
                    }
                }
            })
        });
        let served = tokio::spawn(served);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(polls.load(Ordering::Relaxed), 1, "streams that wait are nothing to the connection");
        drop(done);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(polls.load(Ordering::Relaxed), 2, "it is polled for what a stream says, once");
        to_connection.send("end").unwrap();
        served.await.unwrap();
        assert!(ended.await.is_err(), "a stream that waits for ever is gone with the connection");
    }

    #[tokio::test]
    async fn a_connection_that_always_wants_more_leaves_others_their_turns() {
        let served = InOneTask::new(|_| {
            poll_fn(|cx| {
                cx.waker().wake_by_ref();
                Poll::<()>::Pending
            })
        });
        let served = tokio::spawn(served);
        tokio::time::sleep(Duration::from_millis(5)).await;
        served.abort();
        assert!(served.await.unwrap_err().is_cancelled());
    }
}
