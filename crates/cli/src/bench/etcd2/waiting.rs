//! Many who wait for one key, and the one who writes it.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mio::{Events, Interest, Poll, Token};

use super::super::generator::{Limits, open};
use super::super::latency::Latencies;
use super::super::requests::{Batch, Keys};
use super::http1::{self, HttpCounter};

/// Read at once: an answer and more.
const READ_BYTES: usize = 64 * 1024;
/// How long nothing at all may arrive before what is missing is given up for lost.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Rounds {
    /// Answers to those who waited.
    pub answered: u64,
    /// Answers that were errors.
    pub errors: u64,
    /// Those who were not answered.
    pub lost: u64,
    /// From each write until the last was answered, in all.
    pub elapsed: Duration,
    /// From the write to each answer.
    pub latencies: Latencies,
}

/// Connections that wait, and one that writes.
pub struct Waiters {
    poll: Poll,
    /// The last one writes.
    peers: Vec<Peer>,
    wait: Vec<u8>,
    put: Vec<u8>,
    buffer: Vec<u8>,
}

struct Peer {
    stream: mio::net::TcpStream,
    counter: HttpCounter,
    /// Answers that have arrived.
    answers: u64,
}

impl Waiters {
    /// Connects so many who will wait for one key, which will be written with this value.
    pub fn connect(address: SocketAddr, waiters: usize, value: &str) -> Result<Waiters> {
        let poll = Poll::new().context("cannot poll")?;
        let mut peers = Vec::with_capacity(waiters + 1);
        for number in 0..=waiters {
            let stream = open(address)?;
            stream.set_nonblocking(true)?;
            let mut stream = mio::net::TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(number), Interest::READABLE)?;
            peers.push(Peer { stream, counter: HttpCounter::default(), answers: 0 });
        }
        let bytes = |template| Batch::new([template], Keys::Fixed, 1).bytes(1).to_vec();
        let (wait, put) = (bytes(http1::wait()), bytes(http1::put(value)));
        Ok(Waiters { poll, peers, wait, put, buffer: vec![0; READ_BYTES] })
    }

    /// As many rounds as the limits allow, one at least.
    pub fn run(&mut self, limits: Limits) -> Result<Rounds> {
        let start = Instant::now();
        let mut rounds = Rounds::default();
        for _ in 0..limits.requests {
            self.round(&mut rounds)?;
            if rounds.lost > 0 || start.elapsed() >= limits.time {
                break;
            }
        }
        Ok(rounds)
    }

    fn round(&mut self, rounds: &mut Rounds) -> Result<()> {
        let waiters = self.peers.len() - 1;
        for peer in &mut self.peers[..waiters] {
            send(&mut peer.stream, &self.wait)?;
        }
        // Who has the head of an answer is waited for: the server has noted the wait before it answers so.
        let waiting = |peers: &[Peer]| {
            peers[..waiters].iter().filter(|peer| peer.counter.heads() == peer.answers).count()
        };
        let not_waiting = self.until(rounds, None, waiting)?;
        if not_waiting > 0 {
            bail!("{not_waiting} of {waiters} requests to wait were not taken");
        }
        let began = Instant::now();
        send(&mut self.peers[waiters].stream, &self.put)?;
        let unanswered = |peers: &[Peer]| {
            peers.iter().filter(|peer| peer.counter.heads() > peer.answers).count()
                + usize::from(peers[waiters].answers < peers[0].answers)
        };
        rounds.lost += self.until(rounds, Some(began), unanswered)? as u64;
        rounds.elapsed += began.elapsed();
        Ok(())
    }

    /// Takes what arrives until nothing is missing, or nothing comes any more; and how many are missing then.
    /// Answers are counted, and timed from when they were brought about.
    fn until(
        &mut self,
        rounds: &mut Rounds,
        began: Option<Instant>,
        missing: impl Fn(&[Peer]) -> usize,
    ) -> Result<usize> {
        let mut events = Events::with_capacity(1024);
        let mut last_arrival = Instant::now();
        loop {
            let left = missing(&self.peers);
            if left == 0 || last_arrival.elapsed() > SILENCE_MAX {
                return Ok(left);
            }
            match self.poll.poll(&mut events, Some(Duration::from_millis(100))) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            for event in &events {
                let Token(at) = event.token();
                let is_waiter = at + 1 < self.peers.len();
                let (answers, errors) = self.peers[at].receive(&mut self.buffer)?;
                last_arrival = Instant::now();
                rounds.errors += errors;
                if let (true, Some(began)) = (is_waiter, began) {
                    rounds.answered += answers;
                    (0..answers).for_each(|_| rounds.latencies.add(began.elapsed()));
                }
            }
        }
    }
}

impl Peer {
    /// Reads all that has arrived: whole answers, and errors among them.
    fn receive(&mut self, buffer: &mut [u8]) -> Result<(u64, u64)> {
        let (mut answers, mut errors) = (0, 0);
        loop {
            let read = match self.stream.read(buffer) {
                Ok(0) => bail!("the server closed a connection"),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("lost a connection to the server"),
            };
            let counted = self.counter.feed(&buffer[..read]);
            answers += counted.whole;
            errors += counted.errors;
            if read < buffer.len() {
                break;
            }
        }
        self.answers += answers;
        Ok((answers, errors))
    }
}

/// A request is far smaller than what a socket takes at once.
fn send(stream: &mut mio::net::TcpStream, request: &[u8]) -> Result<()> {
    stream.write_all(request).context("lost a connection to the server")
}
