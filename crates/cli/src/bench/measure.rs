//! Puts one case to one server and says what it did and what it cost.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use super::case::{Case, Holding, Sizes};
use super::etcd::{Awaited, EtcdCase};
use super::generator::{Deliveries, Generator, Limits, Outcome, subscribe};
use super::latency::Latencies;
use super::plain::{Door, Filling, LIST_FILL, POPS, Plain};
use super::process::{cpu_since, cpu_time, resident_bytes};
use super::requests::{Batch, Keys, Request, Template, value};
use super::target::{ServerKind, Target};
use super::wire::Protocol;

/// The part of a measurement's requests that goes before it to warm up: one in so many.
const WARM_UP_SHARE: u64 = 20;
/// Bytes and requests of a fill that are written at once.
const FILL_BYTES: usize = 64 * 1024;
const FILL_REQUESTS: usize = 256;
/// Of the hashes and sorted sets whose memory is measured.
const HASH_FIELDS: u64 = 10;
const SORTED_SET_MEMBERS: u64 = 100;
/// Deliveries where nothing else is said, as far as the time allows.
const DELIVERIES: u64 = 5_000_000;
/// Connections before the first look at memory, so that what a server allocates once is not counted
/// as theirs.
const IDLE_BASE: u64 = 100;
/// A server is left alone this long before its memory is read.
pub const SETTLE: Duration = Duration::from_millis(500);
/// Changes that EKG monitors may lag behind: a fraction of what a server queues for one client.
const EKG_UNDER_WAY: u64 = 1000;

/// What one run found.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measurement {
    /// Requests answered or, where a case is about them, deliveries.
    pub operations: u64,
    /// How long they took.
    pub elapsed: Duration,
    /// CPU time that the server used, where its process is known and the clock fine enough.
    pub cpu: Option<Duration>,
    /// How long after its start it answered its first command, where it was started for this.
    pub answered_after: Option<Duration>,
    /// How long after it was started again, with what it held, it answered a read of it.
    pub restarted_after: Option<Duration>,
    /// After its last word, one that stalls was missed so long after.
    pub missed_after: Option<Duration>,
    /// Within which time 99 of a hundred requests were answered; in a group, everybody was told.
    pub p99: Option<Duration>,
    /// Its resident memory at the end.
    pub resident_bytes: Option<u64>,
    /// For `idle` and `register`: what one connection takes of it.
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

/// Puts `case` to `target`. `None` where it has nothing of the kind.
pub fn measure(case: Case, sizes: &Sizes, target: Target) -> Result<Option<Measurement>> {
    if case.is_etcds() && target.kind == ServerKind::Redis
        || !case.is_etcds() && target.kind == ServerKind::Etcd
    {
        return Ok(None);
    }
    let target_kind = target.kind;
    let load = Load { target: &target, sizes, protocol: protocol(case, sizes, &target) };
    let measured: Result<Option<Measurement>> = match case {
        Case::Plain { command, keys, pipeline, .. } => load.plain(command, keys, pipeline).map(Some),
        Case::Publish { subscribers, publishers, in_flight } => {
            load.announce(1, subscribers, publishers, in_flight).map(Some)
        }
        Case::Memory { holding, keys } => load.memory(holding, keys).map(Some),
        Case::FanOut { monitors, in_flight } => load.announce(1, monitors, 1, Some(in_flight)).map(Some),
        Case::Spread { keys, monitors, in_flight } => {
            load.announce(keys, monitors, 1, Some(in_flight)).map(Some)
        }
        Case::Idle { connections } => load.idle(connections).map(Some),
        Case::Ekg { monitors } => match load.protocol {
            Protocol::Line => load.ekg(monitors).map(Some),
            Protocol::Resp | Protocol::Grpc(_) | Protocol::Http => Ok(None),
        },
        Case::Groups { members, watchers } => match target_kind {
            ServerKind::Hyrax => load.groups(members, watchers).map(Some),
            ServerKind::Redis | ServerKind::Etcd => Ok(None),
        },
        Case::Register { sockets } if target.kind == ServerKind::Hyrax => load.register(sockets).map(Some),
        Case::Register { .. } => Ok(None),
        Case::Etcd(case) => load.etcd(case).map(Some),
        Case::Etcd2(case) => load.etcd2(case).map(Some),
    };
    let Some(mut measured) = measured? else { return Ok(None) };
    measured.answered_after = target.answered_after;
    if matches!(case, Case::Etcd(EtcdCase::Memory { .. })) {
        measured.restarted_after = target.restart()?.and_then(|target| target.answered_after);
    }
    Ok(Some(measured))
}

