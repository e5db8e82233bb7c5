//! Commands that wait are served in order, each once, and leave nothing behind.

use super::transactions::wait_for;
use super::{Log, run};
use crate::conformance::block_on;
use crate::embedded::Embedded;
use crate::embedded::check::{Check, show};
use crate::{Call, Execution, Reply, Values, command};
use hyrax_types::ManualClock;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn assert_nobody_waits(engine: &Embedded) {
    assert!(engine.shards.iter().all(|shard| shard.lock().waiters.is_empty()));
    assert_eq!(engine.waiting.len(), 0);
}

#[test]
fn what_is_there_is_taken_at_once() {
    let check = Check::new();
    check.run("rpush l a b c d e");
    check.run("zadd z 1 a 2 b 3 c 4 d 5 e");
    check.changes();
    for (line, expected, told) in [
        ("blpop none l 0", "[l a]", "lpop l"),
        ("brpop l 0", "[l e]", "rpop l"),
        ("blmpop 0 2 none l left count 9", "[l [b c d]]", "lpop l 3"),
        ("bzpopmin none z 0", "[z a 1]", "zpopmin z"),
        ("bzpopmax z 0", "[z e 5]", "zpopmax z"),
        ("bzmpop 0 1 z max count 2", "[z [[d 4] [c 3]]]", "zpopmax z 2"),
    ] {
        check.check(line, expected);
        assert_eq!(check.changes(), [told]);
    }
    check.run("rpush l a b");
    check.changes();
    check.check("blmove l m left right 0", "a");
    check.check("brpoplpush l m 0", "b");
    assert_eq!(
        check.changes(),
        ["lmove l l m left right", "lmove m l m left right", "rpoplpush l l m", "rpoplpush m l m"]
    );
}

#[test]
fn refusals_are_redis_and_come_at_once() {
    let check = Check::new();
    check.run("set s x");
    let wrong_type = "WRONGTYPE Operation against a key holding the wrong kind of value";
    let not_float = "ERR timeout is not a float or out of range";
    for (line, expected) in [
        ("blmove k s left right abc", not_float),
        ("blmove k s up right abc", "ERR syntax error"),
        ("blmove s k left right abc", not_float),
        ("blmove s k left right 0", wrong_type),
        ("blmpop abc 1 s left", not_float),
        ("blmpop abc 0 k left", "ERR numkeys should be greater than 0"),
        ("blmpop abc 2 k left", "ERR syntax error"),
        ("blmpop 0 1 s left count 0", "ERR count should be greater than 0"),
        ("bzmpop 0 1 s min", wrong_type),
        ("bzpopmin k s 0", wrong_type),
        ("blpop k s 0", wrong_type),
        ("blpop k s -1", "ERR timeout is negative"),
        ("blpop k", "ERR wrong number of arguments for 'blpop' command"),
        ("bzmpop abc 1 s min count 1 count 2", "ERR syntax error"),
    ] {
        check.check(line, expected);
    }
    let mut many = vec![&b"blpop"[..]];
    many.extend([&b"k"[..]; hyrax_types::limits::AWAITED_KEYS_MAX + 1]);
    many.push(b"0");
    assert_eq!(show(&check.run_words(&many)), "ERR too many keys to wait for");
    assert_nobody_waits(check.engine());
}

#[test]
fn who_came_first_is_served_first() {
    let check = Check::new();
    let (mut first, mut second, mut third) =
        (check.wait("blpop other l 0"), check.wait("brpop l 0"), check.wait("blmpop 0 1 l right count 5"));
    check.check("rpush l a b c", "3");
    first.check("[l a]");
    second.check("[l c]");
    third.check("[l [b]]");
    check.check("exists l", "0");
    assert_eq!(check.changes(), ["rpush l a b c", "lpop l", "rpop l", "rpop l 1"]);
    check.check("rpush other x", "1");
    check.check("llen other", "1");
}

