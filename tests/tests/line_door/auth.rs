//! Who may write, read and administer.

use hyrax_tests::hyrax::{Hyrax, Wire};
use serde_json::{Value, json};

use crate::secrets::{hmac_sha1, now, sha512, v2};
use crate::stage::Actor;

fn set_signed(secret: impl Into<Value>) -> Value {
    json!({"cmd":"set","key":"foo","args":["v"],"id":"gopher","secret":secret.into()})
}

fn ok() -> Value {
    json!({"return":"OK"})
}

#[test]
fn a_wrong_or_missing_secret_changes_nothing_and_pushes_nothing() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&["--secret", "turtles"]);
        let (mut client, mut monitor) = (Actor::of(&hyrax, wire), Actor::of(&hyrax, wire));
        for key in ["foo", "ekg"] {
            monitor.says(json!({"cmd":"madd","key":key}), ok());
        }
        let expired = v2("turtles", "set", "foo", "gopher", now() - 5);
        for wrong in [
            String::new(),
            "x".into(),
            "é".into(),
            "0".repeat(100_000),
            hmac_sha1("tortoises", "set", "foo", "gopher"),
            hmac_sha1("turtles", "set", "foo", ""),
            hmac_sha1("turtles", "SET", "foo", "gopher"),
            hmac_sha1("turtles", "del", "foo", "gopher"),
            hmac_sha1("", "set", "foo", "gopher"),
            sha512("", "", "turtles"),
            v2("tortoises", "set", "foo", "gopher", now() + 60),
            v2("turtles", "set", "foo", "", now() + 60),
            v2("turtles", "set", "fo", "ogopher", now() + 60),
            expired.replace(&format!("v2:{}", now() - 5), &format!("v2:{}", now() + 60)),
            expired,
            "v2:".into(),
            "v2:99999999999999999999999:00".into(),
        ] {
            client.refused(set_signed(wrong), "auth failed");
        }
        client.refused(json!({"cmd":"set","key":"foo","args":["v"]}), "auth failed");
        client.refused(set_signed(json!(null)), "auth failed");
        for command in ["eadd", "eaddq", "erem", "eremq"] {
            client.refused(json!({"cmd":command,"key":"ekg","id":"ann"}), "auth failed");
        }
        client.refused(json!({"cmd":"del","args":["foo"]}), "auth failed");
        client.says(json!({"cmd":"exists","key":"foo"}), json!({"return":0}));
        client.says(json!({"cmd":"ecard","key":"ekg"}), json!({"return":0}));
        monitor.hears_nothing();
        client.says(set_signed(hmac_sha1("turtles", "set", "foo", "gopher")), ok());
        monitor.hears(json!({"cmd":"set","key":"foo","args":["v"],"id":"gopher"}));
    }
}

#[test]
fn the_command_is_signed_as_sent_but_for_v2() {
    let hyrax = Hyrax::start(&["--secret", "turtles"]);
    let mut client = Actor::of(&hyrax, Wire::Tcp);
    let set = |secret: String| json!({"cmd":"SeT","key":"foo","args":["v"],"secret":secret});
    client.says(set(hmac_sha1("turtles", "SeT", "foo", "")), ok());
    client.refused(set(hmac_sha1("turtles", "set", "foo", "")), "auth failed");
    client.says(set(v2("turtles", "set", "foo", "", now() + 60)), ok());
}

#[test]
fn secrets_without_an_expiry_can_be_refused() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&["--secret", "turtles", "--allow-legacy-secrets=false"]);
        let mut client = Actor::of(&hyrax, wire);
        client.refused(set_signed(hmac_sha1("turtles", "set", "foo", "gopher")), "auth failed");
        client.refused(
            json!({"command":"set","payload":
                {"domain":"d","id":"i","values":["v"],"secret":sha512("d", "", "turtles")}}),
            "auth failed",
        );
        client.says(set_signed(v2("turtles", "set", "foo", "gopher", now() + 60)), ok());
    }
}

#[test]
fn legacy_secrets_are_warned_of_at_start() {
    let warned = |flags: &[&str]| Hyrax::start(flags).said().contains("allow_legacy_secrets");
    assert!(warned(&["--secret", "turtles"]));
    assert!(!warned(&["--secret", "turtles", "--allow-legacy-secrets=false"]));
    assert!(!warned(&[]));
}

