//! Elections: who stands, who leads, who is told.

use std::thread::sleep;

use hyrax_tests::http;
use hyrax_tests::hyrax::{Hyrax, Wire};
use serde_json::{Value, json};

use crate::stage::{Actor, QUIET, Stage};

/// The token of a reply.
#[track_caller]
fn token(reply: &Value) -> u64 {
    reply["return"].as_u64().unwrap_or_else(|| panic!("no token in {reply}"))
}

#[test]
fn candidates_lead_one_after_the_other_and_observers_hear_of_each() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let (mut ann, mut bob, mut watcher) =
            (Actor::of(&hyrax, wire), Actor::of(&hyrax, wire), Actor::of(&hyrax, wire));
        watcher.says(json!({"cmd":"observe","key":"chair"}), json!({"return":null}));
        let first = token(&ann.asks(json!({"cmd":"campaign","key":"chair","id":"ann","args":["10.0.0.1"]})));
        watcher.hears_leader("chair", json!({"id":"ann","value":"10.0.0.1","token":first}));
        bob.client().send(&json!({"cmd":"campaign","key":"chair","id":"bob","ref":"b"}));
        // What it says meanwhile is answered meanwhile.
        bob.says(json!({"cmd":"ping"}), json!({"return":"PONG"}));
        bob.says(
            json!({"cmd":"leader","key":"chair"}),
            json!({"return":{"id":"ann","value":"10.0.0.1","token":first}}),
        );
        let again = ann.asks(json!({"cmd":"campaign","key":"chair","id":"ann","args":["10.0.0.2"]}));
        assert_eq!(token(&again), first, "a leader says something else and leads on");
        watcher.hears_leader("chair", json!({"id":"ann","value":"10.0.0.2","token":first}));
        bob.says(json!({"cmd":"resign","key":"chair"}), json!({"return":false}));
        ann.says(json!({"cmd":"resign","key":"chair","id":"ann"}), json!({"return":true}));
        ann.says(json!({"cmd":"resign","key":"chair"}), json!({"return":false}));
        let second = bob.client().reply();
        assert!(second["ref"] == "b" && token(&second) > first, "{second}");
        watcher.hears_leader("chair", json!({"id":"bob","value":"bob","token":second["return"]}));
        drop(bob);
        assert_eq!(watcher.client().push(), json!({"cmd":"leader","key":"chair","id":null}));
        watcher.says(json!({"cmd":"leader","key":"chair"}), json!({"return":null}));
        watcher.says(json!({"cmd":"unobserve","key":"chair"}), json!({"return":"OK"}));
        token(&ann.asks(json!({"cmd":"campaign","key":"chair","id":"ann"})));
        watcher.hears_nothing();
    }
}

impl Actor {
    #[track_caller]
    fn hears_leader(&mut self, election: &str, mut leader: Value) {
        leader["cmd"] = "leader".into();
        leader["key"] = election.into();
        assert_eq!(self.client().push(), leader);
    }
}

#[test]
fn a_candidate_that_goes_does_not_stand_in_the_way() {
    let hyrax = Hyrax::start(&[]);
    let (mut ann, mut gone, mut cid) =
        (Actor::of(&hyrax, Wire::Tcp), Actor::of(&hyrax, Wire::Tcp), Actor::of(&hyrax, Wire::Tcp));
    token(&ann.asks(json!({"cmd":"campaign","key":"chair","id":"ann"})));
    gone.client().send(&json!({"cmd":"campaign","key":"chair","id":"gone"}));
    sleep(QUIET);
    cid.client().send(&json!({"cmd":"campaign","key":"chair","id":"cid"}));
    sleep(QUIET);
    drop(gone);
    sleep(QUIET);
    drop(ann);
    token(&cid.client().reply());
}

