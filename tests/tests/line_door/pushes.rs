//! What is pushed to whoever monitors a key that changes.

use std::thread::sleep;
use std::time::Duration;

use hyrax_tests::hyrax::{Hyrax, Wire};
use serde_json::{Value, json};

use crate::stage::{Actor, mon_push};

/// A client that monitors these keys in the flat dialect, and one that writes.
fn monitor_and_writer(hyrax: &Hyrax, wire: Wire, keys: &[&str]) -> (Actor, Actor) {
    let mut monitor = Actor::of(hyrax, wire);
    for key in keys {
        monitor.says(json!({"cmd":"madd","key":key}), json!({"return":"OK"}));
    }
    (monitor, Actor::of(hyrax, wire))
}

/// Writes without caring for the reply.
fn write(writer: &mut Actor, command: Value) {
    let reply = writer.asks(command);
    assert_eq!(reply.get("error"), None, "{reply}");
}

/// Checks that `command` is pushed as `expected` and as nothing else, in any order over several keys.
#[track_caller]
fn pushed(monitor: &mut Actor, writer: &mut Actor, command: Value, expected: &[Value]) {
    write(writer, command.clone());
    // The last push of all, so that nothing more can be under way.
    write(writer, json!({"cmd":"incr","key":"end"}));
    let mut pushes = Vec::new();
    loop {
        let mut push = monitor.client().push();
        assert!(push.as_object_mut().unwrap().remove("rev").unwrap().is_u64());
        if push["key"] == "end" {
            break;
        }
        pushes.push(push);
    }
    // One key's pushes have an order; what several keys' pushes share is no time.
    pushes.sort_by_key(|push| push["key"].to_string());
    assert_eq!(pushes, expected, "after {command}");
}

#[test]
fn a_push_is_the_command_as_sent_for_each_changed_key() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        // On one topic's order alone rests that `end` comes last: all keys are heard by one prefix.
        let mut monitor = Actor::of(&hyrax, wire);
        monitor.says(json!({"cmd":"mprefix","key":""}), json!({"return":"OK"}));
        let mut writer = Actor::of(&hyrax, wire);
        let mut check =
            |command: Value, expected: &[Value]| pushed(&mut monitor, &mut writer, command, expected);

        check(
            json!({"cmd":"SET","key":"foo","args":["bar"],"id":"gopher","secret":"hush","ref":7}),
            &[json!({"cmd":"set","key":"foo","args":["bar"],"id":"gopher"})],
        );
        let both = json!(["a", "1", "b", "2"]);
        check(
            json!({"cmd":"mset","key":"a","args":["1","b","2"]}),
            &[json!({"cmd":"mset","key":"a","args":both}), json!({"cmd":"mset","key":"b","args":both})],
        );
        check(json!({"cmd":"msetnx","args":["c","1","a","2"]}), &[]);
        check(
            json!({"cmd":"del","key":"a","args":["b","nothing"]}),
            &[
                json!({"cmd":"del","key":"a","args":["a","b","nothing"]}),
                json!({"cmd":"del","key":"b","args":["a","b","nothing"]}),
            ],
        );
        check(
            json!({"cmd":"rename","key":"foo","args":["bar"]}),
            &[
                json!({"cmd":"rename","key":"bar","args":["foo","bar"]}),
                json!({"cmd":"rename","key":"foo","args":["foo","bar"]}),
            ],
        );
        check(
            json!({"cmd":"rpush","key":"l","args":["a", "b"]}),
            &[json!({"cmd":"rpush","key":"l","args":["a","b"]})],
        );
        check(
            json!({"cmd":"lmove","key":"l","args":["m","left","right"]}),
            &[
                json!({"cmd":"lmove","key":"l","args":["l","m","left","right"]}),
                json!({"cmd":"lmove","key":"m","args":["l","m","left","right"]}),
            ],
        );
        check(
            json!({"cmd":"bitop","args":["and","dest","bar","bar"]}),
            &[json!({"cmd":"bitop","key":"dest","args":["and","dest","bar","bar"]})],
        );
    }
}

