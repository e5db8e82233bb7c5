//! The examples of the document "Hyrax", section by section: the domain dialect.
//!
//! `add-nodes` and `rem-nodes` need a pool.

use hyrax_tests::hyrax::{Hyrax, Wire};
use serde_json::{Value, json};

use crate::secrets::{self, sha512};
use crate::stage::{Actor, Stage, ekg_push, mon_push};

/// The list of keys that the monitors' examples have.
fn two_keys() -> Value {
    json!([{"domain":"td1","id":"tid1"},{"domain":"td2","id":"tid2"}])
}

/// Writes `td1`/`tid1` with `command`.
fn prepare(stage: &Stage, command: &str, values: Value) {
    let payload = json!({"domain":"td1","id":"tid1","secret":"lotsahex","values":values});
    let reply = stage.client().asks(json!({"command":command,"payload":payload}));
    assert_eq!(reply.get("error"), None, "{reply}");
}

#[test]
fn section_auth() {
    // "the hex string form of the sha512 output of the concatenation of the domain and one of the secret keys"
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&["--secret", "one", "--secret", "two"]);
        let mut client = Actor::of(&hyrax, wire);
        let mut set = |secret: &str, value: &str| {
            let payload = json!({"domain":"td","id":"tid","secret":secret,"values":[value]});
            client.asks(json!({"command":"set","payload":payload}))
        };
        assert_eq!(set(&sha512("td", "", "one"), "1")["return"], "OK");
        assert_eq!(set(&sha512("td", "", "two"), "2")["return"], "OK");
        for wrong in ["", "lotsahex", &sha512("td", "", "three"), &sha512("te", "", "one")] {
            assert_eq!(set(wrong, "3"), json!({"command":"set","error":"auth failed"}));
        }
        // "Anyone connected to hyrax has the ability to `get` or `mon` the value of any key".
        client.says(
            json!({"command":"get","payload":{"domain":"td","id":"tid"}}),
            json!({"command":"get","return":"2"}),
        );
        client.says(
            json!({"command":"mon","payload":[{"domain":"td","id":"tid"}]}),
            json!({"command":"mon","return":["2"]}),
        );
    }
}

#[test]
fn section_command_syntax_examples() {
    Stage::everywhere(|stage| {
        let mut client = stage.client();
        client.says(
            json!({"command":"set","payload":{"domain":"td","id":"tid","secret":"lotsahex","values":["tv"]}}),
            json!({"command":"set","return":"OK"}),
        );
        client.says(
            json!({"command":"get","payload":{"domain":"td","id":"tid"}}),
            json!({"command":"get","return":"tv"}),
        );
        client.says(
            json!({"command":"set","payload":
                {"domain":"td","id":"tid","secret":"lotsahex","values":["0123456"]}}),
            json!({"command":"set","return":"OK"}),
        );
        client.says(
            json!({"command":"getrange","payload":{"domain":"td","id":"tid","values":["0","-4"]}}),
            json!({"command":"getrange","return":"0123"}),
        );
        // "`values` can be empty (or ommitted)".
        client.says(
            json!({"command":"get","payload":{"domain":"td","id":"tid","values":[]}}),
            json!({"command":"get","return":"0123456"}),
        );
    });
}

#[test]
fn section_command_syntax_examples_in_the_flat_dialect() {
    Stage::everywhere(|stage| {
        let mut client = stage.client();
        let set = |value: &str| json!({"cmd":"set","key":"td:tid","args":[value],"secret":"<hmac-sha1>"});
        client.says(set("tv"), json!({"return":"OK"}));
        client.says(json!({"cmd":"get","key":"td:tid"}), json!({"return":"tv"}));
        client.says(set("0123456"), json!({"return":"OK"}));
        client.says(json!({"cmd":"getrange","key":"td:tid","args":["0","-4"]}), json!({"return":"0123"}));
        // Both dialects meet on one key.
        client.says(
            json!({"command":"get","payload":{"domain":"td","id":"tid"}}),
            json!({"command":"get","return":"0123456"}),
        );
    });
}

