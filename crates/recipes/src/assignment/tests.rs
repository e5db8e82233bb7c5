//! Members that pause, are cut off, crash and come back, under a clock that the tests move.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::FutureExt;
use proptest::prelude::*;

use super::*;
use crate::group::lease_ttl;
use crate::lock::Fence;
use crate::simulation::{Node, Traffic, World, settle};

const HEARTBEAT: Duration = Duration::from_secs(4);

/// A process with one member, and what it believes to have.
struct Process {
    node: Node,
    seat: Option<Seat>,
    part: Assignments,
    owned: BTreeMap<String, Revision>,
    /// What it is winding down.
    stopping: Vec<Revocation>,
    paused: bool,
    over: bool,
}

impl Process {
    async fn start(world: &World, name: &str, ids: &[&str]) -> Process {
        let node = world.node(lease_ttl(HEARTBEAT).unwrap()).await;
        let group =
            Group::new(Arc::clone(&node.link) as _, Arc::clone(&world.clock) as _, "workers").unwrap();
        let seat = group.join(&node.lease, None, name, Vec::new()).await.unwrap();
        let part = Assignments::join(&seat, "shards", ids.iter().copied()).await.unwrap();
        let (owned, stopping) = Default::default();
        Process { node, seat: Some(seat), part, owned, stopping, paused: false, over: false }
    }

    /// Hears what it is told.
    fn hear(&mut self) {
        while !self.paused
            && !self.over
            && let Some(event) = self.part.next().now_or_never()
        {
            match event {
                Some(AssignmentEvent::Assigned { id, token }) => {
                    assert!(self.owned.insert(id, token).is_none(), "it had the id already");
                }
                Some(AssignmentEvent::Revoked(revocation)) => {
                    assert!(self.owned.contains_key(revocation.id()), "it never had the id");
                    self.stopping.push(revocation);
                }
                Some(AssignmentEvent::Lost { id }) => {
                    assert!(self.owned.remove(&id).is_some(), "it never had the id");
                    self.stopping.retain(|revocation| revocation.id() != id);
                }
                None => {
                    assert!(self.owned.is_empty(), "it was not told what became of {:?}", self.owned);
                    self.over = true;
                }
            }
        }
    }

    /// Stops what it was told to stop.
    fn stop(&mut self) {
        for revocation in self.stopping.drain(..) {
            self.owned.remove(revocation.id());
        }
    }

    /// Is gone from one moment to the next.
    fn crash(self) {
        self.node.link.set(Traffic::Stands);
    }
}

/// At no instant two that run believe to have one id, and who has it later has a greater token.
fn check(processes: &mut [Option<Process>], tokens: &mut BTreeMap<String, Revision>) {
    let mut owners: BTreeMap<String, usize> = BTreeMap::new();
    for (number, process) in processes.iter_mut().enumerate() {
        let Some(process) = process else { continue };
        process.hear();
        if process.paused {
            continue;
        }
        for (id, token) in &process.owned {
            if let Some(other) = owners.insert(id.clone(), number) {
                panic!("{other} and {number} both have {id}");
            }
            let greatest = tokens.entry(id.clone()).or_default();
            assert!(token >= greatest, "{number} has {id} under a token that was overtaken");
            *greatest = *token;
        }
    }
}

/// Lets everybody do what it is told until nothing happens any more.
async fn come_to_rest(
    world: &World,
    processes: &mut [Option<Process>],
    tokens: &mut BTreeMap<String, Revision>,
) {
    for _ in 0..20 {
        world.pass(200, async || check(processes, tokens)).await;
        processes.iter_mut().flatten().for_each(Process::stop);
    }
}

fn shares(processes: &[Option<Process>]) -> Vec<usize> {
    processes.iter().flatten().map(|process| process.owned.len()).collect()
}

const IDS: [&str; 7] = ["a", "b", "c", "d", "e", "f", "g/h"];