/// How `target` is spoken to in `case`: a Redis always in its own protocol, a Hyrax by the door that the case is
/// about.
fn protocol(case: Case, sizes: &Sizes, target: &Target) -> Protocol {
    let door = match case {
        Case::Plain { door, .. } => door,
        Case::Memory { .. } => sizes.door,
        Case::Publish { .. } => Door::Resp,
        Case::FanOut { .. } | Case::Spread { .. } | Case::Idle { .. } | Case::Ekg { .. } => Door::Line,
        Case::Groups { .. } => Door::Line,
        Case::Etcd(_) => return Protocol::Grpc(Awaited::Answers),
        Case::Etcd2(_) | Case::Register { .. } => return Protocol::Http,
    };
    match (target.kind, door) {
        (ServerKind::Hyrax | ServerKind::Etcd, Door::Line) => Protocol::Line,
        (ServerKind::Hyrax | ServerKind::Etcd, Door::Resp) | (ServerKind::Redis, _) => Protocol::Resp,
    }
}

/// Messages under way where publishers wait for answers alone: few enough that no subscriber's queue
/// overflows.
const ANSWERED_UNDER_WAY: u64 = 1_000;

/// What puts cases to a target.
pub struct Load<'a> {
    /// The server.
    pub target: &'a Target,
    /// The numbers.
    pub sizes: &'a Sizes,
    protocol: Protocol,
}

