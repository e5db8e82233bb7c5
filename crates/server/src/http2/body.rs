//! The body of a request, as it comes.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use parking_lot::Mutex;

use super::ready::PlaceWaker;

/// The client, or its connection, gave the stream up before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stream was reset")]
pub(crate) struct Reset;

/// What a client sends after a request's head.
pub(crate) struct Body {
    /// What was there when the request was answered, if that was all or the beginning.
    first: Bytes,
    /// What comes later.
    inlet: Option<Arc<Inlet>>,
}

/// Where a connection puts what comes for a stream, and a body takes it.
pub(super) struct Inlet {
    state: Mutex<State>,
    /// The stream, which tells the client that there is room again.
    stream: Arc<PlaceWaker>,
}

#[derive(Default)]
struct State {
    pieces: VecDeque<Bytes>,
    end: Option<Result<(), Reset>>,
    reader: Option<Waker>,
    /// Bytes taken and not yet told to the client.
    taken: usize,
    /// Whether nobody will read any more.
    is_abandoned: bool,
}

impl Inlet {
    pub(super) fn new(stream: Arc<PlaceWaker>) -> Arc<Inlet> {
        Arc::new(Inlet { state: Mutex::default(), stream })
    }

    /// Puts a piece in. One that nobody will read counts as read.
    pub(super) fn put(&self, piece: Bytes) {
        let mut state = self.state.lock();
        if state.is_abandoned {
            state.taken += piece.len();
        } else {
            state.pieces.push_back(piece);
        }
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
    }

    /// Says that nothing more will come.
    pub(super) fn end(&self, end: Result<(), Reset>) {
        let mut state = self.state.lock();
        state.end.get_or_insert(end);
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
    }

    /// The bytes that were read since this was asked.
    pub(super) fn take_taken(&self) -> usize {
        std::mem::take(&mut self.state.lock().taken)
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Reset>>> {
        let mut state = self.state.lock();
        if let Some(piece) = state.pieces.pop_front() {
            state.taken += piece.len();
            drop(state);
            self.stream.wake_by_ref();
            return Poll::Ready(Some(Ok(piece)));
        }
        match state.end {
            Some(Ok(())) => Poll::Ready(None),
            Some(Err(reset)) => Poll::Ready(Some(Err(reset))),
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Body {
    /// One that is all there.
    pub(super) fn whole(bytes: Bytes) -> Body {
        Body { first: bytes, inlet: None }
    }

    /// One that comes.
    pub(super) fn coming(inlet: Arc<Inlet>) -> Body {
        Body { first: Bytes::new(), inlet: Some(inlet) }
    }

    /// The next piece; none at the end.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Reset>>> {
        if !self.first.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.first))));
        }
        self.inlet.as_ref().map_or(Poll::Ready(None), |inlet| inlet.poll(cx))
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let Some(inlet) = &self.inlet else { return };
        let mut state = inlet.state.lock();
        state.is_abandoned = true;
        let left: usize = std::mem::take(&mut state.pieces).iter().map(Bytes::len).sum();
        state.taken += left;
        drop(state);
        if left > 0 {
            inlet.stream.wake_by_ref();
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Reset;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Reset>>> {
        self.poll_piece(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && self.inlet.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.inlet {
            None => SizeHint::with_exact(self.first.len() as u64),
            Some(_) => SizeHint::default(),
        }
    }
}
