//! Two nodes over one engine, in memory, with a clock that the tests move.

use std::collections::BTreeMap;
use std::time::Duration;

use hyrax_coordination::{
    CompactRequest, Embedded, EmbeddedSettings, LeaseGrantRequest, LeaseId, PutRequest, TxnRequest,
};
use hyrax_types::ManualClock;
use proptest::prelude::*;

use super::*;

const TTL: Duration = Duration::from_secs(5);

struct World {
    clock: Arc<ManualClock>,
    engine: Arc<Embedded>,
}

struct Node {
    lease: Arc<NodeLease>,
    registrar: Registrar,
}

impl World {
    fn new() -> World {
        let clock = Arc::new(ManualClock::at_ms(1_000_000));
        let engine = Embedded::start(Arc::clone(&clock) as _, EmbeddedSettings::default());
        World { clock, engine: Arc::new(engine) }
    }

    fn services(&self) -> Services {
        Services::new(Arc::clone(&self.engine) as _)
    }

    async fn node(&self) -> Node {
        let lease = NodeLease::start(Arc::clone(&self.engine) as _, TTL).await.unwrap();
        let lease = Arc::new(lease);
        Node { registrar: self.services().registrar(Arc::clone(&lease)), lease }
    }

    async fn follow(&self) -> ServiceFeed {
        self.services().follow(Following::All).await.unwrap()
    }

    async fn nodes(&self, service: &str) -> Vec<String> {
        let nodes = self.services().nodes(&name(service)).await.unwrap();
        nodes.iter().map(ServiceNode::to_string).collect()
    }

    /// Moves the clock past the leases, keeping alive what `living` says.
    async fn outlive(&self, living: &[&Node]) {
        for _ in 0..3 {
            self.clock.advance_ms(2_000);
            for node in living {
                node.lease.renew().await.unwrap();
            }
        }
        self.engine.expire_leases();
    }

    /// Writes a key as a client of the engine does that knows nothing of this recipe.
    async fn put(&self, key: &str, value: &str, lease: LeaseId) {
        let put = PutRequest::new(key.to_owned(), value.to_owned()).on_lease(lease);
        self.engine.put(put).await.unwrap();
    }

    async fn delete(&self, key: &str) {
        let range = KeyRange::single(key.to_owned());
        self.engine.delete_range(hyrax_coordination::DeleteRangeRequest::new(range)).await.unwrap();
    }

    async fn lease(&self) -> LeaseId {
        self.engine.lease_grant(LeaseGrantRequest::new(TTL)).await.unwrap().id
    }
}

impl Node {
    async fn register(&self, service: &str, address: &str) -> Registration {
        self.registrar.register(name(service), address.parse().unwrap()).await.unwrap()
    }
}

fn name(service: &str) -> ServiceName {
    ServiceName::new(service).unwrap()
}

/// The next event, as words.
async fn told(feed: &mut ServiceFeed) -> String {
    let next = tokio::time::timeout(Duration::from_secs(10), feed.next());
    let event = next.await.expect("an event within ten seconds").unwrap();
    let nodes: Vec<_> = event.services.iter().map(ServiceNode::to_string).collect();
    format!("{} {}: {}", event.service, event.key_event.word(), nodes.join(" "))
}

async fn silent(feed: &mut ServiceFeed) {
    let next = tokio::time::timeout(Duration::from_millis(50), feed.next());
    assert!(next.await.is_err(), "nothing has happened");
}

async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..2_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("it never held");
}

#[tokio::test]
async fn what_one_node_registers_every_node_lists_and_is_told() {
    let world = World::new();
    let (here, there) = (world.node().await, world.node().await);
    let mut feed = world.follow().await;
    let first = here.register("engine", "10.0.0.1:80").await;
    let second = there.register("engine", "10.0.0.2:80").await;
    assert_eq!(world.nodes("engine").await, ["10.0.0.1:80", "10.0.0.2:80"]);
    assert_eq!(world.services().list().await.unwrap(), [name("engine")]);
    assert_eq!(told(&mut feed).await, "engine PUT: 10.0.0.1:80");
    assert_eq!(told(&mut feed).await, "engine PUT: 10.0.0.1:80 10.0.0.2:80");
    first.deregister().await;
    assert_eq!(told(&mut feed).await, "engine DELETE: 10.0.0.2:80");
    second.expire().await;
    assert_eq!(told(&mut feed).await, "engine EXPIRE: ");
    assert_eq!(world.services().list().await.unwrap(), []);
    assert_eq!(here.registrar.registered() + there.registrar.registered(), 0);
}

