//! What goes when memory is full, in a world where a key takes a hundred bytes.

use super::*;
use crate::{EvictionPolicy, Memory, MemoryLimit, Reply, Transaction, Values};
use hyrax_types::{Clock, ManualClock};
use std::sync::{Arc, OnceLock, Weak};

const KEY_BYTES: u64 = 100;

/// Memory in which nothing but keys takes room.
#[derive(Default)]
struct KeysAlone(OnceLock<Weak<Embedded>>);

impl Memory for KeysAlone {
    fn used(&self) -> u64 {
        let engine = self.0.get().and_then(Weak::upgrade);
        engine.map_or(0, |engine| engine.len() as u64 * KEY_BYTES)
    }
}

struct World {
    engine: Arc<Embedded>,
    clock: Arc<ManualClock>,
    log: Arc<Log>,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at_ms(1_000_000));
        let log = Arc::new(Log::default());
        let memory = Arc::new(KeysAlone::default());
        let engine = Arc::new(Embedded::with_memory(clock.clone(), log.clone(), memory.clone()));
        memory.0.set(Arc::downgrade(&engine)).expect("it is set once");
        World { engine, clock, log }
    }

    fn limit(&self, keys: u64, policy: EvictionPolicy) {
        self.engine.limit_memory(MemoryLimit { bytes: keys * KEY_BYTES, policy, samples: 5 });
    }

    fn run(&self, line: &str) -> Reply {
        super::run(&self.engine, line)
    }

    fn has(&self, key: &str) -> bool {
        self.run(&format!("type {key}")) != Reply::Status("none")
    }

    /// Evicts in the background until there is nothing more to do.
    fn settle(&self) {
        let now = self.clock.now_ms();
        while self.engine.expire(100).is_some_and(|next| next <= now) {}
    }
}

fn refused() -> Reply {
    Reply::Error(crate::Error::OutOfMemory)
}

#[test]
fn without_eviction_what_grows_is_refused_and_changes_nothing() {
    let world = World::new();
    world.limit(2, EvictionPolicy::NoEviction);
    for key in ["a", "b", "c"] {
        assert_eq!(world.run(&format!("set {key} 1")), Reply::Status("OK"));
    }
    world.log.take();
    for line in ["set a 2", "set d 1", "append a 2", "lpush l 1", "hset h f v", "incr a", "mset a 2 e 3"] {
        assert_eq!(world.run(line), refused(), "{line}");
    }
    assert!(world.engine.is_out_of_memory());
    assert!(world.log.take().is_empty());
    assert_eq!(world.run("get a"), Reply::Bulk(b"1".to_vec()));
    assert_eq!(world.run("set"), Reply::Error(crate::Error::Arity("set")), "the number of words comes first");
    assert_eq!(world.run("expire a 100"), Reply::Integer(1));
    assert_eq!(world.run("del b"), Reply::Integer(1));
    assert_eq!(world.run("set a 2"), Reply::Status("OK"));
    assert!(!world.engine.is_out_of_memory());
}

#[test]
fn a_limit_lifted_or_raised_is_no_limit() {
    let world = World::new();
    world.limit(1, EvictionPolicy::NoEviction);
    world.run("mset a 1 b 2");
    assert_eq!(world.run("set c 3"), refused());
    world.limit(5, EvictionPolicy::NoEviction);
    assert_eq!(world.run("set c 3"), Reply::Status("OK"));
    world.limit(1, EvictionPolicy::NoEviction);
    assert_eq!(world.run("set d 3"), refused());
    world.engine.limit_memory(MemoryLimit::default());
    assert_eq!(world.run("set d 3"), Reply::Status("OK"));
}

#[test]
fn the_keys_used_longest_ago_go_first() {
    let world = World::new();
    for key in 0..1000 {
        world.run(&format!("set key:{key} 1"));
    }
    world.clock.advance_ms(60_000);
    for key in 0..500 {
        world.run(&format!("get key:{key}"));
    }
    world.clock.advance_ms(60_000);
    world.limit(1000, EvictionPolicy::AllKeysLru);
    for key in 0..400 {
        assert_eq!(world.run(&format!("set new:{key} 1")), Reply::Status("OK"));
    }
    let left = |keys: std::ops::Range<u32>| keys.filter(|key| world.has(&format!("key:{key}"))).count();
    let (hot, cold) = (left(0..500), left(500..1000));
    assert!(hot > 450 && cold < 160, "{hot} of those used lately, {cold} of the others");
    assert!((1000..=1001).contains(&world.engine.len()), "{}", world.engine.len());
    assert_eq!(world.engine.statistics().evicted, 1400 - world.engine.len() as u64);
}