#[test]
fn where_arguments_do_not_tell_the_effect_the_push_is_the_effect() {
    let hyrax = Hyrax::start(&[]);
    let mut monitor = Actor::of(&hyrax, Wire::Tcp);
    monitor.says(json!({"cmd":"mprefix","key":""}), json!({"return":"OK"}));
    let mut writer = Actor::of(&hyrax, Wire::Tcp);
    let mut check = |command: Value, expected: Value| pushed(&mut monitor, &mut writer, command, &[expected]);
    check(json!({"cmd":"sadd","key":"s","args":["m"]}), json!({"cmd":"sadd","key":"s","args":["m"]}));
    check(json!({"cmd":"spop","key":"s"}), json!({"cmd":"srem","key":"s","args":["m"]}));
    check(
        json!({"cmd":"incrbyfloat","key":"f","args":[0.5]}),
        json!({"cmd":"set","key":"f","args":["0.5","KEEPTTL"]}),
    );
    check(
        json!({"cmd":"hincrbyfloat","key":"h","args":["f","0.5"]}),
        json!({"cmd":"hset","key":"h","args":["f","0.5"]}),
    );
    check(json!({"cmd":"getdel","key":"f"}), json!({"cmd":"del","key":"f","args":[]}));
    check(json!({"cmd":"set","key":"f","args":["v"]}), json!({"cmd":"set","key":"f","args":["v"]}));
    check(json!({"cmd":"pexpire","key":"f","args":[-1]}), json!({"cmd":"del","key":"f","args":[]}));
}

#[test]
fn what_fails_or_changes_nothing_is_not_pushed() {
    let hyrax = Hyrax::start(&[]);
    let mut monitor = Actor::of(&hyrax, Wire::Tcp);
    monitor.says(json!({"cmd":"mprefix","key":""}), json!({"return":"OK"}));
    let mut writer = Actor::of(&hyrax, Wire::Tcp);
    write(&mut writer, json!({"cmd":"set","key":"foo","args":["bar"]}));
    write(&mut writer, json!({"cmd":"sadd","key":"s","args":["a"]}));
    monitor.hears(json!({"cmd":"set","key":"foo","args":["bar"]}));
    monitor.hears(json!({"cmd":"sadd","key":"s","args":["a"]}));
    for (command, key, args) in [
        ("get", "foo", json!([])),
        ("lpush", "foo", json!(["x"])),
        ("incr", "foo", json!([])),
        ("set", "foo", json!(["x", "nx"])),
        ("set", "new", json!(["x", "xx"])),
        ("setnx", "foo", json!(["x"])),
        ("setrange", "foo", json!([0, ""])),
        ("persist", "foo", json!([])),
        ("expire", "nothing", json!([10])),
        ("del", "nothing", json!([])),
        ("sadd", "s", json!(["a"])),
        ("srem", "s", json!(["z"])),
        ("spop", "nothing", json!([])),
        ("lrem", "nothing", json!([0, "a"])),
        ("rename", "nothing", json!(["foo"])),
        ("renamenx", "s", json!(["foo"])),
        ("set", "foo", json!(["x", "nonsense"])),
        ("set", "foo", json!([])),
        ("touch", "foo", json!([])),
        ("zadd", "z", json!(["xx", 1, "a"])),
    ] {
        writer.asks(json!({"cmd":command,"key":key,"args":args}));
    }
    write(&mut writer, json!({"cmd":"set","key":"last","args":["1"]}));
    monitor.hears(json!({"cmd":"set","key":"last","args":["1"]}));
}

#[test]
fn a_client_is_pushed_its_own_changes() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let mut client = Actor::of(&hyrax, wire);
        client.says(json!({"cmd":"madd","key":"foo"}), json!({"return":"OK"}));
        client.says(json!({"cmd":"set","key":"foo","args":["1"]}), json!({"return":"OK"}));
        client.hears(json!({"cmd":"set","key":"foo","args":["1"]}));
    }
}

#[test]
fn a_ttl_that_runs_out_is_pushed_once() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let (mut monitor, mut writer) = monitor_and_writer(&hyrax, wire, &["foo"]);
        let mut typed = Actor::of(&hyrax, wire);
        typed.asks(json!({"command":"mon","payload":[{"domain":"d","id":"i"}]}));
        write(&mut writer, json!({"cmd":"set","key":"foo","args":["1","px","50"]}));
        write(&mut writer, json!({"cmd":"set","key":"d:i","args":["1","px","50"]}));
        monitor.hears(json!({"cmd":"set","key":"foo","args":["1","px","50"]}));
        monitor.hears(json!({"cmd":"expired","key":"foo","args":[]}));
        typed.hears(mon_push("d", "i", "set", &["1", "px", "50"]));
        typed.hears(mon_push("d", "i", "expired", &[]));
        writer.says(json!({"cmd":"get","key":"foo"}), json!({"return":null}));
        sleep(Duration::from_millis(50));
        monitor.hears_nothing();
    }
}