#[test]
fn a_secret_added_at_run_time_turns_auth_on_for_all() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let (mut client, mut admin) = (Actor::of(&hyrax, wire), Actor::of(&hyrax, wire));
        client.says(set_signed("anything"), ok());
        admin.says(json!({"cmd":"aglobalsecretsadd","args":["turtles","turtles"]}), json!({"return":1}));
        client.refused(set_signed("anything"), "auth failed");
        client.says(set_signed(hmac_sha1("turtles", "set", "foo", "gopher")), ok());
        admin.says(json!({"cmd":"aglobalsecrets"}), json!({"return":["turtles"]}));
        admin.says(json!({"cmd":"aglobalsecretsrem","args":["turtles","none"]}), json!({"return":1}));
        client.says(set_signed("anything"), ok());
    }
}

#[test]
fn a_secret_of_one_key_opens_that_key_alone() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&["--secret", "turtles"]);
        let (mut client, mut admin) = (Actor::of(&hyrax, wire), Actor::of(&hyrax, wire));
        let secrets = |admin: &mut Actor| {
            let mut list = admin.asks(json!({"cmd":"asecrets","key":"foo"}))["return"].take();
            list.as_array_mut().unwrap().sort_by_key(ToString::to_string);
            list
        };
        let own = || hmac_sha1("own", "set", "foo", "gopher");
        client.refused(set_signed(own()), "auth failed");
        admin.says(json!({"cmd":"asecretsadd","key":"foo","args":["own","other"]}), json!({"return":2}));
        assert_eq!(secrets(&mut admin), json!(["other", "own"]));
        client.says(set_signed(own()), ok());
        client.says(set_signed(v2("own", "set", "foo", "gopher", now() + 60)), ok());
        // The global ones still count, and another key's door stays shut.
        client.says(set_signed(hmac_sha1("turtles", "set", "foo", "gopher")), ok());
        client.refused(
            json!({"cmd":"set","key":"bar","args":["v"],"secret":hmac_sha1("own", "set", "bar", "")}),
            "auth failed",
        );
        admin.says(json!({"cmd":"asecretsrem","key":"foo","args":["own"]}), json!({"return":1}));
        client.refused(set_signed(own()), "auth failed");
        admin.says(json!({"cmd":"asecretsset","key":"foo","args":["own"]}), ok());
        assert_eq!(secrets(&mut admin), json!(["own"]));
        client.says(set_signed(own()), ok());
    }
}

#[test]
fn secret_commands_are_for_sudo_and_operators() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&["--sudo", "192.0.2.1", "--operator", "ann:hush"]);
        let mut client = Actor::of(&hyrax, wire);
        let all = [
            json!({"cmd":"aglobalsecrets"}),
            json!({"cmd":"aglobalsecretsadd","args":["s"]}),
            json!({"cmd":"aglobalsecretsrem","args":["s"]}),
            json!({"cmd":"asecrets","key":"foo"}),
            json!({"cmd":"asecretsadd","key":"foo","args":["s"]}),
            json!({"cmd":"asecretsset","key":"foo","args":["s"]}),
            json!({"cmd":"asecretsrem","key":"foo","args":["s"]}),
            json!({"command":"get-secret-keys"}),
        ];
        for command in &all {
            client.refused(command.clone(), "not permitted");
        }
        client.says(json!({"cmd":"auth","args":["ann","hush"]}), ok());
        for command in &all {
            assert_eq!(client.asks(command.clone()).get("error"), None, "{command}");
        }
    }
}

#[test]
fn secrets_that_would_open_everything_are_refused() {
    let hyrax = Hyrax::start(&["--secret", "turtles"]);
    let mut admin = Actor::of(&hyrax, Wire::Tcp);
    for command in [
        json!({"cmd":"aglobalsecretsadd","args":[""]}),
        json!({"cmd":"aglobalsecretsadd","args":[]}),
        json!({"command":"add-secret-keys","payload":[{"secret":""}]}),
        json!({"command":"add-secret-keys","payload":[{}]}),
        json!({"command":"add-secret-keys","payload":["turtles"]}),
        json!({"cmd":"aglobalsecretsrem","args":["turtles"]}),
    ] {
        let reply = admin.asks(command.clone());
        assert!(reply["error"].is_string(), "{command}: {reply}");
    }
}

