//! Candidates over one engine, in memory.

use std::time::Duration;

use hyrax_coordination::{
    CompactRequest, DeleteRangeRequest, Embedded, EmbeddedSettings, KeyRange, LeaseGrantRequest, Op,
    PutRequest, RangeRequest, TxnRequest,
};
use hyrax_types::{ManualClock, SessionId};
use proptest::prelude::*;
use tokio::task::JoinHandle;

use super::*;

struct World {
    engine: Arc<Embedded>,
}

impl World {
    fn new() -> World {
        let clock = Arc::new(ManualClock::at_ms(1_000_000));
        World { engine: Arc::new(Embedded::start(clock, EmbeddedSettings::default())) }
    }

    fn election(&self) -> Election {
        Election::new(Arc::clone(&self.engine) as _, b"boss")
    }

    async fn owner(&self) -> Owner {
        let request = LeaseGrantRequest { ttl: Duration::from_secs(5), ..LeaseGrantRequest::default() };
        Owner::lease(self.engine.lease_grant(request).await.unwrap().id)
    }

    async fn stands(&self, owner: Owner, value: &'static str) -> JoinHandle<Leadership> {
        let election = self.election();
        let standing = tokio::spawn(async move { election.campaign(owner, value.into()).await.unwrap() });
        settle().await;
        standing
    }

    async fn leader(&self) -> Option<String> {
        let (leader, _) = self.election().leader().await.unwrap();
        leader.map(|kv| text(&kv.value))
    }
}

async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn seen(observation: &mut Observation) -> Option<String> {
    let next = tokio::time::timeout(Duration::from_secs(10), observation.next());
    next.await.expect("something happens").unwrap().leader.map(|kv| text(&kv.value))
}

#[tokio::test]
async fn candidates_lead_one_after_another_and_proclaim() {
    let world = World::new();
    assert_eq!(world.leader().await, None);
    let ann = world.election().campaign(world.owner().await, "ann".into()).await.unwrap();
    let bob = world.stands(world.owner().await, "bob").await;
    assert_eq!(world.leader().await.as_deref(), Some("ann"));
    ann.proclaim("ann!".into()).await.unwrap();
    assert_eq!(world.leader().await.as_deref(), Some("ann!"));
    assert!(!bob.is_finished());
    assert!(ann.resign().await.unwrap());
    let bob = bob.await.unwrap();
    assert_eq!(world.leader().await.as_deref(), Some("bob"));
    let (key, token) = bob.keep();
    let election = world.election();
    election.resign((key.clone(), token)).await.unwrap();
    election.resign((key.clone(), token)).await.unwrap();
    let late = election.proclaim((key, token), LeaseId::NONE, "late".into()).await;
    assert_eq!(late, Err(QueueError::Lost));
    assert_eq!(world.leader().await, None);
}

#[tokio::test]
async fn who_stands_already_proclaims_the_new_value() {
    let world = World::new();
    let owner = world.owner().await;
    let first = world.election().campaign(owner, "one".into()).await.unwrap();
    let again = world.election().campaign(owner, "two".into()).await.unwrap();
    assert_eq!(first.token(), again.token());
    assert_eq!(world.leader().await.as_deref(), Some("two"));
}

#[tokio::test]
async fn a_leader_whose_lease_ends_is_told() {
    let world = World::new();
    let owner = world.owner().await;
    let leads = world.election().campaign(owner, "ann".into()).await.unwrap();
    let lost = tokio::spawn(leads.lost());
    settle().await;
    assert!(!lost.is_finished());
    world.engine.lease_revoke(owner.lease).await.unwrap();
    lost.await.unwrap();
    assert_eq!(leads.proclaim("late".into()).await, Err(QueueError::Lost));
}

#[tokio::test]
async fn an_observer_hears_of_leaders_proclamations_and_vacancies() {
    let world = World::new();
    let mut observation = world.election().observe();
    assert_eq!(seen(&mut observation).await, None, "at first, how it stands");
    let ann = world.election().campaign(world.owner().await, "ann".into()).await.unwrap();
    let bob = world.stands(world.owner().await, "bob").await;
    assert_eq!(seen(&mut observation).await.as_deref(), Some("ann"));
    ann.proclaim("ann!".into()).await.unwrap();
    ann.resign().await.unwrap();
    bob.await.unwrap().resign().await.unwrap();
    // All of it is over by now, and is told in order.
    assert_eq!(seen(&mut observation).await.as_deref(), Some("ann!"));
    assert_eq!(seen(&mut observation).await.as_deref(), Some("bob"));
    assert_eq!(seen(&mut observation).await, None);
    let silence = tokio::time::timeout(Duration::from_millis(50), observation.next()).await;
    assert!(silence.is_err());
}

