//! Two servers over one etcd: what is registered or emitted at one is listed and heard at the other.

use std::time::{Duration, Instant};

use hyrax_tests::http;
use hyrax_tests::hyrax::{DiscoverySocket, Hyrax};
use hyrax_tests::peers::Etcd;
use serde_json::json;

use crate::nodes;

#[test]
fn nodes_of_one_engine_share_services_and_events_and_a_dead_ones_are_expired() {
    let etcd = Etcd::start();
    let engine = format!("etcd://{}", etcd.address());
    let start = || Hyrax::start(&["--coordination", &engine, "--node-lease", "2s"]);
    let (here, mut there) = (start(), start());
    let mut monitor = DiscoverySocket::monitor(here.address(), "engine,ui");
    let closed = DiscoverySocket::register(there.address(), "engine", "10.0.0.1:80", "");
    let mut engine = DiscoverySocket::register(there.address(), "engine", "10.0.0.2:80", "ui");
    assert_eq!(monitor.told(), "engine PUT 10.0.0.1:80");
    assert_eq!(monitor.told(), "engine PUT 10.0.0.1:80 10.0.0.2:80");
    assert_eq!(nodes(here.address(), "engine").as_array().unwrap().len(), 2);
    closed.close();
    assert_eq!(monitor.told(), "engine DELETE 10.0.0.2:80", "not taken for one that ran out");
    let _ui = DiscoverySocket::register(there.address(), "ui", "10.0.0.3:80", "");
    assert_eq!(monitor.told(), "ui PUT 10.0.0.3:80");
    for (at, body) in [(&here, "1"), (&there, "2"), (&here, "3")] {
        let event = json!({"event_type":"n","event_body":body,"services":["engine","ui"]}).to_string();
        assert_eq!(http::post(at.address(), "/etcd/event", &[], event.as_bytes()).status, 200);
    }
    let heard = |socket: &mut DiscoverySocket| -> Vec<String> {
        std::iter::repeat_with(|| socket.told()).filter(|told| told.starts_with("event")).take(3).collect()
    };
    assert_eq!(heard(&mut monitor), ["event n 1", "event n 2", "event n 3"]);
    assert_eq!(heard(&mut engine), ["event n 1", "event n 2", "event n 3"]);
    let leader = |of: &Hyrax| http::get(of.address(), "/etcd/leader", &[]).json();
    crate::eventually("one leads", || leader(&here)["leader"] != 0);
    assert_eq!(leader(&here)["leader"], leader(&there)["leader"], "one of both");
    assert_eq!(leader(&here)["leader"], leader(&here)["member_id"], "who stood first");
    assert_ne!(leader(&here)["member_id"], leader(&there)["member_id"]);
    there.kill();
    let began = Instant::now();
    let mut gone = [monitor.told(), monitor.told()];
    gone.sort();
    assert_eq!(gone, ["engine EXPIRE", "ui EXPIRE"]);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(http::get(here.address(), "/etcd/services", &[]).json(), json!({"services":[]}));
}
