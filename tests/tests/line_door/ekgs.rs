//! EKGs beyond the examples of their documents.

use hyrax_tests::hyrax::{Hyrax, Wire};
use serde_json::{Value, json};

use crate::stage::{Actor, ekg_push};

/// Three connections to a new server, over one wire.
fn three(hyrax: &Hyrax, wire: Wire) -> [Actor; 3] {
    [(); 3].map(|()| Actor::of(hyrax, wire))
}

fn ok() -> Value {
    json!({"return":"OK"})
}

#[test]
fn two_connections_may_use_one_id() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let [mut one, mut other, mut monitor] = three(&hyrax, wire);
        monitor.says(json!({"cmd":"madd","key":"foo"}), ok());
        for client in [&mut one, &mut other] {
            client.says(json!({"cmd":"eadd","key":"foo","id":"ann"}), ok());
            monitor.hears(json!({"cmd":"eadd","key":"foo","id":"ann"}));
        }
        monitor.says(json!({"cmd":"emembers","key":"foo"}), json!({"return":["ann","ann"]}));
        monitor.says(json!({"cmd":"ecard","key":"foo"}), json!({"return":2}));
        drop(one);
        monitor.hears(json!({"cmd":"eclose","key":"foo","id":"ann","cause":"closed"}));
        monitor.says(json!({"cmd":"eismember","key":"foo","id":"ann"}), json!({"return":1}));
        drop(other);
        monitor.hears(json!({"cmd":"eclose","key":"foo","id":"ann","cause":"closed"}));
        monitor.says(json!({"cmd":"eismember","key":"foo","id":"ann"}), json!({"return":0}));
    }
}

#[test]
fn quiet_forms_of_the_flat_dialect_push_nothing_but_the_disconnect() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let [mut added, mut removed, mut monitor] = three(&hyrax, wire);
        monitor.says(json!({"cmd":"madd","key":"foo"}), ok());
        added.says(json!({"cmd":"eaddq","key":"foo","id":"ann"}), ok());
        removed.says(json!({"cmd":"eaddq","key":"foo","id":"bob"}), ok());
        removed.says(json!({"cmd":"eremq","key":"foo"}), ok());
        drop(removed);
        drop(added);
        monitor.hears(json!({"cmd":"eclose","key":"foo","id":"ann","cause":"closed"}));
        monitor.hears_nothing();
    }
}

#[test]
fn erem_pushes_the_requests_id_or_else_the_registered_one() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let [mut client, mut monitor, _] = three(&hyrax, wire);
        monitor.says(json!({"cmd":"madd","key":"foo"}), ok());
        for (given, pushed) in [(json!(null), "ann"), (json!("moderator"), "moderator")] {
            client.says(json!({"cmd":"eaddq","key":"foo","id":"ann"}), ok());
            client.says(json!({"cmd":"erem","key":"foo","id":given}), ok());
            monitor.hears(json!({"cmd":"erem","key":"foo","id":pushed}));
        }
        monitor.says(json!({"cmd":"ecard","key":"foo"}), json!({"return":0}));
    }
}

#[test]
fn a_name_of_the_domain_dialect_is_in_an_ekg_once() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let [mut one, mut other, mut monitor] = three(&hyrax, wire);
        let change =
            |command: &str| json!({"command":command,"payload":[{"domain":"d","id":"i","name":"ann"}]});
        let returns = |command: &str, value: u8| json!({"command":command,"return":[value]});
        monitor.asks(json!({"command":"emon","payload":[{"domain":"d","id":"i"}]}));
        one.says(change("eadd"), returns("eadd", 1));
        one.says(change("eadd"), returns("eadd", 0));
        other.says(change("eadd"), returns("eadd", 0));
        other.says(change("erem"), returns("erem", 0));
        one.says(change("erem"), returns("erem", 1));
        other.says(change("eadd"), returns("eadd", 1));
        for command in ["eadd", "erem", "eadd"] {
            monitor.hears(ekg_push("d", "i", "ann", command));
        }
        drop(one);
        monitor.hears_nothing();
    }
}

