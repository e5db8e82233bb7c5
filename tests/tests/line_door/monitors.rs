//! Starting, resuming and stopping monitors.

use hyrax_tests::hyrax::{Hyrax, Wire};
use serde_json::{Value, json};

use crate::stage::{Actor, mon_push};

fn set(writer: &mut Actor, key: &str, value: &str) {
    writer.says(json!({"cmd":"set","key":key,"args":[value]}), json!({"return":"OK"}));
}

#[test]
fn mrem_of_the_flat_dialect_is_ok_whether_the_key_was_monitored_or_not() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let (mut monitor, mut writer) = (Actor::of(&hyrax, wire), Actor::of(&hyrax, wire));
        monitor.says(json!({"cmd":"mrem","key":"foo"}), json!({"return":"OK"}));
        monitor.says(json!({"cmd":"madd","key":"foo"}), json!({"return":"OK"}));
        monitor.says(json!({"cmd":"mrem","key":"foo"}), json!({"return":"OK"}));
        set(&mut writer, "foo", "1");
        monitor.hears_nothing();
    }
}

#[test]
fn mrem_of_the_domain_dialect_tells_which_keys_were_monitored() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let (mut monitor, mut writer) = (Actor::of(&hyrax, wire), Actor::of(&hyrax, wire));
        let two = json!([{"domain":"d","id":"a"},{"domain":"d","id":"b"}]);
        monitor.says(
            json!({"command":"mon","payload":[{"domain":"d","id":"a"}]}),
            json!({"command":"mon","return":[""]}),
        );
        monitor.says(json!({"command":"mrem","payload":two}), json!({"command":"mrem","return":[1,0]}));
        monitor.says(json!({"command":"mrem","payload":two}), json!({"command":"mrem","return":[0,0]}));
        set(&mut writer, "d:a", "1");
        monitor.hears_nothing();
    }
}

#[test]
fn a_second_monitor_of_a_key_replaces_the_first() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let (mut monitor, mut writer) = (Actor::of(&hyrax, wire), Actor::of(&hyrax, wire));
        monitor.says(json!({"cmd":"madd","key":"d:i"}), json!({"return":"OK"}));
        monitor.says(
            json!({"command":"mon","payload":[{"domain":"d","id":"i"}]}),
            json!({"command":"mon","return":[""]}),
        );
        set(&mut writer, "d:i", "1");
        monitor.hears(mon_push("d", "i", "set", &["1"]));
        monitor.hears_nothing();
    }
}

#[test]
fn a_prefix_monitors_every_key_that_begins_with_it() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let (mut monitor, mut writer) = (Actor::of(&hyrax, wire), Actor::of(&hyrax, wire));
        monitor.says(json!({"cmd":"mprefix","key":"room:"}), json!({"return":"OK"}));
        for (key, value) in [("room", "0"), ("room:1", "1"), ("other", "0"), ("room:2", "2")] {
            set(&mut writer, key, value);
        }
        writer.says(json!({"cmd":"eadd","key":"room:3","id":"ann"}), json!({"return":"OK"}));
        monitor.hears(json!({"cmd":"set","key":"room:1","args":["1"]}));
        monitor.hears(json!({"cmd":"set","key":"room:2","args":["2"]}));
        monitor.hears(json!({"cmd":"eadd","key":"room:3","id":"ann"}));
        for _ in 0..2 {
            monitor.says(json!({"cmd":"mpremove","key":"room:"}), json!({"return":"OK"}));
        }
        set(&mut writer, "room:1", "3");
        monitor.hears_nothing();
    }
}

#[test]
fn mlocal_and_mglobal_show_every_change_to_sudo_and_operators() {
    for wire in Wire::ALL {
        for (start, stop) in [("mlocal", "mlocalrem"), ("mglobal", "mglobalrem")] {
            let hyrax = Hyrax::start(&[]);
            let (mut monitor, mut writer) = (Actor::of(&hyrax, wire), Actor::of(&hyrax, wire));
            monitor.says(json!({"cmd":start}), json!({"return":"OK"}));
            set(&mut writer, "foo", "1");
            writer.says(json!({"cmd":"eadd","key":"e","id":"ann"}), json!({"return":"OK"}));
            monitor.hears(json!({"cmd":"set","key":"foo","args":["1"]}));
            monitor.hears(json!({"cmd":"eadd","key":"e","id":"ann"}));
            monitor.says(json!({"cmd":stop}), json!({"return":"OK"}));
            set(&mut writer, "foo", "2");
            monitor.hears_nothing();
        }
    }
}

#[test]
fn mlocal_and_mglobal_are_not_for_everybody() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&["--sudo", "192.0.2.1", "--operator", "ann:hush"]);
        let mut client = Actor::of(&hyrax, wire);
        for command in ["mlocal", "mglobal"] {
            client.refused(json!({"cmd":command}), "not permitted");
        }
        client.says(json!({"cmd":"auth","args":["ann","hush"]}), json!({"return":"OK"}));
        for command in ["mlocal", "mglobal"] {
            client.says(json!({"cmd":command}), json!({"return":"OK"}));
        }
    }
}