#[test]
fn every_written_key_needs_its_secret_in_redis_order() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&["--secret", "turtles"]);
        let mut client = Actor::of(&hyrax, wire);
        let sign = |command: &str, key: &str| hmac_sha1("turtles", command, key, "");
        let (a, b) = (sign("mset", "a"), sign("mset", "b"));
        let mset = |secret: Value| json!({"cmd":"mset","key":"a","args":["1","b","2"],"secret":secret});
        client.refused(mset(json!(a)), "auth failed");
        client.refused(mset(json!([a])), "auth failed");
        client.refused(mset(json!([b, a])), "auth failed");
        client.refused(mset(json!([a, a])), "auth failed");
        client.refused(mset(json!([])), "auth failed");
        assert!(client.asks(mset(json!([a, b, b])))["error"].is_string(), "one too many");
        client.says(json!({"cmd":"exists","args":["a","b"]}), json!({"return":0}));
        client.says(mset(json!([a, b])), ok());

        // Only what is written, though it was read from two others.
        client.says(
            json!({"cmd":"sunionstore","key":"dest","args":["s","t"],"secret":sign("sunionstore", "dest")}),
            json!({"return":0}),
        );
        // Both ends of a rename are written.
        let rename = |secret: Value| json!({"cmd":"rename","key":"a","args":["c"],"secret":secret});
        client.refused(rename(json!(sign("rename", "a"))), "auth failed");
        client.refused(rename(json!(sign("rename", "c"))), "auth failed");
        client.says(rename(json!([sign("rename", "a"), sign("rename", "c")])), ok());
        // The key is found by the command's form, not by the field's name.
        let bitop = |key: &str| json!({"cmd":"bitop","key":"and","args":["dest","b","b"],"secret":sign("bitop", key)});
        client.refused(bitop("and"), "auth failed");
        client.says(bitop("dest"), json!({"return":1}));
    }
}

#[test]
fn one_domain_secret_covers_all_keys_of_that_domain() {
    let hyrax = Hyrax::start(&["--secret", "turtles"]);
    let mut client = Actor::of(&hyrax, Wire::Tcp);
    let mset = |secret: Value, second: &str| json!({"command":"mset","payload":{"domain":"d","id":"a","values":["1",second,"2"],"secret":secret}});
    client.says(mset(json!(sha512("d", "", "turtles")), "d:b"), json!({"command":"mset","return":"OK"}));
    client.refused(mset(json!(sha512("d", "", "turtles")), "e:b"), "auth failed");
    client.says(
        mset(json!([sha512("d", "", "turtles"), sha512("e", "", "turtles")]), "e:b"),
        json!({"command":"mset","return":"OK"}),
    );
}

#[test]
fn reading_needs_a_proof_where_anonymous_read_is_off() {
    for wire in Wire::ALL {
        let hyrax =
            Hyrax::start(&["--secret", "turtles", "--operator", "ann:hush", "--anonymous-read=false"]);
        let mut client = Actor::of(&hyrax, wire);
        let reads = [
            json!({"cmd":"get","key":"foo"}),
            json!({"cmd":"mget","key":"foo","args":["bar"]}),
            json!({"cmd":"keys","args":["*"]}),
            json!({"cmd":"scan","args":["0"]}),
            json!({"cmd":"randomkey"}),
            json!({"cmd":"madd","key":"foo"}),
            json!({"cmd":"madd","key":"foo","since":0}),
            json!({"cmd":"mprefix","key":"foo"}),
            json!({"cmd":"emembers","key":"foo"}),
            json!({"cmd":"ecard","key":"foo"}),
            json!({"cmd":"eismember","key":"foo","id":"x"}),
            json!({"command":"mon","payload":[{"domain":"d","id":"i"}]}),
            json!({"command":"emon","payload":[{"domain":"d","id":"i"}]}),
            json!({"command":"get","payload":{"domain":"d","id":"i"}}),
        ];
        for command in &reads {
            client.refused(command.clone(), "auth failed");
        }
        client.says(
            json!({"cmd":"get","key":"foo","secret":hmac_sha1("turtles", "get", "foo", "")}),
            json!({"return":null}),
        );
        client.says(json!({"cmd":"madd","key":"foo","secret":hmac_sha1("turtles", "madd", "foo", "")}), ok());
        client.says(
            json!({"command":"mon","payload":[{"domain":"d","id":"i","secret":sha512("d", "", "turtles")}]}),
            json!({"command":"mon","return":[""]}),
        );
        // Reading from a key while writing another is reading it.
        client.refused(
            json!({"cmd":"sunionstore","key":"dest","args":["s"],
                "secret":hmac_sha1("turtles", "sunionstore", "dest", "")}),
            "auth failed",
        );
        client.says(json!({"cmd":"auth","args":["ann","hush"]}), ok());
        for command in &reads {
            assert_eq!(client.asks(command.clone()).get("error"), None, "{command}");
        }
    }
}

