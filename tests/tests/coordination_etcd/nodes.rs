//! Hyrax servers that share one etcd.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyrax_tests::etcd::differential::{self, Mix};
use hyrax_tests::faults::{Fault, Storm, Victim, record_locks, record_registers, survive};
use hyrax_tests::hyrax::{Hyrax, LineClient, binary};
use hyrax_tests::linearizability::{Verdict, check};
use hyrax_tests::peers::Etcd;
use hyrax_tests::proxy::Proxy;
use hyrax_tests::{cases, etcd2, http};
use serde_json::{Value, json};

fn node(etcd: &Etcd, flags: &[&str]) -> Hyrax {
    let url = format!("etcd://{}", etcd.address());
    Hyrax::start(&[&["--coordination", &url], flags].concat())
}

fn says(client: &mut LineClient, command: Value, answer: Value) {
    assert_eq!(client.request(&command), answer, "{command}");
}

/// The push, without its number.
fn heard(client: &mut LineClient) -> Value {
    let mut push = client.push();
    push.as_object_mut().expect("an object").remove("erev").expect("a number of the EKG's changes");
    push
}

/// What an HTTP request is answered.
fn told(address: SocketAddr, method: &str, path: &str, body: &str) -> String {
    String::from_utf8_lossy(&http::request(address, method, path, &[], body.as_bytes()).body).into_owned()
}

fn ok() -> Value {
    json!({"return":"OK"})
}

#[test]
fn presence_on_one_node_is_seen_on_the_other() {
    let etcd = Etcd::start();
    let (a, b) = (node(&etcd, &[]), node(&etcd, &[]));
    let (mut client, mut monitor) = (a.line(), b.line());
    monitor.request(&json!({"cmd":"madd","key":"room"}));
    says(&mut client, json!({"cmd":"eadd","key":"room","id":"ann"}), ok());
    assert_eq!(heard(&mut monitor), json!({"cmd":"eadd","key":"room","id":"ann"}));
    says(&mut monitor, json!({"cmd":"emembers","key":"room"}), json!({"return":["ann"]}));
    says(&mut monitor, json!({"cmd":"emembers","key":"room","local":true}), json!({"return":[]}));
    drop(client);
    assert_eq!(heard(&mut monitor), json!({"cmd":"eclose","key":"room","id":"ann","cause":"closed"}));
}

#[test]
fn a_node_that_dies_is_told_to_monitors_on_others_within_its_lease() {
    let etcd = Etcd::start();
    let (mut a, b) = (node(&etcd, &["--node-lease", "3s"]), node(&etcd, &["--node-lease", "3s"]));
    let mut monitor = b.line();
    monitor.request(&json!({"cmd":"madd","key":"room"}));
    let mut clients: Vec<_> = (0..20).map(|_| a.line()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        says(client, json!({"cmd":"eadd","key":"room","id":format!("c{number}")}), ok());
        monitor.push();
    }
    a.kill();
    let began = Instant::now();
    let mut lost: Vec<_> = (0..20)
        .map(|_| {
            let push = heard(&mut monitor);
            assert_eq!((&push["cmd"], &push["cause"]), (&json!("eclose"), &json!("node-lost")));
            push["id"].as_str().expect("a name").to_owned()
        })
        .collect();
    // etcd looks twice a second for leases that ran out.
    assert!(began.elapsed() < Duration::from_secs(3 + 2), "{:?}", began.elapsed());
    lost.sort();
    lost.dedup();
    assert_eq!(lost.len(), 20);
    says(&mut monitor, json!({"cmd":"ecard","key":"room"}), json!({"return":0}));
}

#[test]
fn status_tells_the_engine_and_what_it_promises() {
    let etcd = Etcd::start();
    let promised =
        |hyrax: &Hyrax| hyrax.line().request(&json!({"cmd":"status"}))["return"]["coordination"].clone();
    let mut told = promised(&node(&etcd, &[]));
    assert!(told["revision"].take().as_u64().is_some_and(|revision| revision > 0));
    let expected =
        json!({"engine":"etcd","revision":null,"linearizable":true,"durable":true,"fencing":"strong"});
    assert_eq!(told, expected);
    let alone = promised(&Hyrax::start(&[]));
    assert_eq!((&alone["engine"], &alone["durable"]), (&json!("embedded"), &json!(false)));
}

#[test]
fn a_lock_is_one_for_all_nodes() {
    let etcd = Etcd::start();
    let (mut a, b) = (node(&etcd, &["--node-lease", "3s"]), node(&etcd, &["--node-lease", "3s"]));
    let (mut one, mut other) = (a.line(), b.line());
    let token = one.request(&json!({"cmd":"lock","key":"l","id":"one"}))["return"].as_u64().expect("a token");
    says(&mut other, json!({"cmd":"trylock","key":"l","id":"other"}), json!({"return":false}));
    a.kill();
    let overtaken = other.request(&json!({"cmd":"lock","key":"l","id":"other","args":{"timeout":20}}));
    assert!(overtaken["return"].as_u64().is_some_and(|next| next > token), "{overtaken}");
}

