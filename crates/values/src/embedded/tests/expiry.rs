//! A key past its time is never seen, and its end is told once.

use super::{Log, run};
use crate::embedded::{Embedded, SHARDS};
use crate::{Kind, Reply, Values};
use hyrax_types::{Clock, ManualClock};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const START_MS: u64 = 1_000_000;

#[derive(Clone, Debug)]
enum Step {
    Advance(u64),
    Expire(usize),
    SetFor(u8, u64),
    Set(u8),
    Expiry(u8, u64),
    Persist(u8),
    Del(u8),
    Rename(u8, u8),
    Copy(u8, u8),
    Look(u8),
    Snapshot(u8),
    Count,
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..6_u8;
    let time = || prop_oneof![1..100_u64, 1..10_000_u64];
    prop_oneof![
        3 => time().prop_map(Step::Advance),
        1 => (1..20_usize).prop_map(Step::Expire),
        3 => (key(), time()).prop_map(|(key, time)| Step::SetFor(key, time)),
        1 => key().prop_map(Step::Set),
        3 => (key(), time()).prop_map(|(key, time)| Step::Expiry(key, time)),
        1 => key().prop_map(Step::Persist),
        1 => key().prop_map(Step::Del),
        1 => (key(), key()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => (key(), key()).prop_map(|(from, to)| Step::Copy(from, to)),
        3 => key().prop_map(Step::Look),
        1 => key().prop_map(Step::Snapshot),
        1 => Just(Step::Count),
    ]
}

/// The key space as it should be: keys leave the moment their time is over.
struct World {
    engine: Embedded,
    clock: Arc<ManualClock>,
    log: Arc<Log>,
    /// When each key expires.
    keys: BTreeMap<u8, Option<u64>>,
    /// Keys that are gone, which nobody has been told yet.
    owed: BTreeSet<u8>,
}

impl World {
    fn new() -> World {
        let clock = Arc::new(ManualClock::at_ms(START_MS));
        let log = Arc::new(Log::default());
        let engine = Embedded::new(clock.clone(), log.clone());
        World { engine, clock, log, keys: BTreeMap::new(), owed: BTreeSet::new() }
    }

    fn integer(&self, line: &str) -> i64 {
        match run(&self.engine, line) {
            Reply::Integer(value) => value,
            other => panic!("{line} answers {other:?}"),
        }
    }

    fn take_step(&mut self, step: &Step) {
        let now = self.clock.now_ms();
        match *step {
            Step::Advance(by) => {
                self.clock.advance_ms(by);
                let over = |at: &Option<u64>| at.is_some_and(|at| at <= now + by);
                self.owed.extend(self.keys.iter().filter(|(_, at)| over(at)).map(|(key, _)| key));
                self.keys.retain(|_, at| !over(at));
            }
            Step::Expire(looks) => {
                self.engine.expire(looks);
            }
            Step::SetFor(key, time) => {
                run(&self.engine, &format!("set {key} v px {time}"));
                self.keys.insert(key, Some(now + time));
            }
            Step::Set(key) => {
                run(&self.engine, &format!("set {key} v"));
                self.keys.insert(key, None);
            }
            Step::Expiry(key, time) => {
                let there = self.integer(&format!("pexpire {key} {time}")) == 1;
                assert_eq!(there, self.keys.contains_key(&key));
                self.keys.entry(key).and_modify(|at| *at = Some(now + time));
            }
            Step::Persist(key) => {
                let expired = self.integer(&format!("persist {key}")) == 1;
                assert_eq!(expired, self.keys.get(&key).is_some_and(Option::is_some));
                self.keys.entry(key).and_modify(|at| *at = None);
            }
            Step::Del(key) => {
                let there = self.integer(&format!("del {key}")) == 1;
                assert_eq!(there, self.keys.remove(&key).is_some());
            }
            Step::Rename(from, to) => {
                let done = run(&self.engine, &format!("rename {from} {to}")) == Reply::Status("OK");
                let moved = self.keys.remove(&from);
                assert_eq!(done, moved.is_some());
                self.keys.extend(moved.map(|at| (to, at)));
            }
            Step::Copy(from, to) => {
                run(&self.engine, &format!("copy {from} {to} replace"));
                self.keys.extend(self.keys.get(&from).copied().map(|at| (to, at)));
            }
            Step::Look(key) => {
                let expected = self.keys.get(&key).map_or(-2, |at| at.map_or(-1, |at| (at - now) as i64));
                assert_eq!(self.integer(&format!("pttl {key}")), expected);
            }
            Step::Snapshot(key) => {
                let snapshot = Reply::collect(|sink| {
                    self.engine.snapshot(key.to_string().as_bytes(), Kind::Any, sink, &mut |_| {});
                });
                assert_eq!(snapshot != Reply::Null, self.keys.contains_key(&key));
            }
            Step::Count => assert_eq!(self.integer("dbsize"), self.keys.len() as i64),
        }
        self.settle_debts();
    }

