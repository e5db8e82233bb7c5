//! Holders that are cut off from the engine stop by their own clock, before another begins.

use std::sync::Arc;
use std::time::Duration;

use hyrax_coordination::Key;
use hyrax_types::{Revision, SessionId};
use parking_lot::Mutex;
use proptest::prelude::*;
use tokio::task::JoinHandle;

use super::{LockListener, Locks, LocksError};
use crate::simulation::{Node, Traffic, World, settle};

const SESSION: SessionId = SessionId(1);

/// The token that a process believes to hold the lock under.
#[derive(Default)]
struct Belief(Mutex<Option<Revision>>);

impl LockListener for Belief {
    fn lost(&self, _: SessionId, _: &Key, token: Revision) {
        let mut held = self.0.lock();
        if *held == Some(token) {
            *held = None;
        }
    }
}

struct Process {
    node: Node,
    locks: Arc<Locks>,
    belief: Arc<Belief>,
    waiting: Option<JoinHandle<Result<(), LocksError>>>,
    paused: bool,
}

impl Process {
    async fn start(world: &World) -> Process {
        let node = world.node(Duration::from_secs(6)).await;
        let belief = Arc::new(Belief::default());
        let locks =
            Locks::new(Arc::clone(&node.link) as _, Arc::clone(&node.lease), Arc::clone(&belief) as _);
        Process { node, locks: Arc::new(locks), belief, waiting: None, paused: false }
    }

    fn wait(&mut self) {
        if self.waiting.as_ref().is_none_or(JoinHandle::is_finished) && self.belief.0.lock().is_none() {
            let (locks, belief) = (Arc::clone(&self.locks), Arc::clone(&self.belief));
            self.waiting = Some(tokio::spawn(async move {
                let token = locks.claim(SESSION, "jobs".into(), "m".into())?.lock(None).await?;
                *belief.0.lock() = Some(token);
                Ok(())
            }));
        }
    }

    fn unlock(&mut self) {
        if self.belief.0.lock().take().is_some() {
            let locks = Arc::clone(&self.locks);
            tokio::spawn(async move { locks.unlock(SESSION, &"jobs".into(), None).await });
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Wait(usize),
    Unlock(usize),
    Pause(usize),
    Link(usize, Traffic),
    Resume(usize),
    Crash(usize),
    Pass(u64),
}

fn random_steps() -> impl Strategy<Value = Vec<Step>> {
    let one = 0..3usize;
    let traffic = prop_oneof![Just(Traffic::Flows), Just(Traffic::Stands), Just(Traffic::Deaf)];
    let step = prop_oneof![
        5 => one.clone().prop_map(Step::Wait),
        3 => one.clone().prop_map(Step::Unlock),
        1 => one.clone().prop_map(Step::Pause),
        2 => (one.clone(), traffic).prop_map(|(one, traffic)| Step::Link(one, traffic)),
        2 => one.clone().prop_map(Step::Resume),
        1 => one.prop_map(Step::Crash),
        4 => (100..9_000u64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..40)
}

fn check(processes: &[Process], greatest: &mut Revision) {
    let running = processes.iter().filter(|process| !process.paused);
    let held: Vec<Revision> = running.filter_map(|process| *process.belief.0.lock()).collect();
    assert!(held.len() <= 1, "two believe to hold the lock: {held:?}");
    if let Some(token) = held.first() {
        assert!(token >= greatest, "a later holder has a greater token");
        *greatest = *token;
    }
}

async fn live(steps: Vec<Step>) {
    let world = World::new();
    let mut greatest = Revision::ZERO;
    let mut processes = Vec::new();
    for _ in 0..3 {
        processes.push(Process::start(&world).await);
    }
    for step in steps {
        match step {
            Step::Wait(one) if !processes[one].paused => processes[one].wait(),
            Step::Unlock(one) if !processes[one].paused => processes[one].unlock(),
            Step::Wait(_) | Step::Unlock(_) => {}
            Step::Pause(one) => {
                processes[one].paused = true;
                processes[one].node.link.set(Traffic::Stands);
            }
            Step::Link(one, traffic) if !processes[one].paused => processes[one].node.link.set(traffic),
            Step::Link(..) => {}
            Step::Resume(one) => {
                processes[one].paused = false;
                processes[one].node.link.set(Traffic::Flows);
            }
            Step::Crash(one) => {
                let fresh = Process::start(&world).await;
                let crashed = std::mem::replace(&mut processes[one], fresh);
                crashed.node.link.set(Traffic::Stands);
                if let Some(waiting) = crashed.waiting {
                    waiting.abort();
                }
            }
            Step::Pass(time_ms) => world.pass(time_ms, async || check(&processes, &mut greatest)).await,
        }
        settle().await;
        check(&processes, &mut greatest);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn two_never_believe_to_hold_a_lock(steps in random_steps()) {
        World::run(live(steps));
    }
}

#[test]
fn a_lock_is_free_again_that_a_holder_gave_up_for_lost() {
    World::run(async {
        let world = World::new();
        let mut ann = Process::start(&world).await;
        ann.wait();
        settle().await;
        assert!(ann.belief.0.lock().is_some());
        // The engine's time stands still, so the lease lives on; its holder can not know.
        ann.node.link.set(Traffic::Stands);
        for _ in 0..70 {
            tokio::time::advance(Duration::from_millis(100)).await;
            settle().await;
        }
        assert!(ann.belief.0.lock().is_none());
        ann.node.link.set(Traffic::Flows);
        settle().await;
        let mut bob = Process::start(&world).await;
        bob.wait();
        settle().await;
        assert!(bob.belief.0.lock().is_some());
    });
}