#[test]
fn the_doors_of_etcd_show_the_same_on_all_nodes() {
    let etcd = Etcd::start();
    let (a, b) = (node(&etcd, &[]), node(&etcd, &[]));
    let put = told(a.address(), "PUT", "/v2/keys/foo?value=bar", "");
    assert!(put.contains("\"action\":\"set\""), "{put}");
    let got = told(b.address(), "GET", "/v2/keys/foo", "");
    assert!(got.contains("\"value\":\"bar\""), "{got}");
    let put = told(a.address(), "POST", "/v3/kv/put", r#"{"key":"Zm9v","value":"YmFy"}"#);
    assert!(put.contains("\"revision\""), "{put}");
    for address in [b.address(), etcd.address()] {
        let path = "/v3/kv/range";
        let got = told(address, "POST", path, r#"{"key":"Zm9v"}"#);
        assert!(got.contains("\"value\":\"YmFy\""), "{got}");
    }
    // The engine's own state is looked after where it is.
    let refused = told(a.address(), "POST", "/v3/maintenance/defragment", "{}");
    assert!(refused.contains("another server's"), "{refused}");
    let status = told(a.address(), "POST", "/v3/maintenance/status", "{}");
    assert!(status.contains("\"version\""), "{status}");
    let well = told(a.address(), "GET", "/health", "");
    assert!(well.contains("\"health\":\"true\""), "{well}");
}

#[test]
fn random_requests_are_answered_as_by_the_etcd_behind() {
    let reference = Etcd::start();
    for (seed, mix) in [Mix::KEYS, Mix::TRANSACTIONS, Mix::LEASES, Mix::WATCHES].into_iter().enumerate() {
        let etcd = Etcd::start();
        let hyrax = node(&etcd, &[]);
        let campaign =
            differential::Campaign { seed: cases::seed(seed as u64), calls: cases::count(1_000), mix };
        campaign.must_agree(("etcd", reference.address()), ("hyrax", hyrax.address()));
    }
}

#[test]
fn random_requests_of_the_older_api_are_answered_as_by_etcd() {
    let (reference, etcd) = (Etcd::start(), Etcd::start());
    let hyrax = node(&etcd, &[]);
    let campaign = etcd2::Campaign { seed: cases::seed(5), requests: cases::count(1_500) };
    let mut answering = etcd2::Server::connect("hyrax", hyrax.address());
    campaign.must_agree(&mut etcd2::Server::connect("etcd", reference.address()), &mut answering);
}

#[test]
fn a_server_waits_for_an_etcd_that_starts_later() {
    let etcd = Etcd::start();
    let proxy = Arc::new(Proxy::start(etcd.address()));
    proxy.refuse(true);
    let mut command = Command::new(binary());
    let url = format!("etcd://{}?timeout=500ms", proxy.address());
    command.args(["serve", "--listen", "127.0.0.1:0", "--coordination", &url]);
    let late = proxy.clone();
    let opening = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(2));
        late.refuse(false);
    });
    let hyrax = Hyrax::start_command(command);
    opening.join().expect("no panic");
    let said = hyrax.said();
    assert!(said.contains("is not there yet; trying again"), "{said}");
    says(&mut hyrax.line(), json!({"cmd":"eadd","key":"room","id":"ann"}), ok());
}

/// A Hyrax in front of an etcd that is killed and paused.
struct HyraxOverEtcd {
    etcd: Etcd,
    hyrax: Hyrax,
}

impl HyraxOverEtcd {
    fn start() -> HyraxOverEtcd {
        let etcd = Etcd::start();
        let hyrax = node(&etcd, &[]);
        HyraxOverEtcd { etcd, hyrax }
    }
}

impl Victim for HyraxOverEtcd {
    fn address(&self) -> SocketAddr {
        self.hyrax.address()
    }

    fn kill_and_start(&mut self) {
        self.etcd.start_again();
    }

    fn pause(&mut self) {
        self.etcd.process().pause();
    }

    fn resume(&mut self) {
        self.etcd.process().resume();
    }
}

fn on_runtime<T>(act: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime can be built").block_on(act)
}

#[test]
fn nothing_is_lost_when_the_etcd_behind_is_killed_at_random_instants() {
    let kills = cases::count(4);
    let seed = cases::seed(11);
    let (_, survived) =
        on_runtime(Storm::rage(HyraxOverEtcd::start(), seed, kills, &[Fault::Kill], |storm| {
            survive(storm, seed, 4)
        }));
    assert!(survived.acknowledged > kills && survived.events >= survived.acknowledged, "{survived:?}");
}

#[test]
fn random_faults_of_the_etcd_behind_leave_an_order() {
    let faults = cases::count(4);
    let kinds = [Fault::Kill, Fault::Pause];
    let seed = cases::seed(12);
    let (_, registers) = on_runtime(Storm::rage(HyraxOverEtcd::start(), seed, faults, &kinds, |storm| {
        record_registers(storm, seed, 5, 3)
    }));
    for history in &registers {
        assert_eq!(check(history), Verdict::Linearizable, "{:#?}", history.calls);
    }
    let (_, locks) =
        on_runtime(Storm::rage(HyraxOverEtcd::start(), seed, faults, &kinds, |storm| record_locks(storm, 5)));
    assert_eq!(check(&locks), Verdict::Linearizable, "{:#?}", locks.calls);
}
