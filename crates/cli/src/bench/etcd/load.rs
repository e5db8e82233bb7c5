//! How each case over etcd's API is put to a server.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hyrax_etcd::etcdserverpb::RangeRequest;
use hyrax_etcd::etcdserverpb::kv_client::KvClient;

use super::super::generator::{Deliveries, Generator, Limits, Outcome};
use super::super::latency::Latencies;
use super::super::measure::{Load, Measurement, resident};
use super::super::process::{cpu_since, cpu_time};
use super::super::requests::{Batch, Keys, Template};
use super::super::wire::Protocol;
use super::case::EtcdCase;
use super::http2::{self, Awaited};
use super::messages::{self, Message};

/// One request fits a frame, with something to spare for what is beside the values.
const REQUEST_BYTES_MAX: usize = 14_000;
/// What a put takes beside its value, at most.
const PUT_BYTES: usize = 48;
/// Requests of a fill that go out at once stay far below the window of a connection that nobody has widened.
const FILL_BYTES: usize = 32_000;
const FILL_PUTS_MAX: usize = 50;
/// Leases that are asked for, or kept alive, at once on a connection.
const LEASES_AT_ONCE: usize = 64;
/// Where leases begin, at most: with all that follow, their ids are of one length.
const FIRST_LEASE_MAX: u64 = 1 << 34;
/// Connections that keep leases alive.
const KEEPERS: usize = 16;
/// Long enough that none ends while they are measured.
const TTL_SECONDS: u64 = 3_600;
/// Of leases that are to end together, beside the time that it takes to make them all and to renew them all.
const SHORT_TTL: Duration = Duration::from_secs(5);
/// Leases made to find out how long others will take, and how many times as long those may take, with their keys
/// and their renewal.
const LEASES_TRIED: u64 = 1_000;
const TIMES_AS_LONG: u32 = 4;
/// Connections that put while leases end.
const PROBES: usize = 16;
/// How long to wait for leases that ought to have ended.
const EXPIRY_MAX: Duration = Duration::from_secs(60);
/// How many deliveries where nothing else is said, as far as the time allows.
const DELIVERIES: u64 = 2_000_000;

const ANSWERS: Protocol = Protocol::Grpc(Awaited::Answers);

/// A read of one key: what a server that is just starting is asked.
pub fn first_question() -> (Protocol, Option<Template>) {
    (ANSWERS, Some(http2::call(http2::RANGE, &messages::range().0)))
}