#[test]
fn of_keys_that_expire_the_next_ones_go_first_and_others_never() {
    let world = World::new();
    for key in 0..300 {
        world.run(&format!("set lasting:{key} 1"));
        world.run(&format!("set key:{key} 1 ex {}", 1000 + key));
    }
    world.limit(600, EvictionPolicy::VolatileTtl);
    for key in 0..100 {
        world.run(&format!("set new:{key} 1"));
    }
    let left = |keys: std::ops::Range<u32>| keys.filter(|key| world.has(&format!("key:{key}"))).count();
    let (early, late) = (left(0..150), left(150..300));
    assert!(late > 130 && early < 75, "{early} early, {late} late");
    for key in 0..300 {
        assert!(world.has(&format!("lasting:{key}")));
    }
}

#[test]
fn where_no_key_may_go_what_grows_is_refused() {
    for policy in [EvictionPolicy::VolatileTtl, EvictionPolicy::VolatileLru, EvictionPolicy::VolatileRandom] {
        let world = World::new();
        world.run("mset a 1 b 2 c 3");
        world.run("expire b 100");
        world.limit(2, policy);
        assert_eq!(world.run("set d 4"), Reply::Status("OK"), "b goes by {policy}");
        assert_eq!(world.run("set e 5"), refused(), "{policy}");
        assert!(world.has("a") && !world.has("b") && world.has("c") && world.has("d"), "{policy}");
        world.run("del a");
        world.run("persist c");
        assert_eq!(world.run("set f 6"), Reply::Status("OK"), "{policy}");
    }
}

#[test]
fn a_key_that_was_used_or_made_lasting_since_it_was_drawn_stays() {
    let world = World::new();
    world.run("mset a 1 b 2");
    world.run("expire a 100");
    world.run("expire b 200");
    world.limit(1, EvictionPolicy::VolatileTtl);
    // Both are drawn now, and b is left in the pool.
    world.settle();
    assert!(!world.has("a") && world.has("b"));
    world.run("persist b");
    world.limit(1, EvictionPolicy::VolatileTtl);
    assert_eq!(world.run("set c 3"), Reply::Status("OK"));
    assert_eq!(world.run("set d 3"), refused());
    assert!(world.has("b"));
}

#[test]
fn random_keys_go_by_the_random_policies() {
    for policy in [EvictionPolicy::AllKeysRandom, EvictionPolicy::VolatileRandom] {
        let world = World::new();
        world.limit(50, policy);
        for key in 0..200 {
            assert_eq!(world.run(&format!("set key:{key} 1 ex 100")), Reply::Status("OK"));
        }
        assert!((50..=51).contains(&world.engine.len()), "{policy}: {}", world.engine.len());
    }
}

#[test]
fn what_is_too_much_goes_in_the_background() {
    let world = World::new();
    for key in 0..5000 {
        world.run(&format!("set key:{key} 1"));
    }
    world.limit(100, EvictionPolicy::AllKeysLru);
    assert_eq!(world.run("set one:more 1"), Reply::Status("OK"), "a command evicts a few keys only");
    assert!(world.engine.len() > 4000);
    world.settle();
    assert_eq!(world.engine.len(), 100);
    assert_eq!(world.engine.expire(100), None, "nothing is left to do");
}

#[test]
fn an_eviction_is_told_and_breaks_watches() {
    let world = World::new();
    world.run("set a 1");
    world.log.take();
    let watched = world.engine.watch_key(b"a");
    world.engine.limit_memory(MemoryLimit { bytes: 1, policy: EvictionPolicy::AllKeysLru, samples: 5 });
    world.settle();
    let changes = world.log.take();
    assert_eq!(changes.len(), 1);
    assert_eq!((changes[0].key(), changes[0].command()), (&b"a"[..], "evicted"));
    assert!(matches!(world.engine.transaction(&[watched], &[], &mut |_| ()), Transaction::Aborted));
}

#[test]
fn reads_are_counted_by_what_they_found() {
    let world = World::new();
    world.run("set a 1");
    for line in ["get a", "get b", "mget a b c", "exists a b", "type a", "ttl b", "lpush l 1", "setnx a 1"] {
        world.run(line);
    }
    let statistics = world.engine.statistics();
    assert_eq!((statistics.hits, statistics.misses), (4, 5));
    assert_eq!((statistics.keys, statistics.used_bytes), (2, 2 * KEY_BYTES));
    world.engine.reset_statistics();
    assert_eq!(world.engine.statistics().hits, 0);
}
