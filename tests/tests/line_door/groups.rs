//! Groups: who joins, who leaves, who stalls, and who is told.

use std::thread::sleep;
use std::time::{Duration, Instant};

use hyrax_tests::http;
use hyrax_tests::hyrax::{Hyrax, Wire};
use serde_json::{Value, json};

use crate::stage::{Actor, QUIET, Stage};

/// What is told of a member, but for when it joined.
#[track_caller]
fn without_joined(mut value: Value) -> Value {
    let members = match &mut value {
        Value::Array(members) => &mut members[..],
        member => std::slice::from_mut(member),
    };
    for member in members {
        if member["cmd"] != "gleave" && member["cmd"] != "glost" {
            let joined = member.as_object_mut().and_then(|fields| fields.remove("joined"));
            let joined = joined.and_then(|joined| joined.as_u64()).expect("a member says when it joined");
            assert!(joined > 1_700_000_000_000, "milliseconds since the epoch: {joined}");
        }
    }
    value
}

#[track_caller]
fn members(actor: &mut Actor, group: &str) -> Vec<String> {
    let reply = actor.asks(json!({"cmd":"gmembers","key":group}));
    let members = reply["return"].as_array().unwrap_or_else(|| panic!("no members in {reply}"));
    members.iter().map(|member| member["id"].as_str().expect("an id").to_owned()).collect()
}

#[track_caller]
fn hears(actor: &mut Actor, expected: Value) {
    assert_eq!(without_joined(actor.client().push()), expected);
}

#[test]
fn members_come_and_go_and_who_watches_is_told() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let (mut ann, mut bob, mut watcher) =
            (Actor::of(&hyrax, wire), Actor::of(&hyrax, wire), Actor::of(&hyrax, wire));
        ann.says(
            json!({"cmd":"gjoin","key":"workers","id":"ann","args":{"subgroups":["eu","gpu"]},"ref":1}),
            json!({"return":"OK","ref":1}),
        );
        let there = watcher.asks(json!({"cmd":"gmon","key":"workers"}));
        let expected = json!([{"id":"ann","path":"/workers/members/ann","subgroups":["eu","gpu"]}]);
        assert_eq!(without_joined(there["return"].clone()), expected);
        bob.says(json!({"cmd":"gjoin","key":"workers","id":"bob"}), json!({"return":"OK"}));
        hears(&mut watcher, json!({"cmd":"gjoin","key":"workers","id":"bob","subgroups":[]}));
        assert_eq!(members(&mut bob, "workers"), ["ann", "bob"]);
        bob.says(json!({"cmd":"gleave","key":"workers","id":"ann"}), json!({"return":false}));
        bob.says(json!({"cmd":"gleave","key":"workers","id":"bob"}), json!({"return":true}));
        bob.says(json!({"cmd":"gleave","key":"workers","id":"bob"}), json!({"return":false}));
        hears(&mut watcher, json!({"cmd":"gleave","key":"workers","id":"bob","cause":"left"}));
        drop(ann);
        hears(&mut watcher, json!({"cmd":"gleave","key":"workers","id":"ann","cause":"closed"}));
        watcher.says(json!({"cmd":"gmrem","key":"workers"}), json!({"return":"OK"}));
        watcher.says(json!({"cmd":"gmrem","key":"workers"}), json!({"return":"OK"}));
        bob.asks(json!({"cmd":"gjoin","key":"workers","id":"bob"}));
        watcher.hears_nothing();
    }
}

#[test]
fn a_connection_may_sit_under_several_ids_and_leaves_all_when_it_names_none() {
    let hyrax = Hyrax::start(&[]);
    let mut ann = Actor::of(&hyrax, Wire::Tcp);
    for id in ["a", "b", "c/d"] {
        ann.says(json!({"cmd":"gjoin","key":"g","id":id}), json!({"return":"OK"}));
    }
    assert_eq!(members(&mut ann, "g"), ["a", "b", "c/d"]);
    ann.says(json!({"cmd":"gleave","key":"g"}), json!({"return":true}));
    ann.says(json!({"cmd":"gleave","key":"g"}), json!({"return":false}));
    assert_eq!(members(&mut ann, "g"), Vec::<String>::new());
}