impl Load<'_> {
    /// Puts a case over etcd's API to the target.
    pub fn etcd(&self, case: EtcdCase) -> Result<Measurement> {
        let value_bytes = EtcdCase::value_bytes(self.sizes);
        if value_bytes + PUT_BYTES > REQUEST_BYTES_MAX {
            bail!("values of etcd workloads must be below {} bytes", REQUEST_BYTES_MAX - PUT_BYTES);
        }
        let value = vec![b'x'; value_bytes];
        match case {
            EtcdCase::Put { clients, keys } => self.calls(clients, keys, http2::PUT, &messages::put(&value)),
            EtcdCase::Range { clients, keys } => {
                self.fill_keys(keys, &value, None)?;
                self.calls(clients, keys, http2::RANGE, &messages::range())
            }
            EtcdCase::Txn { clients, keys } => {
                self.fill_keys(keys, &value, None)?;
                self.calls(clients, keys, http2::TXN, &messages::replace(&value))
            }
            EtcdCase::Lock { clients } => self.locks(clients, |client| format!("lock{client}")),
            EtcdCase::Contend { clients } => self.locks(clients, |_| "lock".to_owned()),
            EtcdCase::Watch { watchers, in_flight } => self.watches(watchers, in_flight, &value),
            EtcdCase::KeepAlive { leases } => self.keep_alive(leases),
            EtcdCase::Expiry { leases } => self.expiry(leases, &value),
            EtcdCase::Memory { keys } => self.keys_held(keys, &value),
        }
    }

    /// Every client makes a call, waits for its answer, and makes the next.
    fn calls(&self, clients: u64, keys: u64, path: &str, message: &Message) -> Result<Measurement> {
        let call = http2::call(path, &message.0);
        let driver = |_| Batch::new([call.clone()], random(keys), 1);
        let generator = self.grpc(Awaited::Answers, (0..clients).map(driver).collect())?;
        let (outcome, measurement) = self.run(vec![generator], self.sizes.requests.unwrap_or(u64::MAX))?;
        Ok(Measurement { operations: outcome.requests, ..measurement })
    }

    /// Every client takes a lock, and gives it up, over and over.
    fn locks(&self, clients: u64, name: impl Fn(u64) -> String) -> Result<Measurement> {
        let first = self.grant(clients, TTL_SECONDS)?;
        let driver = |client| {
            let (name, lease) = (name(client), first + client);
            let lock = http2::call(http2::LOCK, &messages::lock(&name, lease).0);
            let unlock = http2::call(http2::UNLOCK, &messages::unlock(&name, lease).0);
            Batch::in_turn([lock, unlock])
        };
        let generator = self.grpc(Awaited::Answers, (0..clients).map(driver).collect())?;
        let (outcome, measurement) = self.run(vec![generator], self.sizes.requests.unwrap_or(u64::MAX))?;
        // Both are one operation.
        Ok(Measurement { operations: outcome.requests / 2, ..measurement })
    }

    /// A client puts one key, again and again, and every watcher hears of it.
    fn watches(&self, watchers: u64, in_flight: u64, value: &[u8]) -> Result<Measurement> {
        let mut key = Template::default();
        key.key(true);
        let watch = http2::next_message(&messages::watch(&key.bytes).0).bytes;
        let put = http2::call(http2::PUT, &messages::put(value).0);
        // Half of what may be under way goes out while the other half arrives.
        let at_once = (in_flight / 2).max(1);
        let batch = Batch::new(vec![put; at_once as usize], Keys::Fixed, 1);
        let under_way_max = in_flight.saturating_sub(at_once).saturating_mul(watchers);
        let generator = Generator::connect_both(
            self.target.address,
            (ANSWERS, vec![batch]),
            (Protocol::Grpc(Awaited::Events), vec![watch; watchers as usize]),
            Deliveries { per_request: watchers, under_way_max },
        )?;
        let requests = self.sizes.requests.unwrap_or((DELIVERIES / watchers.max(1)).max(100));
        let (outcome, measurement) = self.run(vec![generator], requests)?;
        Ok(Measurement { operations: outcome.deliveries, ..measurement })
    }

    /// Streams of keep-alives for random ones of many leases.
    fn keep_alive(&self, leases: u64) -> Result<Measurement> {
        let first = self.grant(leases, TTL_SECONDS)?;
        let keep_alive = http2::next_message(&messages::keep_alive(first).0);
        let driver = |_| Batch::new(vec![keep_alive.clone(); LEASES_AT_ONCE], random(leases), 1);
        let generator = self.grpc(Awaited::KeepAlives, (0..KEEPERS).map(driver).collect())?;
        let (outcome, measurement) = self.run(vec![generator], self.sizes.requests.unwrap_or(u64::MAX))?;
        // A batch is not one keep-alive.
        Ok(Measurement { operations: outcome.requests, p99: None, ..measurement })
    }

    /// Leases with a key each that are renewed at one time, and so end at one time, while others put. The p99 is
    /// that of the worst second.
    fn expiry(&self, leases: u64, value: &[u8]) -> Result<Measurement> {
        let tried = Instant::now();
        self.grant(LEASES_TRIED, TTL_SECONDS)?;
        let each = tried.elapsed() / LEASES_TRIED as u32;
        let many = u32::try_from(leases).context("so many leases are not measured")?;
        let ttl = Duration::from_secs((SHORT_TTL + each * TIMES_AS_LONG * many).as_secs());
        let first = self.grant(leases, ttl.as_secs())?;
        self.fill_keys(leases, b"", Some(first))?;
        let keep_alive = http2::next_message(&messages::keep_alive(first).0);
        let all = Batch::new(vec![keep_alive; LEASES_AT_ONCE], rising(leases), 1);
        let mut keeper = self.grpc(Awaited::KeepAlives, vec![all])?;
        let renewed = Instant::now();
        must(keeper.run(Limits { requests: leases, time: Duration::MAX })?, leases, "keep-alives")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        if count_keys(&runtime, self.target.address)? < leases {
            bail!("some of the leases ended before all were there; name fewer with --keys");
        }
        let put = http2::call(http2::PUT, &messages::put_member(value).0);
        let driver = |_| Batch::new([put.clone()], Keys::Fixed, leases);
        let mut probes = self.grpc(Awaited::Answers, (0..PROBES).map(driver).collect())?;
        thread::sleep(ttl.saturating_sub(renewed.elapsed() + Duration::from_secs(1)));
        let cpu = || self.target.pid.and_then(cpu_time);
        let (began, cpu_before) = (Instant::now(), cpu());
        let mut worst = Latencies::default();
        let mut measurement = Measurement::default();
        while count_keys(&runtime, self.target.address)? > 0 && began.elapsed() < EXPIRY_MAX {
            let second = Limits { requests: u64::MAX, time: Duration::from_secs(1) };
            let outcome = probes.run(second)?;
            measurement.operations += outcome.requests;
            measurement.errors += outcome.errors;
            measurement.unanswered += outcome.unanswered;
            let latencies = probes.take_latencies();
            if latencies.within(0.99) > worst.within(0.99) {
                worst = latencies;
            }
        }
        Ok(Measurement {
            elapsed: began.elapsed(),
            cpu: cpu_since(cpu_before, cpu()),
            p99: worst.within(0.99),
            resident_bytes: self.target.pid.map(resident).transpose()?,
            ..measurement
        })
    }

    /// What so many keys take, and what it took to write them.
    fn keys_held(&self, keys: u64, value: &[u8]) -> Result<Measurement> {
        self.held(keys, || self.fill_keys(keys, value, None))
    }

    /// Grants so many leases, and answers where they begin. A server that runs for longer may have others.
    fn grant(&self, leases: u64, ttl_seconds: u64) -> Result<u64> {
        let first = fastrand::u64(..FIRST_LEASE_MAX);
        let call = http2::call(http2::LEASE_GRANT, &messages::grant(ttl_seconds, first).0);
        let batch = Batch::new(vec![call; LEASES_AT_ONCE], rising(leases), 1);
        let mut generator = self.grpc(Awaited::Answers, vec![batch])?;
        must(generator.run(Limits { requests: leases, time: Duration::MAX })?, leases, "grants of leases")?;
        Ok(first)
    }

    /// Writes so many keys, many with one transaction; each on its lease, if there is a first lease.
    fn fill_keys(&self, keys: u64, value: &[u8], first_lease: Option<u64>) -> Result<()> {
        let puts = (REQUEST_BYTES_MAX / (value.len() + PUT_BYTES)).clamp(1, FILL_PUTS_MAX) as u64;
        let puts = puts.min(keys);
        let call = http2::call(http2::TXN, &messages::put_many(puts, value, first_lease).0);
        let at_once = (FILL_BYTES / call.bytes.len()).max(1);
        // The last request begins again with the first keys, if they do not come out even.
        let requests = keys.div_ceil(puts);
        let batch = Batch::new(vec![call; at_once], rising(keys), 1);
        let mut generator = self.grpc(Awaited::Answers, vec![batch])?;
        must(generator.run(Limits { requests, time: Duration::MAX })?, requests, "requests to fill keys")
    }

    fn grpc(&self, awaited: Awaited, drivers: Vec<Batch>) -> Result<Generator> {
        let protocol = Protocol::Grpc(awaited);
        Generator::connect(self.target.address, protocol, drivers, Vec::new(), Deliveries::default())
    }
}

fn random(count: u64) -> Keys {
    Keys::Random { count, random: fastrand::Rng::new() }
}

fn rising(count: u64) -> Keys {
    Keys::Rising { count, next: 0 }
}

fn must(outcome: Outcome, requests: u64, what: &str) -> Result<()> {
    let failed = requests.saturating_sub(outcome.requests) + outcome.errors;
    if failed > 0 {
        bail!("{failed} of {requests} {what} failed");
    }
    Ok(())
}

/// How many keys there are of those that this program fills.
fn count_keys(runtime: &tokio::runtime::Runtime, address: SocketAddr) -> Result<u64> {
    let request = RangeRequest {
        key: "key:".into(),
        range_end: "key;".into(),
        count_only: true,
        ..RangeRequest::default()
    };
    let count = runtime.block_on(async {
        let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
        anyhow::Ok(KvClient::new(channel).range(request).await?.into_inner().count)
    });
    Ok(count.context("the keys cannot be counted")?.try_into()?)
}