#[test]
fn every_id_has_one_owner_and_moves_only_when_somebody_comes_or_goes() {
    World::run(async {
        let world = World::new();
        let mut tokens = BTreeMap::new();
        let mut processes = vec![Some(Process::start(&world, "ann", &IDS).await)];
        come_to_rest(&world, &mut processes, &mut tokens).await;
        assert_eq!(shares(&processes), [7]);
        processes.push(Some(Process::start(&world, "bob", &IDS).await));
        come_to_rest(&world, &mut processes, &mut tokens).await;
        assert_eq!(shares(&processes), [4, 3]);
        let before = processes[0].as_ref().unwrap().owned.clone();
        processes.push(Some(Process::start(&world, "cid", &IDS).await));
        come_to_rest(&world, &mut processes, &mut tokens).await;
        assert_eq!(shares(&processes), [3, 2, 2]);
        let kept = &processes[0].as_ref().unwrap().owned;
        assert!(kept.iter().all(|(id, token)| before.get(id) == Some(token)), "what stays is not taken anew");
        // One leaves, one dies.
        processes.remove(1).unwrap().part.leave().await;
        come_to_rest(&world, &mut processes, &mut tokens).await;
        assert_eq!(shares(&processes), [4, 3]);
        processes.remove(0).unwrap().crash();
        world.pass(7_000, async || check(&mut processes, &mut tokens)).await;
        assert_eq!(shares(&processes), [7]);
        let group = Group::new(world.engine(), Arc::clone(&world.clock) as _, "workers").unwrap();
        let owners = assigned(&group, "shards").await.unwrap();
        assert!(owners.values().all(|owner| owner.as_deref() == Some("cid")), "{owners:?}");
        processes.remove(0).unwrap().part.leave().await;
        assert!(assigned(&group, "shards").await.unwrap().is_empty(), "the last one forgets the ids");
    });
}

#[test]
fn an_id_is_not_anothers_before_its_owner_has_stopped() {
    World::run(async {
        let world = World::new();
        let mut ann = Process::start(&world, "ann", &["a", "b"]).await;
        settle().await;
        ann.hear();
        assert_eq!(ann.owned.len(), 2);
        let mut bob = Process::start(&world, "bob", &["a", "b"]).await;
        world.pass(20_000, async || {}).await;
        ann.hear();
        bob.hear();
        assert_eq!((ann.stopping.len(), ann.owned.len(), bob.owned.len()), (1, 2, 0));
        ann.stop();
        settle().await;
        bob.hear();
        assert_eq!((ann.owned.len(), bob.owned.len()), (1, 1));
    });
}

#[test]
fn the_ids_are_those_that_were_named_last() {
    World::run(async {
        let world = World::new();
        let mut tokens = BTreeMap::new();
        let mut processes = vec![Some(Process::start(&world, "ann", &["a", "b"]).await)];
        come_to_rest(&world, &mut processes, &mut tokens).await;
        processes.push(Some(Process::start(&world, "bob", &["b", "c", "d"]).await));
        come_to_rest(&world, &mut processes, &mut tokens).await;
        let mut owned: Vec<&String> = processes.iter().flatten().flat_map(|one| one.owned.keys()).collect();
        owned.sort_unstable();
        assert_eq!(owned, ["b", "c", "d"]);
    });
}

#[test]
fn who_loses_its_seat_to_another_of_its_name_hands_over() {
    World::run(async {
        let world = World::new();
        let mut old = Process::start(&world, "host", &["a"]).await;
        settle().await;
        old.hear();
        let mut new = Process::start(&world, "host", &["a"]).await;
        settle().await;
        old.hear();
        new.hear();
        assert_eq!((old.stopping.len(), new.owned.len()), (1, 0));
        old.stop();
        settle().await;
        old.hear();
        new.hear();
        assert_eq!((old.over, new.owned.len()), (true, 1));
    });
}

#[test]
fn an_ids_token_guards_writes() {
    World::run(async {
        let world = World::new();
        let mut ann = Process::start(&world, "ann", &["a"]).await;
        settle().await;
        ann.hear();
        let token = ann.owned["a"];
        let holds = async |world: &World, token| {
            let fence = Fence { lock: "/workers/assignments/shards/owners/a".into(), token };
            fence.check(&world.engine()).await.is_ok()
        };
        assert!(holds(&world, token).await);
        assert!(!holds(&world, Revision(token.0 - 1)).await);
        drop(ann.seat.take());
        settle().await;
        ann.hear();
        ann.stop();
        settle().await;
        assert!(!holds(&world, token).await);
    });
}

