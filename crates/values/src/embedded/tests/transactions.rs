//! A transaction is one step.

use super::{Log, run};
use crate::embedded::Embedded;
use crate::embedded::check::Check;
use crate::{Call, Reply, Transaction, Values, command};
use hyrax_types::ManualClock;
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[test]
fn calls_run_one_after_the_other_and_errors_are_replies() {
    let check = Check::new();
    let replies = check.transaction(
        &[],
        &["set k 1", "lpush k a", "incr k", "get", "rename none other", "get k", "mget k none"],
    );
    let expected = "OK | WRONGTYPE Operation against a key holding the wrong kind of value | 2 | \
                    ERR wrong number of arguments for 'get' command | ERR no such key | 2 | [2 nil]";
    assert_eq!(replies, expected);
    assert_eq!(check.changes(), ["set k 1", "incr k"]);
    assert_eq!(check.transaction(&[], &[]), "");
}

#[test]
fn changes_are_told_as_outside_of_transactions() {
    let check = Check::new();
    check.transaction(&[], &["mset a 1 b 2", "del a", "del a b", "rpush l x y", "lmpop 1 l left"]);
    let told = ["mset a a 1 b 2", "mset b a 1 b 2", "del a", "del b a b", "rpush l x y", "lpop l 1"];
    assert_eq!(check.changes(), told);
}

#[test]
fn commands_over_the_whole_key_space_see_what_ran_before() {
    let check = Check::new();
    check.run("set old 1 px 5");
    check.pass_ms(5);
    let lines = ["dbsize", "mset a 1 b 2", "dbsize", "keys a", "del b", "randomkey", "scan 0 count 100"];
    assert_eq!(check.transaction(&[], &lines), "0 | OK | 2 | [a] | 1 | a | [0 [a]]");
}

#[test]
fn a_key_past_its_time_is_gone_and_time_stands_still() {
    let check = Check::new();
    check.run("set k 1 px 5");
    check.pass_ms(5);
    let lines = ["exists k", "set k 2 px 7", "pttl k", "pexpire k 0", "exists k"];
    assert_eq!(check.transaction(&[], &lines), "0 | OK | 7 | 1 | 0");
    assert_eq!(check.changes(), ["set k 1 px 5", "expired k", "set k 2 px 7", "del k"]);
}

#[test]
fn what_would_wait_answers_at_once() {
    let check = Check::new();
    check.run("set s 1");
    let lines = ["blpop k 0", "blmove k l left right 0", "bzpopmin k 0", "blmpop 0 1 k left", "blpop s 0"];
    let expected =
        "nil | nil | nil | nil | WRONGTYPE Operation against a key holding the wrong kind of value";
    assert_eq!(check.transaction(&[], &lines), expected);
    assert_eq!(
        check.transaction(&[], &["rpush k a", "blpop k 0", "blpop k -1"]),
        "1 | [k a] | ERR timeout is negative"
    );
}

fn any_line() -> impl Strategy<Value = String> {
    let forms = prop::sample::select(vec![
        "set A 1",
        "get A",
        "incr A",
        "append A x",
        "del A B",
        "mset A 1 B 2",
        "rename A B",
        "copy A B replace",
        "lpush A x y",
        "rpop A",
        "lmove A B left right",
        "sadd A x y",
        "smove A B x",
        "sunionstore A B C",
        "zadd A 1 x",
        "zunionstore A 2 B C",
        "pexpire A 50",
        "persist A",
        "pttl A",
        "dbsize",
        "exists A B C",
        "blpop A B 0",
        "blmove A B left left 0",
        "bzpopmax A 0",
        "get",
        "type A",
        "hset A f v",
        "lmpop 2 A B left",
    ]);
    (forms, 0..4_u8, 0..4_u8, 0..4_u8).prop_map(|(form, a, b, c)| {
        form.replace('A', &a.to_string()).replace('B', &b.to_string()).replace('C', &c.to_string())
    })
}

proptest! {
    #[test]
    fn a_transaction_does_what_its_calls_do_one_by_one(
        before in prop::collection::vec(any_line(), 0..6),
        lines in prop::collection::vec(any_line(), 0..12),
        pass in 0..100_u64,
    ) {
        let (together, apart) = (Check::new(), Check::new());
        for check in [&together, &apart] {
            before.iter().for_each(|line| drop(check.run(line)));
            check.pass_ms(pass);
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let replies = together.transaction(&[], &lines);
        let expected: Vec<_> =
            lines.iter().map(|line| crate::embedded::check::show(&apart.run(line))).collect();
        prop_assert_eq!(replies, expected.join(" | "));
        prop_assert_eq!(together.changes(), apart.changes());
    }
}

const THREADS: usize = 4;
const ROUNDS: usize = 1500;

/// Threads move an amount between accounts; the sum of all is the same whenever anybody looks.
#[test]
fn transactions_over_crossing_keys_neither_block_each_other_nor_interleave() {
    let engine = Arc::new(Embedded::new(Arc::new(ManualClock::at_ms(1_000_000)), Arc::new(Log::default())));
    (0..6).for_each(|key| drop(run(&engine, &format!("set {key} 100"))));
    let done = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..THREADS as u64)
        .map(|seed| {
            let (engine, done) = (engine.clone(), done.clone());
            std::thread::spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                for _ in 0..ROUNDS {
                    let (from, to, by) = (random.u8(..6), random.u8(..6), random.u8(..9));
                    let all = "mget 0 1 2 3 4 5".to_owned();
                    let moved = [format!("decrby {from} {by}"), "dbsize".into(), format!("incrby {to} {by}")];
                    let lines = if random.bool() { moved.to_vec() } else { vec![all] };
                    let replies = transaction(&engine, &lines);
                    if let [Reply::Array(values)] = &replies[..] {
                        let value = |reply: &Reply| match reply {
                            Reply::Bulk(text) => crate::parse_integer(text).expect("a number"),
                            other => panic!("{other:?}"),
                        };
                        assert_eq!(values.iter().map(value).sum::<i64>(), 600);
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    wait_for(&threads, &done);
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
}

fn transaction(engine: &Embedded, lines: &[String]) -> Vec<Reply> {
    let argvs: Vec<Vec<&[u8]>> =
        lines.iter().map(|line| line.split(' ').map(str::as_bytes).collect()).collect();
    let call = |argv: &'_ Vec<&'_ [u8]>| command::lookup(argv[0]).expect("a command");
    let calls: Vec<_> =
        argvs.iter().map(|argv| Call { command: call(argv), argv, actor: None, quiet: false }).collect();
    let mut replies = Vec::new();
    let outcome = engine.transaction(&[], &calls, &mut |run| {
        replies.extend((0..calls.len()).map(|call| Reply::collect(|sink| run.run(call, sink))));
    });
    assert!(matches!(outcome, Transaction::Done));
    replies
}

/// Waits for threads, which must not stop making progress.
pub(super) fn wait_for<T>(threads: &[std::thread::JoinHandle<T>], done: &AtomicUsize) {
    let (mut progress, mut since) = (0, Instant::now());
    while !threads.iter().all(std::thread::JoinHandle::is_finished) {
        std::thread::sleep(Duration::from_millis(5));
        let now = done.load(Ordering::Relaxed);
        if now != progress {
            (progress, since) = (now, Instant::now());
        }
        assert!(since.elapsed() < Duration::from_secs(20), "stuck after {progress} steps");
    }
}
