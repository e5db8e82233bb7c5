//! Two nodes over a Redis Cluster of three.

use hyrax_tests::hyrax::{Hyrax, LineClient};
use hyrax_tests::peers::RedisCluster;
use hyrax_tests::resp::{Resp, words};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn nodes(cluster: &RedisCluster) -> [Hyrax; 2] {
    [(); 2].map(|()| Hyrax::start(&["--values", &cluster.url()]))
}

fn says(client: &mut LineClient, command: Value) -> Value {
    let reply = client.request(&command);
    assert_eq!(reply.get("error"), None, "{command}: {reply}");
    reply
}

#[test]
fn keys_are_spread_and_heard_of_wherever_they_are() {
    let cluster = RedisCluster::start();
    let [a, b] = nodes(&cluster);
    let (mut writer, mut monitor, mut prefix) = (a.line(), b.line(), b.line());
    let keys: Vec<String> = (0..60).map(|number| format!("key:{number}")).collect();
    for key in &keys {
        says(&mut monitor, json!({"cmd":"madd","key":key}));
    }
    says(&mut prefix, json!({"cmd":"mprefix","key":"key:"}));
    for key in &keys {
        says(&mut writer, json!({"cmd":"set","key":key,"args":["v"]}));
    }
    for client in [&mut monitor, &mut prefix] {
        let heard: BTreeSet<String> =
            keys.iter().map(|_| client.push()["key"].as_str().unwrap().to_owned()).collect();
        assert_eq!(heard, keys.iter().cloned().collect());
    }
    for number in 0..3 {
        let Resp::Integer(count) = cluster.run(number, "DBSIZE") else { panic!("a number") };
        assert!(count > 0, "server {number} has no key");
    }
    let mut resp = a.resp();
    assert_eq!(resp.run(&words("DBSIZE")), Resp::Integer(60));
    assert_eq!(resp.run(&words("KEYS key:*")).elements().map(<[Resp]>::len), Some(60));
    let (mut cursor, mut seen) = ("0".to_owned(), 0);
    loop {
        let reply = resp.run(&words(&format!("SCAN {cursor} COUNT 7")));
        let [Resp::Bulk(next), found] = reply.elements().unwrap() else { panic!("{reply:?}") };
        seen += found.elements().unwrap().len();
        cursor = String::from_utf8_lossy(next).into_owned();
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(seen, 60);
    let crossed = Resp::Error("CROSSSLOT Keys in request don't hash to the same slot".to_owned());
    assert_eq!(resp.run(&words("MSET a 1 b 2")), crossed);
    assert_eq!(resp.run(&words("MSET {t}a 1 {t}b 2")), Resp::simple("OK"));
    assert_eq!(resp.run(&words("FLUSHALL")), Resp::simple("OK"));
    assert_eq!(resp.run(&words("DBSIZE")), Resp::Integer(0));
    assert_eq!(monitor.push()["cmd"], "unlink");
}

#[test]
fn a_slot_that_moves_under_load_loses_nothing_and_no_request_fails() {
    let cluster = RedisCluster::start();
    let [a, b] = nodes(&cluster);
    let mut monitor = b.line();
    says(&mut monitor, json!({"cmd":"madd","key":"n"}));
    let slot = cluster.slot("n");
    let is_over = AtomicBool::new(false);
    let (written, slowest) = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let (mut writer, mut count, mut slowest) = (a.line(), 0_u64, Duration::ZERO);
            while !is_over.load(Ordering::Relaxed) {
                let began = Instant::now();
                says(&mut writer, json!({"cmd":"incr","key":"n"}));
                slowest = slowest.max(began.elapsed());
                count += 1;
            }
            (count, slowest)
        });
        for _ in 0..3 {
            cluster.move_slot(slot, (cluster.owner(slot) + 1) % 3);
            std::thread::sleep(Duration::from_millis(200));
        }
        is_over.store(true, Ordering::Relaxed);
        writing.join().unwrap()
    });
    eprintln!("{written} writes, the slowest took {slowest:?}");
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    let value = says(&mut b.line(), json!({"cmd":"get","key":"n"}))["return"].clone();
    assert_eq!(value, json!(written.to_string()), "every write was made once");
    // The monitor is told every change or, where the feed was lost, the value that it came to.
    let mut known = 0_u64;
    while known < written {
        let push = monitor.push();
        match push["cmd"].as_str() {
            Some("mreset") => known = push["value"].as_str().map_or(known, |value| value.parse().unwrap()),
            _ => known += 1,
        }
    }
    assert_eq!(known, written);
}

#[test]
fn a_primary_that_dies_is_an_error_for_its_keys_alone() {
    let mut cluster = RedisCluster::start();
    for server in 0..3 {
        cluster.run(server, "CONFIG SET cluster-require-full-coverage no");
    }
    let [a, _b] = nodes(&cluster);
    let dead = cluster.owner(cluster.slot("dies"));
    let key =
        (0..).map(|number| format!("lives{number}")).find(|key| cluster.owner(cluster.slot(key)) != dead);
    let key = key.unwrap();
    let mut client = a.line();
    says(&mut client, json!({"cmd":"set","key":"dies","args":["1"]}));
    cluster.servers()[dead].process().kill();
    let began = Instant::now();
    let reply = client.request(&json!({"cmd":"set","key":"dies","args":["2"]}));
    assert!(reply["error"].is_string(), "{reply}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let mut other = a.line();
    let began = Instant::now();
    says(&mut other, json!({"cmd":"set","key":key,"args":["1"]}));
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}
