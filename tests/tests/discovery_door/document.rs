//! Every endpoint and every type of Hound Dog's document.

use std::time::Duration;

use hyrax_tests::http;
use hyrax_tests::hyrax::{DiscoverySocket, Hyrax};
use serde_json::{Value, json};

use crate::nodes;

const QUIET: Duration = Duration::from_millis(300);

#[test]
fn register_keeps_a_node_until_the_socket_ends_and_pushes_its_services_events() {
    let hyrax = Hyrax::start(&[]);
    let mut engine = DiscoverySocket::register(hyrax.address(), "engine", "192.168.10.3:8080", "");
    assert_eq!(nodes(hyrax.address(), "engine"), json!([{"ip":"192.168.10.3","port":8080}]), "at once");
    let message = json!({
        "namespace": "service",
        "body": {"key_event":"PUT","service":"engine","services":[{"ip":"192.168.10.3","port":8080}]},
    });
    assert_eq!(engine.message(), message);
    let other = DiscoverySocket::register(hyrax.address(), "engine", "192.168.10.4:8080", "");
    assert_eq!(engine.told(), "engine PUT 192.168.10.3:8080 192.168.10.4:8080");
    let ui = DiscoverySocket::register(hyrax.address(), "ui", "192.168.10.5:80", "");
    other.close();
    assert_eq!(engine.told(), "engine DELETE 192.168.10.3:8080", "and nothing of ui");
    engine.close();
    ui.close();
    crate::eventually("nobody is registered", || {
        http::get(hyrax.address(), "/etcd/services", &[]).json() == json!({"services":[]})
    });
}

#[test]
fn register_hears_of_the_services_that_it_monitors_too() {
    let hyrax = Hyrax::start(&[]);
    let mut engine = DiscoverySocket::register(hyrax.address(), "engine", "10.0.0.1:80", "ui,store");
    assert_eq!(engine.told(), "engine PUT 10.0.0.1:80");
    let _ui = DiscoverySocket::register(hyrax.address(), "ui", "10.0.0.2:80", "");
    let _none = DiscoverySocket::register(hyrax.address(), "none", "10.0.0.3:80", "");
    let _store = DiscoverySocket::register(hyrax.address(), "store", "10.0.0.4:80", "");
    assert_eq!(engine.told(), "ui PUT 10.0.0.2:80");
    assert_eq!(engine.told(), "store PUT 10.0.0.4:80");
}

#[test]
fn monitor_hears_of_the_services_named_and_registers_nothing() {
    let hyrax = Hyrax::start(&[]);
    let mut before = DiscoverySocket::register(hyrax.address(), "engine", "10.0.0.1:80", "");
    assert_eq!(before.told(), "engine PUT 10.0.0.1:80");
    let mut monitor = DiscoverySocket::monitor(hyrax.address(), "engine,ui");
    let engine = DiscoverySocket::register(hyrax.address(), "engine", "10.0.0.2:80", "");
    assert_eq!(monitor.told(), "engine PUT 10.0.0.1:80 10.0.0.2:80");
    let _other = DiscoverySocket::register(hyrax.address(), "other", "10.0.0.2:80", "");
    let _ui = DiscoverySocket::register(hyrax.address(), "ui", "[::1]:65535", "");
    assert_eq!(monitor.told(), "ui PUT ::1:65535");
    engine.close();
    assert_eq!(monitor.told(), "engine DELETE 10.0.0.1:80");
    assert_eq!(nodes(hyrax.address(), "monitor"), json!([]));
}

