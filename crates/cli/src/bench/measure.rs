//! Puts one case to one server and says what it did and what it cost.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use super::case::{Case, Sizes};
use super::generator::{Deliveries, Generator, Limits, Outcome, subscribe};
use super::process::{cpu_time, resident_bytes};
use super::requests::{Batch, Keys, Request, key, value};
use super::target::Target;
use super::wire::Protocol;

/// Requests where nothing else is said, as far as the time allows.
const REQUESTS: u64 = 2_000_000;
/// Deliveries where nothing else is said, as far as the time allows.
const DELIVERIES: u64 = 5_000_000;
/// Connections before the first look at memory, so that what a server allocates once is not counted
/// as theirs.
const IDLE_BASE: u64 = 100;
/// A server is left alone this long before its memory is read.
const SETTLE: Duration = Duration::from_millis(500);
/// Changes that EKG monitors may lag behind: a fraction of what a server queues for one client.
const EKG_UNDER_WAY: u64 = 1000;

/// What one run found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measurement {
    /// Requests answered or, where a case is about them, deliveries.
    pub operations: u64,
    /// How long they took.
    pub elapsed: Duration,
    /// CPU time that the server used, where its process is known.
    pub cpu: Option<Duration>,
    /// How long after its start it answered its first command, where it was started for this.
    pub answered_after: Option<Duration>,
    /// Its resident memory at the end.
    pub resident_bytes: Option<u64>,
    /// For `idle`: what one connection takes of it.
    pub bytes_per_connection: Option<f64>,
    /// Requests that were answered by an error.
    pub errors: u64,
    /// Requests that no answer came to.
    pub unanswered: u64,
    /// Deliveries that never arrived.
    pub lost: u64,
    /// Deliveries beyond those that there should have been.
    pub surplus: u64,
    /// Pushes that only said that others were folded away.
    pub resets: u64,
}

/// Puts `case` to `target`. `None` where its protocol has nothing of the kind.
pub fn measure(case: Case, sizes: &Sizes, target: &Target) -> Result<Option<Measurement>> {
    let load = Load { target, sizes };
    let measured: Result<Option<Measurement>> = match case {
        Case::Get { keys } => load.random_keys(keys, Request::Get { key: &key(0) }).map(Some),
        Case::Set { keys } => {
            load.random_keys(keys, Request::Set { key: &key(0), value: &value(sizes.value_bytes) }).map(Some)
        }
        Case::FanOut { monitors, in_flight } => load.announce(1, monitors, in_flight).map(Some),
        Case::Spread { keys, monitors, in_flight } => load.announce(keys, monitors, in_flight).map(Some),
        Case::Idle { connections } => load.idle(connections).map(Some),
        Case::Ekg { monitors } => match target.protocol {
            Protocol::Line => load.ekg(monitors).map(Some),
            Protocol::Resp => Ok(None),
        },
    };
    let with_start = |measured| Measurement { answered_after: target.answered_after, ..measured };
    Ok(measured?.map(with_start))
}

struct Load<'a> {
    target: &'a Target,
    sizes: &'a Sizes,
}

