//! Commands that wait until there is something to take.

use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use hyrax_tests::http;
use hyrax_tests::hyrax::{Hyrax, Wire};
use serde_json::json;

use crate::stage::{Actor, QUIET};

#[test]
fn a_command_waits_its_turn_and_those_after_it_wait_too() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let (mut taker, mut giver) = (Actor::of(&hyrax, wire), Actor::of(&hyrax, wire));
        taker.says(json!({"cmd":"madd","key":"other"}), json!({"return":"OK"}));
        taker.client().send(&json!({"cmd":"blpop","key":"jobs","args":[0],"ref":1}));
        taker.client().send(&json!({"cmd":"get","key":"other","ref":2}));
        sleep(QUIET);
        // What it monitors reaches it meanwhile.
        giver.says(json!({"cmd":"set","key":"other","args":["x"]}), json!({"return":"OK"}));
        taker.hears(json!({"cmd":"set","key":"other","args":["x"]}));
        giver.says(json!({"cmd":"rpush","key":"jobs","args":["dig","fill"]}), json!({"return":2}));
        assert_eq!(taker.client().reply(), json!({"return":["jobs","dig"],"ref":1}));
        assert_eq!(taker.client().reply(), json!({"return":"x","ref":2}));
        giver.says(json!({"cmd":"lrange","key":"jobs","args":[0,-1]}), json!({"return":["fill"]}));
    }
}

#[test]
fn what_is_taken_is_told_as_taken_by_whoever_waited() {
    let hyrax = Hyrax::start(&[]);
    let mut monitor = Actor::of(&hyrax, Wire::Tcp);
    monitor.says(json!({"cmd":"madd","key":"jobs"}), json!({"return":"OK"}));
    let mut taker = Actor::of(&hyrax, Wire::WebSocket);
    taker.client().send(&json!({"cmd":"brpop","key":"jobs","args":[0],"id":"gopher"}));
    sleep(QUIET);
    monitor.says(json!({"cmd":"rpush","key":"jobs","args":["dig"]}), json!({"return":1}));
    monitor.hears(json!({"cmd":"rpush","key":"jobs","args":["dig"]}));
    monitor.hears(json!({"cmd":"rpop","key":"jobs","args":[],"id":"gopher"}));
}

#[test]
fn who_has_waited_long_enough_is_answered_null() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let mut taker = Actor::of(&hyrax, wire);
        let since = Instant::now();
        taker.says(json!({"cmd":"blpop","key":"jobs","args":[0.2]}), json!({"return":null}));
        assert!(since.elapsed() >= Duration::from_millis(200));
        taker.refused(json!({"cmd":"blpop","key":"jobs","args":[-1]}), "ERR timeout is negative");
    }
}

#[test]
fn a_client_that_goes_while_it_waits_takes_nothing() {
    for wire in Wire::ALL {
        let hyrax = Hyrax::start(&[]);
        let mut taker = Actor::of(&hyrax, wire);
        taker.client().send(&json!({"cmd":"blpop","key":"jobs","args":[0]}));
        taker.client().send(&json!({"cmd":"ping"}));
        sleep(QUIET);
        drop(taker);
        sleep(QUIET);
        let mut giver = Actor::of(&hyrax, wire);
        giver.says(json!({"cmd":"rpush","key":"jobs","args":["dig"]}), json!({"return":1}));
        giver.says(json!({"cmd":"llen","key":"jobs"}), json!({"return":1}));
    }
}

#[test]
fn nothing_waits_in_a_package() {
    let hyrax = Hyrax::start(&[]);
    let mut client = Actor::of(&hyrax, Wire::Tcp);
    let package = json!([
        {"cmd":"blpop","key":"jobs","args":[0]},
        {"cmd":"rpush","key":"jobs","args":["dig"]},
        {"cmd":"blmove","key":"jobs","args":["done","left","left",0]},
        {"cmd":"blmove","key":"jobs","args":["done","left","left",0]},
    ]);
    let replies = json!([{"return":null},{"return":1},{"return":"dig"},{"return":null}]);
    client.says(package, replies);
}

#[test]
fn a_post_is_answered_when_its_turn_comes() {
    let hyrax = Hyrax::start(&[]);
    let address = hyrax.address();
    let post = move |body: &str| http::post(address, "/hyrax", &[], body.as_bytes()).json();
    let taker = thread::spawn(move || post(r#"{"cmd":"bzpopmin","key":"jobs","args":[0]}"#));
    sleep(QUIET);
    assert_eq!(post(r#"{"cmd":"zadd","key":"jobs","args":[1,"dig"]}"#), json!({"return":1}));
    assert_eq!(taker.join().expect("an answer"), json!({"return":["jobs","dig",1]}));
}
