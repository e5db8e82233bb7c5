//! Owners over one engine, in memory, with a clock that the tests move.

use std::collections::BTreeMap;

use hyrax_coordination::{
    Embedded, EmbeddedSettings, KeyRange, LeaseGrantRequest, LeaseId, Op, PutRequest, RangeRequest,
    TxnRequest,
};
use hyrax_types::{ManualClock, SessionId};
use parking_lot::Mutex;
use proptest::prelude::*;
use tokio::task::JoinHandle;

use super::*;
use crate::node_lease::NodeLease;

const TTL: Duration = Duration::from_secs(5);

struct World {
    clock: Arc<ManualClock>,
    engine: Arc<Embedded>,
}

impl World {
    fn new() -> World {
        let clock = Arc::new(ManualClock::at_ms(1_000_000));
        let engine = Arc::new(Embedded::start(Arc::clone(&clock) as _, EmbeddedSettings::default()));
        World { clock, engine }
    }

    fn engine(&self) -> Arc<dyn Coordination> {
        Arc::clone(&self.engine) as _
    }

    fn lock(&self) -> Lock {
        Lock::new(self.engine(), b"jobs")
    }

    async fn owner(&self) -> Owner {
        let request = LeaseGrantRequest { ttl: TTL, ..LeaseGrantRequest::default() };
        Owner::lease(self.engine.lease_grant(request).await.unwrap().id)
    }

    /// Starts to wait for the lock, and is in the queue when this returns.
    async fn waits(&self, owner: Owner) -> JoinHandle<Result<Held, QueueError>> {
        let lock = self.lock();
        let waiting = tokio::spawn(async move { lock.acquire(owner, Value::new()).await });
        settle().await;
        waiting
    }

    async fn keys(&self) -> Vec<Key> {
        let response = self.engine.range(RangeRequest::new(KeyRange::prefix("jobs/"))).await.unwrap();
        response.kvs.iter().map(|kv| kv.key.clone()).collect()
    }

    /// Writes if the lock is held with this token.
    async fn write_guarded(&self, token: Revision) -> Result<bool, FenceError> {
        let compare = Fence { lock: "jobs".into(), token }.check(&self.engine()).await?;
        let put = Op::Put(PutRequest::new("guarded", token.to_string()));
        let request = TxnRequest { compare: vec![compare], success: vec![put], failure: Vec::new() };
        Ok(self.engine.txn(request).await.unwrap().succeeded)
    }
}

/// Lets every task do what it can do now.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_key_is_the_one_that_etcds_clients_take() {
    let world = World::new();
    let request = LeaseGrantRequest { id: LeaseId(0x1f), ttl: TTL, ..LeaseGrantRequest::default() };
    world.engine.lease_grant(request).await.unwrap();
    let held = world.lock().acquire(Owner::lease(LeaseId(0x1f)), Value::new()).await.unwrap();
    assert_eq!(held.key(), "jobs/1f");
    let response = world.engine.range(RangeRequest::new(KeyRange::single("jobs/1f"))).await.unwrap();
    assert_eq!((response.kvs[0].create_revision, response.kvs[0].lease), (held.token(), LeaseId(0x1f)));
}

