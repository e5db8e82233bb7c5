//! Two nodes over one engine, in memory, with a clock that the tests move.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use hyrax_coordination::{
    Coordination, Embedded, EmbeddedSettings, Event, Key, KeyRange, LeaseId, PutRequest, RangeRequest,
    StoreSettings, WatchRequest,
};
use hyrax_types::{ManualClock, Revision, SessionId};
use parking_lot::Mutex;
use proptest::prelude::*;

use super::layout::{Entry, EntryValue, everything};
use super::*;

#[derive(Default)]
struct Recorder(Mutex<Vec<PresenceEvent>>);

impl PresenceListener for Recorder {
    fn presence(&self, event: PresenceEvent) {
        self.0.lock().push(event);
    }
}

struct World {
    clock: Arc<ManualClock>,
    engine: Arc<Embedded>,
}

struct Node {
    presence: Presence,
    lease: Arc<NodeLease>,
    heard: Arc<Recorder>,
}

const TTL: Duration = Duration::from_secs(5);
const A: SessionId = SessionId(1);
const B: SessionId = SessionId(2);

impl World {
    fn new() -> World {
        World::with(StoreSettings::default())
    }

    fn with(store: StoreSettings) -> World {
        let clock = Arc::new(ManualClock::at_ms(1_000_000));
        let settings = EmbeddedSettings { store, ..EmbeddedSettings::default() };
        World { engine: Arc::new(Embedded::start(Arc::clone(&clock) as _, settings)), clock }
    }

    async fn node(&self) -> Node {
        let engine = Arc::clone(&self.engine) as Arc<dyn Coordination>;
        let lease = Arc::new(NodeLease::start(Arc::clone(&engine), TTL).await.unwrap());
        let heard = Arc::new(Recorder::default());
        let clock = Arc::clone(&self.clock) as _;
        let presence =
            Presence::start(engine, Arc::clone(&lease), clock, Arc::clone(&heard) as _).await.unwrap();
        Node { presence, lease, heard }
    }

    /// Moves the clock past the node lease, keeping alive what `living` says.
    async fn outlive(&self, living: &[&Node]) {
        for _ in 0..3 {
            self.clock.advance_ms(2_000);
            for node in living {
                node.lease.renew().await.unwrap();
            }
        }
        self.engine.expire_leases();
    }
}

impl Node {
    async fn add_flat(&self, session: SessionId, ekg: &'static str, id: &'static str) {
        self.presence.add_flat(session, ekg.into(), id.into(), false, None).await.unwrap();
    }

    async fn add_named(&self, session: SessionId, ekg: &'static str, name: &'static str) -> bool {
        self.presence.add_named(session, ekg.into(), name.into(), false, None).await.unwrap()
    }

    fn names(&self, ekg: &str) -> Vec<String> {
        let members = self.presence.members(ekg.as_bytes(), Scope::Cluster);
        members.iter().map(|member| String::from_utf8(member.name.to_vec()).unwrap()).collect()
    }

    /// What was heard since the last call, as words.
    fn heard(&self) -> Vec<String> {
        self.heard.0.lock().drain(..).map(|event| told(&event)).collect()
    }

    /// The same, once there are `count`.
    async fn hears(&self, count: usize) -> Vec<String> {
        eventually(|| self.heard.0.lock().len() >= count).await;
        self.heard()
    }
}

fn told(event: &PresenceEvent) -> String {
    let text = |key: &Key| String::from_utf8_lossy(key).into_owned();
    let ekg = text(&event.ekg);
    match &event.kind {
        PresenceEventKind::Added { id, replaces: None } => format!("{ekg}: + {}", text(id)),
        PresenceEventKind::Added { id, replaces: Some(old) } => {
            format!("{ekg}: + {} for {}", text(id), text(old))
        }
        PresenceEventKind::Removed { id, given: None } => format!("{ekg}: - {}", text(id)),
        PresenceEventKind::Removed { id, given: Some(given) } => {
            format!("{ekg}: - {} as {}", text(id), text(given))
        }
        PresenceEventKind::Closed { id, cause } => format!("{ekg}: {} {}", cause.word(), text(id)),
        PresenceEventKind::Reset { members } => format!("{ekg}: reset to {}", members.len()),
    }
}

async fn eventually(mut holds: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("it never held");
}