#[test]
fn section_monitor_push() {
    Stage::everywhere(|stage| {
        let mut monitor = stage.client();
        monitor.says(
            json!({"command":"mon","payload":[{"domain":"td","id":"tid"}]}),
            json!({"command":"mon","return":[""]}),
        );
        stage.client().says(
            json!({"command":"set","payload":
                {"domain":"td","id":"tid","secret":"lotsahex","values":["whatever"]}}),
            json!({"command":"set","return":"OK"}),
        );
        monitor.hears(mon_push("td", "tid", "set", &["whatever"]));
    });
}

#[test]
fn section_monitor_push_in_the_flat_dialect() {
    Stage::everywhere(|stage| {
        let mut monitor = stage.client();
        monitor.says(json!({"cmd":"madd","key":"td:tid"}), json!({"return":"OK"}));
        stage.client().says(
            json!({"cmd":"set","key":"td:tid","args":["whatever"],"secret":"<hmac-sha1>"}),
            json!({"return":"OK"}),
        );
        monitor.hears(json!({"cmd":"set","key":"td:tid","args":["whatever"]}));
    });
}

#[test]
fn section_monitor_each_type() {
    let examples = [
        ("mon", "set", json!(["foo"]), json!(["foo", ""])),
        (
            "hmon",
            "hset",
            json!(["a", "foo", "b", "bar", "c", "baz"]),
            json!([{"a":"foo","b":"bar","c":"baz"}, {}]),
        ),
        ("lmon", "rpush", json!(["a", "b", "c"]), json!([["a", "b", "c"], []])),
        ("smon", "sadd", json!(["a", "b", "c"]), json!([["a", "b", "c"], []])),
        ("zmon", "zadd", json!(["1", "a", "2", "b", "3", "c"]), json!([{"a":1,"b":2,"c":3}, {}])),
        ("amon", "set", json!(["foo"]), json!([1, 1])),
    ];
    Stage::everywhere(|stage| {
        for (mon, write, values, expected) in &examples {
            prepare(stage, "del", json!([]));
            prepare(stage, write, values.clone());
            let mut monitor = stage.client();
            let mut reply = monitor.asks(json!({"command":mon,"payload":two_keys()}));
            assert_eq!(reply["revs"].as_array().map(Vec::len), Some(2), "{reply}");
            if *mon == "smon" {
                let members = reply["return"][0].as_array_mut().unwrap();
                members.sort_by_key(ToString::to_string);
            }
            assert_eq!((&reply["command"], &reply["return"]), (&json!(mon), expected));
        }
    });
}

#[test]
fn section_monitor_emon() {
    Stage::everywhere(|stage| {
        let mut apostles = stage.client();
        let names = ["mathew", "mark", "luke", "john"];
        let payload = names.map(|name| json!({"domain":"td1","id":"tid1","name":name,"secret":"lotsahex"}));
        apostles
            .says(json!({"command":"eadd","payload":payload}), json!({"command":"eadd","return":[1,1,1,1]}));
        let mut monitor = stage.client();
        monitor.says(
            json!({"command":"emon","payload":two_keys()}),
            json!({"command":"emon","return":[["john","luke","mark","mathew"],[]]}),
        );
        drop(apostles);
        let mut gone: Vec<_> = names.map(|_| monitor.client().push()["return"]["key"]["name"].clone()).into();
        gone.sort_by_key(ToString::to_string);
        assert_eq!(gone, ["john", "luke", "mark", "mathew"]);
    });
}

#[test]
fn section_monitor_a_key_of_another_type_is_empty() {
    Stage::everywhere(|stage| {
        let empties = [
            ("mon", json!("")),
            ("hmon", json!({})),
            ("lmon", json!([])),
            ("smon", json!([])),
            ("zmon", json!({})),
            ("emon", json!([])),
        ];
        for (mon, empty) in empties {
            prepare(stage, "del", json!([]));
            let (write, values) = if mon == "mon" { ("rpush", json!(["a"])) } else { ("set", json!(["a"])) };
            prepare(stage, write, values);
            let mut monitor = stage.client();
            monitor.says(
                json!({"command":mon,"payload":[{"domain":"td1","id":"tid1"}]}),
                json!({"command":mon,"return":[empty]}),
            );
            // And is monitored all the same.
            prepare(stage, "del", json!([]));
            monitor.hears(mon_push("td1", "tid1", "del", &[]));
        }
    });
}

