//! What one stream of watches has yet to send: filled by the feeds of its watches, emptied by its connection.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use hyrax_etcd::etcdserverpb::{ResponseHeader, WatchResponse};
use hyrax_types::Revision;
use hyrax_types::limits::WATCH_STREAM_QUEUE_BYTES_MAX;
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tonic::Code;

use super::super::error::Refusal;
use super::super::wire;
use super::encode::Response;

/// Bytes handed on at a time: what is small is put together up to one frame of HTTP/2, and what is larger goes
/// as it is, uncopied.
const FRAME_BYTES: usize = 16 * 1024;

/// The number in a response that is not about one watch.
pub(super) const NO_WATCH: i64 = -1;

/// The queue of one stream.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    room: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    responses: VecDeque<Response>,
    bytes: usize,
    /// How the stream ends, once what is queued has been sent.
    end: Option<Refusal>,
    /// Nobody will empty it any more.
    closed: bool,
    waker: Option<Waker>,
    progress: Option<Progress>,
}

/// The progress of all watches of the stream together, while some have not told theirs.
#[derive(Debug)]
struct Progress {
    untold: usize,
    revision: Revision,
    header: ResponseHeader,
}

impl Queue {
    fn push(&mut self, response: Response) {
        self.bytes += response.len();
        self.responses.push_back(response);
    }

    fn pop(&mut self) -> Option<Response> {
        let response = self.responses.pop_front()?;
        self.bytes -= response.len();
        Some(response)
    }

    fn is_full(&self) -> bool {
        self.bytes >= WATCH_STREAM_QUEUE_BYTES_MAX
    }

    fn wake(mut guard: parking_lot::MutexGuard<'_, Queue>) {
        let waker = guard.waker.take();
        drop(guard);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Outbox {
    /// Queues a response that must not be left out. They are few: one for each request, and requests are not
    /// taken while there is no room; one for the end of each watch.
    pub(super) fn tell(&self, response: &WatchResponse) {
        let mut queue = self.queue.lock();
        if !queue.closed {
            queue.push(Response::alone(response));
            Queue::wake(queue);
        }
    }

    /// Queues what the watch of this number is told, all of it, unless the queue is full.
    pub(super) fn offer(&self, watch_id: i64, shared: &[Bytes]) -> bool {
        let mut queue = self.queue.lock();
        if queue.closed {
            return true;
        }
        if queue.is_full() {
            return false;
        }
        for shared in shared {
            queue.push(Response::of(watch_id, shared));
        }
        Queue::wake(queue);
        true
    }

    /// Waits until there is room, or nobody needs any.
    pub(super) async fn room(&self) {
        loop {
            let mut emptied = std::pin::pin!(self.room.notified());
            // From here on a wake-up is not missed.
            emptied.as_mut().enable();
            {
                let queue = self.queue.lock();
                if queue.closed || !queue.is_full() {
                    return;
                }
            }
            emptied.await;
        }
    }

    /// `watches` watches are about to tell how far they have come; when all have, the stream is told the least.
    /// False when that is under way already.
    pub(super) fn gather_progress(&self, watches: usize, header: ResponseHeader) -> bool {
        let mut queue = self.queue.lock();
        let free = queue.progress.is_none() && watches > 0;
        if free {
            queue.progress = Some(Progress { untold: watches, revision: Revision::MAX, header });
        }
        free
    }

    /// One of them has come so far, or is gone.
    pub(super) fn tell_progress(&self, revision: Option<Revision>) {
        let mut queue = self.queue.lock();
        let Some(progress) = &mut queue.progress else { return };
        progress.untold -= 1;
        progress.revision = progress.revision.min(revision.unwrap_or(Revision::MAX));
        if progress.untold > 0 {
            return;
        }
        let Some(progress) = queue.progress.take() else { return };
        if progress.revision != Revision::MAX {
            let header = ResponseHeader { revision: wire::number(progress.revision), ..progress.header };
            let response =
                WatchResponse { header: Some(header), watch_id: NO_WATCH, ..WatchResponse::default() };
            queue.push(Response::alone(&response));
            Queue::wake(queue);
        }
    }

    /// Ends the stream, after what is queued.
    pub(super) fn end(&self, refusal: Refusal) {
        let mut queue = self.queue.lock();
        queue.end.get_or_insert(refusal);
        Queue::wake(queue);
    }

    fn close(&self) {
        let mut queue = self.queue.lock();
        queue.closed = true;
        queue.responses = VecDeque::new();
        queue.bytes = 0;
        drop(queue);
        self.room.notify_waiters();
    }

    /// Takes responses off the queue, once there is one.
    fn poll<T>(&self, cx: &mut Context<'_>, take: impl FnOnce(&mut Queue) -> T) -> Poll<Result<T, Refusal>> {
        let mut queue = self.queue.lock();
        if queue.responses.is_empty() {
            if let Some(end) = queue.end.take() {
                return Poll::Ready(Err(end));
            }
            queue.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let was_full = queue.is_full();
        let taken = take(&mut queue);
        let has_room = was_full && !queue.is_full();
        drop(queue);
        if has_room {
            self.room.notify_waiters();
        }
        Poll::Ready(Ok(taken))
    }
}

/// What a stream of watches answers. Dropping it ends them.
pub struct WatchReplies {
    outbox: Arc<Outbox>,
    /// What is too large to be copied, and comes next.
    large: Bytes,
    /// The task that takes the client's requests.
    requests: AbortHandle,
}

impl WatchReplies {
    pub(super) fn new(outbox: Arc<Outbox>, requests: AbortHandle) -> WatchReplies {
        WatchReplies { outbox, large: Bytes::new(), requests }
    }

    /// The next response, decoded.
    pub async fn next(&mut self) -> Result<WatchResponse, Refusal> {
        let message =
            poll_fn(|cx| self.outbox.poll(cx, Queue::pop)).await?.map(|response| response.message());
        WatchResponse::decode(&message.unwrap_or_default()[..])
            .map_err(|error| Refusal::new(Code::Internal, error.to_string()))
    }
}

impl Stream for WatchReplies {
    type Item = Result<Bytes, Refusal>;

    /// The next responses, framed.
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if !this.large.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut this.large))));
        }
        let large = &mut this.large;
        let next = this.outbox.poll(cx, |queue| {
            let mut frame = BytesMut::with_capacity(queue.bytes.min(FRAME_BYTES));
            while let Some(response) = queue.responses.front() {
                if !frame.is_empty() && frame.len() + response.len() > FRAME_BYTES {
                    break;
                }
                let Some(response) = queue.pop() else { break };
                frame.extend_from_slice(response.head());
                if response.len() > FRAME_BYTES {
                    *large = response.shared;
                    break;
                }
                frame.extend_from_slice(&response.shared);
            }
            frame.freeze()
        });
        next.map(Some)
    }
}

impl Drop for WatchReplies {
    fn drop(&mut self) {
        self.outbox.close();
        self.requests.abort();
    }
}
