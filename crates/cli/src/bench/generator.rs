//! The load: connections that send batches and count what comes back, on one thread and one poll.
//!
//! *Drivers* send batches of requests and wait for the replies to each before the next; *listeners*
//! are subscribed and count pushes. With listeners, a driver also waits until not too many
//! deliveries are still under way.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mio::{Events, Interest, Poll, Token};

use super::latency::Latencies;
use super::requests::Batch;
use super::wire::{Counted, Counter, Protocol};

/// Read at once. Larger than what a socket's buffer usually holds.
const READ_BYTES: usize = 256 * 1024;
/// How long nothing at all may arrive before what is missing is given up for lost.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Replies to subscribe requests may take this long: they come one at a time.
const SUBSCRIBE_MAX: Duration = Duration::from_secs(10);

/// When to stop sending.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// After so many requests.
    pub requests: u64,
    /// After so long.
    pub time: Duration,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Requests that were answered.
    pub requests: u64,
    /// Answers that were errors.
    pub errors: u64,
    /// Requests that no answer came to.
    pub unanswered: u64,
    /// Pushes that arrived at listeners.
    pub deliveries: u64,
    /// Pushes that should have arrived.
    pub deliveries_expected: u64,
    /// Pushes that only said that others were folded away.
    pub resets: u64,
    /// From the first request to the last answer or delivery.
    pub elapsed: Duration,
    /// How long it took from a batch to the last delivery that was then under way.
    pub told: Latencies,
}

/// The deliveries that each request brings about, and how many may be under way when the next batch
/// is sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deliveries {
    /// Listeners that each request reaches.
    pub per_request: u64,
    /// Deliveries that may still be under way.
    pub under_way_max: u64,
}

/// Connections of one thread.
pub struct Generator {
    poll: Poll,
    peers: Vec<Peer>,
    drivers: usize,
    deliveries: Deliveries,
    buffer: Vec<u8>,
    latencies: Latencies,
}

struct Peer {
    stream: mio::net::TcpStream,
    counter: Counter,
    /// What the protocol has to say beside requests. It goes out between batches.
    owed: Vec<u8>,
    /// A driver's requests; a listener has none.
    batch: Option<Batch>,
    /// Of the batch under way: requests, bytes written, answers still missing.
    sending: usize,
    written: usize,
    missing: u64,
    /// When it was sent.
    began: Instant,
}

impl Generator {
    /// Connects the drivers, a batch each, and subscribes the listeners, one request each.
    pub fn connect(
        address: SocketAddr,
        protocol: Protocol,
        drivers: Vec<Batch>,
        listeners: Vec<Vec<u8>>,
        deliveries: Deliveries,
    ) -> Result<Generator> {
        Generator::connect_both(address, (protocol, drivers), (protocol, listeners), deliveries)
    }

    /// The same, where listeners listen to something else than answers.
    pub fn connect_both(
        address: SocketAddr,
        (protocol, drivers): (Protocol, Vec<Batch>),
        (listening, listeners): (Protocol, Vec<Vec<u8>>),
        deliveries: Deliveries,
    ) -> Result<Generator> {
        let poll = Poll::new().context("cannot poll")?;
        let driver_count = drivers.len();
        let mut peers = Vec::with_capacity(driver_count + listeners.len());
        let listeners = listeners.into_iter().map(|request| (None, Some(request)));
        for (batch, request) in drivers.into_iter().map(|batch| (Some(batch), None)).chain(listeners) {
            let (stream, counter) = match request {
                None => greet(address, protocol)?,
                Some(request) => subscribe(address, listening, &request)?,
            };
            stream.set_nonblocking(true)?;
            let mut stream = mio::net::TcpStream::from_std(stream);
            // A driver asks once for both: edge-triggered, readiness to write comes only after a
            // write that found the socket full.
            let interest =
                if batch.is_some() { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            poll.registry().register(&mut stream, Token(peers.len()), interest)?;
            let peer = Peer {
                stream,
                counter,
                owed: Vec::new(),
                batch,
                sending: 0,
                written: 0,
                missing: 0,
                began: Instant::now(),
            };
            peers.push(peer);
        }
        Ok(Generator {
            poll,
            peers,
            drivers: driver_count,
            deliveries,
            buffer: vec![0; READ_BYTES],
            latencies: Latencies::default(),
        })
    }

    /// How long each batch took, from when it was sent to its last answer, since this was asked last.
    pub fn take_latencies(&mut self) -> Latencies {
        std::mem::take(&mut self.latencies)
    }

    /// Sends until a limit is reached, then waits for what is still under way.
    pub fn run(&mut self, limits: Limits) -> Result<Outcome> {
        let start = Instant::now();
        let mut outcome = Outcome::default();
        let mut unsent = limits.requests;
        let mut events = Events::with_capacity(1024);
        let mut last_arrival = start;
        let mut sent_at = None;
        loop {
            if start.elapsed() >= limits.time {
                unsent = 0;
            }
            if outcome.deliveries >= outcome.deliveries_expected
                && let Some(sent_at) = sent_at.take()
            {
                outcome.told.add(Instant::elapsed(&sent_at));
            }
            let expected = outcome.deliveries_expected;
            self.send_what_may_be_sent(&mut unsent, &mut outcome)?;
            if outcome.deliveries_expected > expected {
                sent_at.get_or_insert_with(Instant::now);
            }
            let answered =
                self.peers[..self.drivers].iter().all(|peer| peer.missing == 0 && !peer.is_midway());
            if answered && unsent == 0 && outcome.deliveries >= outcome.deliveries_expected {
                break;
            }
            self.poll.poll(&mut events, Some(Duration::from_millis(100))).or_else(retry)?;
            let mut arrived = false;
            for event in &events {
                let Token(at) = event.token();
                if event.is_writable() {
                    self.peers[at].write()?;
                }
                if event.is_readable() {
                    arrived |= self.receive(at, &mut outcome)?;
                }
            }
            if arrived {
                last_arrival = Instant::now();
            } else if last_arrival.elapsed() > SILENCE_MAX {
                break;
            }
        }
        outcome.unanswered = self.peers.iter().map(|peer| peer.missing).sum();
        outcome.elapsed = match last_arrival.elapsed() > SILENCE_MAX {
            true => last_arrival - start,
            false => start.elapsed(),
        };
        Ok(outcome)
    }

    /// Starts a batch on every driver that is free, as far as deliveries under way allow.
    fn send_what_may_be_sent(&mut self, unsent: &mut u64, outcome: &mut Outcome) -> Result<()> {
        for peer in &mut self.peers[..self.drivers] {
            let under_way = outcome.deliveries_expected.saturating_sub(outcome.deliveries);
            let is_midway = peer.is_midway();
            if peer.missing > 0 || (!is_midway && (*unsent == 0 || under_way > self.deliveries.under_way_max))
            {
                continue;
            }
            // What was begun is brought to its end: others may wait for that.
            let sent = peer.start_batch((*unsent).max(u64::from(is_midway)))?;
            *unsent = unsent.saturating_sub(sent);
            outcome.deliveries_expected += sent * self.deliveries.per_request;
        }
        Ok(())
    }

    /// Reads all that has arrived on one connection.
    fn receive(&mut self, at: usize, outcome: &mut Outcome) -> Result<bool> {
        let peer = &mut self.peers[at];
        let mut arrived = false;
        loop {
            let read = match peer.stream.read(&mut self.buffer) {
                Ok(0) => bail!("the server closed a connection"),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("lost a connection to the server"),
            };
            arrived = true;
            let Counted { whole, errors, resets } = peer.counter.feed(&self.buffer[..read]);
            if peer.batch.is_some() {
                outcome.requests += whole;
                outcome.errors += errors;
                if whole > 0 && peer.missing > 0 {
                    peer.missing = peer.missing.saturating_sub(whole);
                    if peer.missing == 0 {
                        self.latencies.add(peer.began.elapsed());
                    }
                }
            } else {
                outcome.deliveries += whole;
                outcome.errors += errors;
                outcome.resets += resets;
            }
            peer.counter.take_owed(&mut peer.owed);
            if !peer.owed.is_empty() {
                peer.write()?;
            }
            // A read that leaves room has emptied the socket.
            if read < self.buffer.len() {
                break;
            }
        }
        Ok(arrived)
    }
}

impl Peer {
    /// Whether there are requests that have to be sent, as others before them were.
    fn is_midway(&self) -> bool {
        self.batch.as_ref().is_some_and(Batch::is_midway)
    }