#[test]
fn an_operator_may_do_everything_on_the_own_connection() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&["--operator", "ann:hush", "--sudo", "192.0.2.1"]);
        let (mut ann, mut other) = (Actor::of(&hyrax, wire), Actor::of(&hyrax, wire));
        let set = json!({"cmd":"set","key":"foo","args":["v"]});
        for args in [json!(["ann", "wrong"]), json!(["bob", "hush"]), json!(["", ""]), json!(["ann", ""])] {
            ann.refused(json!({"cmd":"auth","args":args}), "auth failed");
        }
        for args in [json!([]), json!(["hush"]), json!(["ann", "hush", "x"])] {
            assert!(ann.asks(json!({"cmd":"auth","args":args}))["error"].is_string());
        }
        ann.refused(set.clone(), "auth failed");
        ann.says(json!({"cmd":"auth","args":["ann","hush"]}), ok());
        ann.says(set.clone(), ok());
        ann.says(json!({"cmd":"eadd","key":"e","id":"ann"}), ok());
        other.refused(set, "auth failed");
    }
}

#[test]
fn sudo_is_a_matter_of_where_from() {
    for (range, permitted) in [
        ("127.0.0.1", true),
        ("127.0.0.0/8", true),
        ("0.0.0.0/0", true),
        ("127.0.0.2", false),
        ("::1", false),
    ] {
        let hyrax = Hyrax::start(&["--sudo", range]);
        let mut client = Actor::of(&hyrax, Wire::Tcp);
        let reply = client.asks(json!({"command":"get-secret-keys","payload":[]}));
        let expected = if permitted {
            json!({"command":"get-secret-keys","return":[]})
        } else {
            json!({"command":"get-secret-keys","error":"not permitted"})
        };
        assert_eq!(reply, expected, "{range}");
    }
}

#[test]
fn no_secret_is_pushed_or_logged() {
    let hyrax = Hyrax::start(&["--secret", "turtles", "--operator", "ann:hush", "--log-level", "trace"]);
    let mut client = Actor::of(&hyrax, Wire::Tcp);
    let secret = hmac_sha1("turtles", "set", "foo", "gopher");
    client.says(json!({"cmd":"mlocal"}), ok());
    client.says(set_signed(secret.clone()), ok());
    client.says(json!({"cmd":"auth","args":["ann","hush"]}), ok());
    client.says(json!({"cmd":"aglobalsecretsadd","args":["tortoises"]}), json!({"return":1}));
    client.says(json!({"cmd":"asecretsadd","key":"foo","args":["terrapins"]}), json!({"return":1}));
    client.hears(json!({"cmd":"set","key":"foo","args":["v"],"id":"gopher"}));
    client.hears_nothing();
    let said = hyrax.said();
    for hidden in [&secret, "turtles", "tortoises", "terrapins", "hush"] {
        assert!(!said.contains(hidden), "{hidden}");
    }
}

#[test]
fn hyraxs_own_keys_are_reserved() {
    let hyrax = Hyrax::start(&[]);
    let mut client = Actor::of(&hyrax, Wire::Tcp);
    let own = "\u{0}hyrax/secret/global/x";
    for command in [
        json!({"cmd":"get","key":own}),
        json!({"cmd":"set","key":own,"args":["v"]}),
        json!({"cmd":"rename","key":"a","args":[own]}),
        json!({"cmd":"madd","key":own}),
        json!({"cmd":"mprefix","key":own}),
        json!({"cmd":"eadd","key":own,"id":"x"}),
        json!({"cmd":"asecrets","key":own}),
    ] {
        let reply = client.asks(command.clone());
        assert!(
            reply["error"].as_str().is_some_and(|error| error.contains("reserved")),
            "{command}: {reply}"
        );
    }
}