#[test]
fn absurd_ids_are_refused_and_a_member_takes_part_once() {
    World::run(async {
        let world = World::new();
        let ann = Process::start(&world, "ann", &["a"]).await;
        let seat = ann.seat.as_ref().unwrap();
        let twice = Assignments::join(seat, "shards", ["a"]).await;
        assert_eq!(twice.err(), Some(AssignmentError::Present));
        let empty = Assignments::join(seat, "other", [""]).await;
        assert!(matches!(empty.err(), Some(AssignmentError::Name(_))));
        let many = (0..=ASSIGNED_IDS_MAX).map(|id| id.to_string());
        assert_eq!(Assignments::join(seat, "other", many).await.err(), Some(AssignmentError::TooManyIds));
        ann.part.leave().await;
        Assignments::join(seat, "shards", ["a"]).await.unwrap();
    });
}

#[derive(Clone, Debug)]
enum Step {
    Start(usize),
    Leave(usize),
    Crash(usize),
    /// The process stands still, and whatever it believes does no harm meanwhile.
    Pause(usize),
    /// It runs, and its link is so.
    Link(usize, Traffic),
    Resume(usize),
    Stop(usize),
    Pass(u64),
}

fn random_steps() -> impl Strategy<Value = Vec<Step>> {
    let one = 0..4usize;
    let traffic = prop_oneof![Just(Traffic::Flows), Just(Traffic::Stands), Just(Traffic::Deaf)];
    let step = prop_oneof![
        4 => one.clone().prop_map(Step::Start),
        1 => one.clone().prop_map(Step::Leave),
        1 => one.clone().prop_map(Step::Crash),
        1 => one.clone().prop_map(Step::Pause),
        2 => (one.clone(), traffic).prop_map(|(one, traffic)| Step::Link(one, traffic)),
        2 => one.clone().prop_map(Step::Resume),
        3 => one.prop_map(Step::Stop),
        4 => (100..9_000u64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..30)
}

async fn live(steps: Vec<Step>) {
    let world = World::new();
    let mut tokens = BTreeMap::new();
    let mut processes: Vec<Option<Process>> = (0..4).map(|_| None).collect();
    let mut left = Vec::new();
    for step in steps {
        match step {
            Step::Start(one) if processes[one].is_none() => {
                processes[one] = Some(Process::start(&world, &format!("m{one}"), &IDS).await);
            }
            Step::Leave(one) => left.extend(processes[one].take().map(|process| process.node.link)),
            Step::Crash(one) => {
                if let Some(process) = processes[one].take() {
                    process.crash();
                }
            }
            Step::Pause(one) => {
                if let Some(process) = &mut processes[one] {
                    process.paused = true;
                    process.node.link.set(Traffic::Stands);
                }
            }
            Step::Link(one, traffic) => {
                if let Some(process) = &mut processes[one]
                    && !process.paused
                {
                    process.node.link.set(traffic);
                }
            }
            Step::Resume(one) => {
                if let Some(process) = &mut processes[one] {
                    process.paused = false;
                    process.node.link.set(Traffic::Flows);
                }
            }
            Step::Stop(one) => {
                if let Some(process) = &mut processes[one]
                    && !process.paused
                {
                    process.stop();
                }
            }
            Step::Pass(time_ms) => {
                world.pass(time_ms, async || check(&mut processes, &mut tokens)).await;
            }
            Step::Start(_) => {}
        }
        settle().await;
        check(&mut processes, &mut tokens);
    }
    left.iter().for_each(|link| link.set(Traffic::Flows));
    for process in processes.iter_mut().flatten() {
        process.paused = false;
        process.node.link.set(Traffic::Flows);
    }
    world.pass(7_000, async || check(&mut processes, &mut tokens)).await;
    come_to_rest(&world, &mut processes, &mut tokens).await;
    // Who was out for too long is over. The others have everything among them.
    processes.iter_mut().for_each(|process| drop(process.take_if(|process| process.over)));
    let shares = shares(&processes);
    if let (Some(min), Some(max)) = (shares.iter().min(), shares.iter().max()) {
        assert_eq!(shares.iter().sum::<usize>(), IDS.len(), "somebody has every id: {shares:?}");
        assert!(max - min <= 1, "nobody has much more than another: {shares:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Whoever pauses, is cut off, crashes and comes back.
    #[test]
    fn there_are_never_two_owners_and_in_the_end_there_is_one(steps in random_steps()) {
        World::run(live(steps));
    }
}
