//! The checker of histories itself: it accepts what can be explained, rejects what cannot, and is fast at both.

use std::time::{Duration, Instant};

use hyrax_tests::cases;
use hyrax_tests::differential::Random;
use hyrax_tests::linearizability::lock::{self, Lock};
use hyrax_tests::linearizability::register::{Answer, Ask, Register};
use hyrax_tests::linearizability::{Call, History, Model, Returned, Verdict, check};

/// Far more than a check of some thousand calls takes, however busy the machine.
const CHECKED_WITHIN: Duration = Duration::from_secs(20);

fn call(began: u64, returned: u64, ask: Ask, answer: Answer) -> Call<Register> {
    Call { began, ask, returned: Returned::At(returned, answer) }
}

fn write(began: u64, returned: u64, value: u64) -> Call<Register> {
    call(began, returned, Ask::Write(value), Answer::Written)
}

fn read(began: u64, returned: u64, value: u64) -> Call<Register> {
    call(began, returned, Ask::Read, Answer::Value(Some(value)))
}

fn verdict(calls: &[Call<Register>]) -> Verdict {
    check(&History { calls: calls.to_vec() })
}

fn is_linearizable(calls: &[Call<Register>]) -> bool {
    verdict(calls) == Verdict::Linearizable
}

#[test]
fn what_overlaps_may_take_effect_in_either_order() {
    assert!(is_linearizable(&[]));
    assert!(is_linearizable(&[write(0, 9, 1), write(1, 8, 2), read(10, 11, 1)]));
    assert!(is_linearizable(&[write(0, 9, 1), write(1, 8, 2), read(10, 11, 2)]));
    assert!(is_linearizable(&[write(0, 5, 1), read(1, 3, 1), read(4, 6, 1)]));
}

#[test]
fn a_read_of_what_was_overwritten_before_it_began_is_rejected() {
    let stale = [write(0, 1, 1), write(2, 3, 2), read(4, 5, 1)];
    assert_eq!(verdict(&stale), Verdict::Impossible { ordered: 2, stuck_at: 2 });
}

#[test]
fn a_value_that_was_seen_and_then_gone_again_is_rejected() {
    assert!(!is_linearizable(&[write(0, 1, 1), write(2, 9, 2), read(3, 4, 2), read(5, 6, 1)]));
}

#[test]
fn a_replacement_that_two_won_is_rejected() {
    let replaced =
        |began, returned, value| call(began, returned, Ask::Replace(1, value), Answer::Replaced(true));
    assert!(!is_linearizable(&[write(0, 1, 1), replaced(2, 8, 2), replaced(3, 7, 3)]));
    let lost = call(3, 7, Ask::Replace(1, 3), Answer::Replaced(false));
    assert!(is_linearizable(&[write(0, 1, 1), replaced(2, 8, 2), lost]));
}

#[test]
fn what_never_returned_may_have_happened_late_or_never_but_not_before_it_began() {
    let unknown = Call::<Register> { began: 2, ask: Ask::Write(2), returned: Returned::Never };
    assert!(is_linearizable(&[write(0, 1, 1), unknown.clone(), read(3, 4, 1), read(5, 6, 2)]));
    assert!(is_linearizable(&[write(0, 1, 1), unknown.clone(), read(3, 4, 1), read(5, 6, 1)]));
    assert!(!is_linearizable(&[write(0, 1, 1), unknown.clone(), read(3, 4, 2), read(5, 6, 1)]));
    let early = Call { began: 5, ..unknown };
    assert!(!is_linearizable(&[write(0, 1, 1), early, read(3, 4, 2)]));
}

#[test]
fn a_lock_held_twice_or_under_an_older_token_is_rejected() {
    let acquire = |began, returned, client, token| Call::<Lock> {
        began,
        ask: lock::Ask::Acquire(client),
        returned: Returned::At(returned, lock::Answer::Acquired(token)),
    };
    let release = |began, returned, client| Call::<Lock> {
        began,
        ask: lock::Ask::Release(client),
        returned: Returned::At(returned, lock::Answer::Released),
    };
    let lost =
        |began, client| Call::<Lock> { began, ask: lock::Ask::Release(client), returned: Returned::Never };
    let good = |calls: &[Call<Lock>]| check(&History { calls: calls.to_vec() }) == Verdict::Linearizable;
    assert!(good(&[acquire(0, 1, 1, 5), release(2, 3, 1), acquire(1, 4, 2, 6)]));
    assert!(!good(&[acquire(0, 1, 1, 5), acquire(2, 3, 2, 6), release(4, 5, 1)]));
    assert!(!good(&[acquire(0, 1, 1, 5), release(2, 3, 1), acquire(4, 5, 2, 5)]));
    assert!(good(&[acquire(0, 1, 1, 5), lost(2, 1), acquire(4, 5, 2, 6)]));
}