impl Load<'_> {
    /// One command from every connection, to random ones of keys that are all there.
    fn plain(&self, command: Plain, keys: u64, pipeline: u64) -> Result<Measurement> {
        let requests = self.sizes.requests.unwrap_or(match command {
            Plain::Lpop => POPS,
            _ => u64::MAX,
        });
        if let Some(filling) = command.filling(self.sizes.value_bytes()) {
            // A pop takes what is there, in the warm-up as well.
            let rounds = match command {
                Plain::Lpop => (requests + requests / WARM_UP_SHARE) / keys / LIST_FILL + 1,
                _ => 1,
            };
            self.fill(keys, rounds, &filling)?;
        }
        let (connections, threads) = (self.sizes.connections(), self.sizes.threads);
        let text = value(self.sizes.value_bytes());
        let request = self.encode(Request::Command(&command.words(&text)))?;
        let batch = |connection: usize| {
            let requests = vec![request.clone(); pipeline as usize];
            let keys = match command {
                // In turn, so that no list is empty before the others.
                Plain::Lpop => {
                    Keys::Rising { count: keys, next: connection as u64 * keys / connections as u64 % keys }
                }
                _ => Keys::Random { count: keys, random: fastrand::Rng::new() },
            };
            Batch::new(requests, keys, command.members())
        };
        let threads = threads.min(connections);
        let mut generators = Vec::new();
        for thread in 0..threads {
            let share = connections / threads + usize::from(thread < connections % threads);
            let drivers = (0..share).map(|number| batch(number * threads + thread)).collect();
            generators.push(self.connect(drivers, Vec::new(), Deliveries::default())?);
        }
        let outcome = self.run(generators, requests)?;
        Ok(Measurement { operations: outcome.0.requests, ..outcome.1 })
    }

    /// Fills every key, so many times.
    fn fill(&self, keys: u64, rounds: u64, filling: &Filling) -> Result<()> {
        let request = self.encode(Request::Command(&filling.words()))?;
        let at_once = (FILL_BYTES / request.bytes.len()).clamp(1, FILL_REQUESTS);
        let batch = Batch::new(vec![request; at_once], Keys::Rising { count: keys, next: 0 }, 1);
        let mut generator = self.connect(vec![batch], Vec::new(), Deliveries::default())?;
        let requests = keys.saturating_mul(rounds);
        let outcome = generator.run(Limits { requests, time: Duration::MAX })?;
        if outcome.errors > 0 || outcome.requests < requests {
            let failed = requests - outcome.requests + outcome.errors;
            bail!("{failed} of {requests} requests to fill {keys} keys failed");
        }
        Ok(())
    }

    /// What so many keys take, and what it took to write them.
    fn memory(&self, holding: Holding, keys: u64) -> Result<Measurement> {
        let filling = match holding {
            Holding::String => Filling::string(self.sizes.value_bytes()),
            Holding::Hash => Filling::hash(HASH_FIELDS, self.sizes.value_bytes()),
            Holding::SortedSet => Filling::sorted_set(SORTED_SET_MEMBERS),
        };
        self.held(keys, || self.fill(keys, 1, &filling))
    }

    /// What so many keys take, and what it took to write them by `fill`.
    pub(super) fn held(&self, keys: u64, fill: impl FnOnce() -> Result<()>) -> Result<Measurement> {
        let pid = self.known_process()?;
        let (start, cpu_before) = (Instant::now(), cpu_time(pid));
        fill()?;
        let elapsed = start.elapsed();
        thread::sleep(SETTLE);
        Ok(Measurement {
            operations: keys,
            elapsed,
            cpu: cpu_since(cpu_before, cpu_time(pid)),
            resident_bytes: Some(resident(pid)?),
            ..Measurement::default()
        })
    }

    /// Fan-out, spread and publish: some connections change keys, and each key's monitors are told.
    fn announce(
        &self,
        keys: u64,
        monitors: u64,
        publishers: u64,
        in_flight: Option<u64>,
    ) -> Result<Measurement> {
        let mut listeners = Vec::new();
        for number in 0..keys {
            let request = self.encode(Request::Subscribe { key: number })?.bytes;
            listeners.extend(std::iter::repeat_n(request, monitors as usize));
        }
        // Half of what may be under way goes out at once while the other half arrives. With one in
        // flight, or when only the answer is waited for, it is one at a time.
        let at_once = in_flight.map_or(1, |in_flight| (in_flight / 2 / publishers).max(1));
        let text = value(self.sizes.value_bytes());
        let announce = self.encode(Request::Announce { key: 0, value: &text })?;
        let turns = Keys::Rising { count: keys, next: 0 };
        let batch = Batch::new(vec![announce; at_once as usize], turns, 1);
        let drivers = vec![batch; publishers as usize];
        let under_way_max =
            in_flight.unwrap_or(ANSWERED_UNDER_WAY).saturating_sub(at_once).saturating_mul(monitors);
        let generator =
            self.connect(drivers, listeners, Deliveries { per_request: monitors, under_way_max })?;
        let requests = self.sizes.requests.unwrap_or((DELIVERIES / monitors.max(1)).max(100));
        let outcome = self.run(vec![generator], requests)?;
        Ok(Measurement { operations: outcome.0.deliveries, ..outcome.1 })
    }

    /// EKG churn: every connection joins and leaves, over and over, and the monitors are told.
    fn ekg(&self, monitors: u64) -> Result<Measurement> {
        let subscribe = self.encode(Request::Subscribe { key: 0 })?.bytes;
        let listeners = vec![subscribe; monitors as usize];
        let mut drivers = Vec::new();
        for connection in 0..self.sizes.connections() {
            let join = self.encode(Request::Join { key: 0, id: &format!("id{connection}") })?;
            let leave = self.encode(Request::Leave { key: 0 })?;
            let pairs = self.sizes.pipeline().div_ceil(2) as usize;
            let requests = std::iter::repeat_n([join, leave], pairs).flatten();
            drivers.push(Batch::new(requests, Keys::Fixed, 1));
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
        let pid = self.known_process()?;
        let base = IDLE_BASE.min(connections / 2);
        let mut open: Vec<TcpStream> = Vec::new();
        let mut subscribe_up_to = |count: u64| -> Result<u64> {
            for number in open.len() as u64..count {
                let request = self.encode(Request::Subscribe { key: number })?.bytes;
                open.push(subscribe(self.target.address, self.protocol, &request)?.0);
            }
            thread::sleep(SETTLE);
            resident(pid)
        };
        let before = subscribe_up_to(base)?;
        let (start, cpu_before) = (Instant::now(), cpu_time(pid));
        let after = subscribe_up_to(connections)?;
        let each = after.saturating_sub(before) as f64 / (connections - base).max(1) as f64;
        Ok(Measurement {
            operations: connections - base,
            elapsed: start.elapsed().saturating_sub(SETTLE),
            cpu: cpu_since(cpu_before, cpu_time(pid)),
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
        Generator::connect(self.target.address, self.protocol, drivers, listeners, deliveries)
    }

    fn encode(&self, request: Request<'_>) -> Result<Template> {
        request.encode(self.protocol).with_context(|| format!("the protocol has no {request:?}"))
    }

    /// The target's process, for what cannot be measured otherwise.
    pub fn known_process(&self) -> Result<u32> {
        self.target
            .pid
            .context("the memory of a server can only be read where its process is known; name it with --pid")
    }

    /// Runs the generators, a thread each, first a little to warm up, and takes the server's figures.
    pub fn run(&self, mut generators: Vec<Generator>, requests: u64) -> Result<(Outcome, Measurement)> {
        let share = requests.div_ceil(generators.len() as u64);
        let warm_up =
            Limits { requests: (share / WARM_UP_SHARE).next_multiple_of(2), time: self.sizes.time / 10 };
        all(&mut generators, warm_up)?;
        generators.iter_mut().for_each(|generator| drop(generator.take_latencies()));
        let cpu = || self.target.pid.and_then(cpu_time);
        let before = cpu();
        let outcome = all(&mut generators, Limits { requests: share, time: self.sizes.time })?;
        let used = cpu_since(before, cpu());
        let mut latencies = Latencies::default();
        generators.iter_mut().for_each(|generator| latencies.merge(&generator.take_latencies()));
        let measurement = Measurement {
            answered_after: None,
            restarted_after: None,
            missed_after: None,
            p99: latencies.within(0.99),
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

/// Its resident memory, which must be known.
pub fn resident(pid: u32) -> Result<u64> {
    resident_bytes(pid).with_context(|| format!("the memory of process {pid} cannot be read"))
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
        total.told.merge(&outcome.told);
        total.elapsed = total.elapsed.max(outcome.elapsed);
    }
    Ok(total)
}