#[tokio::test]
async fn a_connection_has_one_flat_id_in_an_ekg() {
    let world = World::new();
    let (here, there) = (world.node().await, world.node().await);
    here.add_flat(A, "room", "ann").await;
    here.add_flat(A, "room", "ann").await;
    here.add_flat(A, "room", "eve").await;
    here.add_flat(B, "room", "eve").await;
    assert_eq!(here.names("room"), ["eve", "eve"], "two connections may use one id");
    assert_eq!(here.presence.card(b"room", Scope::Cluster), 2);
    assert_eq!(here.heard(), ["room: + ann", "room: + eve for ann", "room: + eve"]);
    assert!(here.presence.remove_flat(A, "room".into(), Some("me".into()), false, None).await.unwrap());
    assert!(!here.presence.remove_flat(A, "room".into(), None, false, None).await.unwrap());
    assert!(here.presence.remove_flat(B, "room".into(), None, false, None).await.unwrap());
    assert_eq!(here.heard(), ["room: - eve as me", "room: - eve"]);
    let all = ["room: + ann", "room: + eve for ann", "room: + eve", "room: - eve as me", "room: - eve"];
    assert_eq!(there.hears(5).await, all);
}

#[tokio::test]
async fn a_name_is_in_an_ekg_once_whoever_holds_it_and_how() {
    let world = World::new();
    let (here, there) = (world.node().await, world.node().await);
    assert!(here.add_named(A, "room", "x/y").await);
    assert!(here.add_named(A, "room", "x").await, "several names of one connection");
    assert!(!here.add_named(A, "room", "x").await);
    assert!(!there.add_named(A, "room", "x").await, "nor from another node");
    assert_eq!(there.names("room"), ["x", "x/y"], "who is told that it is taken sees it taken");
    there.add_flat(B, "room", "flat").await;
    assert!(!here.add_named(B, "room", "flat").await);
    assert!(here.add_named(B, "other", "flat").await);
    there.add_flat(B, "room", "x").await;
    assert_eq!(there.names("room"), ["x", "x", "x/y"]);
    eventually(|| here.presence.card(b"room", Scope::Cluster) == 2).await;
    assert_eq!(here.presence.card(b"room", Scope::Local), 1);
    assert_eq!(there.presence.members(b"room", Scope::Local).len(), 1);
    assert!(here.presence.contains(b"room", &"x".into(), Scope::Cluster));
    assert!(!here.presence.contains(b"room", &"".into(), Scope::Cluster));
    assert!(!there.presence.contains(b"room", &"x/y".into(), Scope::Local));
    assert!(
        !there.presence.remove_named(A, "room".into(), "x".into(), false, None).await.unwrap(),
        "not its own"
    );
    assert!(here.presence.remove_named(A, "room".into(), "x".into(), false, None).await.unwrap());
    assert!(!here.presence.remove_named(A, "room".into(), "x".into(), false, None).await.unwrap());
    assert_eq!(here.names("room"), ["x", "x/y"], "the other's flat id is still there");
}

#[tokio::test]
async fn what_is_done_quietly_is_done_but_not_told() {
    let world = World::new();
    let (here, there) = (world.node().await, world.node().await);
    here.presence.add_flat(A, "room".into(), "ann".into(), true, None).await.unwrap();
    here.presence.add_flat(A, "room".into(), "eve".into(), true, None).await.unwrap();
    assert!(here.presence.add_named(A, "room".into(), "n".into(), true, None).await.unwrap());
    assert_eq!(here.names("room"), ["eve", "n"]);
    assert!(here.presence.remove_named(A, "room".into(), "n".into(), true, None).await.unwrap());
    assert!(here.heard().is_empty());
    here.presence.release(A, Cause::Timeout).await.unwrap();
    assert_eq!(here.heard(), ["room: timeout eve"], "a disconnect alerts all the same");
    assert_eq!(there.hears(1).await, ["room: timeout eve"]);
}

#[tokio::test]
async fn a_session_that_ends_leaves_nothing_and_says_why() {
    let world = World::new();
    let here = world.node().await;
    for (session, cause) in [(A, Cause::Closed), (B, Cause::Kicked)] {
        here.add_flat(session, "room", "f").await;
        here.add_flat(session, "hall", "f").await;
        here.add_named(session, "room", "n").await;
        here.heard();
        here.presence.release(session, cause).await.unwrap();
        let mut heard = here.heard();
        heard.sort();
        let word = cause.word();
        assert_eq!(heard, [format!("hall: {word} f"), format!("room: {word} f"), format!("room: {word} n")]);
    }
    here.presence.release(A, Cause::Closed).await.unwrap();
    assert!(here.heard().is_empty(), "once");
    assert!(here.names("room").is_empty() && here.names("hall").is_empty());
}

