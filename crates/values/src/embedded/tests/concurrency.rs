//! Many threads, keys in any order.

use super::{Log, run};
use crate::embedded::Embedded;
use hyrax_types::{ManualClock, Revision};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const THREADS: usize = 8;
const ROUNDS: usize = 3000;
const KEYS: usize = 12;

/// A command over several keys, which come in any order.
fn line(random: &mut fastrand::Rng) -> String {
    let mut key = || random.usize(..KEYS);
    let (a, b, c) = (key(), key(), key());
    match random.u8(..8) {
        0 => format!("rename {a} {b}"),
        1 => format!("renamenx {a} {b}"),
        2 => format!("mset {a} 1 {b} 2 {c} 3"),
        3 => format!("copy {a} {b} replace"),
        4 => format!("bitop xor {a} {b} {c}"),
        5 => format!("del {a} {b} {c}"),
        6 => format!("set {a} 1 px 3"),
        _ => ["dbsize", "keys *", "randomkey", "scan 0"][random.usize(..4)].to_owned(),
    }
}

#[test]
fn keys_in_any_order_never_block_each_other_and_changes_come_in_the_order_of_revisions() {
    let clock = Arc::new(ManualClock::at_ms(1_000_000));
    let log = Arc::new(Log::default());
    let engine = Arc::new(Embedded::new(clock.clone(), log.clone()));
    let done = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..THREADS as u64)
        .map(|seed| {
            let (engine, clock, done) = (engine.clone(), clock.clone(), done.clone());
            std::thread::spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                for round in 0..ROUNDS {
                    run(&engine, &line(&mut random));
                    if round % 50 == 0 {
                        clock.advance_ms(1);
                        engine.expire(10);
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let (mut progress, mut since) = (0, Instant::now());
    while !threads.iter().all(std::thread::JoinHandle::is_finished) {
        std::thread::sleep(Duration::from_millis(5));
        let now = done.load(Ordering::Relaxed);
        if now != progress {
            (progress, since) = (now, Instant::now());
        }
        assert!(since.elapsed() < Duration::from_secs(20), "stuck after {progress} commands");
    }
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));

    let mut last: HashMap<Vec<u8>, Revision> = HashMap::new();
    let changes = log.take();
    assert!(changes.len() > THREADS * ROUNDS / 4);
    for change in changes {
        let before = last.insert(change.key().to_vec(), change.rev);
        assert!(before.is_none_or(|before| before < change.rev), "{:?}", change);
    }
}
