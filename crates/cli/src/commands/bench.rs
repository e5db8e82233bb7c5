//! `hyrax bench`: the command line of [`crate::bench`].

use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::bench::{Case, Door, Report, Row, Sizes, TargetSpec, Workload, measure};
use crate::open_files;

/// Measure a server, and another beside it.
///
/// What it does in a second, what CPU time of the server one operation takes, and its memory. Without
/// --url it starts a server of its own for every measurement; for what goes over etcd's APIs one that keeps what
/// it acknowledges, in a temporary directory.
#[derive(Args, Debug)]
pub struct Bench {
    /// What to measure [default: get set fan-out spread idle ekg]
    #[arg(value_enum, value_name = "WORKLOAD")]
    workloads: Vec<Workload>,
    /// A Hyrax that is already running: HOST:PORT
    #[arg(long, value_name = "HOST:PORT")]
    url: Option<String>,
    /// The process of the server at --url, to read its CPU time and memory
    #[arg(long, requires = "url")]
    pid: Option<u32>,
    /// Measure another server beside it: redis-server or etcd (started for it), redis://HOST:PORT,
    /// etcd://HOST:PORT or hyrax://HOST:PORT
    #[arg(long, value_name = "SERVER")]
    against: Option<TargetSpec>,
    /// How get, set, the other commands and memory reach a Hyrax. The rest have one way each
    #[arg(long, value_enum, default_value_t = Door::Resp)]
    door: Door,
    /// How often to measure each; the medians count
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1000))]
    runs: u64,
    /// Keys [default: strings 1000000 (as lines 100000); hashes and sets 100000; lists and sorted sets
    /// 10000; spread 500; over etcd's API 100000, of leases as many, held 1000000; over its v2 API
    /// 10000]. Memory has a tenth as
    /// many hashes, a hundredth sorted sets
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=9_999_999_999))]
    keys: Option<u64>,
    /// Monitors of each key, subscribers; for idle, connections [default: fan-out and publish 1000,
    /// spread 4, idle 10000, ekg 10, etcd-watch and etcd2-wait 1000]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    monitors: Option<u64>,
    /// Changes under way at one time in publish, fan-out, spread and etcd-watch, several separated by commas
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1,64", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    in_flight: Vec<u64>,
    /// Connections that send requests [default: 50; etcd-put, etcd-range and etcd-txn 1, 16 and 256;
    /// etcd2-put, etcd2-get and etcd2-cas 1, 16 and 128]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    connections: Option<u64>,
    /// Requests that a connection sends at once, several separated by commas [default: get and set
    /// 1,16,64; others 16]
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pipeline: Vec<u64>,
    /// Bytes of a value [default: 32; over etcd's API 256]
    #[arg(long, value_parser = clap::value_parser!(u64).range(0..=1_000_000))]
    value_bytes: Option<u64>,
    /// Requests of each measurement, as far as --seconds allows [default: by workload; commands as many
    /// as go]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    requests: Option<u64>,
    /// Longest measurement
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Threads that send requests, of get, set and the other commands
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=256))]
    threads: u64,
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

impl Bench {
    /// Measures and prints. Fails when anything was lost or answered by an error.
    pub fn run(self) -> Result<()> {
        let sizes = self.sizes();
        let targets = self.targets();
        let workloads = if self.workloads.is_empty() { &Workload::DEFAULT[..] } else { &self.workloads };
        let cases: Vec<Case> = workloads.iter().flat_map(|workload| workload.cases(&sizes)).collect();
        check_open_files(&cases, &sizes)?;
        let progress = self.progress(cases.len() * targets.len());
        let mut rows = Vec::new();
        for case in cases {
            rows.push(Row { case, runs: self.measure(case, &sizes, &targets, &progress)? });
        }
        progress.finish_and_clear();
        let names = targets.iter().map(TargetSpec::to_string).collect();
        let report = Report { targets: names, runs: self.runs as usize, rows };
        let mut stdout = io::stdout().lock();
        match self.json {
            true => writeln!(stdout, "{:#}", report.to_json())?,
            false => write!(stdout, "{}", report.to_text())?,
        }
        match report.faults().len() {
            0 => Ok(()),
            count => {
                bail!("{count} measurement(s) had errors or lost something, so their figures mean little")
            }
        }
    }

    /// Puts one case to all targets in turn, so that whatever else the machine does meets all alike.
    fn measure(
        &self,
        case: Case,
        sizes: &Sizes,
        targets: &[TargetSpec],
        progress: &ProgressBar,
    ) -> Result<Vec<Vec<crate::bench::Measurement>>> {
        let mut runs = vec![Vec::new(); targets.len()];
        for run in 0..self.runs {
            for (target, runs) in targets.iter().zip(&mut runs) {
                progress.set_message(format!("{case}: {target}, run {} of {}", run + 1, self.runs));
                let started = target.start(case.is_etcds())?;
                runs.extend(measure(case, sizes, started).with_context(|| format!("{target}: {case}"))?);
                progress.inc(1);
            }
        }
        Ok(runs)
    }

    fn targets(&self) -> Vec<TargetSpec> {
        let own = match &self.url {
            None => TargetSpec::OwnHyrax,
            Some(address) => TargetSpec::Hyrax { address: address.clone(), pid: self.pid },
        };
        std::iter::once(own).chain(self.against.clone()).collect()
    }

    fn sizes(&self) -> Sizes {
        Sizes {
            door: self.door,
            keys: self.keys,
            monitors: self.monitors,
            in_flight: self.in_flight.clone(),
            connections: self.connections.map(|connections| connections as usize),
            pipelines: self.pipeline.clone(),
            value_bytes: self.value_bytes.map(|bytes| bytes as usize),
            requests: self.requests,
            time: Duration::from_secs(self.seconds),
            threads: self.threads as usize,
        }
    }

    /// Shown on standard error, and only where that is a terminal.
    fn progress(&self, measurements: usize) -> ProgressBar {
        let progress = ProgressBar::new(measurements as u64 * self.runs);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {wide_msg}") {
            progress.set_style(style);
        }
        progress.enable_steady_tick(Duration::from_millis(200));
        progress
    }
}

/// Fails before the first measurement where a later one could not open its connections.
fn check_open_files(cases: &[Case], sizes: &Sizes) -> Result<()> {
    // Beside the connections: standard streams, the poll, the server's output.
    const OTHERS: u64 = 64;
    let may = open_files::raise_limit();
    for case in cases {
        let needed = case.connections(sizes).saturating_add(OTHERS);
        if needed > may {
            bail!(
                "{case} needs {needed} open files, but the system allows {may}; raise it with `ulimit -n {needed}`, or lower --monitors"
            );
        }
    }
    Ok(())
}