#[tokio::test]
async fn a_node_that_is_lost_loses_every_entry_and_the_others_hear_of_each() {
    let world = World::new();
    let (here, there) = (world.node().await, world.node().await);
    there.add_flat(A, "room", "flat").await;
    there.add_named(A, "room", "named").await;
    there.add_named(B, "hall", "named").await;
    here.add_flat(A, "room", "mine").await;
    eventually(|| here.heard.0.lock().len() == 4).await;
    here.heard();
    drop(there);
    world.outlive(&[&here]).await;
    let mut heard = here.hears(3).await;
    heard.sort();
    assert_eq!(heard, ["hall: node-lost named", "room: node-lost flat", "room: node-lost named"]);
    assert_eq!(here.names("room"), ["mine"]);
    let left = world.engine.range(RangeRequest::new(everything())).await.unwrap();
    assert_eq!(left.count, 1);
}

#[tokio::test]
async fn a_node_that_was_only_thought_dead_comes_back_with_what_it_had() {
    let world = World::new();
    let (here, there) = (world.node().await, world.node().await);
    there.add_flat(A, "room", "flat").await;
    there.add_named(A, "room", "kept").await;
    there.add_named(B, "room", "taken").await;
    let lost = there.lease.id();
    world.outlive(&[&here]).await;
    assert!(here.add_named(A, "room", "taken").await);
    there.lease.renew().await.unwrap();
    assert_ne!(there.lease.id(), lost);
    eventually(|| here.names("room") == ["flat", "kept", "taken"]).await;
    assert_eq!(here.presence.card(b"room", Scope::Cluster), 2);
    // What it changes meanwhile, it changes on the new lease.
    assert!(!there.add_named(B, "room", "taken").await);
    assert!(there.presence.remove_named(A, "room".into(), "kept".into(), false, None).await.unwrap());
    eventually(|| here.names("room") == ["flat", "taken"]).await;
    there.presence.release(A, Cause::Closed).await.unwrap();
    there.presence.release(B, Cause::Closed).await.unwrap();
    eventually(|| here.names("room") == ["taken"]).await;
}

#[tokio::test]
async fn an_operation_that_finds_its_lease_gone_waits_for_the_next() {
    let world = World::new();
    let (here, there) = (world.node().await, world.node().await);
    world.outlive(&[&here]).await;
    there.add_flat(A, "room", "late").await;
    eventually(|| here.names("room") == ["late"]).await;
}