#[test]
fn a_waiter_is_served_by_the_key_that_is_ready_first() {
    let check = Check::new();
    let mut waits = check.wait("blpop a b c 0");
    assert_eq!(check.transaction(&[], &["rpush c 1", "rpush a 2"]), "1 | 1");
    waits.check("[c 1]");
    check.check("lrange a 0 -1", "[2]");
}

#[test]
fn waiters_see_a_transaction_as_one_step() {
    let check = Check::new();
    let mut waits = check.wait("blpop l 0");
    check.transaction(&[], &["rpush l a", "del l"]);
    waits.check("waits");
    check.transaction(&[], &["lpush l a", "lpush l b", "llen l"]);
    waits.check("[l b]");
    let mut waits = check.wait("bzpopmin z 0");
    check.transaction(&[], &["sadd z x", "del z", "zadd z 1 m"]);
    waits.check("[z m 1]");
}

#[test]
fn another_kind_of_value_lets_a_waiter_stay() {
    let check = Check::new();
    let (mut list, mut sorted_set) = (check.wait("blpop k 0"), check.wait("bzmpop 0 1 k min count 2"));
    for line in ["set k x", "del k", "sadd k x", "del k"] {
        check.run(line);
    }
    check.run("zadd k 1 a 2 b");
    sorted_set.check("[k [[a 1] [b 2]]]");
    list.check("waits");
    check.run("zadd k 1 a");
    check.run("rpush other x");
    check.run("rename other k");
    list.check("[k x]");
}

#[test]
fn moves_feed_other_waiters() {
    let check = Check::new();
    let (mut last, mut middle, mut first) =
        (check.wait("blpop c 0"), check.wait("brpoplpush b c 0"), check.wait("blmove a b left right 0"));
    check.run("rpush a x");
    for waits in [&mut first, &mut middle] {
        waits.check("x");
    }
    last.check("[c x]");
    assert_eq!(
        check.changes(),
        [
            "rpush a x",
            "lmove a a b left right",
            "lmove b a b left right",
            "rpoplpush b b c",
            "rpoplpush c b c",
            "lpop c"
        ]
    );
    check.check("dbsize", "0");
    // In a circle, each is served once.
    let mut round: Vec<_> =
        (0..5).map(|n| check.wait(&format!("blmove {n} {} left left 0", (n + 1) % 5))).collect();
    check.run("rpush 3 x");
    round.iter_mut().for_each(|waits| waits.check("x"));
    check.check("lrange 3 0 -1", "[x]");
    drop((first, middle, last, round));
    assert_nobody_waits(check.engine());
}

#[test]
fn a_move_to_another_kind_of_value_is_refused_and_takes_nothing() {
    let check = Check::new();
    check.run("set s x");
    let (mut mover, mut other) = (check.wait("blmove l s left right 0"), check.wait("blpop l 0"));
    check.run("rpush l a");
    mover.check("WRONGTYPE Operation against a key holding the wrong kind of value");
    other.check("[l a]");
}

#[test]
fn many_movers_are_all_served() {
    let check = Check::new();
    let mut movers: Vec<_> =
        (0..200).map(|n| check.wait(&format!("blmove queue worker:{n} left right 0"))).collect();
    for n in 0..200 {
        check.run(&format!("rpush queue {n}"));
    }
    for (n, mover) in movers.iter_mut().enumerate() {
        mover.check(&n.to_string());
        check.check(&format!("lrange worker:{n} 0 -1"), &format!("[{n}]"));
    }
}

#[test]
fn every_way_to_make_a_list_serves() {
    for line in
        ["copy full l", "rename full l", "renamenx full l", "lmove full l left left", "rpoplpush full l"]
    {
        let check = Check::new();
        check.run("rpush full x");
        let mut waits = check.wait("blpop l 0");
        check.run(line);
        waits.check("[l x]");
    }
    for line in ["zunionstore z 1 full", "zrangestore z full 0 -1", "zincrby z 1 x", "zinterstore z 1 full"] {
        let check = Check::new();
        check.run("zadd full 1 x");
        let mut waits = check.wait("bzpopmax z 0");
        check.run(line);
        waits.check("[z x 1]");
    }
}

