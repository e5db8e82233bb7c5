//! How each case over etcd's v2 API is put to a server.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::{Result, bail};

use super::super::generator::{Deliveries, Generator, Limits};
use super::super::measure::{Load, Measurement};
use super::super::process::{cpu_since, cpu_time, resident_bytes};
use super::super::requests::{Batch, Keys, Template, value};
use super::super::wire::Protocol;
use super::case::Etcd2Case;
use super::http1;
use super::waiting::Waiters;

/// Connections that write the keys which are to be there. So many share a write to the disk.
pub const FILLERS: usize = 64;

impl Load<'_> {
    /// Puts a case over etcd's v2 API to the target.
    pub fn etcd2(&self, case: Etcd2Case) -> Result<Measurement> {
        let value = value(Etcd2Case::value_bytes(self.sizes));
        match case {
            Etcd2Case::Put { clients, keys } => self.exchanges(clients, keys, &http1::put(&value)),
            Etcd2Case::Get { clients, keys } => {
                self.fill_by_put(keys, &value)?;
                self.exchanges(clients, keys, &http1::get())
            }
            Etcd2Case::Cas { clients, keys } => {
                if value.is_empty() {
                    bail!("there is no comparison with a value of no bytes");
                }
                self.fill_by_put(keys, &value)?;
                self.exchanges(clients, keys, &http1::put_if(&value))
            }
            Etcd2Case::Wait { waiters } => self.waits(waiters, &value),
        }
    }

    /// Every client sends a request, waits for its answer, and sends the next.
    fn exchanges(&self, clients: u64, keys: u64, request: &Template) -> Result<Measurement> {
        let keys = || Keys::Random { count: keys, random: fastrand::Rng::new() };
        let driver = |_| Batch::new([request.clone()], keys(), 1);
        let generator = self.http((0..clients).map(driver).collect())?;
        let (outcome, measurement) = self.run(vec![generator], self.sizes.requests.unwrap_or(u64::MAX))?;
        Ok(Measurement { operations: outcome.requests, ..measurement })
    }

    /// Writes every key once.
    fn fill_by_put(&self, keys: u64, value: &str) -> Result<()> {
        let next = Arc::new(AtomicU64::new(0));
        let driver = |_| Batch::new([http1::put(value)], Keys::InTurns { next: Arc::clone(&next) }, 1);
        let mut generator = self.http((0..FILLERS).map(driver).collect())?;
        let outcome = generator.run(Limits { requests: keys, time: Duration::MAX })?;
        let failed = keys.saturating_sub(outcome.requests) + outcome.errors;
        if failed > 0 {
            bail!("{failed} of {keys} requests to fill keys failed");
        }
        Ok(())
    }

    fn http(&self, drivers: Vec<Batch>) -> Result<Generator> {
        Generator::connect(self.target.address, Protocol::Http, drivers, Vec::new(), Deliveries::default())
    }

    /// Rounds of: many wait, the key is put, and all are answered. The time is from the put on, the CPU time that of
    /// the waiting, too.
    fn waits(&self, waiters: u64, value: &str) -> Result<Measurement> {
        let mut waiters = Waiters::connect(self.target.address, waiters as usize, value)?;
        waiters.run(Limits { requests: 1, time: Duration::MAX })?;
        let cpu = || self.target.pid.and_then(cpu_time);
        let before = cpu();
        let requests = self.sizes.requests.unwrap_or(u64::MAX);
        let rounds = waiters.run(Limits { requests, time: self.sizes.time })?;
        Ok(Measurement {
            operations: rounds.answered,
            elapsed: rounds.elapsed,
            cpu: cpu_since(before, cpu()),
            p99: rounds.latencies.within(0.99),
            resident_bytes: self.target.pid.and_then(resident_bytes),
            errors: rounds.errors,
            lost: rounds.lost,
            ..Measurement::default()
        })
    }
}
