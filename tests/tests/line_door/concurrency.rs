//! What many clients at once see of one key: one order, no gap, nothing twice.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use hyrax_tests::hyrax::{Client, Hyrax, LineClient, Wire};
use serde_json::{Value, json};

/// A small generator of numbers that need not be good.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[test]
fn every_monitor_of_a_key_sees_the_same_pushes_in_the_same_order() {
    const WRITERS: usize = 8;
    const WRITES: usize = 1_250;
    const MONITORS: usize = 20;
    let hyrax = Hyrax::start(&["--queue-bytes", "64MiB"]);
    let monitors: Vec<_> = (0..MONITORS)
        .map(|number| {
            let mut client = hyrax.client(Wire::ALL[number % 2]);
            let monitor = match number % 4 {
                0 | 1 => json!({"cmd":"madd","key":"k"}),
                2 => json!({"cmd":"mprefix","key":"k"}),
                _ => json!({"cmd":"mlocal"}),
            };
            assert_eq!(client.request(&monitor)["return"], "OK");
            thread::spawn(move || {
                let mut seen = Vec::with_capacity(WRITERS * WRITES);
                while seen.len() < WRITERS * WRITES {
                    let push = client.push();
                    seen.push((push["rev"].as_u64().unwrap(), push["args"][0].as_str().unwrap().to_owned()));
                }
                seen
            })
        })
        .collect();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let mut client = hyrax.line();
            thread::spawn(move || {
                for batch in 0..WRITES / 50 {
                    let commands: String = (batch * 50..batch * 50 + 50)
                        .map(|number| {
                            format!("{{\"cmd\":\"set\",\"key\":\"k\",\"args\":[\"{writer}-{number}\"]}}\n")
                        })
                        .collect();
                    client.send_raw(commands.as_bytes());
                    (0..50).for_each(|_| assert_eq!(client.reply()["return"], "OK"));
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    let seen: Vec<_> = monitors.into_iter().map(|monitor| monitor.join().unwrap()).collect();
    assert!(seen[0].windows(2).all(|pair| pair[0].0 < pair[1].0), "revisions grow");
    for other in &seen[1..] {
        assert!(*other == seen[0], "another order");
    }
    for writer in 0..WRITERS {
        let prefix = format!("{writer}-");
        let own = seen[0].iter().filter_map(|(_, value)| value.strip_prefix(&prefix)?.parse::<usize>().ok());
        assert!(own.eq(0..WRITES), "a writer's own order is kept");
    }
    let last = hyrax.line().request(&json!({"cmd":"get","key":"k"}));
    assert_eq!(last["return"], seen[0][seen[0].len() - 1].1);
}

/// A value that is kept up by replaying pushes.
#[derive(Debug, PartialEq)]
enum Replica {
    Number(i64),
    List(Vec<String>),
    Set(BTreeSet<String>),
    Map(BTreeMap<String, String>),
}

impl Replica {
    /// The value as one of the typed monitors gives it.
    fn of(value: &Value) -> Replica {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match value {
            Value::Array(items) => Replica::List(items.iter().map(text).collect()),
            Value::Object(fields) => {
                Replica::Map(fields.iter().map(|(name, value)| (name.clone(), text(value))).collect())
            }
            other => Replica::Number(text(other).parse().unwrap_or(0)),
        }
    }

    fn into_set(self) -> Replica {
        match self {
            Replica::List(items) => Replica::Set(items.into_iter().collect()),
            other => other,
        }
    }

    fn replay(&mut self, command: &str, values: &[String]) {
        match (self, command) {
            (Replica::Number(number), "incr") => *number += 1,
            (Replica::List(items), "rpush") => items.extend_from_slice(values),
            (Replica::List(items), "lpop") => drop(items.remove(0)),
            (Replica::Set(items), "sadd") => items.extend(values.iter().cloned()),
            (Replica::Set(items), "srem") => items.retain(|item| !values.contains(item)),
            (Replica::Map(fields), "hset") => drop(fields.insert(values[0].clone(), values[1].clone())),
            (Replica::Map(fields), "zadd") => drop(fields.insert(values[1].clone(), values[0].clone())),
            (Replica::Map(fields), "hdel" | "zrem") => drop(fields.remove(&values[0])),
            (replica, command) => panic!("{command} {values:?} on {replica:?}"),
        }
    }
}

/// The typed monitors, and the key that each of them is tried on.
const TYPES: [(&str, &str); 5] =
    [("mon", "number"), ("lmon", "list"), ("smon", "set"), ("hmon", "hash"), ("zmon", "sorted")];

/// Changes all keys at random until told to stop.
fn write_at_random(address: SocketAddr, seed: u64, stop: &AtomicBool) {
    let mut client = LineClient::connect(address);
    let mut dice = Dice(seed);
    while !stop.load(Ordering::Relaxed) {
        let some = dice.below(20).to_string();
        let package: Vec<_> = (0..5)
            .map(|kind| match (kind, dice.below(2)) {
                (0, _) => json!({"cmd":"incr","key":"d:number"}),
                (1, 0) => json!({"cmd":"rpush","key":"d:list","args":[some]}),
                (1, _) => json!({"cmd":"lpop","key":"d:list"}),
                (2, 0) => json!({"cmd":"sadd","key":"d:set","args":[some]}),
                (2, _) => json!({"cmd":"spop","key":"d:set"}),
                (3, 0) => json!({"cmd":"hset","key":"d:hash","args":[some, dice.below(100)]}),
                (3, _) => json!({"cmd":"hdel","key":"d:hash","args":[some]}),
                (_, 0) => json!({"cmd":"zadd","key":"d:sorted","args":[dice.below(100), some]}),
                (_, _) => json!({"cmd":"zrem","key":"d:sorted","args":[some]}),
            })
            .collect();
        client.request(&json!(package));
    }
}

/// What the server holds now, in the form of a typed monitor's answer.
fn asked(client: &mut Client, mon: &str, key: &str) -> (Replica, u64) {
    let reply = client.request(&json!({"command":mon,"payload":[{"domain":"d","id":key}]}));
    let replica = Replica::of(&reply["return"][0]);
    (if mon == "smon" { replica.into_set() } else { replica }, reply["revs"][0].as_u64().unwrap())
}

#[test]
fn a_snapshot_and_the_pushes_after_it_give_the_value_whenever_one_joins() {
    let hyrax = Hyrax::start(&[]);
    let address = hyrax.address();
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..3)
        .map(|seed| {
            let stop = stop.clone();
            thread::spawn(move || write_at_random(address, seed, &stop))
        })
        .collect();
    let mut dice = Dice(7);
    let mut joined = Vec::new();
    for number in 0..60 {
        thread::sleep(Duration::from_millis(dice.below(10)));
        let (mon, key) = TYPES[number % TYPES.len()];
        let mut client = hyrax.client(Wire::ALL[number % 2]);
        let (replica, rev) = asked(&mut client, mon, key);
        joined.push((mon, key, client, replica, rev));
    }
    // Joined again, so that one monitor's end and the next one's beginning meet no gap either.
    for (mon, key, client, replica, rev) in joined.iter_mut().step_by(3) {
        let (again, at) = asked(client, mon, key);
        assert!(at >= *rev);
        (*replica, *rev) = (again, at);
    }
    stop.store(true, Ordering::Relaxed);
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    // The end of each key's pushes is told by a change of another kind.
    let mut last = hyrax.client(Wire::Tcp);
    last.request(&json!([
        {"cmd":"rpush","key":"d:list","args":["end"]},
        {"cmd":"sadd","key":"d:set","args":["end"]},
        {"cmd":"hset","key":"d:hash","args":["end","1"]},
        {"cmd":"zadd","key":"d:sorted","args":[1,"end"]},
    ]));
    for (_, key) in TYPES {
        assert_eq!(
            last.request(&json!({"cmd":"expire","key":format!("d:{key}"),"args":[1000]}))["return"],
            1
        );
    }
    for (number, (mon, key, mut client, mut replica, mut rev)) in joined.into_iter().enumerate() {
        loop {
            let push = client.push();
            let push = &push["return"];
            let at = push["rev"].as_u64().unwrap();
            if at <= rev && number % 3 == 0 {
                // This client had it from its first monitor, and joined again after it.
                continue;
            }
            assert!(at > rev, "{key}: {at} after {rev}");
            rev = at;
            let values = push["values"].as_array().unwrap().iter();
            let values: Vec<_> = values.map(|value| value.as_str().unwrap().to_owned()).collect();
            match push["command"].as_str().unwrap() {
                "expire" => break,
                command => replica.replay(command, &values),
            }
        }
        assert_eq!(replica, asked(&mut last, mon, key).0, "{key}");
        assert_eq!(client.pushes_until_quiet(Duration::from_millis(5)), Vec::<Value>::new());
    }
}

/// Reads lines until one holds `words`; whether any before it was a push.
fn pushed_before(lines: &mut impl BufRead, words: &str) -> bool {
    let mut pushed = false;
    loop {
        let mut line = String::new();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "closed");
        if line.contains(words) {
            return pushed;
        }
        pushed |= line.contains("\"cmd\":\"incr\"");
    }
}

#[test]
fn nothing_is_pushed_to_a_monitor_after_the_reply_that_ended_it() {
    let hyrax = Hyrax::start(&[]);
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..2)
        .map(|_| {
            let mut client = hyrax.line();
            let stop = stop.clone();
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    client.request(&json!([{"cmd":"incr","key":"a"},{"cmd":"incr","key":"b"}]));
                }
            })
        })
        .collect();
    let mut stream = TcpStream::connect(hyrax.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut send = |command: &Value| stream.write_all(format!("{command}\n").as_bytes()).unwrap();
    let mut heard = 0;
    for round in 0..200 {
        for (start, stop) in [
            (
                json!({"cmd":"madd","key":"a","ref":"started"}),
                json!({"cmd":"mrem","key":"a","ref":"stopped"}),
            ),
            (
                json!({"cmd":"mprefix","key":"","ref":"started"}),
                json!({"cmd":"mpremove","key":"","ref":"stopped"}),
            ),
        ] {
            send(&start);
            assert!(!pushed_before(&mut lines, "\"started\""), "nothing comes before the reply either");
            thread::sleep(Duration::from_micros(round * 10));
            send(&stop);
            heard += usize::from(pushed_before(&mut lines, "\"stopped\""));
            send(&json!({"cmd":"get","key":"a","ref":"after"}));
            assert!(!pushed_before(&mut lines, "\"after\""), "round {round}");
        }
    }
    assert!(heard > 100, "the writers were at work: {heard}");
    stop.store(true, Ordering::Relaxed);
    writers.into_iter().for_each(|writer| writer.join().unwrap());
}

