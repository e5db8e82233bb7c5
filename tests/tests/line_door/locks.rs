//! Locks, and writes that are only made under them.

use std::thread::sleep;
use std::time::Duration;

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
fn a_lock_is_held_by_one_and_handed_on_in_order() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let (mut ann, mut bob, mut cid) =
            (Actor::of(&hyrax, wire), Actor::of(&hyrax, wire), Actor::of(&hyrax, wire));
        let first = token(&ann.asks(json!({"cmd":"lock","key":"jobs","id":"ann"})));
        for (waiter, name) in [(&mut bob, "bob"), (&mut cid, "cid")] {
            waiter.client().send(&json!({"cmd":"lock","key":"jobs","id":name,"ref":name}));
            // What it says meanwhile is answered meanwhile.
            waiter.says(json!({"cmd":"ping","ref":1}), json!({"return":"PONG","ref":1}));
            waiter.says(json!({"cmd":"trylock","key":"jobs"}), json!({"return":false}));
            waiter.says(json!({"cmd":"unlock","key":"jobs"}), json!({"return":false}));
        }
        ann.says(json!({"cmd":"unlock","key":"jobs"}), json!({"return":true}));
        ann.says(json!({"cmd":"unlock","key":"jobs"}), json!({"return":false}));
        let second = bob.client().reply();
        assert_eq!(second["ref"], "bob");
        assert!(token(&second) > first);
        cid.hears_nothing();
        drop(bob);
        let third = cid.client().reply();
        assert!(third["ref"] == "cid" && token(&third) > token(&second), "{third}");
    }
}

#[test]
fn who_waits_too_long_is_answered_an_error() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let (mut ann, mut bob) = (Actor::of(&hyrax, wire), Actor::of(&hyrax, wire));
        ann.asks(json!({"cmd":"lock","key":"jobs"}));
        for timeout in [json!(0.1), json!(0)] {
            let lock = json!({"cmd":"lock","key":"jobs","args":{"timeout":timeout}});
            bob.refused(lock, "timeout: the lock is held by another");
        }
        bob.says(
            json!([{"cmd":"lock","key":"jobs"}]),
            json!([{"error":"timeout: the lock is held by another"}]),
        );
        ann.refused(
            json!({"cmd":"lock","key":"jobs"}),
            "this connection holds the lock or waits for it already; \"relock\" answers the token again",
        );
        ann.says(json!({"cmd":"unlock","key":"jobs"}), json!({"return":true}));
        token(&bob.asks(json!({"cmd":"trylock","key":"jobs"})));
    }
}

#[test]
fn relocking_answers_the_same_token_to_the_same_member() {
    let hyrax = Hyrax::start(&[]);
    let mut ann = Actor::of(&hyrax, Wire::Tcp);
    let held = token(&ann.asks(json!({"cmd":"relock","key":"jobs","id":"ann"})));
    ann.says(json!({"cmd":"relock","key":"jobs","id":"ann"}), json!({"return":held}));
    ann.says(json!({"cmd":"relock","key":"jobs","id":"another"}), json!({"return":false}));
    ann.says(json!({"cmd":"trylock","key":"jobs","id":"ann"}), json!({"return":false}));
    ann.says(json!({"cmd":"unlock","key":"jobs","id":"another"}), json!({"return":false}));
    ann.says(json!({"cmd":"unlock","key":"jobs","id":"ann"}), json!({"return":true}));
}

#[test]
fn a_write_under_a_lock_is_refused_once_another_has_it() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let (mut ann, mut bob) = (Actor::of(&hyrax, wire), Actor::of(&hyrax, wire));
        let old = token(&ann.asks(json!({"cmd":"lock","key":"jobs"})));
        let under = |token: u64, key: &str| json!({"cmd":"set","key":key,"args":["x"],"fence":{"lock":"jobs","token":token},"ref":1});
        ann.says(under(old, "a"), json!({"return":"OK","ref":1}));
        ann.says(under(old + 1, "a"), json!({"error":"fenced","ref":1}));
        ann.asks(json!({"cmd":"unlock","key":"jobs"}));
        ann.says(under(old, "a"), json!({"error":"fenced","ref":1}));
        let new = token(&bob.asks(json!({"cmd":"lock","key":"jobs"})));
        ann.says(under(old, "b"), json!({"error":"fenced","ref":1}));
        bob.says(under(new, "b"), json!({"return":"OK","ref":1}));
        bob.says(
            json!([{"cmd":"del","key":"b","fence":{"lock":"jobs","token":new}},
                   {"cmd":"set","key":"b","args":["y"],"fence":{"lock":"jobs","token":old}}]),
            json!([{"return":1}, {"error":"fenced"}]),
        );
        bob.says(
            json!({"command":"set","payload":{"domain":"d","id":"i","values":["v"]},
                   "fence":{"lock":"jobs","token":new}}),
            json!({"command":"set","return":"OK"}),
        );
        ann.says(json!({"cmd":"mget","args":["a","b","d:i"]}), json!({"return":["x",null,"v"]}));
    }
}

#[test]
fn an_ekg_is_changed_under_a_lock_too() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let mut ann = Actor::of(&hyrax, wire);
        let held = token(&ann.asks(json!({"cmd":"lock","key":"jobs"})));
        let fence = json!({"lock":"jobs","token":held});
        ann.says(json!({"cmd":"eadd","key":"room","id":"ann","fence":&fence}), json!({"return":"OK"}));
        ann.says(
            json!({"command":"eadd","payload":[{"id":"room","name":"x"}],"fence":&fence}),
            json!({"command":"eadd","return":[1]}),
        );
        ann.says(json!({"cmd":"unlock","key":"jobs"}), json!({"return":true}));
        ann.says(json!({"cmd":"erem","key":"room","fence":&fence}), json!({"error":"fenced"}));
        ann.says(json!({"cmd":"emembers","key":"room"}), json!({"return":["ann","x"]}));
    }
}