#[tokio::test]
async fn the_release_of_ten_thousand_entries_is_done_in_bounded_steps() {
    let world = World::new();
    let here = world.node().await;
    for i in 0..10_000 {
        assert!(here.presence.add_named(A, "room".into(), format!("{i}").into(), false, None).await.unwrap());
    }
    let before = world.engine.status().await.unwrap().revision;
    let watch = WatchRequest::new(KeyRange::all(), before.next());
    let mut watch = world.engine.watch(watch).await.unwrap();
    here.presence.release(A, Cause::Closed).await.unwrap();
    assert!(here.names("room").is_empty());
    let mut deletions: HashMap<Revision, usize> = HashMap::new();
    while deletions.values().sum::<usize>() < 10_000 + 100 {
        for event in watch.next().await.unwrap().events {
            *deletions.entry(event.kv.mod_revision).or_default() += 1;
        }
    }
    assert_eq!(deletions.len(), 100);
    assert!(deletions.values().all(|count| *count == 101), "a hundred entries and the note");
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_nothing_half_done() {
    let world = World::new();
    let here = world.node().await;
    let mut adding = Box::pin(here.presence.add_flat(A, "room".into(), "gone".into(), false, None));
    assert!(futures_util::poll!(&mut adding).is_pending());
    drop(adding);
    here.presence.release(A, Cause::Closed).await.unwrap();
    assert!(here.names("room").is_empty());
    assert_eq!(here.heard(), ["room: + gone", "room: closed gone"]);
}

#[tokio::test]
async fn a_node_that_lost_the_feed_resets_every_ekg() {
    let store = StoreSettings { history_events_max: 100, ..StoreSettings::default() };
    let world = World::with(store);
    let here = world.node().await;
    here.add_flat(A, "quiet", "still").await;
    here.heard();
    // Nothing yields here, so the watch is not read until far more has happened than it can hold.
    let session = SessionRef { node: LeaseId(1), session: B };
    for i in 0..3_000 {
        let name = format!("{i}").into();
        let entry = Entry { ekg: "busy".into(), name, session, kind: EntryKind::Named };
        let value = EntryValue { quiet: true, joined_ms: 0 }.value();
        world.engine.put(PutRequest::new(entry.key(), value)).await.unwrap();
    }
    let mut heard = here.hears(2).await;
    heard.sort();
    assert_eq!(heard, ["busy: reset to 3000", "quiet: reset to 1"]);
    assert_eq!(here.names("busy").len(), 3_000);
    here.add_flat(A, "busy", "on").await;
    assert_eq!(here.heard(), ["busy: + on"], "it goes on from there");
}

#[tokio::test]
async fn a_snapshot_and_what_is_heard_after_it_make_the_whole() {
    let world = World::new();
    let here = world.node().await;
    here.add_flat(A, "room", "a").await;
    let mut taken = None;
    here.presence.snapshot(b"room", &mut |revision, members| taken = Some((revision, members.len())));
    let (revision, count) = taken.unwrap();
    assert_eq!(count, 1);
    here.add_flat(B, "room", "b").await;
    let heard = here.heard.0.lock();
    assert!(heard[0].erev <= revision && heard[1].erev > revision);
}

#[test]
fn foreign_keys_under_the_prefix_are_passed_over() {
    let heard = Arc::new(Recorder::default());
    let mut view = View::new(Arc::clone(&heard) as _);
    let key: Key = [b"\0hyrax/presence/entry/a/b/c/d".as_ref(), b"/e"].concat().into();
    let kv = Arc::new(hyrax_coordination::KeyValue { key, ..Default::default() });
    use crate::mirror::Materialized;
    view.reset(Revision(1), &[Arc::clone(&kv)]);
    view.apply(Revision(2), &[Event { kind: hyrax_coordination::EventKind::Put, kv, prev_kv: None }]);
    assert!(heard.0.lock().is_empty());
}

/// What a session of one of two nodes does.
#[derive(Clone, Debug)]
enum Step {
    AddFlat(u8),
    AddNamed(u8),
    RemoveFlat,
    RemoveNamed(u8),
    Release,
    LoseNode,
}

fn steps() -> impl Strategy<Value = Vec<(usize, u64, u8, Step)>> {
    let step = prop_oneof![
        6 => (0..4u8).prop_map(Step::AddFlat),
        6 => (0..4u8).prop_map(Step::AddNamed),
        2 => Just(Step::RemoveFlat),
        3 => (0..4u8).prop_map(Step::RemoveNamed),
        1 => Just(Step::Release),
        1 => Just(Step::LoseNode),
    ];
    prop::collection::vec((0..2usize, 0..3u64, 0..2u8, step), 1..60)
}

/// Replays what was heard onto empty sets.
fn replay(heard: &[PresenceEvent]) -> BTreeSet<(Key, Key, SessionRef, EntryKind)> {
    let mut entries = BTreeSet::new();
    let mut last: HashMap<Key, Revision> = HashMap::new();
    for PresenceEvent { ekg, erev, session, kind } in heard {
        let before = last.insert(ekg.clone(), *erev);
        assert!(before.is_none_or(|before| before <= *erev), "the revision of an EKG only grows");
        let (session, entry_kind) = session.expect("no resets here");
        let of = |id: &Key| (ekg.clone(), id.clone(), session, entry_kind);
        match kind {
            PresenceEventKind::Added { id, replaces } => {
                if let Some(old) = replaces {
                    assert!(entries.remove(&of(old)));
                }
                assert!(entries.insert(of(id)), "added once");
            }
            PresenceEventKind::Removed { id, .. } | PresenceEventKind::Closed { id, .. } => {
                assert!(entries.remove(&of(id)), "removed what was there");
            }
            PresenceEventKind::Reset { .. } => unreachable!("no feed was lost"),
        }
    }
    entries
}

fn entries(node: &Node) -> BTreeSet<(Key, Key, SessionRef, EntryKind)> {
    let of = |ekg: &'static str| {
        let members = node.presence.members(ekg.as_bytes(), Scope::Cluster);
        members.into_iter().map(move |member| (Key::from(ekg), member.name, member.session, member.kind))
    };
    of("e0").chain(of("e1")).collect()
}

