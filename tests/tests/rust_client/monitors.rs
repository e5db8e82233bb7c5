//! Monitors: what happens when the wire is cut, the server is started anew, or the reader is slow.

use std::time::Duration;

use hyrax_client::live::{ChangeKind, Monitor, Value};
use hyrax_client::{Client, Settings};
use hyrax_tests::hyrax::Hyrax;

use crate::proxy::Proxy;

/// A client over a wire that can be cut, and one over a wire that cannot.
async fn clients(hyrax: &Hyrax) -> (Client, Proxy, Client) {
    let proxy = Proxy::start(hyrax.address()).await;
    let cut = Client::connect(&proxy.address().to_string()).await.unwrap();
    let whole = Client::connect(&hyrax.address().to_string()).await.unwrap();
    (cut, proxy, whole)
}

async fn next(monitor: &mut Monitor) -> ChangeKind {
    let change = tokio::time::timeout(Duration::from_secs(20), monitor.next()).await;
    change.expect("in time").expect("it has not ended").expect("nothing was refused").kind
}

fn is_set_to(kind: &ChangeKind, value: u64) -> bool {
    matches!(kind, ChangeKind::Command { command, args, .. } if command == "set" && args[0] == value.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_change_is_missed_or_told_twice_however_often_the_wire_is_cut() {
    let hyrax = Hyrax::start(&[]);
    let (cut, proxy, whole) = clients(&hyrax).await;
    let mut monitor = cut.monitor("n");
    assert_eq!(next(&mut monitor).await, ChangeKind::Reset(Value::Null));
    let mut written = 0u64;
    let mut told = 0;
    for _ in 0..20 {
        // Of small values, the server remembers well over a hundred changes.
        for n in 1..=100u64 {
            written += 1;
            whole.set("n", written).await.unwrap();
            if n == 50 {
                proxy.cut();
            }
        }
        while told < written {
            told += 1;
            let kind = next(&mut monitor).await;
            assert!(is_set_to(&kind, told), "{told} was to come, and {kind:?} did");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_longer_known_after_a_long_absence_is_a_reset() {
    let hyrax = Hyrax::start(&[]);
    let (cut, proxy, whole) = clients(&hyrax).await;
    let mut monitor = cut.monitor("n");
    assert_eq!(next(&mut monitor).await, ChangeKind::Reset(Value::Null));
    proxy.block();
    for n in 1..=1_500u64 {
        whole.set("n", n).await.unwrap();
    }
    proxy.lead_to(hyrax.address());
    assert_eq!(next(&mut monitor).await, ChangeKind::Reset(Value::from("1500")));
    whole.set("n", 1_501u64).await.unwrap();
    assert!(is_set_to(&next(&mut monitor).await, 1_501));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_started_anew_is_a_reset() {
    let mut hyrax = Hyrax::start(&[]);
    let (cut, proxy, whole) = clients(&hyrax).await;
    let mut monitor = cut.monitor("n");
    assert_eq!(next(&mut monitor).await, ChangeKind::Reset(Value::Null));
    whole.set("n", 1u64).await.unwrap();
    assert!(is_set_to(&next(&mut monitor).await, 1));
    hyrax.kill();
    let again = Hyrax::start(&[]);
    proxy.lead_to(again.address());
    assert_eq!(next(&mut monitor).await, ChangeKind::Reset(Value::Null));
    // Commands find the new one as well.
    cut.set("n", 2u64).await.unwrap();
    assert!(is_set_to(&next(&mut monitor).await, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_each_kind_begin_a_monitor() {
    let hyrax = Hyrax::start(&[]);
    let client = Client::connect(&hyrax.address().to_string()).await.unwrap();
    client.hset("h", "a", "1").await.unwrap();
    client.rpush("l", "x").await.unwrap();
    let hash = Value::Map(vec![("a".into(), Value::from("1"))]);
    assert_eq!(next(&mut client.monitor("h")).await, ChangeKind::Reset(hash));
    assert_eq!(next(&mut client.monitor("l")).await, ChangeKind::Reset(Value::List(vec![Value::from("x")])));
    let mut brief = client.monitor("brief");
    assert_eq!(next(&mut brief).await, ChangeKind::Reset(Value::Null));
    client.set_for("brief", "1", Duration::from_millis(20)).await.unwrap();
    assert!(matches!(next(&mut brief).await, ChangeKind::Command { .. }));
    assert_eq!(next(&mut brief).await, ChangeKind::Expired);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_is_told_the_value_and_costs_no_more_memory_than_its_queue() {
    let hyrax = Hyrax::start(&[]);
    let settings = Settings { queue_bytes: 16 * 1024, ..Settings::default() };
    let client = Client::connect_with(&hyrax.address().to_string(), settings).await.unwrap();
    let (mut slow, mut quick) = (client.monitor("n"), client.monitor("n"));
    next(&mut slow).await;
    for n in 1..=3_000u64 {
        client.set("n", n).await.unwrap();
        // Whoever keeps up is told every change, whatever becomes of others.
        loop {
            match next(&mut quick).await {
                ChangeKind::Reset(_) => {}
                kind => {
                    assert!(is_set_to(&kind, n), "{n} was to come, and {kind:?} did");
                    break;
                }
            }
        }
    }
    assert_eq!(next(&mut slow).await, ChangeKind::Reset(Value::from("3000")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_says_when_changes_may_have_been_missed() {
    let hyrax = Hyrax::start(&[]);
    let (cut, proxy, whole) = clients(&hyrax).await;
    let mut monitor = cut.monitor_prefix("room:").await.unwrap();
    whole.set("room:1", "a").await.unwrap();
    whole.set("elsewhere", "b").await.unwrap();
    whole.set("room:2", "c").await.unwrap();
    let mut keys = Vec::new();
    for _ in 0..2 {
        keys.push(monitor.next().await.unwrap().unwrap().key);
    }
    keys.sort_unstable();
    assert_eq!(keys, ["room:1", "room:2"]);
    proxy.cut();
    assert_eq!(monitor.next().await.unwrap().unwrap().kind, ChangeKind::Missed);
    whole.set("room:3", "d").await.unwrap();
    assert_eq!(monitor.next().await.unwrap().unwrap().as_str(), Some("d"));
}