#[test]
fn both_dialects_meet_in_one_ekg() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let [mut flat, mut domain, mut monitor] = three(&hyrax, wire);
        monitor.says(json!({"cmd":"madd","key":"d:i"}), ok());
        flat.says(json!({"cmd":"eadd","key":"d:i","id":"ann"}), ok());
        domain.says(
            json!({"command":"eadd","payload":[{"domain":"d","id":"i","name":"bob"}]}),
            json!({"command":"eadd","return":[1]}),
        );
        monitor.hears(json!({"cmd":"eadd","key":"d:i","id":"ann"}));
        monitor.hears(json!({"cmd":"eadd","key":"d:i","id":"bob"}));
        monitor.says(json!({"cmd":"emembers","key":"d:i"}), json!({"return":["ann","bob"]}));
        monitor.says(
            json!({"command":"emembers","payload":{"domain":"d","id":"i"}}),
            json!({"command":"emembers","return":["ann","bob"]}),
        );
        drop(domain);
        monitor.hears(json!({"cmd":"eclose","key":"d:i","id":"bob","cause":"closed"}));
    }
}

#[test]
fn members_and_counts_may_be_asked_of_this_node_alone() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let [mut client, ..] = three(&hyrax, wire);
        client.says(json!({"cmd":"eadd","key":"d:i","id":"ann"}), ok());
        client.says(json!({"cmd":"emembers","key":"d:i","local":true}), json!({"return":["ann"]}));
        client.says(json!({"cmd":"ecard","key":"d:i","local":true}), json!({"return":1}));
        client.says(json!({"cmd":"eismember","key":"d:i","id":"ann","local":true}), json!({"return":1}));
        client.says(
            json!({"command":"ecard","payload":[{"domain":"d","id":"i"},{"domain":"d","id":"j"}],"local":true}),
            json!({"command":"ecard","return":[1,0]}),
        );
    }
}

#[test]
fn one_connection_may_be_in_many_ekgs_and_all_are_told_of_its_end() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let [mut member, mut monitor, _] = three(&hyrax, wire);
        let package: Vec<_> =
            (0..50).map(|number| json!({"cmd":"eadd","key":format!("ekg{number}"),"id":"ann"})).collect();
        member.asks(json!(package));
        for number in 0..50 {
            monitor.says(json!({"cmd":"madd","key":format!("ekg{number}")}), ok());
        }
        drop(member);
        let mut closed: Vec<_> = (0..50)
            .map(|_| {
                let push = monitor.client().push();
                assert_eq!((&push["cmd"], &push["cause"]), (&json!("eclose"), &json!("closed")));
                push["key"].as_str().unwrap().to_owned()
            })
            .collect();
        closed.sort();
        closed.dedup();
        assert_eq!(closed.len(), 50);
        monitor.hears_nothing();
    }
}

#[test]
fn wrong_uses_of_ekgs_name_what_is_wrong() {
    let hyrax = Hyrax::start(&["--ekgs-per-session", "2"]);
    let mut client = Actor::of(&hyrax, Wire::Tcp);
    let mut complains = |command: Value, about: &str| {
        let reply = client.asks(command.clone());
        assert!(reply["error"].as_str().is_some_and(|error| error.contains(about)), "{command}: {reply}");
    };
    complains(json!({"cmd":"eadd","key":"foo"}), "\"id\"");
    complains(json!({"cmd":"eadd","id":"ann"}), "\"key\"");
    complains(json!({"cmd":"ecard"}), "\"key\"");
    complains(json!({"cmd":"eismember","key":"foo"}), "\"id\"");
    complains(json!({"command":"eadd","payload":[{"domain":"d","id":"i"}]}), "\"name\"");
    complains(json!({"command":"eadd","payload":[{"domain":"d","name":"n"}]}), "\"id\"");
    complains(json!({"command":"eismember","payload":{"domain":"d","id":"i"}}), "\"name\"");
    complains(json!({"cmd":"eadd","key":"\u{0}hyrax/x","id":"a"}), "reserved");
    let three = ["a", "b", "c"].map(|name| json!({"domain":"d","id":"i","name":name}));
    complains(json!({"command":"eadd","payload":three}), "too many EKG entries");
}
