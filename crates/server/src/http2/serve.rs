//! A connection on its socket.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::CancellationToken;

use super::OUT_BYTES;
use super::answer::Answer;
use super::body::Body;
use super::connection::Connection;
use super::frame;
use super::head::Head;
use crate::metrics::Metrics;
use crate::net::{Stream, farewell};

/// Bytes read at one time, by all connections of a thread into one buffer.
const READ_BYTES: usize = 64 * 1024;

/// How often a connection reads and writes in one turn of its task. Where it wants more, others have their turn first.
const ROUNDS_MAX: usize = 16;

thread_local! {
    static READ_BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
    /// What is written is made here, so that an idle connection holds nothing.
    static OUT_BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A connection and its socket.
struct Served<'a, M, A> {
    connection: Connection<M, A>,
    stream: Stream,
    metrics: &'a Metrics,
    /// What was read of a frame that is not whole.
    input: Vec<u8>,
    /// Bytes of what is to be written that were.
    written: usize,
    /// Whether what carries the bytes may still hold some of them.
    is_held: bool,
}

/// Serves a connection to its end, with what `answer` makes of each request. `read_ahead` was read of it before. When
/// `shutdown` is cancelled, requests under way are answered, and no more are taken.
pub(crate) async fn serve<M, A>(
    stream: Stream,
    read_ahead: Vec<u8>,
    answer: M,
    metrics: &Metrics,
    shutdown: &CancellationToken,
) -> io::Result<()>
where
    M: Fn(Head, Body) -> A,
    A: Future<Output = Answer>,
{
    let connection = Connection::new(answer);
    let mut served = Served { connection, stream, metrics, input: Vec::new(), written: 0, is_held: false };
    metrics.received(read_ahead.len() as u64);
    let mut shutdown = pin!(shutdown.cancelled());
    let mut is_stopping = false;
    let goes_on = served.take(&read_ahead);
    drop(read_ahead);
    if goes_on {
        poll_fn(|cx| {
            if !is_stopping && shutdown.as_mut().poll(cx).is_ready() {
                is_stopping = true;
                served.connection.go_away();
            }
            served.poll(cx)
        })
        .await?;
    }
    let Served { mut connection, stream, written, .. } = served;
    let last_words = std::mem::take(&mut connection.out);
    // What its calls hold is free at once.
    drop(connection);
    farewell(stream, &last_words[written..]).await;
    Ok(())
}

impl<M, A> Served<'_, M, A>
where
    M: Fn(Head, Body) -> A,
    A: Future<Output = Answer>,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.connection.ready.task.register(cx.waker());
        self.connection.ready.begin_turn();
        if self.connection.out.is_empty() {
            OUT_BUFFER.with_borrow_mut(|buffer| std::mem::swap(buffer, &mut self.connection.out));
        }
        let turn = self.turn(cx);
        if self.connection.out.is_empty() {
            self.connection.out.shrink_to(2 * OUT_BYTES);
            OUT_BUFFER.with_borrow_mut(|buffer| std::mem::swap(buffer, &mut self.connection.out));
        }
        if self.connection.ready.end_turn() && turn.is_pending() {
            cx.waker().wake_by_ref();
        }
        turn
    }

    /// Works, writes and reads for as long as one has something for the other; ready at the connection's end.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        for _ in 0..ROUNDS_MAX {
            self.connection.work();
            let has_written = self.write(cx)?;
            let mut has_read = false;
            if self.connection.has_room() {
                match self.read(cx)? {
                    Poll::Ready(false) => return Poll::Ready(Ok(())),
                    Poll::Ready(true) => has_read = true,
                    Poll::Pending => {}
                }
            }
            if self.connection.is_over() && self.connection.out.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let can_go_on = has_written && self.connection.has_stalled();
            if !has_read && !can_go_on && !self.connection.ready.has_some() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes what there is; whether something was, and nothing is left.
    fn write(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let out = &mut self.connection.out;
        let mut stream = Pin::new(&mut self.stream);
        let has_some = !out.is_empty();
        while self.written < out.len() {
            match stream.as_mut().poll_write(cx, &out[self.written..])? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(length) => {
                    self.written += length;
                    self.is_held = true;
                    self.metrics.sent(length as u64);
                }
                Poll::Pending => return Ok(false),
            }
        }
        self.written = 0;
        out.clear();
        if self.is_held {
            self.is_held = stream.poll_flush(cx)?.is_pending();
        }
        Ok(has_some)
    }

    /// Reads once, and takes what came; whether the connection goes on.
    fn read(&mut self, cx: &mut Context<'_>) -> io::Result<Poll<bool>> {
        READ_BUFFER.with_borrow_mut(|buffer| {
            let mut space = ReadBuf::new(buffer);
            if Pin::new(&mut self.stream).poll_read(cx, &mut space)?.is_pending() {
                return Ok(Poll::Pending);
            }
            let read = space.filled();
            self.metrics.received(read.len() as u64);
            Ok(Poll::Ready(!read.is_empty() && self.take(read)))
        })
    }

    /// Takes what came; whether the connection goes on. If not, the client is to be told why.
    fn take(&mut self, read: &[u8]) -> bool {
        let taken = if self.input.is_empty() {
            self.connection.take(read).map(|taken| self.input.extend_from_slice(&read[taken..]))
        } else {
            self.input.extend_from_slice(read);
            self.connection.take(&self.input).map(|taken| {
                if taken == self.input.len() {
                    self.input = Vec::new();
                } else {
                    self.input.drain(..taken);
                }
            })
        };
        if let Err(reason) = taken {
            tracing::debug!(?reason, "an HTTP/2 connection is ended for what its client sent");
            frame::put_go_away(self.connection.last_stream, reason, &mut self.connection.out);
        }
        taken.is_ok()
    }
}