#[test]
fn served_in_the_name_and_as_quietly_as_it_was_asked_for() {
    let check = Check::new();
    let mut quiet = check.wait_as("blpop l 0", None, true);
    check.run("rpush l a");
    quiet.check("[l a]");
    assert_eq!(check.changes(), ["rpush l a"]);
    let _named = check.wait_as("blpop l 0", Some(b"gopher"), false);
    check.run("rpush l a");
    let actors: Vec<_> = check.recorded().into_iter().map(|change| change.actor).collect();
    assert_eq!(actors, [None, Some(b"gopher".to_vec())]);
}

#[test]
fn a_watch_is_broken_by_who_is_served() {
    let check = Check::new();
    let _waits = check.wait("blmove l m left right 0");
    let watched = check.watch("m");
    check.run("rpush l a");
    assert_eq!(check.transaction(&watched, &["llen m"]), "aborted");
}

#[test]
fn who_has_waited_long_enough_gets_nothing() {
    let check = Check::new();
    let (mut short, mut long) = (check.wait("blpop l 0.05"), check.wait("blmove l m left right 1.5"));
    let mut forever = check.wait("bzpopmin z 0");
    assert_eq!(check.engine().expire(100), Some(1_000_050));
    check.pass_ms(50);
    assert_eq!(check.engine().expire(100), Some(1_001_500));
    short.check("nil");
    check.run("rpush l a");
    long.check("a");
    check.pass_ms(1_000_000);
    check.engine().expire(100);
    forever.check("waits");
    drop((short, long, forever));
    assert_nobody_waits(check.engine());
}

#[test]
fn a_few_looks_at_a_time_end_all_that_have_waited_long_enough() {
    let check = Check::new();
    let mut waits: Vec<_> = (0..10).map(|_| check.wait("blpop l 0.01")).collect();
    check.pass_ms(10);
    while check.engine().expire(3).is_some_and(|next| next <= 1_000_010) {}
    waits.iter_mut().for_each(|waits| waits.check("nil"));
}

#[test]
fn who_is_let_go_takes_nothing() {
    let check = Check::new();
    drop(check.wait("blpop a l 10"));
    check.check("rpush l a", "1");
    check.check("llen l", "1");
    assert_nobody_waits(check.engine());
}

/// Executes a command; waits for its reply if need be.
fn execute(engine: &Embedded, line: &str) -> Reply {
    let argv: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    let call =
        Call { command: command::lookup(argv[0]).expect("a command"), argv: &argv, actor: None, quiet: true };
    let mut waiting = None;
    let reply = Reply::collect(|sink| {
        if let Execution::Waiting(waits) = engine.execute(&call, sink) {
            waiting = Some(waits);
        }
    });
    waiting.map_or(reply, |waiting| block_on(waiting.reply))
}

const ELEMENTS: usize = 4000;
const LISTS: usize = 3;
const TAKERS: usize = 6;