#[test]
fn an_event_reaches_the_services_named_once_each_and_a_broadcast_everybody() {
    let hyrax = Hyrax::start(&[]);
    let address = hyrax.address();
    let mut engine = DiscoverySocket::register(address, "engine", "10.0.0.1:80", "ui");
    assert_eq!(engine.told(), "engine PUT 10.0.0.1:80");
    let mut store = DiscoverySocket::monitor(address, "store");
    let emit = |body: Value| {
        let answer = http::post(
            address,
            "/etcd/event",
            &[("Content-Type", "application/json")],
            body.to_string().as_bytes(),
        );
        assert_eq!((answer.status, answer.json()), (200, json!({})));
    };
    emit(json!({"event_type":"deploy","event_body":"{\"v\":2}","services":["engine","ui"]}));
    let message = json!({"namespace":"event","body":{"event_type":"deploy","event_body":"{\"v\":2}"}});
    assert_eq!(engine.message(), message);
    emit(json!({"event_type":"only","event_body":"","services":["store","nobody"]}));
    emit(json!({"event_type":"all","event_body":"x","broadcast":true}));
    emit(json!({"event_type":"all","event_body":"y","broadcast":8080,"services":["none"]}));
    assert_eq!(engine.told_until_quiet(QUIET), ["event all x", "event all y"], "each once");
    assert_eq!(store.told_until_quiet(QUIET), ["event only ", "event all x", "event all y"]);
}

#[test]
fn an_event_comes_as_a_form_and_in_the_query_as_well() {
    let hyrax = Hyrax::start(&[]);
    let mut engine = DiscoverySocket::monitor(hyrax.address(), "engine");
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let body = b"event_type=deploy&event_body=a+b%26&services=engine,ui";
    assert_eq!(http::post(hyrax.address(), "/etcd/event", &form, body).status, 200);
    let query = "/etcd/event?event_type=deploy&event_body=c&broadcast=true";
    assert_eq!(http::post(hyrax.address(), query, &[], b"").status, 200);
    assert_eq!(engine.told(), "event deploy a b&");
    assert_eq!(engine.told(), "event deploy c");
}

#[test]
fn events_of_one_sender_come_in_order_also_the_largest() {
    let hyrax = Hyrax::start(&[]);
    let mut engine = DiscoverySocket::monitor(hyrax.address(), "engine");
    let large = "x".repeat(1024 * 1024 - 20);
    for number in 0..20 {
        let event_body = if number == 10 { large.clone() } else { number.to_string() };
        let body = json!({"event_type":"n","event_body":event_body,"services":["engine"]}).to_string();
        assert_eq!(http::post(hyrax.address(), "/etcd/event", &[], body.as_bytes()).status, 200);
    }
    for number in 0..20 {
        let expected = if number == 10 { large.clone() } else { number.to_string() };
        assert_eq!(engine.message()["body"]["event_body"], expected, "the {number}th");
    }
}

#[test]
fn leader_is_the_member_that_etcds_clients_know() {
    let hyrax = Hyrax::start(&[]);
    let ask = || http::get(hyrax.address(), "/etcd/leader", &[]).json();
    crate::eventually("one leads", || ask()["leader"] != 0);
    let leader = ask();
    let status = http::post(hyrax.address(), "/v3/maintenance/status", &[], b"{}").json();
    let number = |value: &Value| value.as_str().unwrap().parse::<u64>().unwrap();
    assert_eq!(leader["leader"].as_u64(), Some(number(&status["leader"])));
    assert_eq!(leader["member_id"].as_u64(), Some(number(&status["header"]["member_id"])));
}

#[test]
fn services_lists_names_and_nodes() {
    let hyrax = Hyrax::start(&[]);
    let services = || http::get(hyrax.address(), "/etcd/services", &[]).json();
    assert_eq!(services(), json!({"services":[]}));
    let _sockets = [
        ("ui", "10.0.0.2:80"),
        ("engine", "10.0.0.1:9000"),
        ("engine", "10.0.0.1:80"),
        ("a%20b", "10.0.0.1:80"),
    ]
    .map(|(service, node)| DiscoverySocket::register(hyrax.address(), service, node, ""));
    assert_eq!(services(), json!({"services":["a b","engine","ui"]}));
    let two = json!([{"ip":"10.0.0.1","port":80},{"ip":"10.0.0.1","port":9000}]);
    assert_eq!(nodes(hyrax.address(), "engine"), two, "two ports of one address are two nodes");
    assert_eq!(nodes(hyrax.address(), "a%20b"), json!([{"ip":"10.0.0.1","port":80}]));
    assert_eq!(nodes(hyrax.address(), "unknown"), json!([]));
}
