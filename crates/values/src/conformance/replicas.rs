//! What was told, run on an empty engine, leads to the same state.
//!
//! How a change becomes a command again is told by [`command_of`], for whoever follows all keys, and by
//! [`command_for_key`], for whoever follows one. Of a call over several keys each changed key is told,
//! and a follower of all of them runs the call once. A feed does not say where a call ends: where two
//! equal calls can follow each other, a follower has to know that from elsewhere, as these tests do by
//! making one call at a time.

use super::commands::{KEYS, Step, full_history};
use super::driver::State;
use super::{Driver, Make, Recorded, for_random, show};
use crate::{Kind, Reply, command};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Puts an engine through this part.
pub fn run(make: Make<'_>) {
    let time_passes = make().clock().is_some();
    for_random(&full_history(time_passes), |history| {
        let (source, replica) = (Driver(make()), Driver(make()));
        let follower = |key: &&'static str| Follower { key, copy: Driver(make()) };
        follow(&source, &replica, &KEYS.iter().map(follower).collect::<Vec<_>>(), &history)
    });
}

/// The command that does what a change tells, for one who has all keys that it names.
///
/// A command that names one key as its first argument is told without it. Whether it is is seen from the
/// command, and from the arguments: only those of a command over several keys name more than one.
pub fn command_of(change: &Recorded) -> Vec<Vec<u8>> {
    if change.command == "expired" || change.command == "evicted" {
        return vec![b"del".to_vec(), change.key.clone()];
    }
    let name = change.command.clone().into_bytes();
    let whole: Vec<Vec<u8>> = [name.clone()].into_iter().chain(change.args.iter().cloned()).collect();
    if is_told_whole(&whole) {
        return whole;
    }
    [name, change.key.clone()].into_iter().chain(change.args.iter().cloned()).collect()
}

/// Whether a change is told whole: of a command over several keys, or whose key is not its first argument.
fn is_told_whole(words: &[Vec<u8>]) -> bool {
    let argv = Step::argv(words);
    command::lookup(argv[0]).is_some_and(|command| {
        command.has_several_keys(&argv) || command.keys(&argv).next().is_some_and(|first| first.position > 1)
    })
}

/// The command that does what a change tells to its key alone, for one who has no other; `None` where
/// that depends on what other keys hold, so that the value has to be asked for again.
pub fn command_for_key(change: &Recorded) -> Option<Vec<Vec<u8>>> {
    let whole = command_of(change);
    if !is_told_whole(&whole) {
        return Some(whole);
    }
    let argv = Step::argv(&whole);
    let key = &change.key[..];
    if command::lookup(argv[0])?.keys(&argv).all(|named| named.key == key) {
        return Some(whole);
    }
    let alone: Vec<&[u8]> = match argv[..] {
        [b"del" | b"unlink", ..] => vec![b"del", key],
        [b"mset" | b"msetnx", ref pairs @ ..] => {
            let value = pairs.chunks_exact(2).rev().find(|pair| pair[0] == key)?[1];
            vec![b"set", key, value]
        }
        [b"rename" | b"renamenx", from, _] if from == key => vec![b"del", key],
        [b"smove", from, _, member] if from == key => vec![b"srem", key, member],
        [b"smove", _, to, member] if to == key => vec![b"sadd", key, member],
        [b"rpoplpush", from, _] if from == key => vec![b"rpop", key],
        [b"lmove", from, _, end, _] if from == key => {
            vec![if end.eq_ignore_ascii_case(b"left") { b"lpop" } else { b"rpop" }, key]
        }
        _ => return None,
    };
    Some(alone.into_iter().map(<[u8]>::to_vec).collect())
}

/// One who follows a single key, and asks for its value where the changes do not tell it.
struct Follower {
    key: &'static str,
    /// Time stands still here: that the key expired is told.
    copy: Driver,
}

impl Follower {
    fn hear(&self, change: &Recorded, source: &Driver) {
        match command_for_key(change) {
            Some(words) => drop(self.copy.execute(&Step::argv(&words), None, false)),
            None => self.copy.load(&change.key, &source.snapshot(&change.key, Kind::Any).0),
        }
    }
}

fn follow(
    source: &Driver,
    replica: &Driver,
    followers: &[Follower],
    history: &[Step],
) -> Result<(), TestCaseError> {
    let mut before = source.state(KEYS);
    for step in history {
        match step {
            Step::Pass(ms) => [source, replica].iter().for_each(|engine| engine.pass_ms(*ms)),
            Step::Command(words) => drop(source.execute(&Step::argv(words), None, false)),
        }
        let told = source.changes();
        run_once_for_each_call(replica, &told);
        for change in &told {
            let follower = followers.iter().find(|follower| follower.key.as_bytes() == change.key);
            follower.into_iter().for_each(|follower| follower.hear(change, source));
        }

        let after = source.state(KEYS);
        let told_keys: BTreeSet<&[u8]> = told.iter().map(|change| &change.key[..]).collect();
        for key in KEYS.iter().map(|key| key.as_bytes()) {
            let is_same = shown(&before, key) == shown(&after, key);
            prop_assert!(is_same || told_keys.contains(key), "{:?} changed {:?} untold", step, key);
        }
        before = after;
    }
    let copied = replica.state(KEYS);
    for key in KEYS {
        let expected = shown(&before, key.as_bytes());
        prop_assert_eq!(shown(&copied, key.as_bytes()), expected, "{} at the replica", key);
    }
    for Follower { key, copy } in followers {
        let expected = show(&source.snapshot(key.as_bytes(), Kind::Any).0);
        prop_assert_eq!(
            show(&copy.snapshot(key.as_bytes(), Kind::Any).0),
            expected,
            "{} at its follower",
            key
        );
    }
    Ok(())
}

/// Runs what one call told: what expired, then the call, or its effect on each key.
fn run_once_for_each_call(replica: &Driver, told: &[Recorded]) {
    let (expired, changed): (Vec<_>, Vec<_>) = told.iter().partition(|change| change.command == "expired");
    let mut commands: Vec<_> = expired.into_iter().chain(changed).map(command_of).collect();
    commands.dedup();
    for words in commands {
        let reply = replica.execute(&Step::argv(&words), None, false);
        assert!(!matches!(reply, Reply::Error(_)), "a change is no command: {words:?} {reply:?}");
    }
}

/// What a key holds and when it expires.
fn shown(state: &State, key: &[u8]) -> String {
    state.get(key).map_or_else(String::new, |(value, expires_at)| format!("{} {expires_at}", show(value)))
}