#[tokio::test]
async fn a_node_that_dies_takes_what_it_registered_along_as_expired() {
    let world = World::new();
    let (here, there) = (world.node().await, world.node().await);
    let _kept = here.register("engine", "10.0.0.1:80").await;
    let _lost = [
        there.register("engine", "10.0.0.2:80").await,
        there.register("engine", "10.0.0.3:80").await,
        there.register("ui", "10.0.0.2:81").await,
    ];
    let mut feed = world.follow().await;
    world.outlive(&[&here]).await;
    assert_eq!(told(&mut feed).await, "engine EXPIRE: 10.0.0.1:80", "one event for both that went at once");
    assert_eq!(told(&mut feed).await, "ui EXPIRE: ");
    silent(&mut feed).await;
}

#[tokio::test]
async fn a_node_that_was_merely_thought_dead_registers_everything_again_but_what_another_took() {
    let world = World::new();
    let (here, there) = (world.node().await, world.node().await);
    let mine = here.register("engine", "10.0.0.1:80").await;
    let taken = here.register("engine", "10.0.0.2:80").await;
    world.outlive(&[&there]).await;
    assert_eq!(world.nodes("engine").await, [""; 0]);
    let _theirs = there.register("engine", "10.0.0.2:80").await;
    here.lease.renew().await.unwrap();
    eventually(async || world.nodes("engine").await == ["10.0.0.1:80", "10.0.0.2:80"]).await;
    let mut feed = world.follow().await;
    taken.deregister().await;
    mine.deregister().await;
    assert_eq!(told(&mut feed).await, "engine DELETE: 10.0.0.2:80", "it was there's by then");
    silent(&mut feed).await;
}

#[tokio::test]
async fn who_registered_last_owns_a_node_and_the_end_of_an_earlier_one_does_not_remove_it() {
    let world = World::new();
    let (here, there) = (world.node().await, world.node().await);
    for later in [&here, &there] {
        let first = here.register("engine", "10.0.0.1:80").await;
        let second = later.register("engine", "10.0.0.1:80").await;
        let mut feed = world.follow().await;
        first.deregister().await;
        assert_eq!(world.nodes("engine").await, ["10.0.0.1:80"]);
        second.expire().await;
        assert_eq!(told(&mut feed).await, "engine EXPIRE: ");
    }
}

#[tokio::test]
async fn a_node_goes_back_to_the_earlier_of_two_that_registered_it_here() {
    let world = World::new();
    let here = world.node().await;
    let first = here.register("engine", "10.0.0.1:80").await;
    let second = here.register("engine", "10.0.0.1:80").await;
    let third = here.register("engine", "10.0.0.1:80").await;
    let mut feed = world.follow().await;
    second.deregister().await;
    third.expire().await;
    silent(&mut feed).await;
    assert_eq!(world.nodes("engine").await, ["10.0.0.1:80"]);
    world.outlive(&[]).await;
    assert_eq!(told(&mut feed).await, "engine EXPIRE: ");
    here.lease.renew().await.unwrap();
    assert_eq!(told(&mut feed).await, "engine PUT: 10.0.0.1:80");
    first.deregister().await;
    assert_eq!(told(&mut feed).await, "engine DELETE: ");
}

#[tokio::test]
async fn who_stops_waiting_or_drops_a_registration_leaves_nothing_behind() {
    let world = World::new();
    let here = world.node().await;
    let address = "10.0.0.1:80".parse().unwrap();
    // Polled once, so that the write is under way.
    let registering = here.registrar.register(name("engine"), address);
    _ = tokio::time::timeout(Duration::ZERO, registering).await;
    drop(here.register("engine", "10.0.0.2:80").await);
    eventually(async || world.nodes("engine").await.is_empty() && here.registrar.registered() == 0).await;
}

#[tokio::test]
async fn what_others_write_is_listed_and_told_and_its_end_too() {
    let world = World::new();
    let mut feed = world.follow().await;
    let (ends, stays) = (world.lease().await, world.node().await.lease);
    world.put("service/engine/192.168.10.3", "192.168.10.3:80", ends).await;
    assert_eq!(told(&mut feed).await, "engine PUT: 192.168.10.3:80");
    world.put("service/engine/x", "[::1]:80", stays.id()).await;
    world.put("service/engine/y/z", "::1:80", LeaseId::NONE).await;
    assert_eq!(told(&mut feed).await, "engine PUT: 192.168.10.3:80 [::1]:80");
    assert_eq!(told(&mut feed).await, "engine PUT: 192.168.10.3:80 [::1]:80", "one node, however many keys");
    world.delete("service/engine/y/z").await;
    world.delete("service/engine/x").await;
    assert_eq!(told(&mut feed).await, "engine DELETE: 192.168.10.3:80 [::1]:80");
    assert_eq!(told(&mut feed).await, "engine DELETE: 192.168.10.3:80");
    stays.renew().await.unwrap();
    world.clock.advance_ms(6_000);
    world.engine.expire_leases();
    assert_eq!(told(&mut feed).await, "engine EXPIRE: ");
}