#[test]
fn who_joins_again_has_other_subgroups_and_was_never_gone() {
    let hyrax = Hyrax::start(&[]);
    let (mut ann, mut watcher) = (Actor::of(&hyrax, Wire::Tcp), Actor::of(&hyrax, Wire::Tcp));
    ann.asks(json!({"cmd":"gjoin","key":"g","id":"ann"}));
    watcher.asks(json!({"cmd":"gmon","key":"g"}));
    ann.says(json!({"cmd":"gjoin","key":"g","id":"ann","args":{"subgroups":["eu"]}}), json!({"return":"OK"}));
    hears(&mut watcher, json!({"cmd":"gjoin","key":"g","id":"ann","subgroups":["eu"]}));
    watcher.hears_nothing();
    ann.hears_nothing();
    ann.says(json!({"cmd":"gleave","key":"g","id":"ann"}), json!({"return":true}));
    hears(&mut watcher, json!({"cmd":"gleave","key":"g","id":"ann","cause":"left"}));
}

#[test]
fn an_id_that_another_joins_under_is_lost_and_its_holder_is_told() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let (mut old, mut new, mut watcher) =
            (Actor::of(&hyrax, wire), Actor::of(&hyrax, wire), Actor::of(&hyrax, wire));
        old.asks(json!({"cmd":"gjoin","key":"g","id":"host"}));
        watcher.asks(json!({"cmd":"gmon","key":"g"}));
        new.says(json!({"cmd":"gjoin","key":"g","id":"host"}), json!({"return":"OK"}));
        hears(&mut old, json!({"cmd":"glost","key":"g","id":"host","cause":"replaced"}));
        hears(&mut watcher, json!({"cmd":"gleave","key":"g","id":"host","cause":"replaced"}));
        hears(&mut watcher, json!({"cmd":"gjoin","key":"g","id":"host","subgroups":[]}));
        old.says(json!({"cmd":"gleave","key":"g","id":"host"}), json!({"return":false}));
        drop(old);
        watcher.hears_nothing();
        assert_eq!(members(&mut new, "g"), ["host"]);
    }
}

#[test]
fn a_member_that_stalls_is_out_with_its_locks_and_one_that_speaks_is_not() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let (mut stalls, mut speaks, mut watcher) =
            (Actor::of(&hyrax, wire), Actor::of(&hyrax, wire), Actor::of(&hyrax, wire));
        watcher.asks(json!({"cmd":"gmon","key":"g"}));
        let held = stalls.asks(json!({"cmd":"lock","key":"jobs","id":"a"}))["return"].clone();
        for (actor, id) in [(&mut stalls, "a"), (&mut speaks, "b")] {
            actor.says(
                json!({"cmd":"gjoin","key":"g","id":id,"args":{"heartbeat":1}}),
                json!({"return":"OK"}),
            );
            hears(&mut watcher, json!({"cmd":"gjoin","key":"g","id":id,"subgroups":[]}));
        }
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(3_500) {
            speaks.says(json!({"cmd":"ping"}), json!({"return":"PONG"}));
            sleep(Duration::from_millis(200));
        }
        hears(&mut watcher, json!({"cmd":"gleave","key":"g","id":"a","cause":"timeout"}));
        watcher.hears_nothing();
        let told = [stalls.client().push(), stalls.client().push()];
        assert!(told.contains(&json!({"cmd":"glost","key":"g","id":"a","cause":"timeout"})), "{told:?}");
        assert!(told.contains(&json!({"cmd":"lost","key":"jobs","token":held})), "{told:?}");
        assert_eq!(members(&mut speaks, "g"), ["b"]);
        assert!(speaks.asks(json!({"cmd":"trylock","key":"jobs"}))["return"].is_u64());
        // It comes back as anybody does.
        stalls.says(json!({"cmd":"gjoin","key":"g","id":"a"}), json!({"return":"OK"}));
        hears(&mut watcher, json!({"cmd":"gjoin","key":"g","id":"a","subgroups":[]}));
    }
}