impl Load<'_> {
    /// Get and set: every connection asks for random ones of keys that are all there.
    fn random_keys(&self, keys: u64, request: Request<'_>) -> Result<Measurement> {
        self.fill(keys)?;
        let Sizes { connections, pipeline, threads, .. } = *self.sizes;
        let request = self.encode(request)?;
        let batch = || {
            let random = fastrand::Rng::new();
            Batch::new(vec![request.clone(); pipeline], Keys::Random { count: keys, random })
        };
        let threads = threads.min(connections);
        let mut generators = Vec::new();
        for thread in 0..threads {
            let share = connections / threads + usize::from(thread < connections % threads);
            let drivers = (0..share).map(|_| batch()).collect();
            generators.push(self.connect(drivers, Vec::new(), Deliveries::default())?);
        }
        let requests = self.sizes.requests.unwrap_or(REQUESTS);
        let outcome = self.run(generators, requests)?;
        Ok(Measurement { operations: outcome.0.requests, ..outcome.1 })
    }

    /// Writes every key once.
    fn fill(&self, keys: u64) -> Result<()> {
        const AT_ONCE: usize = 256;
        let set = self.encode(Request::Set { key: &key(0), value: &value(self.sizes.value_bytes) })?;
        let batch = Batch::new(vec![set; AT_ONCE], Keys::Rising { count: keys, next: 0, step: 1 });
        let mut generator = self.connect(vec![batch], Vec::new(), Deliveries::default())?;
        let outcome = generator.run(Limits { requests: keys, time: Duration::MAX })?;
        if outcome.errors > 0 || outcome.requests < keys {
            bail!("{} of {keys} keys could not be written", keys - outcome.requests + outcome.errors);
        }
        Ok(())
    }

    /// Fan-out and spread: one connection changes keys, and each key's monitors are told.
    fn announce(&self, keys: u64, monitors: u64, in_flight: u64) -> Result<Measurement> {
        let mut listeners = Vec::new();
        for number in 0..keys {
            let request = self.encode(Request::Subscribe { key: &key(number) })?;
            listeners.extend(std::iter::repeat_n(request, monitors as usize));
        }
        // Half of what may be under way goes out at once while the other half arrives. With one in
        // flight, it is one at a time.
        let at_once = (in_flight / 2).max(1);
        let announce =
            self.encode(Request::Announce { key: &key(0), value: &value(self.sizes.value_bytes) })?;
        let turns = Keys::Rising { count: keys, next: 0, step: 1 };
        let batch = Batch::new(vec![announce; at_once as usize], turns);
        let under_way_max = in_flight.saturating_sub(at_once).saturating_mul(monitors);
        let generator =
            self.connect(vec![batch], listeners, Deliveries { per_request: monitors, under_way_max })?;
        let requests = self.sizes.requests.unwrap_or((DELIVERIES / monitors.max(1)).max(100));
        let outcome = self.run(vec![generator], requests)?;
        Ok(Measurement { operations: outcome.0.deliveries, ..outcome.1 })
    }

    /// EKG churn: every connection joins and leaves, over and over, and the monitors are told.
    fn ekg(&self, monitors: u64) -> Result<Measurement> {
        let ekg = key(0);
        let subscribe = self.encode(Request::Subscribe { key: &ekg })?;
        let listeners = vec![subscribe; monitors as usize];
        let mut drivers = Vec::new();
        for connection in 0..self.sizes.connections {
            let join = self.encode(Request::Join { key: &ekg, id: &format!("id{connection}") })?;
            let leave = self.encode(Request::Leave { key: &ekg })?;
            let pairs = self.sizes.pipeline.div_ceil(2);
            let requests = std::iter::repeat_n([join, leave], pairs).flatten();
            drivers.push(Batch::new(requests, Keys::Fixed));
        }
        let deliveries =
            Deliveries { per_request: monitors, under_way_max: monitors.saturating_mul(EKG_UNDER_WAY) };
        let generator = self.connect(drivers, listeners, deliveries)?;
        let requests = self.sizes.requests.unwrap_or(DELIVERIES / monitors.clamp(1, 10));
        // Whole pairs, so that nobody is left inside.
        let outcome = self.run(vec![generator], requests.next_multiple_of(2))?;
        Ok(Measurement { operations: outcome.0.requests, ..outcome.1 })
    }

    /// Connections that subscribe, each to a key of its own, and are then left alone.
    fn idle(&self, connections: u64) -> Result<Measurement> {
        let Target { address, protocol, pid, .. } = *self.target;
        let pid = pid.context(
            "the memory of a server can only be read where its process is known; name it with --pid",
        )?;
        let resident =
            || resident_bytes(pid).ok_or_else(|| anyhow!("the memory of process {pid} cannot be read"));
        let base = IDLE_BASE.min(connections / 2);
        let mut open: Vec<TcpStream> = Vec::new();
        let mut subscribe_up_to = |count: u64| -> Result<u64> {
            for number in open.len() as u64..count {
                let request = self.encode(Request::Subscribe { key: &key(number) })?;
                open.push(subscribe(address, protocol, &request)?);
            }
            thread::sleep(SETTLE);
            resident()
        };
        let before = subscribe_up_to(base)?;
        let (start, cpu_before) = (Instant::now(), cpu_time(pid));
        let after = subscribe_up_to(connections)?;
        let each = after.saturating_sub(before) as f64 / (connections - base).max(1) as f64;
        Ok(Measurement {
            operations: connections - base,
            elapsed: start.elapsed().saturating_sub(SETTLE),
            cpu: cpu_time(pid).zip(cpu_before).map(|(after, before)| after.saturating_sub(before)),
            resident_bytes: Some(after),
            bytes_per_connection: Some(each),
            ..Measurement::default()
        })
    }

    fn connect(
        &self,
        drivers: Vec<Batch>,
        listeners: Vec<Vec<u8>>,
        deliveries: Deliveries,
    ) -> Result<Generator> {
        Generator::connect(self.target.address, self.target.protocol, drivers, listeners, deliveries)
    }

    fn encode(&self, request: Request<'_>) -> Result<Vec<u8>> {
        request.encode(self.target.protocol).with_context(|| format!("the protocol has no {request:?}"))
    }

    /// Runs the generators, a thread each, first a little to warm up, and takes the server's figures.
    fn run(&self, mut generators: Vec<Generator>, requests: u64) -> Result<(Outcome, Measurement)> {
        let share = requests.div_ceil(generators.len() as u64);
        let warm_up = Limits { requests: (share / 20).next_multiple_of(2), time: self.sizes.time / 10 };
        all(&mut generators, warm_up)?;
        let cpu = || self.target.pid.and_then(cpu_time);
        let before = cpu();
        let outcome = all(&mut generators, Limits { requests: share, time: self.sizes.time })?;
        let used = cpu().zip(before).map(|(after, before)| after.saturating_sub(before));
        let measurement = Measurement {
            answered_after: None,
            operations: 0,
            elapsed: outcome.elapsed,
            cpu: used,
            resident_bytes: self.target.pid.and_then(resident_bytes),
            bytes_per_connection: None,
            errors: outcome.errors,
            unanswered: outcome.unanswered,
            lost: outcome.deliveries_expected.saturating_sub(outcome.deliveries),
            surplus: outcome.deliveries.saturating_sub(outcome.deliveries_expected),
            resets: outcome.resets,
        };
        Ok((outcome, measurement))
    }
}

/// Runs all generators at once and adds up what came of it.
fn all(generators: &mut [Generator], limits: Limits) -> Result<Outcome> {
    let outcomes: Vec<Result<Outcome>> = thread::scope(|scope| {
        let threads: Vec<_> =
            generators.iter_mut().map(|generator| scope.spawn(|| generator.run(limits))).collect();
        let ended = threads.into_iter().map(|thread| thread.join());
        ended.map(|joined| joined.unwrap_or_else(|_| Err(anyhow!("a generator's thread panicked")))).collect()
    });
    let mut total = Outcome::default();
    for outcome in outcomes {
        let outcome = outcome?;
        total.requests += outcome.requests;
        total.errors += outcome.errors;
        total.unanswered += outcome.unanswered;
        total.deliveries += outcome.deliveries;
        total.deliveries_expected += outcome.deliveries_expected;
        total.resets += outcome.resets;
        total.elapsed = total.elapsed.max(outcome.elapsed);
    }
    Ok(total)
}
