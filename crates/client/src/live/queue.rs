//! What waits for the reader of a monitor: bounded, so that a slow reader loses history, and not the memory.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::Error;

/// Between a connection's task and one reader.
pub(super) struct Queue<T> {
    bytes_max: usize,
    state: Mutex<State<T>>,
}

struct State<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    /// Nothing is taken in until the whole state comes, which has been asked for.
    awaits_whole: bool,
    /// Something was dropped, and the reader does not know yet.
    overflowed: bool,
    ended: Option<Error>,
    reader: Option<Waker>,
}

/// What the reader is given.
pub(super) enum Next<T> {
    Item(T),
    /// Something was dropped here: the whole state must be asked for.
    Gap,
    /// Nothing more will come.
    Ended(Error),
}

impl<T> Queue<T> {
    /// A queue that takes nothing before the whole state.
    pub(super) fn new(bytes_max: usize) -> Queue<T> {
        let state = State {
            items: VecDeque::new(),
            bytes: 0,
            awaits_whole: true,
            overflowed: false,
            ended: None,
            reader: None,
        };
        Queue { bytes_max, state: Mutex::new(state) }
    }

    /// Takes in something that happened, unless the whole state is awaited, which will show it.
    pub(super) fn push(&self, item: T, bytes: usize) {
        let mut state = self.state.lock();
        if state.awaits_whole || state.overflowed {
            return;
        }
        if state.bytes + bytes > self.bytes_max {
            state.items.clear();
            state.bytes = 0;
            state.overflowed = true;
        } else {
            state.bytes += bytes;
            state.items.push_back((item, bytes));
        }
        state.wake();
    }

    /// Takes in the whole state, which whatever waits is older than.
    pub(super) fn push_whole(&self, item: T, bytes: usize) {
        let mut state = self.state.lock();
        state.items.clear();
        state.items.push_back((item, bytes));
        state.bytes = bytes;
        (state.awaits_whole, state.overflowed) = (false, false);
        state.wake();
    }

    /// Whether the whole state is awaited.
    pub(super) fn awaits_whole(&self) -> bool {
        self.state.lock().awaits_whole
    }

    /// Takes nothing in until the whole state comes.
    pub(super) fn await_whole(&self) {
        self.state.lock().awaits_whole = true;
    }

    /// Takes everything in from now on: there is no whole state to be awaited.
    pub(super) fn open(&self) {
        self.state.lock().awaits_whole = false;
    }

    /// Ends it: what waits is read, and then why.
    pub(super) fn end(&self, error: Error) {
        let mut state = self.state.lock();
        state.ended.get_or_insert(error);
        state.wake();
    }

    pub(super) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Next<T>> {
        let mut state = self.state.lock();
        if let Some((item, bytes)) = state.items.pop_front() {
            state.bytes -= bytes;
            return Poll::Ready(Next::Item(item));
        }
        if state.overflowed {
            state.overflowed = false;
            return Poll::Ready(Next::Gap);
        }
        if let Some(error) = &state.ended {
            return Poll::Ready(Next::Ended(error.clone()));
        }
        if !state.reader.as_ref().is_some_and(|reader| reader.will_wake(context.waker())) {
            state.reader = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl<T> State<T> {
    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(queue: &Queue<u32>) -> String {
        match queue.poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => "nothing".to_owned(),
            Poll::Ready(Next::Item(item)) => item.to_string(),
            Poll::Ready(Next::Gap) => "a gap".to_owned(),
            Poll::Ready(Next::Ended(error)) => error.to_string(),
        }
    }

    #[test]
    fn nothing_comes_before_the_whole() {
        let queue = Queue::new(100);
        queue.push(1, 1);
        assert_eq!(next(&queue), "nothing");
        queue.push_whole(2, 1);
        queue.push(3, 1);
        assert_eq!([next(&queue), next(&queue), next(&queue)], ["2", "3", "nothing"]);
    }

    #[test]
    fn what_is_too_much_becomes_a_gap() {
        let queue = Queue::new(100);
        queue.open();
        queue.push(1, 60);
        queue.push(2, 60);
        queue.push(3, 1);
        assert_eq!([next(&queue), next(&queue)], ["a gap", "nothing"]);
        queue.push(4, 60);
        assert_eq!(next(&queue), "4", "what was read makes room");
    }

    #[test]
    fn a_whole_larger_than_the_queue_is_taken() {
        let queue = Queue::new(10);
        queue.push_whole(1, 1_000);
        queue.push(2, 1);
        assert_eq!([next(&queue), next(&queue)], ["a gap", "nothing"]);
    }

    #[test]
    fn what_waits_is_read_before_the_end() {
        let queue = Queue::new(100);
        queue.push_whole(1, 1);
        queue.end(Error::Ended);
        queue.end(Error::Refused("later".to_owned()));
        assert_eq!(
            [next(&queue), next(&queue), next(&queue)],
            ["1", "the client has ended", "the client has ended"]
        );
    }
}