#[test]
fn a_leader_that_is_deposed_is_told() {
    let hyrax = Hyrax::start(&[]);
    let (mut ann, mut watcher) = (Actor::of(&hyrax, Wire::Tcp), Actor::of(&hyrax, Wire::Tcp));
    let held = token(&ann.asks(json!({"cmd":"campaign","key":"chair","id":"ann"})));
    watcher.asks(json!({"cmd":"observe","key":"chair"}));
    // All of the election's keys, "chair/" to "chair0".
    let body = br#"{"key":"Y2hhaXIv","range_end":"Y2hhaXIw"}"#;
    http::post(hyrax.address(), "/v3/kv/deleterange", &[], body);
    assert_eq!(ann.client().push(), json!({"cmd":"lost","key":"chair","token":held}));
    assert_eq!(watcher.client().push(), json!({"cmd":"leader","key":"chair","id":null}));
    ann.says(json!({"cmd":"resign","key":"chair"}), json!({"return":false}));
}

#[test]
fn a_leaders_token_guards_writes() {
    let hyrax = Hyrax::start(&[]);
    let (mut ann, mut bob) = (Actor::of(&hyrax, Wire::Tcp), Actor::of(&hyrax, Wire::Tcp));
    let old = token(&ann.asks(json!({"cmd":"campaign","key":"chair","id":"ann"})));
    let under =
        |token: u64| json!({"cmd":"set","key":"k","args":["v"],"fence":{"lock":"chair","token":token}});
    ann.says(under(old), json!({"return":"OK"}));
    ann.asks(json!({"cmd":"resign","key":"chair"}));
    let new = token(&bob.asks(json!({"cmd":"campaign","key":"chair","id":"bob"})));
    ann.says(under(old), json!({"error":"fenced"}));
    bob.says(under(new), json!({"return":"OK"}));
}

#[test]
fn absurd_elections_are_refused() {
    let hyrax = Hyrax::start(&[]);
    let (mut ann, mut bob) = (Actor::of(&hyrax, Wire::Tcp), Actor::of(&hyrax, Wire::Tcp));
    for (command, words) in [
        (json!({"cmd":"campaign","id":"a"}), "\"campaign\" needs \"key\""),
        (json!({"cmd":"campaign","key":"","id":"a"}), "\"campaign\" needs a \"key\" that is not empty"),
        (json!({"cmd":"lock","key":""}), "\"lock\" needs a \"key\" that is not empty"),
        (json!({"cmd":"leader","key":"\0hyrax/x"}), "this key is reserved for Hyrax itself"),
        (json!({"cmd":"campaign","key":"c","args":["a","b"]}), "\"campaign\" takes one value in \"args\""),
        (json!({"cmd":"campaign","key":"c","args":{"a":1}}), "\"args\" must be an array, not an object"),
        (
            json!({"cmd":"campaign","key":"c","id":"a","args":[{"base64":"//4="}]}),
            "a candidate with an id and a value has text in both",
        ),
    ] {
        ann.refused(command, words);
    }
    ann.says(json!({"cmd":"leader","key":"c"}), json!({"return":null}));
    token(&ann.asks(json!({"cmd":"campaign","key":"c","id":"a"})));
    // In a package nothing waits.
    bob.says(
        json!([{"cmd":"campaign","key":"c","id":"b"}]),
        json!([{"error":"timeout: the lock is held by another"}]),
    );
    let post = |body: &Value| http::post(hyrax.address(), "/hyrax", &[], body.to_string().as_bytes()).json();
    for command in ["campaign", "resign", "observe"] {
        let error = post(&json!({"cmd":command,"key":"c"}));
        assert_eq!(error["error"], "this needs a connection that stays open: use TCP or a WebSocket");
    }
    assert_eq!(post(&json!({"cmd":"leader","key":"c"}))["return"]["id"], "a");
}

#[test]
fn standing_is_proved_like_a_write_and_reading_is_open() {
    Stage::everywhere(|stage| {
        let (mut ann, mut anybody) = (stage.client(), Actor::of(&stage.hyrax, Wire::Tcp));
        token(&ann.asks(json!({"cmd":"campaign","key":"chair","id":"ann","args":["v"],"secret":""})));
        let leader = anybody.asks(json!({"cmd":"leader","key":"chair"}));
        assert_eq!(leader["return"]["value"], "v");
        let refused = anybody.asks(json!([{"cmd":"campaign","key":"chair","id":"eve"}]));
        let words = refused[0]["error"].as_str().expect("an error");
        assert!(words == "auth failed" || words.starts_with("timeout"), "{words}");
        ann.says(json!({"cmd":"resign","key":"chair","id":"ann","secret":""}), json!({"return":true}));
    });
}