#[test]
fn who_asked_for_no_heartbeat_may_be_silent() {
    let hyrax = Hyrax::start(&[]);
    let (mut ann, mut watcher) = (Actor::of(&hyrax, Wire::Tcp), Actor::of(&hyrax, Wire::Tcp));
    ann.asks(json!({"cmd":"gjoin","key":"g","id":"ann","args":{"heartbeat":0.2}}));
    // What it joined with last holds.
    ann.asks(json!({"cmd":"gjoin","key":"g","id":"ann"}));
    watcher.asks(json!({"cmd":"gmon","key":"g"}));
    assert_eq!(watcher.client().pushes_until_quiet(Duration::from_millis(900)), Vec::<Value>::new());
    assert_eq!(members(&mut watcher, "g"), ["ann"]);
}

/// What another program does to the group's keys is told like anything else.
#[test]
fn a_member_is_a_key_that_etcds_clients_see() {
    let hyrax = Hyrax::start(&[]);
    let (mut ann, mut watcher) = (Actor::of(&hyrax, Wire::Tcp), Actor::of(&hyrax, Wire::Tcp));
    ann.asks(json!({"cmd":"gjoin","key":"g","id":"ann"}));
    watcher.asks(json!({"cmd":"gmon","key":"g"}));
    // "/g/members/ann", "/g/members/out"
    let found = http::post(hyrax.address(), "/v3/kv/range", &[], br#"{"key":"L2cvbWVtYmVycy9hbm4="}"#).json();
    assert_eq!(found["count"], "1", "{found}");
    let put = br#"{"key":"L2cvbWVtYmVycy9vdXQ=","value":"e30="}"#;
    http::post(hyrax.address(), "/v3/kv/put", &[], put);
    let push = watcher.client().push();
    assert_eq!((&push["cmd"], &push["id"]), (&json!("gjoin"), &json!("out")), "{push}");
    http::post(hyrax.address(), "/v3/kv/deleterange", &[], br#"{"key":"L2cvbWVtYmVycy9hbm4="}"#);
    hears(&mut ann, json!({"cmd":"glost","key":"g","id":"ann","cause":"node-lost"}));
    hears(&mut watcher, json!({"cmd":"gleave","key":"g","id":"ann","cause":"node-lost"}));
    ann.says(json!({"cmd":"gleave","key":"g","id":"ann"}), json!({"return":false}));
}

#[test]
fn absurd_groups_are_refused_and_nobody_joins() {
    let hyrax = Hyrax::start(&[]);
    let mut ann = Actor::of(&hyrax, Wire::Tcp);
    let heartbeat =
        |heartbeat: Value| json!({"cmd":"gjoin","key":"g","id":"a","args":{"heartbeat":heartbeat}});
    let seconds = "\"heartbeat\" must be a number of seconds that is not negative";
    for (command, words) in [
        (heartbeat(json!(0)), "a heartbeat lasts from 100ms to 3600s, not 0ns"),
        (heartbeat(json!(31_536_000)), "a heartbeat lasts from 100ms to 3600s, not 31536000s"),
        (heartbeat(json!(-1)), seconds),
        (heartbeat(json!("5")), seconds),
        (heartbeat(json!(1e300)), seconds),
        (json!({"cmd":"gjoin","key":"","id":"a"}), "the name of a group must not be empty"),
        (json!({"cmd":"gjoin","key":"g","id":""}), "the name of a member must not be empty"),
        (json!({"cmd":"gjoin","key":"g"}), "\"gjoin\" needs \"id\", which tells others who joined"),
        (json!({"cmd":"gjoin","id":"a"}), "\"gjoin\" needs \"key\""),
        (
            json!({"cmd":"gjoin","key":"g","id":"a\nb"}),
            "the name of a member must not have control characters in it",
        ),
        (
            json!({"cmd":"gjoin","key":"x".repeat(1025),"id":"a"}),
            "the name of a group has at most 1024 bytes",
        ),
        (
            json!({"cmd":"gjoin","key":{"base64":"//4="},"id":"a"}),
            "\"key\" must be text: groups and members have names",
        ),
        (json!({"cmd":"gjoin","key":"\0hyrax/x","id":"a"}), "this key is reserved for Hyrax itself"),
        (
            json!({"cmd":"gjoin","key":"g","id":"a","args":["eu"]}),
            "\"args\" must be an object such as {\"heartbeat\":5,\"subgroups\":[\"eu\"]}",
        ),
        (
            json!({"cmd":"gjoin","key":"g","id":"a","args":{"subgroups":"eu"}}),
            "\"subgroups\" must be an array of strings",
        ),
        (
            json!({"cmd":"gjoin","key":"g","id":"a","args":{"subgroups":[1]}}),
            "\"subgroups\" must be an array of strings",
        ),
        (
            json!({"cmd":"gjoin","key":"g","id":"a","args":{"subgroups":[""]}}),
            "the name of a subgroup must not be empty",
        ),
        (
            json!({"cmd":"gjoin","key":"g","id":"a","args":{"subgroups":vec!["s"; 101]}}),
            "too many subgroups: a member has at most 100",
        ),
        (json!({"cmd":"gmon"}), "\"gmon\" needs \"key\""),
        (json!({"cmd":"gmembers","key":""}), "the name of a group must not be empty"),
    ] {
        ann.refused(command, words);
    }
    assert_eq!(members(&mut ann, "g"), Vec::<String>::new());
}

#[test]
fn a_request_without_a_connection_reads_and_joins_nothing() {
    let hyrax = Hyrax::start(&[]);
    let mut ann = Actor::of(&hyrax, Wire::Tcp);
    ann.asks(json!({"cmd":"gjoin","key":"g","id":"ann"}));
    let post = |body: &Value| http::post(hyrax.address(), "/hyrax", &[], body.to_string().as_bytes()).json();
    for command in ["gjoin", "gleave", "gmon"] {
        let error = post(&json!({"cmd":command,"key":"g","id":"bob"}));
        assert_eq!(error["error"], "this needs a connection that stays open: use TCP or a WebSocket");
    }
    assert_eq!(post(&json!({"cmd":"gmembers","key":"g"}))["return"][0]["id"], "ann");
}

#[test]
fn joining_and_leaving_are_proved_like_writes_and_reading_is_open() {
    Stage::everywhere(|stage| {
        let (mut ann, mut anybody) = (stage.client(), Actor::of(&stage.hyrax, Wire::Tcp));
        let refused = anybody.asks(json!({"cmd":"gjoin","key":"g","id":"eve"}));
        ann.says(json!({"cmd":"gjoin","key":"g","id":"ann","secret":""}), json!({"return":"OK"}));
        let mut expected = vec!["ann"];
        if refused["return"] == "OK" {
            expected.push("eve");
        } else {
            assert_eq!(refused["error"], "auth failed");
        }
        assert_eq!(members(&mut anybody, "g"), expected);
        let wrong = anybody.asks(json!({"cmd":"gleave","key":"g","id":"ann","secret":"x"}));
        assert!(wrong["error"] == "auth failed" || wrong["return"] == false, "{wrong}");
        ann.says(json!({"cmd":"gleave","key":"g","id":"ann","secret":""}), json!({"return":true}));
    });
}

/// Whatever order they come in: each watcher's list and what it is told make up who is there.
#[test]
fn many_who_come_and_go_at_once_are_all_told() {
    let hyrax = Hyrax::start(&[]);
    let mut watcher = Actor::of(&hyrax, Wire::Tcp);
    let mut crowd: Vec<Actor> = (0..40).map(|_| Actor::of(&hyrax, Wire::Tcp)).collect();
    for (number, member) in crowd.iter_mut().enumerate() {
        member.client().send(&json!({"cmd":"gjoin","key":"g","id":format!("m{number}")}));
    }
    let there = watcher.asks(json!({"cmd":"gmon","key":"g"}));
    let mut known: std::collections::BTreeSet<String> = there["return"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|member| member["id"].as_str().expect("an id").to_owned())
        .collect();
    crowd.iter_mut().for_each(|member| assert_eq!(member.client().reply(), json!({"return":"OK"})));
    crowd.truncate(10);
    for push in watcher.client().pushes_until_quiet(QUIET * 3) {
        let id = push["id"].as_str().expect("an id").to_owned();
        match push["cmd"].as_str() {
            Some("gjoin") => assert!(known.insert(id), "nobody comes twice"),
            _ => assert!(known.remove(&id), "nobody goes who was not there"),
        }
    }
    assert_eq!(known.into_iter().collect::<Vec<_>>(), members(&mut watcher, "g"));
}