#[tokio::test]
async fn what_another_removes_of_a_living_nodes_was_removed_deliberately() {
    let world = World::new();
    let here = world.node().await;
    let mut feed = world.follow().await;
    let registration = here.register("engine", "10.0.0.1:80").await;
    world.delete("service/engine/10.0.0.1:80").await;
    assert_eq!(told(&mut feed).await, "engine PUT: 10.0.0.1:80");
    assert_eq!(told(&mut feed).await, "engine DELETE: ");
    // What is another's by now is not removed.
    world.put("service/engine/10.0.0.1:80", "10.0.0.1:80", LeaseId::NONE).await;
    registration.deregister().await;
    assert_eq!(world.nodes("engine").await, ["10.0.0.1:80"]);
}

#[tokio::test]
async fn what_is_no_node_is_passed_over() {
    let world = World::new();
    let mut feed = world.follow().await;
    for (key, value) in [
        ("service/engine/a", "nonsense"),
        ("service/engine/b", "10.0.0.1:0"),
        ("service/engine", "10.0.0.1:80"),
        ("service/engine/", "10.0.0.1:80"),
        ("service//a", "10.0.0.1:80"),
        ("service.lease/zz", "registered"),
    ] {
        world.put(key, value, LeaseId::NONE).await;
        world.delete(key).await;
        world.put(key, value, LeaseId::NONE).await;
    }
    world.put("service/engine/c", "10.0.0.1:80", LeaseId::NONE).await;
    world.put("service/engine/c", "gone", LeaseId::NONE).await;
    assert_eq!(told(&mut feed).await, "engine PUT: 10.0.0.1:80");
    assert_eq!(told(&mut feed).await, "engine DELETE: ");
    silent(&mut feed).await;
    assert_eq!(world.services().list().await.unwrap(), []);
}

#[tokio::test]
async fn who_follows_some_services_hears_of_no_other() {
    let world = World::new();
    let here = world.node().await;
    let following = Following::Named(vec![name("ui"), name("engine")]);
    let mut feed = world.services().follow(following).await.unwrap();
    let _all = [
        here.register("engines", "10.0.0.1:80").await,
        here.register("other", "10.0.0.1:80").await,
        here.register("ui", "10.0.0.1:80").await,
    ];
    assert_eq!(told(&mut feed).await, "ui PUT: 10.0.0.1:80");
    silent(&mut feed).await;
    assert_eq!(feed.names().collect::<Vec<_>>(), [&name("ui")]);
    assert_eq!(feed.nodes("ui").len(), 1);
}

#[tokio::test]
async fn what_the_engine_forgot_is_told_as_the_difference() {
    let world = World::new();
    let here = world.node().await;
    let ends = world.lease().await;
    let left = here.register("left", "10.0.0.1:80").await;
    world.put("service/lost/a", "10.0.0.1:80", ends).await;
    world.put("service/removed/a", "10.0.0.1:80", LeaseId::NONE).await;
    let _same = here.register("same", "10.0.0.1:80").await;
    let mut feed = world.follow().await;
    left.deregister().await;
    world.delete("service/removed/a").await;
    world.outlive(&[&here]).await;
    let _new = here.register("new", "10.0.0.1:80").await;
    let revision = world.engine.status().await.unwrap().revision;
    world.engine.compact(CompactRequest { revision, ..CompactRequest::default() }).await.unwrap();
    let mut heard = Vec::new();
    for _ in 0..4 {
        heard.push(told(&mut feed).await);
    }
    heard.sort();
    assert_eq!(heard, ["left DELETE: ", "lost EXPIRE: ", "new PUT: 10.0.0.1:80", "removed DELETE: "]);
    silent(&mut feed).await;
}

#[tokio::test]
async fn services_are_listed_by_name_however_many_nodes_they_have() {
    let world = World::new();
    for service in ["a", "a b", "a-b", "b"] {
        let puts = (0..250).map(|n: u32| {
            let (key, value) = (format!("service/{service}/{n}"), format!("10.0.{}.{}:80", n / 200, n % 200));
            hyrax_coordination::Op::Put(PutRequest::new(key, value))
        });
        let puts: Vec<_> = puts.collect();
        for success in puts.chunks(125).map(Vec::from) {
            world.engine.txn(TxnRequest { success, ..TxnRequest::default() }).await.unwrap();
        }
    }
    for n in 0..150 {
        world.put(&format!("service/none/{n:03}"), "nonsense", LeaseId::NONE).await;
    }
    let names: Vec<_> = world.services().list().await.unwrap().iter().map(ServiceName::to_string).collect();
    assert_eq!(names, ["a", "a b", "a-b", "b"]);
    assert_eq!(world.nodes("a").await.len(), 250);
}