    /// `expired` is owed, paid once, names nobody, and comes before what else happens to the key.
    fn settle_debts(&mut self) {
        for change in self.log.take() {
            let key = std::str::from_utf8(change.key()).expect("text").parse().expect("a number");
            if change.command() == "expired" {
                assert!(self.owed.remove(&key), "{key} is said to have expired");
                assert_eq!(change.actor(), None);
            } else {
                assert!(!self.owed.contains(&key), "{key} expired, which was not told first");
                assert_eq!(change.actor(), Some(&b"tester"[..]));
            }
        }
    }
}

proptest! {
    #[test]
    fn a_key_past_its_time_is_not_seen_and_its_end_is_told_once(
        steps in proptest::collection::vec(step(), 1..80),
        looks in 1..200_usize,
    ) {
        let mut world = World::new();
        for step in &steps {
            world.take_step(step);
        }
        // A few looks at a time find all that is due.
        while world.engine.expire(looks).is_some_and(|next| next <= world.clock.now_ms()) {}
        world.settle_debts();
        prop_assert!(world.owed.is_empty());
        prop_assert_eq!(world.engine.len(), world.keys.len());
        if let Some(earliest) = world.keys.values().flatten().min() {
            prop_assert!(world.engine.expire(looks).is_some_and(|next| next <= *earliest));
        }
    }
}

#[test]
fn a_quiet_command_does_not_silence_an_expiry() {
    let world = World::new();
    run(&world.engine, "set 1 v px 5");
    world.clock.advance_ms(5);
    world.log.take();
    let argv = [&b"set"[..], b"1", b"w"];
    let command = crate::command::lookup(b"set").expect("a command");
    let call = crate::Call { command, argv: &argv, actor: Some(b"me"), quiet: true };
    Reply::collect(|sink| {
        world.engine.execute(&call, sink);
    });
    let changes = world.log.take();
    assert_eq!(changes.iter().map(|change| change.command()).collect::<Vec<_>>(), ["expired"]);
}

#[test]
fn a_million_expiring_keys_cost_nothing_while_none_is_due() {
    let world = World::new();
    let hour = 3_600_000;
    for key in 0..1_000_000_u64 {
        let time = hour + key % hour;
        run(&world.engine, &format!("set {key} v px {time}"));
        if key % 1000 == 0 {
            world.log.take();
        }
    }
    // One look for each shard is enough to see that nothing is due.
    let next = world.engine.expire(1).expect("a deadline");
    assert!(next > START_MS);
    for shard in world.engine.shards.iter() {
        let mut looks = 1000;
        assert_eq!(shard.lock().next_expired(START_MS, &mut looks), None);
        assert_eq!(looks, 999);
    }
    // Over the whole hour each timer is looked at once for each level that it sinks through, at most.
    let mut looks_taken = 0;
    for step in 1..hour / 1000 {
        for shard in world.engine.shards.iter() {
            let mut looks = 1_000_000;
            assert_eq!(shard.lock().next_expired(START_MS + step * 1000, &mut looks), None);
            looks_taken += 1_000_000 - looks;
        }
    }
    let visits = SHARDS * (hour / 1000) as usize;
    assert!(looks_taken < 2_000_000 + 2 * visits, "{looks_taken}");
    assert_eq!(world.engine.len(), 1_000_000);
    assert!(world.log.take().iter().all(|change| change.command() == "set"));
}

#[test]
fn expiries_taken_back_leave_no_timers_behind() {
    let world = World::new();
    for round in 0..300_000 {
        run(&world.engine, &format!("set {} v px {}", round % 10, 1_000_000 - round % 1000));
        run(&world.engine, &format!("del {}", round % 10));
        if round % 1000 == 0 {
            world.log.take();
        }
    }
    for shard in world.engine.shards.iter() {
        assert!(shard.lock().timers() <= 1100);
    }
}

#[test]
fn a_clock_set_back_delays_no_expiry_set_afterwards() {
    let log = Arc::new(Log::default());
    let clock = Arc::new(Settable::default());
    clock.set(100_000);
    let engine = Embedded::new(clock.clone(), log.clone());
    engine.expire(100);
    clock.set(10_000);
    run(&engine, "set a v px 50");
    clock.set(10_050);
    engine.expire(100);
    let commands: Vec<_> = log.take().iter().map(|change| change.command().to_owned()).collect();
    assert_eq!(commands, ["set", "expired"]);
}

/// A clock that can be set back.
#[derive(Default)]
struct Settable(std::sync::atomic::AtomicU64);

impl Settable {
    fn set(&self, now_ms: u64) {
        self.0.store(now_ms * 1000, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for Settable {
    fn now_us(&self) -> u64 {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}
