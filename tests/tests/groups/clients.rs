//! Client processes over an etcd, and over a Hyrax as over an etcd.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyrax_coordination::Coordination;
use hyrax_coordination_etcd::{EtcdCoordination, EtcdSettings};
use hyrax_recipes::group::lease_ttl;
use hyrax_recipes::{
    AssignmentEvent, Assignments, Ephemeral, Group, LeaveCause, MemberFeed, NodeLease, Persistent,
};
use hyrax_tests::hyrax::{Hyrax, Wire};
use hyrax_tests::peers::Etcd;
use hyrax_tests::proxy::Proxy;
use hyrax_types::SystemClock;
use serde_json::json;
use tokio::time::timeout;

/// How long a machine busy with other tests may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Long enough for a machine that is busy with other tests.
const HEARTBEAT: Duration = Duration::from_secs(4);

/// A client process.
struct Process {
    lease: Arc<NodeLease>,
    group: Group,
}

impl Process {
    async fn start(address: SocketAddr) -> Process {
        let settings: EtcdSettings = format!("etcd://{address}").parse().expect("a URL");
        let engine = EtcdCoordination::connect(settings).await.expect("the server answers");
        let engine: Arc<dyn Coordination> = Arc::new(engine);
        let ttl = lease_ttl(HEARTBEAT).unwrap();
        let lease = Arc::new(NodeLease::start(engine.clone(), ttl).await.unwrap());
        Process { lease, group: Group::new(engine, Arc::new(SystemClock), "workers").unwrap() }
    }
}

/// Whom the next event tells of: who came, and who went and why.
async fn next(feed: &mut MemberFeed) -> (Vec<String>, Vec<(String, LeaveCause)>) {
    let event = timeout(PATIENCE, feed.next()).await.expect("in time").unwrap();
    let joined = event.joined.into_iter().map(|member| member.id).collect();
    (joined, event.left.into_iter().map(|(member, cause)| (member.id, cause)).collect())
}

async fn members_come_and_go(address: SocketAddr) {
    let way = Proxy::start(address);
    let (one, two) = (Process::start(way.address()).await, Process::start(address).await);
    let mut feed = two.group.follow().await.unwrap();
    let seat = one.group.join(&one.lease, None, "ann", vec!["eu".to_owned()]).await.unwrap();
    assert_eq!(next(&mut feed).await, (vec!["ann".to_owned()], vec![]));
    let ephemeral = Ephemeral::new(&one.group);
    ephemeral.set(&seat, "address", "10.0.0.1").await.unwrap();
    Persistent::new(&one.group).set("config", "x").await.unwrap();
    let listed = Ephemeral::new(&two.group).list().await.unwrap();
    assert_eq!(listed, [("address".to_owned(), "10.0.0.1".into())]);
    assert!(seat.leave().await);
    assert_eq!(next(&mut feed).await, (vec![], vec![("ann".to_owned(), LeaveCause::Left)]));
    assert_eq!(ephemeral.list().await.unwrap(), []);
    // One that is cut off knows it by its own clock.
    let seat = one.group.join(&one.lease, None, "cut off", vec![]).await.unwrap();
    assert_eq!(next(&mut feed).await.0, ["cut off"]);
    way.hold(true);
    assert_eq!(timeout(PATIENCE, seat.lost()).await, Ok(LeaveCause::Timeout));
    assert_eq!(next(&mut feed).await, (vec![], vec![("cut off".to_owned(), LeaveCause::Timeout)]));
    way.hold(false);
    assert_eq!(Persistent::new(&two.group).get("config").await.unwrap(), Some("x".into()));
}

/// What a member has, once it hears nothing more for a while. What it is to give up it gives up at once.
async fn rest(part: &mut Assignments, owned: &mut BTreeMap<String, u64>) {
    while let Ok(Some(event)) = timeout(Duration::from_secs(2), part.next()).await {
        match event {
            AssignmentEvent::Assigned { id, token } => drop(owned.insert(id, token.0)),
            AssignmentEvent::Revoked(revocation) => drop(owned.remove(revocation.id())),
            AssignmentEvent::Lost { id } => drop(owned.remove(&id)),
        }
    }
}

async fn ids_are_shared_out(address: SocketAddr) {
    let ids: Vec<String> = (0..120).map(|id| format!("shard-{id}")).collect();
    let (one, two) = (Process::start(address).await, Process::start(address).await);
    let ann = one.group.join(&one.lease, None, "ann", vec![]).await.unwrap();
    let bob = two.group.join(&two.lease, None, "bob", vec![]).await.unwrap();
    let (mut of_ann, mut of_bob) = (BTreeMap::new(), BTreeMap::new());
    let mut part = Assignments::join(&ann, "shards", ids.clone()).await.unwrap();
    rest(&mut part, &mut of_ann).await;
    assert_eq!(of_ann.len(), 120);
    let before = of_ann.clone();
    let mut other = Assignments::join(&bob, "shards", ids.clone()).await.unwrap();
    rest(&mut part, &mut of_ann).await;
    rest(&mut other, &mut of_bob).await;
    assert_eq!((of_ann.len(), of_bob.len()), (60, 60));
    assert!(of_ann.iter().all(|(id, token)| before[id] == *token), "what stays is not taken anew");
    assert!(of_bob.iter().all(|(id, token)| before[id] < *token && !of_ann.contains_key(id)));
    part.leave().await;
    rest(&mut other, &mut of_bob).await;
    assert_eq!(of_bob.len(), 120);
    other.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_come_and_go_over_an_etcd() {
    members_come_and_go(Etcd::start().address()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_come_and_go_over_a_hyrax() {
    members_come_and_go(Hyrax::start(&[]).address()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_are_shared_out_over_an_etcd() {
    ids_are_shared_out(Etcd::start().address()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_are_shared_out_over_a_hyrax() {
    ids_are_shared_out(Hyrax::start(&[]).address()).await;
}

/// Client processes and connections of the line door are in the same groups.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_and_a_connection_meet() {
    let hyrax = Hyrax::start(&[]);
    let process = Process::start(hyrax.address()).await;
    let mut client = hyrax.client(Wire::Tcp);
    assert_eq!(client.request(&json!({"cmd":"gmon","key":"workers"})), json!({"return":[]}));
    let seat = process.group.join(&process.lease, None, "process", vec![]).await.unwrap();
    assert_eq!(client.push()["id"], "process");
    let mut feed = process.group.follow().await.unwrap();
    client.request(&json!({"cmd":"gjoin","key":"workers","id":"connection"}));
    assert_eq!(next(&mut feed).await.0, ["connection"]);
    // Either may take the other's id over.
    client.push();
    client.request(&json!({"cmd":"gjoin","key":"workers","id":"process"}));
    assert_eq!(timeout(PATIENCE, seat.lost()).await, Ok(LeaveCause::Replaced));
    let _seat = process.group.join(&process.lease, None, "connection", vec![]).await.unwrap();
    let mut pushes = client.pushes_until_quiet(Duration::from_secs(1));
    pushes.retain(|push| push["cmd"] == "glost");
    assert_eq!(pushes, [json!({"cmd":"glost","key":"workers","id":"connection","cause":"replaced"})]);
}