#[test]
fn quiet_silences_a_commands_pushes() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let (mut monitor, mut writer) = monitor_and_writer(&hyrax, wire, &["foo"]);
        write(&mut writer, json!({"cmd":"set","key":"foo","args":["1"],"quiet":true}));
        write(&mut writer, json!({"command":"append","payload":{"id":"foo","values":["2"]},"quiet":true}));
        write(&mut writer, json!({"cmd":"eadd","key":"foo","id":"a","quiet":true}));
        write(&mut writer, json!({"cmd":"erem","key":"foo","quiet":true}));
        write(&mut writer, json!({"cmd":"append","key":"foo","args":["3"],"quiet":false}));
        monitor.hears(json!({"cmd":"append","key":"foo","args":["3"]}));
        writer.says(json!({"cmd":"get","key":"foo"}), json!({"return":"123"}));
    }
}

#[test]
fn pushes_of_a_key_carry_growing_revisions_also_across_its_end() {
    let hyrax = Hyrax::start(&[]);
    let mut monitor = Actor::of(&hyrax, Wire::Tcp);
    let start = monitor.asks(json!({"cmd":"madd","key":"foo"}))["rev"].as_u64().unwrap();
    let mut writer = Actor::of(&hyrax, Wire::Tcp);
    for _ in 0..3 {
        write(&mut writer, json!({"cmd":"set","key":"foo","args":["1"]}));
        write(&mut writer, json!({"cmd":"del","key":"foo"}));
        write(&mut writer, json!({"cmd":"rpush","key":"foo","args":["1"]}));
        write(&mut writer, json!({"cmd":"lpop","key":"foo"}));
    }
    let mut last = start;
    for _ in 0..12 {
        let rev = monitor.client().push()["rev"].as_u64().unwrap();
        assert!(rev > last, "{rev} after {last}");
        last = rev;
    }
    assert_eq!(monitor.asks(json!({"cmd":"madd","key":"foo"}))["rev"], last);
}

#[test]
fn revisions_are_not_met_again_after_a_restart() {
    let revision_of = |hyrax: &Hyrax| {
        let mut client = Actor::of(hyrax, Wire::Tcp);
        client.asks(json!({"cmd":"set","key":"foo","args":["1"]}));
        client.asks(json!({"cmd":"madd","key":"foo"}))["rev"].as_u64().unwrap()
    };
    let first = revision_of(&Hyrax::start(&[]));
    assert!(revision_of(&Hyrax::start(&[])) > first);
}

#[test]
fn a_key_without_a_domain_is_pushed_with_none() {
    let hyrax = Hyrax::start(&[]);
    let mut monitor = Actor::of(&hyrax, Wire::Tcp);
    monitor.asks(json!({"command":"amon","payload":[{"id":"flat"},{"domain":"","id":"empty"},
        {"domain":"a:%","id":"b:c"}]}));
    let mut writer = Actor::of(&hyrax, Wire::Tcp);
    for (key, domain, id) in
        [("flat", json!(null), "flat"), (":empty", json!(""), "empty"), ("a%3A%25:b:c", json!("a:%"), "b:c")]
    {
        write(&mut writer, json!({"cmd":"set","key":key,"args":["v"]}));
        let mut push = monitor.client().push();
        push["return"].as_object_mut().unwrap().remove("rev");
        let expected = json!({"domain":domain,"id":id,"values":["v"],"command":"set"});
        assert_eq!(push["return"], expected);
    }
}

#[test]
fn bytes_are_pushed_as_base64() {
    let hyrax = Hyrax::start(&[]);
    let mut monitor = Actor::of(&hyrax, Wire::Tcp);
    let binary = json!({"base64":"//4A"});
    monitor.says(json!({"cmd":"madd","key":binary}), json!({"return":"OK"}));
    let mut writer = Actor::of(&hyrax, Wire::Tcp);
    write(&mut writer, json!({"cmd":"set","key":binary,"args":[{"base64":"/w=="}],"id":{"base64":"gA=="}}));
    monitor.hears(json!({"cmd":"set","key":binary,"args":[{"base64":"/w=="}],"id":{"base64":"gA=="}}));
}
