//! What the embedded engine costs: `cargo bench -p hyrax-coordination`. Give a part of a name to run only that.
//!
//! Puts in memory and over a journal, a million keys (memory, restart), and a storm of leases that end
//! together while others go on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyrax_coordination::{Coordination, Embedded, EmbeddedSettings, LeaseGrantRequest, LeaseId, PutRequest};
use hyrax_journal::{JournalSettings, RealDisk};
use hyrax_types::SystemClock;

const VALUE: [u8; 256] = [b'v'; 256];
const KEYS: u64 = 1_000_000;
const LEASES: i64 = 100_000;

fn key(number: u64) -> String {
    // Scattered, as keys are.
    format!("key-{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn in_memory() -> Arc<Embedded> {
    Arc::new(Embedded::start(Arc::new(SystemClock), EmbeddedSettings::default()))
}

fn on_disk(directory: &tempfile::TempDir) -> (Arc<Embedded>, String) {
    let disk = Arc::new(RealDisk::open(directory.path()).expect("the directory"));
    let (clock, settings) = (Arc::new(SystemClock), EmbeddedSettings::default());
    let (engine, recovery) = Embedded::open(clock, settings, disk, JournalSettings::new(1)).expect("opened");
    (Arc::new(engine), recovery.to_string())
}

fn directory() -> tempfile::TempDir {
    // Not in a file system in memory.
    tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).expect("a directory")
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("the size");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") / 1024
}

fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("procfs");
    let fields: Vec<_> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}

/// Puts by so many tasks at once, each after the other; how long each took.
async fn puts(engine: &Arc<Embedded>, tasks: u64, each: u64, keys: u64) -> Vec<Duration> {
    let (began, used) = (Instant::now(), cpu());
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let engine = Arc::clone(engine);
            tokio::spawn(async move {
                let mut took = Vec::with_capacity(each as usize);
                for number in 0..each {
                    let began = Instant::now();
                    let request = PutRequest::new(key((task * each + number) % keys), &VALUE[..]);
                    engine.put(request).await.expect("put");
                    took.push(began.elapsed());
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for task in running {
        took.extend(task.await.expect("a task"));
    }
    let count = tasks * each;
    let seconds = began.elapsed().as_secs_f64();
    let used = (cpu() - used).as_secs_f64() * 1e6 / count as f64;
    took.sort_unstable();
    println!(
        "  {tasks:>4} at once: {:>9.0} puts/s, {used:>5.1} us of cpu each, p50 {:?}, p99 {:?}",
        count as f64 / seconds,
        took[took.len() / 2],
        took[took.len() * 99 / 100]
    );
    took
}

async fn storm(engine: Arc<Embedded>) {
    for id in 1..=LEASES {
        let ttl = Duration::from_secs(5);
        _ = engine.lease_grant(LeaseGrantRequest { id: LeaseId(id), ..LeaseGrantRequest::new(ttl) });
        let put = engine.put(PutRequest::new(format!("leased-{id}"), "x").on_lease(LeaseId(id)));
        if id % 1_000 == 0 {
            put.await.expect("put");
        }
    }
    let (began, used) = (Instant::now(), cpu());
    for id in 1..=LEASES {
        drop(engine.lease_keep_alive(LeaseId(id)));
    }
    println!("  {LEASES} kept alive in {:?}, {:?} of cpu", began.elapsed(), cpu() - used);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let mut took = Vec::new();
    let began = Instant::now();
    let mut ended_at = None;
    while began.elapsed() < Duration::from_secs(4) {
        let began_put = Instant::now();
        engine.put(PutRequest::new("other", "x")).await.expect("put");
        took.push(began_put.elapsed());
        if ended_at.is_none() && engine.lease_time_to_live(LeaseId(LEASES), false).await.is_err() {
            ended_at = Some(began.elapsed());
        }
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    took.sort_unstable();
    println!(
        "  all ended {ended_at:?}; {} puts meanwhile, p50 {:?}, p99 {:?}, longest {:?}",
        took.len(),
        took[took.len() / 2],
        took[took.len() * 99 / 100],
        took[took.len() - 1]
    );
}

#[tokio::main]
async fn main() {
    let only: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let runs = |name: &str| only.is_empty() || only.iter().any(|part| name.contains(part.as_str()));
    if runs("memory") {
        println!("in memory, {KEYS} keys of 256 bytes");
        let engine = in_memory();
        let before = resident_mib();
        puts(&engine, 1, KEYS, KEYS).await;
        println!("  {} MiB resident", resident_mib() - before);
        puts(&engine, 1, KEYS, KEYS).await;
        println!("  {} MiB resident after writing each again", resident_mib() - before);
    }
    if runs("hot") {
        println!("in memory, 1,000 keys of 256 bytes");
        puts(&in_memory(), 1, KEYS, 1_000).await;
    }
    if runs("journal") {
        println!("over a journal");
        let directory = directory();
        let (engine, _) = on_disk(&directory);
        for (tasks, each) in [(1, 2_000), (16, 2_000), (256, 1_000)] {
            puts(&engine, tasks, each, KEYS).await;
        }
    }
    if runs("restart") {
        println!("restart with {KEYS} keys");
        let directory = directory();
        let (engine, _) = on_disk(&directory);
        puts(&engine, 1_000, KEYS / 1_000, KEYS).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        println!("  {} MiB resident", resident_mib());
        drop(engine);
        tokio::time::sleep(Duration::from_millis(500)).await;
        let began = Instant::now();
        let (_engine, recovery) = on_disk(&directory);
        println!("  {:?}: {recovery}", began.elapsed());
    }
    if runs("storm-memory") {
        println!("{LEASES} leases end together, in memory");
        storm(in_memory()).await;
    }
    if runs("storm-journal") {
        println!("{LEASES} leases end together, over a journal");
        let directory = directory();
        storm(on_disk(&directory).0).await;
    }
}
