//! Several servers, some of which are away, and timeouts.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hyrax_client::etcd_v2::{self, Attempt, Error, WatchEvent, WatchOptions};
use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Etcd;
use tokio::net::TcpListener;

use super::stage::{Gate, connected, hurried, soon};

/// Where nobody listens.
async fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Who takes connections and never says a word.
async fn silent() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (listener.local_addr().unwrap(), listener)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_there_is_asked_where_others_are_not() {
    let (etcd, hyrax) = (Etcd::start(), Hyrax::start(&[]));
    for address in [etcd.address(), hyrax.address()] {
        let client = hurried(&[nowhere().await, nowhere().await, address]);
        client.set("/a", "1").await.unwrap();
        assert_eq!(client.get("/a").await.unwrap().node.value.as_deref(), Some("1"));
        let endpoints = format!("http://{},http://{address}", nowhere().await);
        etcd_v2::connect(&endpoints).await.unwrap().delete("/a").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_is_each_attempt_is_told() {
    let (one, two) = (nowhere().await, nowhere().await);
    let client = hurried(&[one, two]);
    let Err(Error::Unreachable(attempts)) = client.set("/a", "1").await else { panic!("nobody is there") };
    let endpoints: Vec<_> = attempts.iter().map(|attempt| attempt.endpoint.clone()).collect();
    assert_eq!(endpoints, [format!("http://{one}"), format!("http://{two}")]);
    assert!(attempts.iter().all(Attempt::is_unsent), "{attempts:?}");
    let error = etcd_v2::connect(&one.to_string()).await.unwrap_err().to_string();
    assert!(error.contains(&one.to_string()) && error.contains("refused"), "{error}");
    assert!(matches!(etcd_v2::connect("").await, Err(Error::Settings(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_done_is_not_done_again_elsewhere() {
    let hyrax = Hyrax::start(&[]);
    let (hung, _listener) = silent().await;
    let client = hurried(&[hung, hyrax.address()]);
    let began = Instant::now();
    let Err(Error::Unreachable(attempts)) = client.set("/a", "1").await else { panic!("it may be done") };
    assert!(attempts.len() == 1 && !attempts[0].is_unsent(), "{attempts:?}");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    client.set("/a", "2").await.expect("who hung is not asked first any more");

    let client = hurried(&[hung, hyrax.address()]);
    assert_eq!(client.get("/a").await.unwrap().node.value.as_deref(), Some("2"), "reading can be done again");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_attempts_together_have_an_end() {
    let (hung, _listener) = silent().await;
    let client = hurried(&[hung; 20]);
    let began = Instant::now();
    assert!(matches!(client.get("/a").await, Err(Error::TimedOut(_))));
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_goes_on_at_another_server() {
    let hyrax = Hyrax::start(&[]);
    let gates = [Gate::to(hyrax.address()).await, Gate::to(hyrax.address()).await];
    let client = hurried(&[gates[0].address, gates[1].address]);
    let writer = connected(hyrax.address()).await;
    let begin = writer.set("/a", "0").await.unwrap().index;
    let mut events = client.keep_watching("/a", &WatchOptions::new().after(begin));
    let away = nowhere().await;
    for round in 0..6 {
        gates[round % 2].lead_to(hyrax.address());
        gates[1 - round % 2].lead_to(away);
        writer.set("/a", &round.to_string()).await.unwrap();
        let Some(Ok(WatchEvent::Change(change))) = soon(events.next()).await else { panic!("it is there") };
        assert_eq!(change.node.value, Some(round.to_string()));
    }
}
