//! A long run of random requests, in episodes that each begin with an empty tree, and what comes of it.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::answer::Answer;
use super::connection::Connection;
use super::generator::{Generator, TOPS};
use super::request::Request;
use crate::differential::shrink;

/// How many requests an episode has.
const EPISODE_REQUESTS: usize = 120;
/// How long to wait for what may never happen.
const WAITS_AT_MOST: Duration = Duration::from_millis(250);
/// How long to look for a shorter failing sequence.
const SHRINK_WITHIN: Duration = Duration::from_secs(60);

/// A run of random requests from a seed.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The same seed plays the same requests.
    pub seed: u64,
    /// How many to play.
    pub requests: usize,
}

/// What a campaign without a difference did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Requests played.
    pub requests: usize,
    /// How many of them both servers refused, in the same words.
    pub refusals: usize,
    /// How many waited for nothing.
    pub waits: usize,
}

/// The shortest sequence found after which the two differ.
#[derive(Clone, Debug)]
pub struct Finding {
    seed: u64,
    requests: Vec<Request>,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}:", self.seed)?;
        for request in &self.requests {
            writeln!(f, "  {request}")?;
        }
        f.write_str(&self.what)
    }
}

/// One of two servers that are compared.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    address: SocketAddr,
    connection: Connection,
    base: u64,
}

impl Server {
    /// Connects to a server.
    pub fn connect(name: &'static str, address: SocketAddr) -> Server {
        Server { name, address, connection: Connection::open(address), base: 0 }
    }

    /// Empties the tree; indexes are counted from there.
    pub fn begin(&mut self) {
        for top in TOPS {
            let target = format!("/v2/keys/{top}");
            self.connection.ask("DELETE", &format!("{target}?recursive=true"), "");
        }
        self.base = self.connection.ask("GET", "/v2/keys", "").index();
    }

    /// Plays a request.
    pub fn play(&mut self, request: &Request) -> Answer {
        let (target, form) = request.at(self.base);
        if !request.waits() {
            return Answer::of(&self.connection.ask(request.method, &target, &form), self.base);
        }
        let mut connection = Connection::open(self.address);
        connection.wait_at_most(WAITS_AT_MOST);
        connection.send(request.method, &target, "", b"");
        match connection.read(request.method) {
            Ok(response) => Answer::of(&response, self.base),
            Err(_) => Answer::waits(),
        }
    }
}

/// A difference, after so many requests.
struct Difference {
    requests: usize,
    what: String,
}

impl Campaign {
    /// Plays it, and panics with the shortest sequence of requests that shows a difference.
    pub fn must_agree(&self, reference: &mut Server, subject: &mut Server) -> Tally {
        let mut generator = Generator::new(self.seed);
        let mut tally = Tally::default();
        while tally.requests < self.requests {
            let length = EPISODE_REQUESTS.min(self.requests - tally.requests);
            let requests: Vec<_> = (0..length).map(|played| generator.next(played)).collect();
            if let Err(difference) = episode(&requests, reference, subject, &mut tally) {
                panic!("{}", self.finding(requests, difference, reference, subject));
            }
        }
        tally
    }

    fn finding(
        &self,
        mut requests: Vec<Request>,
        first: Difference,
        reference: &mut Server,
        subject: &mut Server,
    ) -> Finding {
        requests.truncate(first.requests);
        let mut again =
            |requests: &[Request]| episode(requests, reference, subject, &mut Tally::default()).err();
        let requests = shrink(requests, Instant::now() + SHRINK_WITHIN, |fewer| again(fewer).is_some());
        let what = again(&requests).map_or_else(
            || format!("{}\n(only once: the same requests again made no difference)", first.what),
            |difference| difference.what,
        );
        Finding { seed: self.seed, requests, what }
    }
}

fn episode(
    requests: &[Request],
    reference: &mut Server,
    subject: &mut Server,
    tally: &mut Tally,
) -> Result<(), Difference> {
    reference.begin();
    subject.begin();
    for (played, request) in requests.iter().enumerate() {
        let (expected, found) = (reference.play(request), subject.play(request));
        if expected != found {
            let (reference, subject) = (reference.name, subject.name);
            let what = format!("{request}\n  {reference}: {expected}\n  {subject}: {found}");
            return Err(Difference { requests: played + 1, what });
        }
        tally.requests += 1;
        tally.refusals += usize::from(expected.status.is_some_and(|status| status >= 400));
        tally.waits += usize::from(expected.status.is_none());
    }
    Ok(())
}
