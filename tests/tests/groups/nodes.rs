//! Hyrax servers that share one etcd.

use std::thread::sleep;
use std::time::{Duration, Instant};

use hyrax_tests::hyrax::{Hyrax, LineClient};
use hyrax_tests::peers::Etcd;
use serde_json::{Value, json};

fn node(etcd: &Etcd) -> Hyrax {
    let url = format!("etcd://{}", etcd.address());
    Hyrax::start(&["--coordination", &url, "--node-lease", "3s"])
}

fn says(client: &mut LineClient, command: Value, answer: Value) {
    assert_eq!(client.request(&command), answer, "{command}");
}

/// What the next push says that happened to whom, and why.
fn heard(client: &mut LineClient) -> [Value; 3] {
    let mut push = client.push();
    ["cmd", "id", "cause"].map(|field| push[field].take())
}

fn join(client: &mut LineClient, id: &str) {
    says(client, json!({"cmd":"gjoin","key":"g","id":id}), json!({"return":"OK"}));
}

fn watch(client: &mut LineClient) -> Vec<String> {
    let reply = client.request(&json!({"cmd":"gmon","key":"g"}));
    let members = reply["return"].as_array().unwrap_or_else(|| panic!("no members in {reply}"));
    members.iter().map(|member| member["id"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn members_of_one_node_are_seen_on_the_other() {
    let etcd = Etcd::start();
    let (a, b) = (node(&etcd), node(&etcd));
    let (mut ann, mut bob, mut watcher) = (a.line(), b.line(), b.line());
    join(&mut ann, "ann");
    assert_eq!(watch(&mut watcher), ["ann"]);
    join(&mut bob, "bob");
    assert_eq!(heard(&mut watcher), [json!("gjoin"), json!("bob"), Value::Null]);
    // An id is one for all nodes.
    join(&mut bob, "ann");
    assert_eq!(heard(&mut ann), [json!("glost"), json!("ann"), json!("replaced")]);
    assert_eq!(heard(&mut watcher), [json!("gleave"), json!("ann"), json!("replaced")]);
    assert_eq!(heard(&mut watcher), [json!("gjoin"), json!("ann"), Value::Null]);
    drop(bob);
    let mut left = [heard(&mut watcher), heard(&mut watcher)];
    left.sort_by_key(|[_, id, _]| id.to_string());
    let closed = |id: &str| [json!("gleave"), json!(id), json!("closed")];
    assert_eq!(left, [closed("ann"), closed("bob")]);
}

#[test]
fn the_members_of_a_node_that_dies_are_missed_within_its_lease() {
    let etcd = Etcd::start();
    let (mut a, b) = (node(&etcd), node(&etcd));
    let mut watcher = b.line();
    let mut members: Vec<LineClient> = (0..20).map(|_| a.line()).collect();
    for (number, member) in members.iter_mut().enumerate() {
        join(member, &format!("m{number}"));
    }
    assert_eq!(watch(&mut watcher).len(), 20);
    a.kill();
    let began = Instant::now();
    for _ in 0..20 {
        let [command, _, cause] = heard(&mut watcher);
        assert_eq!((command, cause), (json!("gleave"), json!("node-lost")));
    }
    // etcd looks twice a second for leases that ran out.
    assert!(began.elapsed() < Duration::from_secs(3 + 2), "{:?}", began.elapsed());
}

#[test]
fn a_node_that_stood_still_tells_its_clients_what_they_have_lost() {
    let etcd = Etcd::start();
    let (a, b) = (node(&etcd), node(&etcd));
    let (mut ann, mut bob, mut watcher) = (a.line(), b.line(), b.line());
    join(&mut ann, "ann");
    let old = ann.request(&json!({"cmd":"lock","key":"jobs","id":"ann"}))["return"].clone();
    let led = ann.request(&json!({"cmd":"campaign","key":"chair","id":"ann"}))["return"].clone();
    watch(&mut watcher);
    a.pause();
    assert_eq!(heard(&mut watcher), [json!("gleave"), json!("ann"), json!("node-lost")]);
    let new = bob.request(&json!({"cmd":"lock","key":"jobs","id":"bob","args":{"timeout":20}}));
    assert!(new["return"].as_u64() > old.as_u64(), "{new}");
    a.resume();
    let mut told: Vec<Value> = (0..3).map(|_| ann.push()).collect();
    told.sort_by_key(Value::to_string);
    assert_eq!(
        told,
        [
            json!({"cmd":"glost","key":"g","id":"ann","cause":"node-lost"}),
            json!({"cmd":"lost","key":"chair","token":led}),
            json!({"cmd":"lost","key":"jobs","token":old}),
        ]
    );
    let fence = json!({"lock":"jobs","token":old});
    says(&mut ann, json!({"cmd":"set","key":"k","args":["v"],"fence":fence}), json!({"error":"fenced"}));
    // With the node's next lease it may come again.
    let deadline = Instant::now() + Duration::from_secs(20);
    while ann.request(&json!({"cmd":"gjoin","key":"g","id":"ann"})) != json!({"return":"OK"}) {
        assert!(Instant::now() < deadline, "the node's lease is not replaced");
        sleep(Duration::from_millis(200));
    }
    assert_eq!(heard(&mut watcher)[..2], [json!("gjoin"), json!("ann")]);
}

#[test]
fn an_election_is_one_for_all_nodes() {
    let etcd = Etcd::start();
    let (mut a, b) = (node(&etcd), node(&etcd));
    let (mut ann, mut bob, mut watcher) = (a.line(), b.line(), b.line());
    let first =
        ann.request(&json!({"cmd":"campaign","key":"chair","id":"ann","args":["here"]}))["return"].clone();
    let leader = watcher.request(&json!({"cmd":"observe","key":"chair"}));
    assert_eq!(leader, json!({"return":{"id":"ann","value":"here","token":first}}));
    bob.send(&json!({"cmd":"campaign","key":"chair","id":"bob"}));
    a.kill();
    let second = bob.reply();
    assert!(second["return"].as_u64() > first.as_u64(), "{second}");
    assert_eq!(
        watcher.push(),
        json!({"cmd":"leader","key":"chair","id":"bob","value":"bob","token":second["return"]})
    );
}
