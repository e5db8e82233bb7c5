//! Locks, elections, groups, services and events: the same over a Hyrax server, a real
//! etcd, a real Redis, and in the process.

use std::collections::BTreeSet;
use std::time::Duration;

use hyrax_client::{
    AssignmentEvent, Connection, GroupOptions, KeyEvent, LeaveCause, Loss, Options, Told, connect,
    connect_with,
};
use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::{Etcd, Redis};
use tokio::time::timeout;

use crate::proxy::Proxy;

/// Nothing here takes longer, however busy the machine is.
const SOON: Duration = Duration::from_secs(20);

/// Runs an example over every engine: with two connections to each, as two processes have them.
async fn everywhere<E: AsyncFn(Connection, Connection)>(example: E) {
    let hyrax = Hyrax::start(&[]);
    let (etcd, redis) = (Etcd::start(), Redis::start());
    let urls = [
        format!("hyrax://{}", hyrax.address()),
        format!("etcd://{}", etcd.address()),
        format!("redis://{}", redis.address()),
    ];
    for url in urls {
        eprintln!("over {url}");
        example(connect(&url).await.unwrap(), connect(&url).await.unwrap()).await;
    }
    eprintln!("in the process");
    let connection = connect("embedded:").await.unwrap();
    example(connection.clone(), connection).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_is_held_by_one_and_handed_on_with_a_greater_token() {
    everywhere(async |one, two| {
        let first = one.lock("jobs").note("one").acquire().await.unwrap();
        assert!(two.lock("jobs").try_acquire().await.unwrap().is_none());
        // Also within one process.
        assert!(one.lock("jobs").acquire_within(Duration::from_millis(50)).await.unwrap().is_none());
        let holder = two.lock("jobs").holder().await.unwrap().unwrap();
        assert_eq!((holder.kv.value.as_ref(), holder.token()), (&b"one"[..], first.token()));
        let token = first.token();
        let waiting = two.lock("jobs");
        let waiting = tokio::spawn(async move { waiting.acquire().await.unwrap() });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(first.release().await.unwrap());
        let second = timeout(SOON, waiting).await.unwrap().unwrap();
        assert!(second.token() > token && !second.is_lost());
        // Dropped, it is released as well.
        drop(second);
        let third = timeout(SOON, one.lock("jobs").acquire()).await.unwrap().unwrap();
        assert!(third.release().await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_waiting_leaves_the_queue() {
    everywhere(async |one, two| {
        let held = one.lock("jobs").acquire().await.unwrap();
        let lock = two.lock("jobs");
        assert!(timeout(Duration::from_millis(100), lock.acquire()).await.is_err());
        let holder = async || one.lock("jobs").holder().await.unwrap().unwrap();
        timeout(SOON, async {
            while holder().await.waiting > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap();
        assert!(held.release().await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_whose_key_is_deleted_is_told_to_its_holder() {
    everywhere(async |one, two| {
        let held = one.lock("jobs").acquire().await.unwrap();
        let key = two.lock("jobs").holder().await.unwrap().unwrap().kv.key.clone();
        let range = hyrax_coordination::KeyRange::single(key);
        two.coordination().delete_range(hyrax_coordination::DeleteRangeRequest::new(range)).await.unwrap();
        timeout(SOON, held.lost()).await.unwrap();
        assert!(held.is_lost() && !held.release().await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_is_cut_off_stops_by_its_own_clock() {
    let hyrax = Hyrax::start(&[]);
    let proxy = Proxy::start(hyrax.address()).await;
    let options = Options { heartbeat: Duration::from_millis(600), ..Options::default() };
    let cut = connect_with(&format!("hyrax://{}", proxy.address()), options).await.unwrap();
    let other = connect(&format!("hyrax://{}", hyrax.address())).await.unwrap();
    let held = cut.lock("jobs").acquire().await.unwrap();
    let led = cut.election("scheduler").campaign("cut").await.unwrap();
    let waiting = tokio::spawn(async move { other.lock("jobs").acquire().await.unwrap() });
    proxy.block();
    timeout(SOON, held.lost()).await.unwrap();
    timeout(SOON, led.lost()).await.unwrap();
    let next = timeout(SOON, waiting).await.unwrap().unwrap();
    assert!(next.token() > held.token());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_leads_and_everybody_sees_who() {
    everywhere(async |one, two| {
        let mut observer = two.election("scheduler").observe();
        assert_eq!(observer.next().await.unwrap(), None);
        let first = one.election("scheduler").campaign("one").await.unwrap();
        assert_eq!(observer.next().await.unwrap().unwrap().value, "one");
        first.proclaim("one, still").await.unwrap();
        assert_eq!(observer.next().await.unwrap().unwrap().value, "one, still");
        let candidate = two.election("scheduler");
        let candidate = tokio::spawn(async move { candidate.campaign("two").await.unwrap() });
        tokio::time::sleep(Duration::from_millis(50)).await;
        let token = first.token();
        assert!(first.resign().await.unwrap());
        let second = timeout(SOON, candidate).await.unwrap().unwrap();
        let leader = timeout(SOON, async {
            loop {
                match observer.next().await.unwrap() {
                    Some(leader) if leader.value == "two" => break leader,
                    _ => {}
                }
            }
        });
        assert_eq!(leader.await.unwrap().token, second.token());
        assert!(second.token() > token);
        assert_eq!(one.election("scheduler").leader().await.unwrap().unwrap().value, "two");
        assert!(second.resign().await.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_sees_who_comes_and_goes_and_its_locks_are_its_members() {
    everywhere(async |one, two| {
        let here = one.group(GroupOptions::named("workers")).await.unwrap();
        let there = two.group(GroupOptions::named("workers")).await.unwrap();
        let mut events = there.events().await.unwrap();
        here.join("ann").await.unwrap();
        let event = timeout(SOON, events.next()).await.unwrap().unwrap();
        assert_eq!((event.joined[0].id.as_str(), event.left.len()), ("ann", 0));
        here.ephemeral_set("where", "here").await.unwrap();
        let token = here.lock("jobs").await.unwrap().unwrap();
        assert_eq!(here.reentrant_lock("jobs").await.unwrap(), Some(token));
        assert_eq!(there.lock_within("jobs", Duration::from_millis(50)).await.unwrap(), None);
        assert!(!there.release("jobs").await.unwrap());
        assert_eq!(there.ephemeral_get("where").await.unwrap().as_deref(), Some(&b"here"[..]));
        // With the member go its locks and its ephemeral keys.
        assert!(here.leave("ann").await);
        let event = timeout(SOON, events.next()).await.unwrap().unwrap();
        assert_eq!((event.left[0].0.id.as_str(), event.left[0].1), ("ann", LeaveCause::Left));
        let next = there.lock_within("jobs", SOON).await.unwrap().unwrap();
        assert!(next > token);
        assert_eq!(there.ephemeral_get("where").await.unwrap(), None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_process_loses_in_a_group_is_told_to_it() {
    let hyrax = Hyrax::start(&[]);
    let proxy = Proxy::start(hyrax.address()).await;
    let connection = connect(&format!("hyrax://{}", proxy.address())).await.unwrap();
    let heartbeat = Duration::from_millis(600);
    let group = connection.group(GroupOptions { heartbeat, ..GroupOptions::default() }).await.unwrap();
    let mut losses = group.losses();
    group.join("ann").await.unwrap();
    let token = group.lock("jobs").await.unwrap().unwrap();
    proxy.block();
    let mut lost = BTreeSet::new();
    for _ in 0..2 {
        match timeout(SOON, losses.next()).await.unwrap() {
            Loss::Seat { id, cause } => lost.insert(format!("{id}: {}", cause.word())),
            Loss::Lock { name, member, token: at } => {
                lost.insert(format!("{name} of {member}: {}", at == token))
            }
            Loss::Untold(_) => panic!("two losses are few"),
        };
    }
    assert_eq!(lost.into_iter().collect::<Vec<_>>(), ["ann: timeout", "jobs of ann: true"]);
    // It may come back.
    proxy.lead_to(hyrax.address());
    timeout(SOON, group.join("ann")).await.unwrap().unwrap();
    assert!(timeout(SOON, group.lock_within("jobs", SOON)).await.unwrap().unwrap().unwrap() > token);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_id_is_one_members_and_moves_when_members_do() {
    everywhere(async |one, two| {
        let here = one.group(GroupOptions::named("shards")).await.unwrap();
        let there = two.group(GroupOptions::named("shards")).await.unwrap();
        here.join("ann").await.unwrap();
        there.join("bob").await.unwrap();
        let ids = ["a", "b", "c", "d"];
        let mut ann = here.assignments("parts", ids).await.unwrap();
        for _ in ids {
            let event = timeout(SOON, ann.next()).await.unwrap();
            assert!(matches!(event, Some(AssignmentEvent::Assigned { .. })), "{event:?}");
        }
        let mut bob = there.assignments("parts", ids).await.unwrap();
        for _ in 0..2 {
            // Dropped, it says that the member has stopped.
            let event = timeout(SOON, ann.next()).await.unwrap();
            assert!(matches!(event, Some(AssignmentEvent::Revoked(_))), "{event:?}");
            drop(event);
            let event = timeout(SOON, bob.next()).await.unwrap();
            assert!(matches!(event, Some(AssignmentEvent::Assigned { .. })), "{event:?}");
        }
        let both: BTreeSet<_> = ann.assigned().into_keys().chain(bob.assigned().into_keys()).collect();
        assert_eq!(both.into_iter().collect::<Vec<_>>(), ids);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_registered_listed_and_monitored() {
    everywhere(async |one, two| {
        let mut feed = two.services().monitor(&["web"]).await.unwrap();
        let node = one.services().register("web", "10.0.0.7", 80).await.unwrap();
        let event = timeout(SOON, feed.next()).await.unwrap().unwrap();
        assert_eq!(
            (event.key_event, event.services[0].to_string()),
            (KeyEvent::Put, "10.0.0.7:80".to_owned())
        );
        assert_eq!(two.services().list().await.unwrap()[0].as_str(), "web");
        assert_eq!(two.services().node_for("web", b"user:1").await.unwrap(), Some(node.node()));
        node.deregister().await;
        let event = timeout(SOON, feed.next()).await.unwrap().unwrap();
        assert_eq!((event.key_event, event.services.len()), (KeyEvent::Delete, 0));
        for (ip, port) in [("10.0.0.7", 0), ("nowhere", 80), ("", 80)] {
            assert!(one.services().register("web", ip, port).await.is_err(), "{ip}:{port}");
        }
        assert!(one.services().register("", "10.0.0.7", 80).await.is_err());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_reach_those_they_are_for() {
    everywhere(async |one, two| {
        let mut feed = two.events().follow().await.unwrap();
        one.events().send(&["web"], "deploy", "7").await.unwrap();
        one.events().broadcast("stop", "").await.unwrap();
        for (kind, is_for_db) in [("deploy", false), ("stop", true)] {
            let Told::Event(event) = timeout(SOON, feed.next()).await.unwrap().unwrap() else {
                panic!("missed")
            };
            assert_eq!((event.event_type.as_str(), event.is_for("db")), (kind, is_for_db));
        }
        assert!(one.events().send(&[], "deploy", "7").await.is_err(), "for nobody");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reached_says_so() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let urls = [
        format!("hyrax://{free}"),
        format!("etcd://{free}?timeout=200ms"),
        format!("redis://{free}?timeout=200ms"),
    ];
    for url in urls {
        let error = connect(&url).await.map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(&free.to_string()), "{error}");
    }
    let connection = connect("embedded:").await.unwrap();
    assert!(connection.live().await.unwrap_err().to_string().contains("embedded:"));
    for heartbeat in [Duration::ZERO, Duration::from_secs(365 * 24 * 3600)] {
        let options = GroupOptions { heartbeat, ..GroupOptions::default() };
        assert!(connection.group(options).await.is_err(), "{heartbeat:?}");
    }
    assert!(connection.group(GroupOptions::named("")).await.is_err());
}