#[test]
fn whoever_comes_back_with_since_misses_nothing_and_hears_nothing_twice() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let mut client = hyrax.client(wire);
        let start = client.request(&json!({"cmd":"madd","key":"n"}))["rev"].as_u64().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let writer = {
            let mut client = hyrax.line();
            let stop = stop.clone();
            thread::spawn(move || {
                let mut written = 0;
                while !stop.load(Ordering::Relaxed) {
                    client.request(&json!({"cmd":"incr","key":"n"}));
                    written += 1;
                    // Slow enough for the history to hold what one reconnection misses.
                    thread::sleep(Duration::from_micros(200));
                }
                written
            })
        };
        let mut dice = Dice(3);
        let (mut heard, mut last) = (0, start);
        let mut hear = |client: &mut Client| {
            let push = client.push();
            let rev = push["rev"].as_u64().unwrap();
            assert!(push["cmd"] == "incr" && rev > last, "{push} after {last}");
            heard += 1;
            last = rev;
            (heard, last)
        };
        for _ in 0..100 {
            let mut last = 0;
            for _ in 0..1 + dice.below(20) {
                last = hear(&mut client).1;
            }
            client = hyrax.client(wire);
            let reply = client.request(&json!({"cmd":"madd","key":"n","since":last}));
            assert_eq!(reply["return"], "OK", "{reply}");
        }
        stop.store(true, Ordering::Relaxed);
        let written: u64 = writer.join().unwrap();
        client.request(&json!({"cmd":"incr","key":"n"}));
        while hear(&mut client).0 < written + 1 {}
        assert_eq!(client.pushes_until_quiet(Duration::from_millis(50)), Vec::<Value>::new());
    }
}