#[tokio::test]
async fn an_observer_goes_on_where_the_past_is_forgotten() {
    let world = World::new();
    let mut observation = world.election().observe();
    let ann = world.election().campaign(world.owner().await, "ann".into()).await.unwrap();
    assert_eq!(seen(&mut observation).await.as_deref(), Some("ann"));
    ann.resign().await.unwrap();
    let bob = world.election().campaign(world.owner().await, "bob".into()).await.unwrap();
    world.engine.put(PutRequest::new("other", "")).await.unwrap();
    let revision = bob.proclaim("bob!".into()).await.unwrap();
    world.engine.compact(CompactRequest::new(revision)).await.unwrap();
    assert_eq!(seen(&mut observation).await.as_deref(), Some("bob!"));
}

#[derive(Clone, Debug)]
enum Step {
    Stand(u64),
    Proclaim(u64, u8),
    Leave(u64),
    /// The leader is deleted and stands anew in one revision.
    Replace(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 1..5u64;
    let step = prop_oneof![
        who.clone().prop_map(Step::Stand),
        (who.clone(), any::<u8>()).prop_map(|(who, what)| Step::Proclaim(who, what)),
        who.clone().prop_map(Step::Leave),
        who.prop_map(Step::Replace),
    ];
    prop::collection::vec(step, 1..40)
}

async fn check_observation(steps: Vec<(Step, bool)>) {
    let world = World::new();
    let lease = world.owner().await.lease;
    let key = |who: u64| {
        let owner = Owner::session(lease, SessionId(who));
        Key::from(format!("boss/{}", owner_suffix(owner)))
    };
    let mut observation = world.election().observe();
    let mut expected = vec![None];
    let mut told = vec![observation.next().await.unwrap().leader];
    for (step, reads) in steps {
        match step {
            Step::Stand(who) => {
                let compare = vec![hyrax_coordination::Compare::absent(key(who))];
                let put = Op::Put(PutRequest::new(key(who), "stands").on_lease(lease));
                let request = TxnRequest { compare, success: vec![put], failure: Vec::new() };
                world.engine.txn(request).await.unwrap();
            }
            Step::Proclaim(who, what) => {
                let put = Op::Put(PutRequest::new(key(who), vec![what]).on_lease(lease));
                let compare = vec![hyrax_coordination::Compare::present(key(who))];
                let request = TxnRequest { compare, success: vec![put], failure: Vec::new() };
                world.engine.txn(request).await.unwrap();
            }
            Step::Leave(who) => {
                let range = KeyRange::single(key(who));
                world.engine.delete_range(DeleteRangeRequest::new(range)).await.unwrap();
            }
            Step::Replace(who) => {
                let delete = Op::DeleteRange(DeleteRangeRequest::new(KeyRange::prefix("boss/")));
                let put = Op::Put(PutRequest::new(key(who), "replaces").on_lease(lease));
                let inside = TxnRequest { success: vec![put], ..TxnRequest::default() };
                let request = TxnRequest { success: vec![delete, Op::Txn(inside)], ..TxnRequest::default() };
                // An engine may take this for writing a key twice: then nothing happens.
                _ = world.engine.txn(request).await;
            }
        }
        let leader = world.election().leader().await.unwrap().0;
        if expected.last() != Some(&leader) {
            expected.push(leader);
        }
        if reads {
            while let Ok(next) = tokio::time::timeout(Duration::from_millis(1), observation.next()).await {
                told.push(next.unwrap().leader);
            }
        }
    }
    while told.len() < expected.len() {
        let next = tokio::time::timeout(Duration::from_secs(10), observation.next()).await;
        told.push(next.expect("nothing is left out").unwrap().leader);
    }
    assert_eq!(told, expected);
    let response = world.engine.range(RangeRequest::new(KeyRange::prefix("boss/"))).await.unwrap();
    assert_eq!(response.kvs.is_empty(), expected.last() == Some(&None));
}

fn owner_suffix(owner: Owner) -> String {
    format!("{:x}-{:x}", owner.lease.0, owner.session.unwrap().0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// However late it reads, an observer is told every leader there was, in order, once.
    #[test]
    fn an_observer_misses_nothing(steps in prop::collection::vec(any::<bool>(), 40), what in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(check_observation(what.into_iter().zip(steps).collect()));
    }
}
