//! The engine in this process, put through the suite.

use super::*;
use crate::embedded::Embedded;

struct InProcess {
    engine: Embedded,
    recorder: Arc<Recorder>,
    clock: Arc<ManualClock>,
}

impl TestEngine for InProcess {
    fn values(&self) -> &dyn Values {
        &self.engine
    }

    fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    fn clock(&self) -> Option<&ManualClock> {
        Some(&self.clock)
    }

    fn expire(&self) {
        self.engine.expire(usize::MAX);
    }
}

fn make() -> Box<dyn TestEngine> {
    let (clock, recorder) = (Arc::new(ManualClock::at_ms(1_000_000)), Arc::new(Recorder::default()));
    let engine = Embedded::new(clock.clone(), recorder.clone());
    Box::new(InProcess { engine, recorder, clock })
}

#[test]
fn commands_answer_as_the_examples_say() {
    examples::run(&make);
}

#[test]
fn changes_are_told_as_they_should_be() {
    changes::run(&make);
}

#[test]
fn keys_expire_at_their_time() {
    expiry::run(&make);
}

#[test]
fn random_commands_do_what_the_model_does() {
    oracle::run(&make);
}

#[test]
fn what_is_told_leads_to_the_same_state() {
    replicas::run(&make);
}

#[test]
fn a_snapshot_is_one_step() {
    snapshots::run(&make);
}

#[test]
fn transactions_are_one_step() {
    transactions::run(&make);
}

#[test]
fn commands_wait_their_turn() {
    waiting::run(&make);
}

#[test]
fn tokens_that_were_overtaken_are_refused() {
    fences::run(&make);
}