#[test]
fn an_ekgs_snapshot_and_its_pushes_give_its_members_whenever_one_joins() {
    let hyrax = Hyrax::start(&[]);
    let address = hyrax.address();
    let stop = Arc::new(AtomicBool::new(false));
    let churners: Vec<_> = (0..4)
        .map(|number| {
            let stop = stop.clone();
            thread::spawn(move || {
                let entry = json!([{"domain":"d","id":"ekg","name":format!("n{number}")}]);
                let mut dice = Dice(number);
                while !stop.load(Ordering::Relaxed) {
                    let mut client = LineClient::connect(address);
                    client.request(&json!({"command":"eadd","payload":entry}));
                    if dice.below(2) == 0 {
                        client.request(&json!({"command":"erem","payload":entry}));
                    }
                }
            })
        })
        .collect();
    let ask = |client: &mut Client| {
        let reply = client.request(&json!({"command":"emon","payload":[{"domain":"d","id":"ekg"}]}));
        let names = reply["return"][0].as_array().unwrap().iter();
        names.map(|name| name.as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let mut dice = Dice(5);
    let joined: Vec<_> = (0..40)
        .map(|number| {
            thread::sleep(Duration::from_millis(dice.below(10)));
            let mut client = hyrax.client(Wire::ALL[number % 2]);
            let members = ask(&mut client);
            (client, members)
        })
        .collect();
    stop.store(true, Ordering::Relaxed);
    churners.into_iter().for_each(|churner| churner.join().unwrap());
    // The churners' connections end a moment after them.
    let mut last = hyrax.client(Wire::Tcp);
    while last.request(&json!({"cmd":"ecard","key":"d:ekg"}))["return"] != 0 {
        thread::sleep(Duration::from_millis(5));
    }
    for (mut client, mut members) in joined {
        let mut erev = 0;
        for push in client.pushes_until_quiet(Duration::from_millis(20)) {
            let push = &push["return"];
            let at = push["erev"].as_u64().unwrap();
            assert!(at > erev, "erevs grow");
            erev = at;
            let name = push["key"]["name"].as_str().unwrap().to_owned();
            let fits = match push["command"].as_str().unwrap() {
                "eadd" => members.insert(name),
                "erem" | "disconnect" => members.remove(&name),
                other => panic!("{other}"),
            };
            assert!(fits, "{push} does not follow from what was known before");
        }
        assert!(members.is_empty(), "{members:?}");
    }
}
