//! Transactions: calls that run as one step, or not at all if a watched key has changed.

use super::commands::{Step, core_history};
use super::text::{in_order, words};
use super::{Driver, Make, for_random, show};
use crate::{Reply, Watched};
use proptest::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// Puts an engine through this part.
pub fn run(make: Make<'_>) {
    a_watched_key_that_changed_stops_all(make);
    a_key_whose_time_came_stops_all(make);
    calls_do_what_they_do_one_by_one(make);
    nobody_sees_half_a_step(make);
}

/// What is there before, what is watched, what happens then, and whether the transaction then runs.
const WATCHES: &str = "
set k 1 / k / set k 1 / no
set k 1 / k / append k x / no
set k 1 / k / del k / no
set k 1 / k / pexpire k 1000000 / no
set k 1 / k / rename k l / no
set l 1 / k / rename l k / no
set l 1 / k l / del l / no
set l 1 / k / mset l 2 k 2 / no
set k 1 / k / get k / yes
set k 1 / k / set k 2 nx / yes
set k 1 / k / lpush k x / yes
set k 1 / k / copy k l / yes
set k 1 / k / set l 1 / yes
set k 1 / l / set k 2 / yes
set l 1 / k / del k / yes
sadd k a / k / sadd k a / yes
sadd k a / k / srem k a / no
";

/// The table above holds.
pub fn a_watched_key_that_changed_stops_all(make: Make<'_>) {
    for line in WATCHES.trim().lines() {
        let driver = Driver(make());
        let parts: Vec<&str> = line.split(" / ").collect();
        driver.run(parts[0]);
        let watched = watch(&driver, parts[1]);
        driver.run(parts[2]);
        driver.changes();
        let replies = driver.transaction(&watched, &[words("set ran 1"), words("exists ran")]);
        assert_eq!(replies.is_some(), parts[3] == "yes", "{line}");
        assert_eq!(
            driver.changes_shown(),
            if parts[3] == "yes" { vec!["set ran 1"] } else { vec![] },
            "{line}"
        );
    }
}

fn watch(driver: &Driver, keys: &str) -> Vec<Watched> {
    keys.split(' ').fold(Vec::new(), |mut watched, key| {
        watched.push(driver.watch(key.as_bytes(), &watched));
        watched
    })
}

/// A key that was there and is past its time has changed, whether anybody has met it or not; one that was
/// past it already has not.
pub fn a_key_whose_time_came_stops_all(make: Make<'_>) {
    let driver = Driver(make());
    // Where time does not stand still, the watch has to begin before.
    let ttl_ms = if driver.0.clock().is_some() { 20 } else { 500 };
    let set = format!("set k 1 px {ttl_ms}");
    driver.run(&set);
    let watched = watch(&driver, "k");
    driver.wait_ms(ttl_ms + 10);
    assert_eq!(driver.transaction(&watched, &[words("exists k")]), None);
    driver.run(&set);
    driver.wait_ms(ttl_ms + 10);
    let watched = watch(&driver, "k");
    assert_eq!(driver.transaction(&watched, &[words("exists k")]), Some(vec![Reply::Integer(0)]));
}

/// The replies, the changes and the state are those of the same calls one after the other; the failure of one
/// stops none after it.
pub fn calls_do_what_they_do_one_by_one(make: Make<'_>) {
    for_random(&(core_history(false), 1..9_usize), |(history, size)| {
        let (together, apart) = (Driver(make()), Driver(make()));
        for steps in history.chunks(size) {
            let calls: Vec<Vec<&[u8]>> = steps
                .iter()
                .map(|step| match step {
                    Step::Command(words) => Step::argv(words),
                    Step::Pass(_) => Vec::new(),
                })
                .filter(|argv| !argv.is_empty())
                .collect();
            let replies = together.transaction(&[], &calls).expect("nothing is watched");
            let shown = |reply: Reply| match reply {
                // Where time does not stand still, how much is left is not the same twice.
                Reply::Integer(1000..) if together.0.clock().is_none() => "much".to_owned(),
                reply => show(&in_order(reply)),
            };
            let expected: Vec<_> = calls.iter().map(|argv| shown(apart.execute(argv, None, false))).collect();
            let replies: Vec<_> = replies.into_iter().map(shown).collect();
            prop_assert_eq!(replies, expected);
            prop_assert_eq!(together.changes_shown(), apart.changes_shown());
        }
        Ok(())
    });
}

const WRITERS: usize = 3;
const LOOKS: usize = 300;

/// Writers keep two keys equal, and readers in transactions of their own never see them differ.
pub fn nobody_sees_half_a_step(make: Make<'_>) {
    let driver = Driver(make());
    let is_over = AtomicBool::new(false);
    driver.run("mset a 0 b 0");
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let replies =
                        driver.transaction(&[], &[words("incr a"), words("dbsize"), words("incr b")]);
                    let replies = replies.expect("nothing is watched");
                    assert_eq!(replies[0], replies[2]);
                }
            });
        }
        for _ in 0..LOOKS {
            let replies =
                driver.transaction(&[], &[words("get b"), words("get a")]).expect("nothing is watched");
            assert_eq!(replies[0], replies[1]);
        }
        is_over.store(true, Ordering::Relaxed);
    });
}