#[tokio::test]
async fn waiters_are_served_in_the_order_in_which_they_came() {
    let world = World::new();
    let mut held = world.lock().acquire(world.owner().await, Value::new()).await.unwrap();
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(world.waits(world.owner().await).await);
    }
    assert_eq!(world.lock().holder().await.unwrap().unwrap().waiting, 5);
    for next in waiting {
        assert!(!next.is_finished());
        assert!(held.release().await.unwrap());
        let following = next.await.unwrap().unwrap();
        assert!(following.is_held().await.unwrap());
        held = following;
    }
    assert!(held.release().await.unwrap());
    assert_eq!(world.lock().holder().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_leaves_the_queue() {
    let world = World::new();
    let held = world.lock().acquire(world.owner().await, Value::new()).await.unwrap();
    let gives_up = world.waits(world.owner().await).await;
    let last = world.waits(world.owner().await).await;
    let patience = Duration::from_secs(1);
    let timed_out = world.lock().acquire_within(world.owner().await, Value::new(), patience).await;
    assert!(timed_out.unwrap().is_none());
    gives_up.abort();
    settle().await;
    assert_eq!(world.keys().await.len(), 2, "the holder and the last");
    drop(held);
    assert!(last.await.unwrap().unwrap().is_held().await.unwrap());
}

#[tokio::test]
async fn trying_takes_what_is_free_and_leaves_no_trace_else() {
    let world = World::new();
    let (ann, bob) = (world.owner().await, world.owner().await);
    let held = world.lock().try_acquire(ann, "ann".into()).await.unwrap().unwrap();
    assert!(world.lock().try_acquire(bob, Value::new()).await.unwrap().is_none());
    assert_eq!(world.keys().await.len(), 1);
    let holder = world.lock().holder().await.unwrap().unwrap();
    assert_eq!((holder.token(), holder.kv.value.as_ref()), (held.token(), &b"ann"[..]));
}

#[tokio::test]
async fn an_owner_has_its_lock_again_and_only_the_first_gives_it_up_unasked() {
    let world = World::new();
    let owner = world.owner().await;
    let first = world.lock().acquire(owner, Value::new()).await.unwrap();
    let again = world.lock().acquire(owner, Value::new()).await.unwrap();
    let tried = world.lock().try_acquire(owner, Value::new()).await.unwrap().unwrap();
    assert_eq!((again.token(), tried.token()), (first.token(), first.token()));
    drop((again, tried));
    settle().await;
    assert!(first.is_held().await.unwrap());
    drop(first);
    settle().await;
    assert_eq!(world.keys().await.len(), 0);
}

#[tokio::test]
async fn a_lease_that_ends_hands_the_lock_on_and_the_holder_is_told() {
    let world = World::new();
    let held = world.lock().acquire(world.owner().await, Value::new()).await.unwrap();
    let (token, lost) = (held.token(), tokio::spawn(held.lost()));
    world.clock.advance_ms(4_000);
    let next = world.waits(world.owner().await).await;
    assert!(!next.is_finished() && !lost.is_finished());
    world.clock.advance_ms(1_001);
    world.engine.expire_leases();
    let next = next.await.unwrap().unwrap();
    lost.await.unwrap();
    assert!(next.token() > token && !held.is_held().await.unwrap());
    assert_eq!(world.write_guarded(token).await, Err(FenceError::Fenced));
    assert_eq!(world.write_guarded(next.token()).await, Ok(true));
    assert!(!held.release().await.unwrap(), "it is another's now");
    assert!(next.is_held().await.unwrap());
}

#[tokio::test]
async fn a_waiter_whose_lease_ends_is_told_at_once() {
    let world = World::new();
    let _held = world.lock().acquire(world.owner().await, Value::new()).await.unwrap().keep();
    let owner = world.owner().await;
    let waiting = world.waits(owner).await;
    world.engine.lease_revoke(owner.lease).await.unwrap();
    assert!(matches!(waiting.await.unwrap(), Err(QueueError::Lost)));
    let unknown = world.lock().acquire(owner, Value::new()).await;
    assert!(matches!(unknown, Err(QueueError::LeaseNotFound)));
}

#[tokio::test]
async fn a_token_that_waits_guards_nothing() {
    let world = World::new();
    let held = world.lock().acquire(world.owner().await, Value::new()).await.unwrap();
    let second = world.waits(world.owner().await).await;
    let last = world.keys().await.pop().unwrap();
    let waiting = world.engine.range(RangeRequest::new(KeyRange::single(last))).await.unwrap();
    assert_eq!(world.write_guarded(waiting.kvs[0].create_revision).await, Err(FenceError::Fenced));
    assert_eq!(world.write_guarded(held.token()).await, Ok(true));
    second.abort();
}

#[tokio::test]
async fn a_condition_that_was_read_does_not_hold_once_the_lock_is_lost() {
    let world = World::new();
    let held = world.lock().acquire(world.owner().await, Value::new()).await.unwrap();
    let fence = Fence { lock: "jobs".into(), token: held.token() };
    let compare = fence.check(&world.engine()).await.unwrap();
    held.release().await.unwrap();
    let put = Op::Put(PutRequest::new("guarded", "late"));
    let request = TxnRequest { compare: vec![compare], success: vec![put], failure: Vec::new() };
    assert!(!world.engine.txn(request).await.unwrap().succeeded);
}

#[derive(Default)]
struct Recorder(Mutex<Vec<(SessionId, Key, Revision)>>);

impl LockListener for Recorder {
    fn lost(&self, session: SessionId, name: &Key, token: Revision) {
        self.0.lock().push((session, name.clone(), token));
    }
}

async fn node(world: &World) -> (Arc<Locks>, Arc<NodeLease>, Arc<Recorder>) {
    let lease = Arc::new(NodeLease::start(world.engine(), TTL).await.unwrap());
    let heard = Arc::new(Recorder::default());
    let locks = Locks::new(world.engine(), Arc::clone(&lease), Arc::clone(&heard) as _);
    (Arc::new(locks), lease, heard)
}

async fn lock(
    locks: &Locks,
    session: SessionId,
    name: &Key,
    member: &'static str,
    patience: Option<Duration>,
) -> Result<Revision, LocksError> {
    locks.claim(session, name.clone(), member.into())?.lock(patience).await
}

const ANN: SessionId = SessionId(1);
const BOB: SessionId = SessionId(0x2a);

#[tokio::test(start_paused = true)]
async fn sessions_of_one_node_exclude_each_other_and_themselves() {
    let world = World::new();
    let (locks, lease, _) = node(&world).await;
    let name = Key::from("jobs");
    let token = locks.try_lock(ANN, name.clone(), "a".into()).await.unwrap().unwrap();
    assert_eq!(world.keys().await, [Key::from(format!("jobs/{:x}-1", lease.id().0))]);
    assert_eq!(locks.try_lock(BOB, name.clone(), "b".into()).await, Ok(None));
    assert_eq!(locks.try_lock(ANN, name.clone(), "a".into()).await, Ok(None), "it is not reentrant");
    assert_eq!(locks.relock(ANN, name.clone(), "a".into()).await, Ok(Some(token)), "this is");
    assert_eq!(locks.relock(ANN, name.clone(), "other".into()).await, Ok(None));
    assert_eq!(lock(&locks, ANN, &name, "a", None).await, Err(LocksError::Present));
    let patience = Some(Duration::from_secs(1));
    assert_eq!(lock(&locks, BOB, &name, "b", patience).await, Err(LocksError::TimedOut));
    settle().await;
    assert_eq!(world.keys().await.len(), 1, "who timed out has left");
    assert_eq!(locks.unlock(BOB, &name, None).await, Ok(false));
    assert_eq!(locks.unlock(ANN, &name, Some(b"other")).await, Ok(false));
    assert_eq!(locks.unlock(ANN, &name, Some(b"a")).await, Ok(true));
    assert_eq!(locks.unlock(ANN, &name, None).await, Ok(false));
    let next = locks.relock(BOB, name.clone(), "b".into()).await.unwrap().unwrap();
    assert!(next > token);
}

#[tokio::test]
async fn a_session_that_ends_gives_up_what_it_held_and_waited_for() {
    let world = World::new();
    let (locks, ..) = node(&world).await;
    for number in 0..250 {
        locks.try_lock(ANN, format!("jobs/{number}").into(), "a".into()).await.unwrap().unwrap();
    }
    let (waits, name) = (Arc::clone(&locks), Key::from("jobs/7"));
    let waiting = tokio::spawn(async move { lock(&waits, BOB, &name, "b", None).await });
    settle().await;
    assert_eq!(world.keys().await.len(), 251);
    locks.release(ANN).await;
    waiting.await.unwrap().unwrap();
    assert_eq!(world.keys().await.len(), 1);
    assert!(!locks.has_any(ANN) && locks.has_any(BOB));
    locks.release(BOB).await;
    assert_eq!(world.keys().await.len(), 0);
}

#[tokio::test]
async fn a_node_that_loses_its_lease_tells_its_holders_and_takes_waiters_to_the_new_one() {
    let world = World::new();
    let (locks, lease, heard) = node(&world).await;
    let name = Key::from("jobs");
    let token = lock(&locks, ANN, &name, "a", None).await.unwrap();
    let waits = Arc::clone(&locks);
    let waiting = tokio::spawn(async move { lock(&waits, BOB, &"jobs".into(), "b", None).await });
    settle().await;
    world.clock.advance_ms(5_001);
    world.engine.expire_leases();
    lease.renew().await.unwrap();
    let next = waiting.await.unwrap().unwrap();
    assert!(next > token);
    settle().await;
    assert_eq!(*heard.0.lock(), [(ANN, name.clone(), token)]);
    assert_eq!(locks.unlock(ANN, &name, None).await, Ok(false));
    assert!(lease.id() != LeaseId::NONE && locks.has_any(BOB));
}

#[derive(Clone, Debug)]
enum Step {
    /// Begins to wait, unless it waits or holds already.
    Acquire(usize),
    Try(usize),
    Release(usize),
    GiveUp(usize),
    /// Renews no more, and does not notice.
    Pause(usize),
    Resume(usize),
    /// Writes under the token it believes in.
    Write(usize),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let member = 0..4usize;
    let step = prop_oneof![
        4 => member.clone().prop_map(Step::Acquire),
        2 => member.clone().prop_map(Step::Try),
        3 => member.clone().prop_map(Step::Release),
        1 => member.clone().prop_map(Step::GiveUp),
        1 => member.clone().prop_map(Step::Pause),
        1 => member.clone().prop_map(Step::Resume),
        3 => member.prop_map(Step::Write),
        3 => (1..3_000u64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..60)
}

struct MemberState {
    owner: Owner,
    paused: bool,
    waiting: Option<JoinHandle<Result<Held, QueueError>>>,
    held: Option<Held>,
}

struct Crowd {
    world: World,
    members: Vec<MemberState>,
    /// The greatest token given out, and written under.
    granted: Revision,
    written: Revision,
}

impl Crowd {
    async fn run(steps: Vec<Step>) {
        let world = World::new();
        let mut members = Vec::new();
        for _ in 0..4 {
            let owner = world.owner().await;
            members.push(MemberState { owner, paused: false, waiting: None, held: None });
        }
        let mut crowd = Crowd { world, members, granted: Revision::ZERO, written: Revision::ZERO };
        for step in steps {
            crowd.step(&step).await;
            settle().await;
            crowd.look(&step).await;
        }
        crowd.members.clear();
        settle().await;
        crowd.world.clock.advance_ms(5_001);
        crowd.world.engine.expire_leases();
        let last = crowd.world.lock().try_acquire(crowd.world.owner().await, Value::new()).await;
        assert!(last.unwrap().is_some(), "the lock is free in the end");
    }

    async fn step(&mut self, step: &Step) {
        match *step {
            Step::Acquire(number) => {
                let member = &mut self.members[number];
                if member.held.is_none() && member.waiting.is_none() {
                    let (lock, owner) = (self.world.lock(), member.owner);
                    member.waiting =
                        Some(tokio::spawn(async move { lock.acquire(owner, Value::new()).await }));
                }
            }
            Step::Try(number) => {
                let member = &mut self.members[number];
                if member.held.is_none() && member.waiting.is_none() {
                    let tried = self.world.lock().try_acquire(member.owner, Value::new()).await;
                    member.held = tried.unwrap_or_default();
                    if let Some(held) = &self.members[number].held {
                        assert!(held.token() > self.granted, "a later holder has a greater token");
                        self.granted = held.token();
                    }
                }
            }
            Step::Release(number) => {
                if let Some(held) = self.members[number].held.take() {
                    let was_held = held.is_held().await.unwrap();
                    assert_eq!(held.release().await.unwrap(), was_held);
                }
            }
            Step::GiveUp(number) => {
                if let Some(waiting) = self.members[number].waiting.take() {
                    waiting.abort();
                }
            }
            Step::Pause(number) => self.members[number].paused = true,
            Step::Resume(number) => self.resume(number).await,
            Step::Write(number) => {
                if let Some(held) = &self.members[number].held {
                    let token = held.token();
                    if self.world.write_guarded(token).await == Ok(true) {
                        assert!(token >= self.written, "a guarded write came under a token overtaken");
                        self.written = token;
                    }
                }
            }
            Step::Wait(ms) => {
                self.world.clock.advance_ms(ms);
                for member in self.members.iter().filter(|member| !member.paused) {
                    _ = self.world.engine.lease_keep_alive(member.owner.lease).await;
                }
                self.world.engine.expire_leases();
            }
        }
    }

    /// Who comes back with a lease that has ended begins with a new one.
    async fn resume(&mut self, number: usize) {
        let renewed = self.world.engine.lease_keep_alive(self.members[number].owner.lease).await;
        if renewed.is_err() {
            let owner = self.world.owner().await;
            self.members[number].owner = owner;
            self.members[number].held = None;
        }
        self.members[number].paused = false;
    }

    /// Takes in what was granted, and looks at who holds the lock.
    async fn look(&mut self, step: &Step) {
        let mut granted = BTreeMap::new();
        for (number, member) in self.members.iter_mut().enumerate() {
            if member.waiting.as_ref().is_some_and(JoinHandle::is_finished)
                && let Some(waiting) = member.waiting.take()
                && let Ok(held) = waiting.await.unwrap()
            {
                granted.insert(held.token(), number);
                member.held = Some(held);
            }
        }
        assert!(granted.len() <= 1, "two were granted at once: {granted:?}");
        if let Some(token) = granted.keys().next() {
            assert!(*token > self.granted, "a later holder has a greater token");
            self.granted = *token;
        }
        let mut holders = 0;
        for held in self.members.iter().filter_map(|member| member.held.as_ref()) {
            holders += usize::from(held.is_held().await.unwrap());
        }
        assert!(holders <= 1, "{holders} hold the lock after {step:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whoever pauses, loses its lease and comes back: never two hold the lock, tokens only grow, and what
    /// is written under a token is never overwritten under one that was given out before.
    #[test]
    fn there_are_never_two_holders(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(Crowd::run(steps));
    }
}