#[test]
fn section_ekg_eadd() {
    Stage::everywhere(|stage| {
        let mut monitor = stage.client();
        monitor.says(
            json!({"command":"emon","payload":[{"domain":"td1","id":"tid1"}]}),
            json!({"command":"emon","return":[[]]}),
        );
        let joseph = json!({"command":"eadd","payload":
            [{"domain":"td1","id":"tid1","name":"joseph","secret":"lotsahex"}]});
        let (mut one, mut other) = (stage.client(), stage.client());
        one.says(joseph.clone(), json!({"command":"eadd","return":[1]}));
        monitor.hears(ekg_push("td1", "tid1", "joseph", "eadd"));
        // "If the ekg already has that value added by another connection the return will be `0`".
        other.says(joseph, json!({"command":"eadd","return":[0]}));
        drop(other);
        monitor.hears_nothing();
    });
}

#[test]
fn section_ekg_eaddq_and_eremq() {
    Stage::everywhere(|stage| {
        let mut monitor = stage.client();
        monitor.says(
            json!({"command":"emon","payload":[{"domain":"td1","id":"tid1"}]}),
            json!({"command":"emon","return":[[]]}),
        );
        let change = |command: &str, name: &str| {
            json!({"command":command,"payload":
                [{"domain":"td1","id":"tid1","name":name,"secret":"lotsahex"}]})
        };
        let mut client = stage.client();
        client.says(change("eaddq", "quiet"), json!({"command":"eaddq","return":[1]}));
        client.says(change("eadd", "gone"), json!({"command":"eadd","return":[1]}));
        client.says(change("eremq", "gone"), json!({"command":"eremq","return":[1]}));
        client.says(change("eremq", "gone"), json!({"command":"eremq","return":[0]}));
        monitor.hears(ekg_push("td1", "tid1", "gone", "eadd"));
        drop(client);
        // "Disconnecting will still alert": but only about who was still there.
        let mut disconnect = ekg_push("td1", "tid1", "quiet", "disconnect");
        disconnect["return"]["cause"] = "closed".into();
        monitor.hears(disconnect);
        monitor.hears_nothing();
    });
}

#[test]
fn section_ekg_disconnect_pushes_once_for_each_name() {
    Stage::everywhere(|stage| {
        let mut monitor = stage.client();
        monitor.says(
            json!({"command":"emon","payload":[{"domain":"td","id":"tid"}]}),
            json!({"command":"emon","return":[[]]}),
        );
        let mut client = stage.client();
        let names = ["joseph", "mary"];
        for name in names {
            client.says(
                json!({"command":"eadd","payload":
                    [{"domain":"td","id":"tid","name":name,"secret":"lotsahex"}]}),
                json!({"command":"eadd","return":[1]}),
            );
            monitor.hears(ekg_push("td", "tid", name, "eadd"));
        }
        drop(client);
        let mut pushes: Vec<_> = names.map(|_| monitor.client().push()["return"].take()).into();
        pushes.sort_by_key(|push| push["key"]["name"].to_string());
        for (push, name) in pushes.iter_mut().zip(names) {
            push.as_object_mut().unwrap().remove("erev").unwrap();
            let mut expected = ekg_push("td", "tid", name, "disconnect")["return"].take();
            expected["cause"] = "closed".into();
            assert_eq!(*push, expected);
        }
    });
}

#[test]
fn section_ekg_information() {
    Stage::everywhere(|stage| {
        let (mut one, mut other, mut asking) = (stage.client(), stage.client(), stage.client());
        let add = |name: &str| {
            json!({"command":"eadd","payload":
                [{"domain":"td1","id":"tid1","name":name,"secret":"lotsahex"}]})
        };
        one.says(add("joseph"), json!({"command":"eadd","return":[1]}));
        one.says(add("mary"), json!({"command":"eadd","return":[1]}));
        other.says(add("jesus"), json!({"command":"eadd","return":[1]}));
        let ekg = json!({"domain":"td1","id":"tid1"});
        // Connections, not names.
        asking.says(json!({"command":"ecard","payload":ekg}), json!({"command":"ecard","return":2}));
        asking.says(
            json!({"command":"emembers","payload":ekg}),
            json!({"command":"emembers","return":["jesus","joseph","mary"]}),
        );
        for (name, member) in [("mary", 1), ("judas", 0)] {
            asking.says(
                json!({"command":"eismember","payload":{"domain":"td1","id":"tid1","name":name}}),
                json!({"command":"eismember","return":member}),
            );
        }
    });
}