#[test]
fn what_is_no_guard_is_refused_by_name() {
    let hyrax = Hyrax::start(&[]);
    let mut ann = Actor::of(&hyrax, Wire::Tcp);
    for (fence, words) in [
        (json!(5), "\"fence\" must be {\"lock\":…,\"token\":…}, not a number"),
        (json!({}), "\"fence\" needs \"lock\" and \"token\""),
        (json!({"lock":"jobs","token":-1}), "\"token\" must be a whole number that is not negative"),
    ] {
        ann.refused(json!({"cmd":"set","key":"a","args":["x"],"fence":fence}), words);
    }
    let fence = json!({"lock":"jobs","token":1});
    ann.refused(
        json!({"cmd":"get","key":"a","fence":&fence}),
        "\"fence\" guards writes of keys and EKGs, and \"get\" is none",
    );
    ann.refused(
        json!({"cmd":"madd","key":"a","fence":&fence}),
        "\"fence\" guards writes of keys and EKGs, and \"madd\" is none",
    );
    ann.refused(json!({"cmd":"set","key":"a","args":{"x":1}}), "\"args\" must be an array, not an object");
    for timeout in [json!(-1), json!("5"), json!(1e300)] {
        ann.refused(
            json!({"cmd":"lock","key":"a","args":{"timeout":timeout}}),
            "\"timeout\" must be a number of seconds that is not negative",
        );
    }
    ann.refused(
        json!({"cmd":"lock","key":"a","args":[5]}),
        "\"args\" must be an object such as {\"timeout\":5}",
    );
    ann.refused(json!({"cmd":"lock"}), "\"lock\" needs \"key\"");
    ann.refused(json!({"cmd":"lock","key":"\0hyrax/x"}), "this key is reserved for Hyrax itself");
    ann.says(json!({"cmd":"get","key":"a"}), json!({"return":null}));
}

#[test]
fn a_client_that_goes_while_it_waits_does_not_stand_in_the_way() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let (mut ann, mut gone, mut cid) =
            (Actor::of(&hyrax, wire), Actor::of(&hyrax, wire), Actor::of(&hyrax, wire));
        ann.asks(json!({"cmd":"lock","key":"jobs"}));
        gone.client().send(&json!({"cmd":"lock","key":"jobs"}));
        sleep(QUIET);
        cid.client().send(&json!({"cmd":"lock","key":"jobs"}));
        sleep(QUIET);
        drop(gone);
        sleep(QUIET);
        ann.asks(json!({"cmd":"unlock","key":"jobs"}));
        token(&cid.client().reply());
    }
}

#[test]
fn a_request_without_a_connection_owns_no_lock() {
    let hyrax = Hyrax::start(&[]);
    let answer = http::post(hyrax.address(), "/hyrax", &[], br#"{"cmd":"lock","key":"jobs"}"#);
    let error = answer.json();
    assert_eq!(error["error"], "this needs a connection that stays open: use TCP or a WebSocket");
}

#[test]
fn a_lock_needs_a_secret_where_writing_does() {
    Stage::everywhere(|stage| {
        let mut anybody = Actor::of(&stage.hyrax, Wire::Tcp);
        let reply = anybody.asks(json!({"cmd":"trylock","key":"jobs"}));
        assert!(reply["error"] == "auth failed" || reply["return"].is_u64(), "{reply}");
    });
}

/// A holder whose lock is taken away from outside is told so.
#[test]
fn a_holder_is_told_that_it_has_lost_the_lock() {
    let hyrax = Hyrax::start(&[]);
    let mut ann = Actor::of(&hyrax, Wire::Tcp);
    let held = token(&ann.asks(json!({"cmd":"lock","key":"jobs"})));
    // Somebody deletes all of the lock's keys through the etcd door.
    let body = br#"{"key":"am9icy8=","range_end":"am9iczA="}"#;
    let answer = http::post(hyrax.address(), "/v3/kv/deleterange", &[], body);
    assert_eq!(answer.json()["deleted"], "1", "{answer:?}");
    assert_eq!(ann.client().push(), json!({"cmd":"lost","key":"jobs","token":held}));
    ann.says(json!({"cmd":"unlock","key":"jobs"}), json!({"return":false}));
    sleep(Duration::from_millis(1));
    assert!(token(&ann.asks(json!({"cmd":"lock","key":"jobs"}))) > held);
}

#[test]
fn locks_are_listed_with_their_holders_and_how_many_wait() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let (mut ann, mut bob) = (Actor::of(&hyrax, wire), Actor::of(&hyrax, wire));
        let a = token(&ann.asks(json!({"cmd":"lock","key":"a","id":"ann"})));
        let b = token(&ann.asks(json!({"cmd":"lock","key":"b","id":"ann"})));
        bob.client().send(&json!({"cmd":"lock","key":"b","id":"bob","ref":1}));
        bob.says(json!({"cmd":"ping"}), json!({"return":"PONG"}));
        let of_a = json!({"key":"a","id":"ann","token":a,"waiting":0});
        let of_b = json!({"key":"b","id":"ann","token":b,"waiting":1});
        ann.says(json!({"cmd":"locks"}), json!({"return":[of_a, of_b]}));
        bob.says(json!({"cmd":"locks"}), json!({"return":[of_b]}));
        bob.says(json!({"cmd":"locks","key":"a"}), json!({"return":[of_a]}));
        bob.says(json!({"cmd":"locks","key":"free"}), json!({"return":[]}));
    }
}