/// What the engine holds, once nothing changes it any more.
async fn settled(world: &World) -> BTreeSet<(Key, Key, SessionRef, EntryKind)> {
    let mut revision = Revision::ZERO;
    loop {
        let stored = world.engine.range(RangeRequest::new(everything())).await.unwrap();
        if stored.revision == revision {
            let entries = stored.kvs.iter().filter_map(|kv| Entry::of_key(&kv.key));
            return entries.map(|entry| (entry.ekg, entry.name, entry.session, entry.kind)).collect();
        }
        revision = stored.revision;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn run(steps: Vec<(usize, u64, u8, Step)>) {
    let world = World::new();
    let nodes = [world.node().await, world.node().await];
    let mut generation = [0u64; 6];
    for (at, session, ekg, step) in steps {
        let node = &nodes[at];
        let presence = &node.presence;
        let index = at * 3 + session as usize;
        // A session that ended is not heard of again: the next has another name.
        let session = SessionId(session + 100 * generation[index]);
        let ekg = Key::from(if ekg == 0 { "e0" } else { "e1" });
        let name = |name: u8| Key::from(vec![b'a' + name]);
        match step {
            Step::AddFlat(id) => presence.add_flat(session, ekg, name(id), false, None).await.unwrap(),
            Step::AddNamed(id) => {
                _ = presence.add_named(session, ekg.clone(), name(id), false, None).await.unwrap();
                assert!(presence.contains(&ekg, &name(id), Scope::Cluster), "reads its own write");
            }
            Step::RemoveFlat => _ = presence.remove_flat(session, ekg, None, false, None).await.unwrap(),
            Step::RemoveNamed(id) => {
                _ = presence.remove_named(session, ekg, name(id), false, None).await.unwrap();
            }
            Step::Release => {
                presence.release(session, Cause::Closed).await.unwrap();
                generation[index] += 1;
            }
            Step::LoseNode => {
                world.outlive(&[&nodes[1 - at]]).await;
                node.lease.renew().await.unwrap();
            }
        }
    }
    let stored = settled(&world).await;
    for node in &nodes {
        eventually(|| entries(node) == stored).await;
    }
    for node in &nodes {
        assert_eq!(replay(&node.heard.0.lock()), stored);
    }
    for (ekg, _, session, kind) in &stored {
        let flats = stored.iter().filter(|(e, _, s, k)| (e, s, k) == (ekg, session, &EntryKind::Flat));
        assert!(*kind == EntryKind::Named || flats.count() == 1, "one flat id of a connection");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_view_and_what_was_heard_agree_with_the_engine(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(run(steps));
    }
}

#[tokio::test]
async fn a_change_under_a_guard_that_does_not_hold_changes_nothing() {
    let world = World::new();
    let (here, there) = (world.node().await, world.node().await);
    let engine = Arc::clone(&world.engine) as Arc<dyn Coordination>;
    let lock = crate::Lock::new(Arc::clone(&engine), b"jobs");
    let held = lock.acquire(crate::Owner::lease(here.lease.id()), Key::new()).await.unwrap();
    let fence = crate::Fence { lock: "jobs".into(), token: held.token() };
    let guard = Some(fence.check(&engine).await.unwrap());
    let presence = &here.presence;
    presence.add_flat(A, "room".into(), "ann".into(), false, guard.clone()).await.unwrap();
    assert!(presence.add_named(A, "room".into(), "x".into(), false, guard.clone()).await.unwrap());
    held.release().await.unwrap();
    let fenced = Err(PresenceError::Fenced);
    assert_eq!(presence.add_flat(A, "room".into(), "eve".into(), false, guard.clone()).await, fenced);
    assert_eq!(presence.add_flat(B, "room".into(), "bob".into(), false, guard.clone()).await, fenced);
    let fenced = Err(PresenceError::Fenced);
    assert_eq!(presence.add_named(B, "room".into(), "y".into(), false, guard.clone()).await, fenced);
    assert_eq!(presence.remove_flat(A, "room".into(), None, false, guard.clone()).await, fenced);
    assert_eq!(presence.remove_named(A, "room".into(), "x".into(), false, guard).await, fenced);
    assert_eq!((presence.held(A), presence.held(B)), (2, 0));
    eventually(|| there.names("room") == ["ann", "x"]).await;
    presence.release(A, Cause::Closed).await.unwrap();
    assert!(here.names("room").is_empty());
}
