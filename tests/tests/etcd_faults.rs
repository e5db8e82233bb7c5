//! A server killed and paused under load, over etcd's API: nothing acknowledged or shown is lost, watches have no gaps,
//! and what clients did has an order. The same is asked of a real etcd, so that the tests ask for nothing that is
//! wrong.

use hyrax_tests::cases;
use hyrax_tests::faults::{
    EtcdVictim, Fault, HyraxVictim, Storm, Victim, record_locks, record_registers, survive,
};
use hyrax_tests::linearizability::{History, Model, Verdict, check};

const WRITERS: u64 = 4;
const CLIENTS: u64 = 5;
const REGISTERS: usize = 3;

fn on_runtime<T>(act: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime can be built").block_on(act)
}

/// Kills the victim so often, at random instants, while pairs are written, read and watched.
fn survives_kills(victim: impl Victim, seed: u64, kills: usize) {
    let (_, survived) =
        on_runtime(Storm::rage(victim, seed, kills, &[Fault::Kill], |storm| survive(storm, seed, WRITERS)));
    println!("{kills} kills: {survived:?}");
    assert!(survived.acknowledged > kills && survived.reads > kills, "{survived:?}");
    assert!(survived.events >= survived.acknowledged, "{survived:?}");
}

fn must_have_an_order<M: Model + std::fmt::Debug>(history: &History<M>, what: &str) {
    let verdict = check(history);
    assert_eq!(verdict, Verdict::Linearizable, "{what} has no order:\n{:#?}", history.calls);
}

fn registers<V: Victim>(victim: V, seed: u64, faults: usize, kinds: &[Fault]) {
    let (_, histories) = on_runtime(Storm::rage(victim, seed, faults, kinds, |storm| {
        record_registers(storm, seed, CLIENTS, REGISTERS)
    }));
    for (number, history) in histories.iter().enumerate() {
        println!("register {number}: {} calls under {kinds:?}", history.calls.len());
        assert!(history.calls.len() > faults);
        must_have_an_order(history, &format!("register {number}"));
    }
}

fn locks<V: Victim>(victim: V, seed: u64, faults: usize, kinds: &[Fault]) {
    let (_, history) =
        on_runtime(Storm::rage(victim, seed, faults, kinds, |storm| record_locks(storm, CLIENTS)));
    println!("the lock: {} calls under {kinds:?}", history.calls.len());
    assert!(history.calls.len() > faults);
    must_have_an_order(&history, "the lock");
}

#[test]
fn hyrax_loses_nothing_when_it_is_killed_at_random_instants() {
    survives_kills(HyraxVictim::start(&[]), cases::seed(1), cases::count(12));
}

#[test]
fn etcd_loses_nothing_when_it_is_killed_at_random_instants() {
    survives_kills(EtcdVictim::start(), cases::seed(2), 4);
}

#[test]
fn random_pauses_and_kills_leave_an_order_of_what_was_done_to_registers() {
    for kinds in [&[Fault::Pause][..], &[Fault::Kill, Fault::Pause]] {
        registers(HyraxVictim::start(&[]), cases::seed(3), cases::count(8), kinds);
    }
    registers(EtcdVictim::start(), cases::seed(3), 4, &[Fault::Kill, Fault::Pause]);
}

#[test]
fn random_pauses_and_kills_leave_an_order_of_who_held_a_lock() {
    for kinds in [&[Fault::Pause][..], &[Fault::Kill, Fault::Pause]] {
        locks(HyraxVictim::start(&[]), cases::seed(4), cases::count(8), kinds);
    }
    locks(EtcdVictim::start(), cases::seed(4), 4, &[Fault::Kill, Fault::Pause]);
}