    /// Sends the next batch, or as much of it as is still wanted. Returns its requests.
    fn start_batch(&mut self, unsent: u64) -> Result<u64> {
        let Some(batch) = &mut self.batch else { return Ok(0) };
        batch.renew();
        self.sending = (batch.len() as u64).min(unsent) as usize;
        self.written = 0;
        self.missing = self.sending as u64;
        self.began = Instant::now();
        self.write()?;
        Ok(self.sending as u64)
    }

    fn write(&mut self) -> Result<()> {
        let bytes = self.batch.as_ref().map_or(&[][..], |batch| batch.bytes(self.sending));
        // What is owed must not come into the middle of a request.
        let is_between = self.written == 0 || self.written == bytes.len();
        if is_between && !self.owed.is_empty() {
            let written = write_to(&mut self.stream, &self.owed)?;
            self.owed.drain(..written);
            if !self.owed.is_empty() {
                return Ok(());
            }
        }
        if self.written < bytes.len() {
            self.written += write_to(&mut self.stream, &bytes[self.written..])?;
        }
        Ok(())
    }
}

/// Writes as much as the socket takes.
fn write_to(stream: &mut mio::net::TcpStream, bytes: &[u8]) -> Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match stream.write(&bytes[written..]) {
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("lost a connection to the server"),
        }
    }
    Ok(written)
}

/// A connection to `address`.
pub fn open(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address);
    let stream = stream.with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A connection on which the protocol has begun.
fn greet(address: SocketAddr, protocol: Protocol) -> Result<(TcpStream, Counter)> {
    let mut stream = open(address)?;
    stream.write_all(&protocol.greeting()).context("cannot greet the server")?;
    Ok((stream, Counter::new(protocol)))
}

/// A connection that sent `request` and got its one reply.
pub fn subscribe(address: SocketAddr, protocol: Protocol, request: &[u8]) -> Result<(TcpStream, Counter)> {
    let (mut stream, mut counter) = greet(address, protocol)?;
    stream.set_read_timeout(Some(SUBSCRIBE_MAX))?;
    stream.write_all(request).context("cannot subscribe")?;
    let mut buffer = [0; 4096];
    let mut owed = Vec::new();
    loop {
        let read = stream.read(&mut buffer).context("no answer to a subscription")?;
        let counted = counter.feed(&buffer[..read]);
        if counted.errors > 0 || read == 0 {
            bail!(
                "the server refused a subscription: {}",
                String::from_utf8_lossy(&buffer[..read]).trim_end()
            );
        }
        counter.take_owed(&mut owed);
        stream.write_all(&owed).context("cannot subscribe")?;
        owed.clear();
        if counted.whole > 0 {
            return Ok((stream, counter));
        }
    }
}

/// A signal interrupts a poll without consequence.
fn retry(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) }
}
