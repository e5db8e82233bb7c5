//! Requests that are answered from bytes to bytes, over HTTP/1.1.
//!
//! A key of etcd's v2 API is read in less time than it takes to make a request of a library of its bytes, lead
//! it through the routes, and make bytes of a response again. So a connection begins here, and its requests are
//! answered here as long as each is a plain one for a key: whole, short, without anything in its head that has to be
//! thought about ([`request`] says what that is). What is not goes to the library, which has the connection from then
//! on, with every byte that is not answered. Both answer the same, byte for byte.

mod reply;
mod request;

use std::io;
use std::pin::{Pin, pin};
use std::time::Duration;

use hyrax_types::limits::HTTP_HEAD_WAIT_MAX;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Arrival;
use crate::config::Door as Opened;
use crate::net::{Doors, Replayed, Stream, read_some};

pub(crate) use reply::Reply;
pub(crate) use request::PlainRequest;
use request::{Parsed, is_for_a_key};

/// How long the rest of a request may be waited for here. Some clients send a head and a body each by itself; what
/// takes longer is for the library, which has a bound for it.
const REST_WAIT_MAX: Duration = Duration::from_millis(200);
/// Bytes of answers to requests that came together after which they leave.
const REPLIES_BYTES: usize = 64 * 1024;
/// What a buffer of an idle connection may keep.
const KEPT_BYTES: usize = 2 * 1024;

/// Answers what can be answered here, until something comes that can not: the rest of the connection is given back.
/// None when the connection has ended.
pub(super) async fn serve<D: Doors>(
    doors: &D,
    stream: Replayed<Stream>,
    arrival: &Arrival,
    shutdown: &CancellationToken,
) -> Option<Replayed<Stream>> {
    if !arrival.open.contains(Opened::Http) || !is_for_a_key(stream.read_ahead()) {
        return Some(stream);
    }
    // Boxed, as it is large, and other connections need not pay for it.
    Box::pin(Direct::new(doors, stream, arrival).run(shutdown)).await
}

struct Direct<'a, D> {
    doors: &'a D,
    arrival: &'a Arrival,
    stream: Stream,
    /// What was read, and is not answered.
    input: Vec<u8>,
    replies: Vec<u8>,
}

/// What is to be done next.
enum Next {
    /// The next request has not come, or not all of it.
    Read,
    /// It is not one for here.
    GiveBack,
}

impl<'a, D: Doors> Direct<'a, D> {
    fn new(doors: &'a D, stream: Replayed<Stream>, arrival: &'a Arrival) -> Self {
        let (input, stream) = stream.into_parts();
        Direct { doors, arrival, stream, input, replies: Vec::new() }
    }

    async fn run(mut self, shutdown: &CancellationToken) -> Option<Replayed<Stream>> {
        let mut stopped = pin!(shutdown.cancelled());
        // Set anew only when it is over, so that a request costs no timer: who is idle has one wait, or nearly two.
        let mut wait = pin!(sleep(HTTP_HEAD_WAIT_MAX));
        let mut is_used = false;
        loop {
            if let Next::GiveBack = self.answer().await.ok()? {
                return Some(self.give_back());
            }
            if !self.input.is_empty() {
                let rest = read_some(Pin::new(&mut self.stream), &mut self.input);
                match timeout(REST_WAIT_MAX, rest).await {
                    Ok(Ok(1..)) => continue,
                    Ok(Ok(0) | Err(_)) => return None,
                    Err(_) => return Some(self.give_back()),
                }
            }
            self.input.shrink_to(KEPT_BYTES);
            self.replies.shrink_to(KEPT_BYTES);
            tokio::select! {
                biased;
                read = read_some(Pin::new(&mut self.stream), &mut self.input) => match read {
                    Ok(1..) => is_used = true,
                    Ok(0) | Err(_) => return None,
                },
                () = stopped.as_mut() => return None,
                () = wait.as_mut() => {
                    if !std::mem::take(&mut is_used) {
                        return None;
                    }
                    wait.as_mut().reset(Instant::now() + HTTP_HEAD_WAIT_MAX);
                }
            }
        }
    }

    /// Answers every request that is whole.
    async fn answer(&mut self) -> io::Result<Next> {
        let mut used = 0;
        let next = loop {
            match PlainRequest::parse(&self.input[used..]) {
                Parsed::Whole(request) => {
                    let reply = Reply::new(&mut self.replies);
                    if !self.doors.etcd2_key(&request, self.arrival.peer, reply).await {
                        break Next::GiveBack;
                    }
                    used += request.length;
                }
                Parsed::Begun => break Next::Read,
                Parsed::Other => break Next::GiveBack,
            }
            if self.replies.len() >= REPLIES_BYTES {
                self.send().await?;
            }
        };
        self.arrival.seat.metrics().received(used as u64);
        self.input.drain(..used);
        self.send().await?;
        Ok(next)
    }

    async fn send(&mut self) -> io::Result<()> {
        if !self.replies.is_empty() {
            self.stream.write_all(&self.replies).await?;
            self.stream.flush().await?;
            self.arrival.seat.metrics().sent(self.replies.len() as u64);
            self.replies.clear();
        }
        Ok(())
    }

    fn give_back(self) -> Replayed<Stream> {
        Replayed::new(self.input, self.stream)
    }
}