/// Elements go through queues by way of movers; takers give up now and then; nothing is lost or doubled,
/// and what is in a queue comes out in order.
#[test]
fn every_pushed_element_is_taken_once_and_in_order() {
    let engine = Arc::new(Embedded::new(Arc::new(ManualClock::at_ms(1_000_000)), Arc::new(Log::default())));
    let done = Arc::new(AtomicUsize::new(0));
    let mut threads = Vec::new();
    for queue in 0..LISTS {
        let (pusher, done) = (engine.clone(), done.clone());
        threads.push(std::thread::spawn(move || {
            for n in 0..ELEMENTS {
                if n % 7 == 0 {
                    execute(&pusher, &format!("rpush in{queue} {n}"));
                } else {
                    execute(&pusher, &format!("lpush tmp{queue} {n}"));
                    execute(&pusher, &format!("lmove tmp{queue} in{queue} left right"));
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
            Vec::new()
        }));
        let engine = engine.clone();
        threads.push(std::thread::spawn(move || {
            for _ in 0..ELEMENTS {
                execute(&engine, &format!("blmove in{queue} out{queue} left right 0"));
            }
            Vec::new()
        }));
    }
    for taker in 0..TAKERS {
        let (engine, done) = (engine.clone(), done.clone());
        threads.push(std::thread::spawn(move || {
            let mut taken = Vec::new();
            let line = if taker % 2 == 0 { "blpop out0 out1 out2 0" } else { "blpop out2 out1 out0 0" };
            while let Reply::Array(items) = execute(&engine, line) {
                if items[1] == Reply::Bulk(b"end".to_vec()) {
                    return taken;
                }
                taken.push((items[0].clone(), items[1].clone()));
                done.fetch_add(1, Ordering::Relaxed);
            }
            panic!("a taker without a timeout gets something")
        }));
    }
    let (pushers, takers) = threads.split_at(2 * LISTS);
    wait_for(pushers, &done);
    while done.load(Ordering::Relaxed) < 2 * LISTS * ELEMENTS {
        std::thread::yield_now();
    }
    (0..TAKERS).for_each(|_| drop(execute(&engine, "rpush out0 end")));
    wait_for(takers, &done);
    let taken: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("no panic")).collect();
    for queue in 0..LISTS {
        let name = Reply::Bulk(format!("out{queue}").into_bytes());
        let mut all = Vec::new();
        for by_one in &taken {
            let from_queue = by_one.iter().filter(|(key, _)| *key == name);
            let numbers: Vec<usize> = from_queue.map(|(_, element)| number(element)).collect();
            assert!(numbers.is_sorted(), "a taker sees a queue in order");
            all.extend(numbers);
        }
        all.sort_unstable();
        assert_eq!(all, (0..ELEMENTS).collect::<Vec<_>>());
    }
    assert_eq!(run(&engine, "dbsize"), Reply::Integer(0));
    assert_nobody_waits(&engine);
}

fn number(element: &Reply) -> usize {
    match element {
        Reply::Bulk(text) => {
            std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).expect("a number")
        }
        other => panic!("{other:?}"),
    }
}

/// Whoever gives up takes nothing with it.
#[test]
fn waiters_that_are_let_go_lose_nothing() {
    let engine = Arc::new(Embedded::new(Arc::new(ManualClock::at_ms(1_000_000)), Arc::new(Log::default())));
    let done = Arc::new(AtomicUsize::new(0));
    let quitters: Vec<_> = (0..4)
        .map(|_| {
            let (engine, done) = (engine.clone(), done.clone());
            std::thread::spawn(move || {
                let mut taken = 0;
                for _ in 0..3000 {
                    let argv = [&b"blpop"[..], b"a", b"b", b"0"];
                    let command = command::lookup(b"blpop").expect("a command");
                    let call = Call { command, argv: &argv, actor: None, quiet: true };
                    let mut waiting = None;
                    let reply = Reply::collect(|sink| {
                        if let Execution::Waiting(waits) = engine.execute(&call, sink) {
                            waiting = Some(waits);
                        }
                    });
                    let reply = waiting.map_or(reply, |waiting| {
                        (waiting.end)(Reply::Null);
                        block_on(waiting.reply)
                    });
                    taken += usize::from(matches!(reply, Reply::Array(_)));
                    done.fetch_add(1, Ordering::Relaxed);
                }
                taken
            })
        })
        .collect();
    for n in 0..6000 {
        execute(&engine, if n % 2 == 0 { "rpush a x" } else { "rpush b x" });
    }
    wait_for(&quitters, &done);
    let taken: usize = quitters.into_iter().map(|thread| thread.join().expect("no panic")).sum();
    let Reply::Integer(a) = run(&engine, "llen a") else { panic!("a length") };
    let Reply::Integer(b) = run(&engine, "llen b") else { panic!("a length") };
    assert_eq!(taken + (a + b) as usize, 6000);
    assert_nobody_waits(&engine);
}