#[tokio::test]
async fn what_comes_by_the_hundred_is_told_together() {
    let world = World::new();
    let here = world.node().await;
    let mut feed = world.follow().await;
    let mut registered = Vec::new();
    for port in 1..=500 {
        registered.push(here.register("engine", &format!("10.0.0.1:{port}")).await);
    }
    registered.pop().unwrap().deregister().await;
    let mut heard = Vec::new();
    loop {
        let event = feed.next().await.unwrap();
        heard.push((event.key_event, event.services.len()));
        if event.key_event == KeyEvent::Delete {
            break;
        }
    }
    assert!(heard.len() < 100, "{}", heard.len());
    assert_eq!(heard.pop(), Some((KeyEvent::Delete, 499)));
    assert!(heard.is_sorted(), "lists that only grow");
    let _last = here.register("engine", "10.0.0.2:80").await;
    assert_eq!(feed.next().await.unwrap().services.len(), 500);
}

/// What happens to nodes of services on two nodes.
#[derive(Clone, Debug)]
enum Step {
    Register(u8, u8),
    Deregister(usize),
    Expire(usize),
    Foreign(u8, u8),
    DeleteForeign(u8, u8),
    LoseNode,
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        6 => (0..2u8, 1..4u8).prop_map(|(service, node)| Step::Register(service, node)),
        3 => any::<usize>().prop_map(Step::Deregister),
        2 => any::<usize>().prop_map(Step::Expire),
        2 => (0..2u8, 1..4u8).prop_map(|(service, node)| Step::Foreign(service, node)),
        2 => (0..2u8, 1..4u8).prop_map(|(service, node)| Step::DeleteForeign(service, node)),
        1 => Just(Step::LoseNode),
    ];
    prop::collection::vec((0..2usize, step), 1..40)
}

async fn run(steps: Vec<(usize, Step)>) {
    let world = World::new();
    let nodes = [world.node().await, world.node().await];
    let mut feed = world.follow().await;
    let mut registered: [Vec<Registration>; 2] = Default::default();
    let service = |number: u8| if number == 0 { "engine" } else { "ui" };
    for (at, step) in steps {
        match step {
            Step::Register(to, node) => {
                registered[at].push(nodes[at].register(service(to), &format!("10.0.0.{node}:80")).await);
            }
            Step::Deregister(which) | Step::Expire(which) if registered[at].is_empty() => _ = which,
            Step::Deregister(which) => {
                let which = which % registered[at].len();
                registered[at].swap_remove(which).deregister().await;
            }
            Step::Expire(which) => {
                let which = which % registered[at].len();
                registered[at].swap_remove(which).expire().await;
            }
            Step::Foreign(to, node) => {
                let key = format!("service/{}/foreign-{node}", service(to));
                world.put(&key, &format!("10.0.0.{node}:80"), LeaseId::NONE).await;
            }
            Step::DeleteForeign(to, node) => {
                world.delete(&format!("service/{}/foreign-{node}", service(to))).await;
            }
            Step::LoseNode => {
                world.outlive(&[&nodes[1 - at]]).await;
                nodes[at].lease.renew().await.unwrap();
            }
        }
    }
    world.put("service/end/x", "10.0.0.1:80", LeaseId::NONE).await;
    let mut last: BTreeMap<String, Vec<ServiceNode>> = BTreeMap::new();
    let mut agree = false;
    // What is restored in the background may come after.
    for _ in 0..1_000 {
        while let Ok(event) = tokio::time::timeout(Duration::from_millis(5), feed.next()).await {
            let event = event.unwrap();
            last.insert(event.service.to_string(), event.services.to_vec());
        }
        agree = true;
        for service in ["engine", "ui", "end"] {
            let stored = world.services().nodes(&name(service)).await.unwrap();
            let told = last.get(service).cloned().unwrap_or_default();
            agree &= feed.nodes(service) == stored && told == stored;
        }
        if agree {
            break;
        }
    }
    assert!(agree, "what was told last is how it is: {last:?}");
    for registrations in registered {
        for registration in registrations {
            registration.deregister().await;
        }
    }
    for service in ["engine", "ui"] {
        let left = world.engine.range(RangeRequest::new(layout::nodes_of(&name(service)))).await.unwrap();
        assert!(left.kvs.iter().all(|kv| kv.lease == LeaseId::NONE), "{left:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_is_told_agrees_with_the_engine_and_no_registration_outlives_its_end(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(run(steps));
    }
}
