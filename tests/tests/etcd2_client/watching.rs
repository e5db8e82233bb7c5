//! Watches: every change once, in order, whatever happens on the way.

use std::time::Duration;

use hyrax_client::etcd_v2::{Action, Client, Error, ErrorCode, Events, Response, WatchEvent, WatchOptions};
use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Etcd;

use super::stage::{Gate, connected, hurried, on_each, soon};

/// More than any history keeps.
const HISTORY: usize = 1_100;

async fn change(events: &mut Events) -> Response {
    match soon(events.next()).await {
        Some(Ok(WatchEvent::Change(change))) => change,
        other => panic!("not a change: {other:?}"),
    }
}

async fn expect_values(events: &mut Events, expected: impl IntoIterator<Item = usize>) {
    for number in expected {
        let change = change(events).await;
        assert_eq!(change.node.value, Some(number.to_string()), "{change:?}");
    }
}

/// Nothing comes for a while.
async fn expect_nothing(events: &mut Events) {
    let more = tokio::time::timeout(Duration::from_millis(400), events.next()).await;
    assert!(more.is_err(), "{more:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_change_of_a_key_is_seen_once() {
    on_each(async |client: Client| {
        let before = client.set("/foo/bar", "Hello World").await.unwrap();
        let options = WatchOptions::new().after(before.node.modified_index);
        let watching = tokio::spawn({
            let client = client.clone();
            async move { client.watch("/foo/bar", &options).await }
        });
        client.set("/foo/other", "x").await.unwrap();
        client.update("/foo/bar", "Who's watching the watchers").await.unwrap();
        let seen = soon(watching).await.unwrap().unwrap();
        assert_eq!(seen.action, Action::Update);
        assert_eq!(seen.node.value.as_deref(), Some("Who's watching the watchers"));
        assert_eq!(seen.prev_node.unwrap().value.as_deref(), Some("Hello World"));

        let recursive = WatchOptions::new().recursive().from(before.node.modified_index + 1);
        let seen = soon(client.watch("/foo", &recursive)).await.unwrap();
        assert_eq!(seen.node.key, "/foo/other");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_change_is_told() {
    on_each(async |client: Client| {
        let begin = client.set("/foo/a", "1").await.unwrap().node.modified_index;
        let mut events = client.keep_watching("/foo", &WatchOptions::new().recursive().after(begin));
        client.update("/foo/a", "2").await.unwrap();
        client.compare_and_swap("/foo/a", "3", hyrax_client::etcd_v2::Compare::value("2")).await.unwrap();
        client.create("/foo/b", "1").ttl(Duration::from_secs(1)).await.unwrap();
        client.set("/foo/_hidden", "1").await.unwrap();
        client.refresh("/foo/a", Duration::from_secs(100)).await.unwrap();
        let mut actions = Vec::new();
        while actions.len() < 4 {
            let change = change(&mut events).await;
            actions.push(format!("{} {}", change.action, change.node.key));
        }
        assert_eq!(actions, ["update /foo/a", "compareAndSwap /foo/a", "create /foo/b", "expire /foo/b"]);
        client.delete_dir("/foo").recursive().await.unwrap();
        let removed = change(&mut events).await;
        assert_eq!((removed.action, &*removed.node.key), (Action::Delete, "/foo"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_when_its_predicate_says_so() {
    on_each(async |client: Client| {
        let begin = client.set("/foo/0", "0").await.unwrap().index;
        for number in 1..=5 {
            client.set(&format!("/foo/{number}"), &number.to_string()).await.unwrap();
        }
        let mut seen = Vec::new();
        let options = WatchOptions::new().recursive().from(begin + 1);
        let until = client.watch_until("/foo", &options, |event| {
            seen.push(event.index());
            seen.len() > 2
        });
        let last = soon(until).await.unwrap();
        assert_eq!(last.change().unwrap().node.key, "/foo/3");
        assert_eq!(seen, [begin + 1, begin + 2, begin + 3]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_where_connections_are_cut() {
    let (etcd, hyrax) = (Etcd::start(), Hyrax::start(&[]));
    for address in [etcd.address(), hyrax.address()] {
        let gate = Gate::to(address).await;
        let writer = connected(address).await;
        let begin = writer.set("/a", "begin").await.unwrap().index;
        let watcher = connected(gate.address).await;
        let mut events = watcher.keep_watching("/a", &WatchOptions::new().after(begin));
        writer.set("/a", "0").await.unwrap();
        expect_values(&mut events, [0]).await;
        let writing = tokio::spawn(async move {
            for number in 1..300 {
                writer.set("/a", &number.to_string()).await.unwrap();
                if number % 10 == 0 {
                    gate.cut();
                }
                if number % 50 == 0 {
                    tokio::time::sleep(Duration::from_millis(60)).await;
                }
            }
            gate
        });
        expect_values(&mut events, 1..300).await;
        let gate = writing.await.unwrap();
        gate.cut();
        expect_nothing(&mut events).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_where_servers_are_killed_and_start_again() {
    let mut etcd = Etcd::start();
    let client = connected(etcd.address()).await;
    let begin = client.set("/a", "0").await.unwrap().index;
    let mut events = client.keep_watching("/a", &WatchOptions::new().after(begin));
    for number in 0..3 {
        client.set("/a", &number.to_string()).await.unwrap();
        expect_values(&mut events, [number]).await;
        // It is asked for more while the server is away.
        let (_, more) = tokio::join!(
            async { etcd.start_again() },
            tokio::time::timeout(Duration::from_millis(50), events.next())
        );
        assert!(more.is_err(), "{more:?}");
    }
    client.set("/a", "9").await.unwrap();
    expect_values(&mut events, [9]).await;

    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let mut hyrax = Hyrax::start(&["--data-dir", data]);
    let gate = Gate::to(hyrax.address()).await;
    let client = hurried(&[gate.address]);
    let begin = client.set("/a", "7").await.unwrap().index;
    let mut events = client.keep_watching("/a", &WatchOptions::new().from(begin));
    expect_values(&mut events, [7]).await;
    for number in 0..3 {
        connected(hyrax.address()).await.set("/a", &number.to_string()).await.unwrap();
        let is_polite = number % 2 == 0;
        if is_polite {
            assert!(hyrax.stop().success());
        } else {
            hyrax.kill();
        }
        let more = tokio::time::timeout(Duration::from_millis(50), events.next()).await;
        hyrax = Hyrax::start(&["--data-dir", data]);
        gate.lead_to(hyrax.address());
        // What was written just before the end is either told already or told now.
        let event = match more {
            Ok(event) => event,
            Err(_) => soon(events.next()).await,
        };
        let node = match event.unwrap().unwrap() {
            WatchEvent::Change(change) => Some(change.node),
            // After a crash there are revisions of which nobody knows any more what they were.
            WatchEvent::Cleared(cleared) if !is_polite => cleared.node,
            WatchEvent::Cleared(cleared) => panic!("nothing was lost: {cleared:?}"),
        };
        assert_eq!(node.and_then(|node| node.value), Some(number.to_string()));
    }
    expect_nothing(&mut events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_write_meanwhile_does_not_matter_to_a_key_that_stays_as_it_was() {
    let (etcd, hyrax) = (Etcd::start(), Hyrax::start(&[]));
    for address in [etcd.address(), hyrax.address()] {
        let gate = Gate::to(address).await;
        let writer = connected(address).await;
        let begin = writer.set("/quiet", "0").await.unwrap().index;
        let watcher = connected(gate.address).await;
        let mut events = watcher.keep_watching("/quiet", &WatchOptions::new().after(begin));
        expect_nothing(&mut events).await;
        for number in 0..HISTORY {
            writer.set("/busy", &number.to_string()).await.unwrap();
        }
        gate.cut();
        expect_nothing(&mut events).await;
        writer.set("/quiet", "1").await.unwrap();
        expect_values(&mut events, [1]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cleared_history_is_told_with_what_there_is_now_and_the_stream_goes_on() {
    on_each(async |client: Client| {
        let begin = client.set("/foo/a", "first").await.unwrap().index;
        client.set("/foo/b", "other").await.unwrap();
        for number in 0..HISTORY {
            client.set("/foo/a", &number.to_string()).await.unwrap();
        }
        let options = WatchOptions::new().recursive().after(begin);
        let mut events = client.keep_watching("/foo", &options);
        let Some(Ok(WatchEvent::Cleared(cleared))) = soon(events.next()).await else {
            panic!("the history cannot go back so far");
        };
        assert_eq!(cleared.after, begin);
        assert_eq!(cleared.index, begin + 1 + HISTORY as u64);
        let now = cleared.node.expect("it is there");
        let values: Vec<_> = now.walk().filter_map(|node| node.value.clone()).collect();
        assert_eq!(values, [(HISTORY - 1).to_string(), "other".to_owned()]);
        client.set("/foo/a", "9").await.unwrap();
        expect_values(&mut events, [9]).await;

        let once = soon(client.watch("/foo/a", &options)).await.unwrap_err();
        assert_eq!(once.code(), Some(ErrorCode::EventIndexCleared));
        client.delete("/foo/b").await.unwrap();
        let mut events = client.keep_watching("/foo/b", &WatchOptions::new().after(begin));
        let Some(Ok(WatchEvent::Cleared(cleared))) = soon(events.next()).await else {
            panic!("the history cannot go back so far");
        };
        assert_eq!(cleared.node, None);
        client.set("/foo/b", "8").await.unwrap();
        expect_values(&mut events, [8]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_store_in_the_place_of_one_is_noticed() {
    let (etcd, other) = (Etcd::start(), Etcd::start());
    let (hyrax, empty) = (Hyrax::start(&[]), Hyrax::start(&[]));
    for (first, second) in [(etcd.address(), other.address()), (hyrax.address(), empty.address())] {
        let gate = Gate::to(first).await;
        let client = hurried(&[gate.address]);
        for number in 0..20 {
            client.set("/foo/a", &number.to_string()).await.unwrap();
        }
        let mut events = client.keep_watching("/foo", &WatchOptions::new().recursive());
        expect_nothing(&mut events).await;
        let writer = connected(second).await;
        writer.set("/foo/b", "elsewhere").await.unwrap();
        gate.lead_to(second);
        let Some(Ok(WatchEvent::Cleared(cleared))) = soon(events.next()).await else {
            panic!("it is not the same store");
        };
        assert_eq!(cleared.node.unwrap().nodes[0].key, "/foo/b");
        writer.set("/foo/b", "7").await.unwrap();
        expect_values(&mut events, [7]).await;
        expect_nothing(&mut events).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_in_memory_that_starts_again_has_forgotten_and_says_so() {
    let mut hyrax = Hyrax::start(&[]);
    let gate = Gate::to(hyrax.address()).await;
    let client = hurried(&[gate.address]);
    client.set("/a", "1").await.unwrap();
    let mut events = client.keep_watching("/a", &WatchOptions::new());
    expect_nothing(&mut events).await;
    hyrax.kill();
    let hyrax = Hyrax::start(&[]);
    gate.lead_to(hyrax.address());
    let Some(Ok(WatchEvent::Cleared(cleared))) = soon(events.next()).await else {
        panic!("what was there is lost");
    };
    assert_eq!(cleared.node, None);
    client.set("/a", "2").await.unwrap();
    expect_values(&mut events, [2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_gives_up_when_it_is_to_and_when_nothing_can_come_of_it() {
    let mut hyrax = Hyrax::start(&["--operator", "ann:pw", "--anonymous-read=false"]);
    let client = hurried(&[hyrax.address()]);
    let mut events = client.keep_watching("/a", &WatchOptions::new());
    let refused = soon(events.next()).await.unwrap().unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Unauthorized));
    assert!(events.next().await.is_none());

    let settings = hyrax_client::etcd_v2::Settings::new([format!("http://ann:pw@{}", hyrax.address())]);
    let client = Client::new(settings).unwrap();
    let options = WatchOptions::new().reconnect_for(Duration::from_millis(300));
    let mut events = client.keep_watching("/a", &options);
    expect_nothing(&mut events).await;
    hyrax.kill();
    let error = soon(events.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Unreachable(_)), "{error}");
    assert!(events.next().await.is_none());
    let mut events = client.keep_watching("/a", &WatchOptions::new());
    let error = soon(events.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Unreachable(_)), "who never reached a server is told at once: {error}");
}