/// A history that has an order, since it was made from one: `clients` clients that are busy all the time, each call
/// taking effect somewhere between its beginning and its return. One in `lost` never comes back. The values that are
/// written repeat after `values`.
fn made_from_an_order(
    random: &mut Random,
    clients: usize,
    calls: usize,
    lost: usize,
    values: u64,
) -> History<Register> {
    const LONGEST: u64 = 50;
    let mut free_at = vec![0; clients];
    let mut plan: Vec<(u64, Call<Register>)> = Vec::new();
    for number in 0..calls as u64 {
        let client = random.below(clients);
        let began = free_at[client] + 1 + random.below(5) as u64;
        let effect = began + random.below(LONGEST as usize) as u64;
        let returned = effect + 1 + random.below(LONGEST as usize) as u64;
        free_at[client] = returned;
        let value = number % values;
        let ask = match random.below(3) {
            0 => Ask::Read,
            1 => Ask::Write(value),
            _ => Ask::Replace(number.saturating_sub(random.below(8) as u64) % values, value),
        };
        // What it is answered is found below, in the order of the effects.
        let answer = Returned::At(returned, Answer::Written);
        plan.push((effect, Call { began, ask, returned: answer }));
    }
    plan.sort_by_key(|(effect, _)| *effect);
    let mut state = Register::first();
    let mut history = History::default();
    for (_, mut call) in plan {
        let answer = match call.ask {
            Ask::Read => Answer::Value(state),
            Ask::Write(_) => Answer::Written,
            Ask::Replace(expected, _) => Answer::Replaced(state == Some(expected)),
        };
        let lost = random.below(lost) == 0;
        if !lost || random.chance(50) {
            state = Register::step(&state, &call.ask, Some(&answer)).expect("it is answered as it should be");
        }
        call.returned = match call.returned {
            Returned::At(at, _) if !lost => Returned::At(at, answer),
            _ => Returned::Never,
        };
        history.calls.push(call);
    }
    random.shuffle(&mut history.calls);
    history
}

/// The same question, answered by trying everything.
fn has_an_order(calls: &[Call<Register>], state: <Register as Model>::State, left: &mut Vec<usize>) -> bool {
    let returned = |call: usize| match calls[call].returned {
        Returned::At(at, _) => at,
        Returned::Never => u64::MAX,
    };
    let Some(until) = left.iter().map(|&call| returned(call)).min().filter(|until| *until < u64::MAX) else {
        return true;
    };
    for at in 0..left.len() {
        let call = left[at];
        let answer = match &calls[call].returned {
            Returned::At(_, answer) => Some(answer),
            Returned::Never => None,
        };
        if calls[call].began > until {
            continue;
        }
        if let Some(next) = Register::step(&state, &calls[call].ask, answer) {
            left.remove(at);
            let found = has_an_order(calls, next, left);
            left.insert(at, call);
            if found {
                return true;
            }
        }
    }
    false
}

/// Has one call answered otherwise.
fn spoil(random: &mut Random, history: &mut History<Register>) {
    let at = random.below(history.calls.len());
    if let Returned::At(_, answer) = &mut history.calls[at].returned {
        *answer = match answer {
            Answer::Value(_) => Answer::Value(Some(random.below(5) as u64)),
            Answer::Replaced(replaced) => Answer::Replaced(!*replaced),
            Answer::Written => Answer::Written,
        };
    }
}

#[test]
fn random_small_histories_are_judged_as_by_trying_every_order() {
    let mut random = Random::new(cases::seed(5));
    let (mut good, mut bad) = (0, 0);
    for _ in 0..cases::count(3_000) {
        let (clients, calls) = (1 + random.below(3), 1 + random.below(7));
        let mut history = made_from_an_order(&mut random, clients, calls, 20, 5);
        for _ in 0..random.below(3) {
            spoil(&mut random, &mut history);
        }
        let mut all = (0..history.calls.len()).collect();
        let expected = has_an_order(&history.calls, Register::first(), &mut all);
        assert_eq!(check(&history) == Verdict::Linearizable, expected, "{history:#?}");
        if expected { good += 1 } else { bad += 1 }
    }
    assert!(good > 500 && bad > 500, "{good} good ones, {bad} bad ones");
}

#[test]
fn random_histories_of_thousands_of_calls_are_judged_in_no_time() {
    let mut random = Random::new(cases::seed(6));
    for _ in 0..cases::count(3) {
        let mut history = made_from_an_order(&mut random, 6, 4_000, 200, u64::MAX);
        let began = Instant::now();
        assert_eq!(check(&history), Verdict::Linearizable);
        // A value that nobody ever wrote.
        let reads = |call: &&mut Call<Register>| matches!(call.returned, Returned::At(_, Answer::Value(_)));
        let last = history.calls.iter_mut().filter(reads).max_by_key(|call| call.began).expect("some read");
        if let Returned::At(_, answer) = &mut last.returned {
            *answer = Answer::Value(Some(u64::MAX));
        }
        assert_ne!(check(&history), Verdict::Linearizable);
        assert!(began.elapsed() < CHECKED_WITHIN, "{:?}", began.elapsed());
    }
}