#[test]
fn section_ekg_secrets_cover_domain_and_name() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&["--secret", "turtles"]);
        let mut client = Actor::of(&hyrax, wire);
        let add = |secret: String| {
            json!({"command":"eadd","payload":
                [{"domain":"td1","id":"tid1","name":"joseph","secret":secret}]})
        };
        client.refused(add(sha512("td1", "", "turtles")), "auth failed");
        client.refused(add(sha512("td1", "mary", "turtles")), "auth failed");
        client.says(add(sha512("td1", "joseph", "turtles")), json!({"command":"eadd","return":[1]}));
    }
}

#[test]
fn section_admin_secret_keys() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&["--secret", "key1"]);
        let mut admin = Actor::of(&hyrax, wire);
        let two = json!([{"secret":"secrettoadd1"},{"secret":"secrettoadd2"}]);
        let hold = |admin: &mut Actor, expected: &[&str]| {
            let mut reply = admin.asks(json!({"command":"get-secret-keys","payload":[]}));
            // In no promised order.
            reply["return"].as_array_mut().unwrap().sort_by_key(ToString::to_string);
            assert_eq!(reply, json!({"command":"get-secret-keys","return":expected}));
        };
        hold(&mut admin, &["key1"]);
        admin.says(
            json!({"command":"add-secret-keys","payload":two}),
            json!({"command":"add-secret-keys","return":[1,1]}),
        );
        admin.says(
            json!({"command":"add-secret-keys","payload":[{"secret":"secrettoadd1"},{"secret":"key1"}]}),
            json!({"command":"add-secret-keys","return":[0,0]}),
        );
        hold(&mut admin, &["key1", "secrettoadd1", "secrettoadd2"]);
        let set = json!({"command":"set","payload":
            {"domain":"td","id":"tid","secret":sha512("td", "", "secrettoadd2"),"values":["tv"]}});
        admin.says(set.clone(), json!({"command":"set","return":"OK"}));
        admin.says(
            json!({"command":"rem-secret-keys","payload":two}),
            json!({"command":"rem-secret-keys","return":[1,1]}),
        );
        admin.says(
            json!({"command":"rem-secret-keys","payload":two}),
            json!({"command":"rem-secret-keys","return":[0,0]}),
        );
        hold(&mut admin, &["key1"]);
        admin.refused(set, "auth failed");
    }
}

#[test]
fn section_admin_nodes() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&["--node-name", "node1"]);
        let mut admin = Actor::of(&hyrax, wire);
        admin.says(
            json!({"command":"get-nodes","payload":[]}),
            json!({"command":"get-nodes","return":["node1"]}),
        );
        for command in ["add-nodes", "rem-nodes"] {
            let reply = admin.asks(json!({"command":command,"payload":[{"name":"node2"}]}));
            assert!(reply["error"].as_str().is_some_and(|error| error.contains("pool")), "{reply}");
        }
    }
}

#[test]
fn section_admin_is_for_sudo_alone() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&["--sudo", "192.0.2.0/24"]);
        let mut client = Actor::of(&hyrax, wire);
        for command in
            ["get-secret-keys", "add-secret-keys", "rem-secret-keys", "get-nodes", "add-nodes", "rem-nodes"]
        {
            client.refused(json!({"command":command,"payload":[{"secret":"s","name":"n"}]}), "not permitted");
        }
        client.says(
            json!({"command":"set","payload":{"domain":"d","id":"i","values":["still no secret"]}}),
            json!({"command":"set","return":"OK"}),
        );
    }
}

#[test]
fn v2_secrets_cover_the_flat_form_of_a_key() {
    // A domain with the characters that the flat form has to encode.
    let hyrax = Hyrax::start(&["--secret", "turtles", "--allow-legacy-secrets=false"]);
    let mut client = Actor::of(&hyrax, Wire::Tcp);
    let secret = secrets::v2("turtles", "set", "a%3Ab%25:c:d", "", secrets::now() + 60);
    client.says(
        json!({"command":"set","payload":{"domain":"a:b%","id":"c:d","secret":secret,"values":["v"]}}),
        json!({"command":"set","return":"OK"}),
    );
    client.says(json!({"cmd":"get","key":"a%3Ab%25:c:d"}), json!({"return":"v"}));
}