#[test]
fn since_pushes_what_was_missed_and_no_more() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let mut writer = Actor::of(&hyrax, wire);
        let mut monitor = Actor::of(&hyrax, wire);
        monitor.says(json!({"cmd":"madd","key":"n"}), json!({"return":"OK"}));
        let incr = |writer: &mut Actor| writer.asks(json!({"cmd":"incr","key":"n"}));
        incr(&mut writer);
        incr(&mut writer);
        let _first = monitor.client().push();
        let seen = monitor.client().push()["rev"].as_u64().unwrap();
        drop(monitor);
        for _ in 0..3 {
            incr(&mut writer);
        }
        let mut again = Actor::of(&hyrax, wire);
        let reply = again.asks(json!({"cmd":"madd","key":"n","since":seen}));
        assert!(reply["return"] == "OK" && reply["rev"].as_u64() > Some(seen), "{reply}");
        incr(&mut writer);
        let mut last = seen;
        for _ in 0..4 {
            let push = again.client().push();
            let rev = push["rev"].as_u64().unwrap();
            assert!(push["cmd"] == "incr" && rev > last, "{push} after {last}");
            last = rev;
        }
        again.hears_nothing();
        // Nothing was missed.
        let reply = again.asks(json!({"cmd":"madd","key":"n","since":last}));
        assert_eq!(reply, json!({"return":"OK","rev":last}));
        again.hears_nothing();
    }
}

#[test]
fn since_resets_where_what_was_missed_is_not_known_or_lies_ahead() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let mut writer = Actor::of(&hyrax, wire);
        // Nobody monitored it: nothing was kept.
        let mut values = vec![
            ("string", "set", json!(["v"]), json!("v")),
            ("hash", "hset", json!(["f", "v"]), json!({"f":"v"})),
            ("list", "rpush", json!(["a", "b"]), json!(["a", "b"])),
            ("set", "sadd", json!(["a"]), json!(["a"])),
            ("sorted", "zadd", json!([1, "a", 2.5, "b"]), json!({"a":1,"b":2.5})),
        ];
        for (key, command, args, _) in &values {
            writer.asks(json!({"cmd":command,"key":key,"args":args}));
        }
        values.push(("none", "", json!([]), json!(null)));
        for (key, _, _, value) in &values {
            for since in [0, u64::MAX] {
                let mut monitor = Actor::of(&hyrax, wire);
                monitor.says(
                    json!({"cmd":"madd","key":key,"since":since}),
                    json!({"return":"reset","value":value}),
                );
                // And goes on from there.
                writer.asks(json!({"cmd":"expire","key":key,"args":[1000 + since % 7]}));
                if *key != "none" {
                    assert_eq!(monitor.client().push()["cmd"], "expire");
                }
            }
        }
    }
}

#[test]
fn since_with_a_known_ekg_tells_its_members_anew() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let mut member = Actor::of(&hyrax, wire);
        member.says(json!({"cmd":"eadd","key":"foo","id":"ann"}), json!({"return":"OK"}));
        let mut monitor = Actor::of(&hyrax, wire);
        let reply = monitor.asks(json!({"cmd":"madd","key":"foo","since":0}));
        assert_eq!(reply["return"], "reset");
        monitor.hears(json!({"cmd":"ereset","key":"foo","members":["ann"]}));
        drop(member);
        monitor.hears(json!({"cmd":"eclose","key":"foo","id":"ann","cause":"closed"}));
    }
}

#[test]
fn a_monitor_of_ekg_and_value_sees_both() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let (mut monitor, mut writer) = (Actor::of(&hyrax, wire), Actor::of(&hyrax, wire));
        monitor.says(
            json!({"command":"emon","payload":[{"id":"foo"}]}),
            json!({"command":"emon","return":[[]]}),
        );
        set(&mut writer, "foo", "1");
        writer.says(json!({"cmd":"eadd","key":"foo","id":"ann"}), json!({"return":"OK"}));
        assert_eq!(monitor.client().push()["return"]["command"], "set");
        assert_eq!(monitor.client().push()["return"]["command"], "eadd");
    }
}

#[test]
fn wrong_uses_of_monitors_name_what_is_wrong() {
    let hyrax = Hyrax::start(&["--monitors-per-session", "3"]);
    let mut client = Actor::of(&hyrax, Wire::Tcp);
    let mut complains = |command: Value, about: &str| {
        let reply = client.asks(command.clone());
        assert!(reply["error"].as_str().is_some_and(|error| error.contains(about)), "{command}: {reply}");
    };
    complains(json!({"cmd":"madd"}), "\"key\"");
    complains(json!({"cmd":"mrem"}), "\"key\"");
    complains(json!({"cmd":"mprefix"}), "\"key\"");
    complains(json!({"cmd":"madd","key":["a"]}), "\"key\"");
    complains(json!({"cmd":"madd","key":"a","since":"x"}), "\"since\"");
    complains(json!({"cmd":"madd","key":"a","since":1.5}), "\"since\"");
    complains(json!({"cmd":"madd","key":"k".repeat(65537)}), "65536");
    complains(json!({"command":"mon","payload":[{"domain":"d"}]}), "\"id\"");
    complains(json!({"command":"mon","payload":"d"}), "\"payload\"");
    complains(json!({"command":"mon","payload":[7]}), "\"payload\"[0]");
    complains(
        json!({"command":"mon","payload":[{"id":"a"},{"id":"b"},{"id":"c"},{"id":"d"}]}),
        "too many monitors",
    );
    complains(json!({"cmd":"madd","key":"\u{0}hyrax/x"}), "reserved");
}
