//! What the embedded engine tells as a change is what Redis takes for one, and tells the whole of it.
//!
//! Redis has one notion of a change, which fails a `WATCH` and invalidates clients' caches: the latter is listened
//! to.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use hyrax_tests::cases;
use hyrax_tests::differential::{EngineTarget, Generator, Pair, Random, Target, Vocabulary, waits};
use hyrax_tests::peers::Redis;
use hyrax_tests::resp::{Argv, Resp, RespClient, show, words};
use hyrax_types::Change;
use hyrax_values::Feed;

/// How many commands are played from no keys.
const EPISODE_COMMANDS: usize = 2_000;

/// A change as it was told.
#[derive(Clone)]
struct Told {
    key: Vec<u8>,
    command: String,
    args: Argv,
}

/// Keeps changes.
#[derive(Default)]
struct Recorder(Mutex<Vec<Told>>);

impl Recorder {
    fn take(&self) -> Vec<Told> {
        std::mem::take(&mut *self.0.lock().expect("no thread panics while it records"))
    }
}

impl Feed for Recorder {
    fn wants(&self, _hash: u64, _key: &[u8]) -> bool {
        true
    }

    fn emit(&self, _hash: u64, change: &Change<'_>) {
        let args = change.args.iter().map(|arg| arg.to_vec()).collect();
        let told = Told { key: change.key.to_vec(), command: change.command.to_owned(), args };
        self.0.lock().expect("no thread panics while it records").push(told);
    }

    fn settle(&self) {}
}

/// Whether it tells what a group of a stream did, for copies of it; to Redis that is a change only where it makes
/// the stream.
fn is_of_group(told: &Told) -> bool {
    ["xack", "xclaim", "xgroup", "xsetid"].contains(&told.command.as_str())
}

/// Plays commands on Redis and answers which keys changed, but for a flush, of which it only tells that. Keys past their time go at once, as Redis would let
/// them go some time.
fn changed_in_redis(redis: &mut RespClient, command: &Argv) -> Option<BTreeSet<Vec<u8>>> {
    if waits(command) {
        // In a transaction nothing waits.
        redis.pipeline(&[words("MULTI"), command.clone(), words("EXEC")]);
    } else {
        redis.run(command);
    }
    redis.run(&words("SCAN 0 COUNT 1000000"));
    // Invalidations follow the replies, and come before the reply to what is asked then.
    redis.run(&words("PING"));
    let mut changed = BTreeSet::new();
    for push in redis.take_pushes() {
        let keys = match push.elements() {
            Some([_, Resp::Array(keys)]) => keys,
            Some([_, Resp::Null]) => return None,
            _ => panic!("{push:?}"),
        };
        changed.extend(keys.iter().map(|key| match key {
            Resp::Bulk(key) => key.clone(),
            _ => panic!("{push:?}"),
        }));
    }
    Some(changed)
}

/// Whether it may be told of a string that became longer although nothing fitted, which Redis keeps to itself.
fn only_lengthens(told: &Told) -> bool {
    told.command == "bitfield" && told.args.iter().any(|word| word.eq_ignore_ascii_case(b"FAIL"))
}

/// Whether what a command does depends on chance, or on the order of members with different scores.
fn is_left_open(command: &Argv) -> bool {
    command[0].eq_ignore_ascii_case(b"SPOP")
        || command.iter().any(|word| word.to_ascii_uppercase().windows(3).any(|part| part == b"LEX"))
}

#[test]
fn random_commands_change_the_same_keys() {
    let redis = Redis::start();
    let mut redis = redis.client().resp3();
    assert_eq!(redis.run(&words("CLIENT TRACKING ON BCAST")), Resp::simple("OK"));
    let recorder = Arc::new(Recorder::default());
    let mut engine = EngineTarget::heard_by(recorder.clone());
    let mut generator = Generator::new(cases::seed(1), Vocabulary::Engine);
    let mut changes = 0;
    for number in 0..cases::count(20_000) {
        if number % EPISODE_COMMANDS == 0 {
            redis.run(&words("FLUSHALL"));
            redis.run(&words("PING"));
            redis.take_pushes();
            engine.reset();
        }
        let command = generator.command();
        if is_left_open(&command) {
            continue;
        }
        let expected = changed_in_redis(&mut redis, &command);
        engine.run(&command);
        let mut told = recorder.take();
        let Some(expected) = expected else { continue };
        told.retain(|told| expected.contains(&told.key) || !(is_of_group(told) || only_lengthens(told)));
        engine.settle();
        let expired = recorder.take();
        for (at, Told { key, .. }) in told.iter().enumerate() {
            let is_first = told[..at].iter().all(|earlier| earlier.key != *key);
            assert!(is_first, "a change of \"{}\" told twice: {}", key.escape_ascii(), show(&command));
        }
        told.extend(expired);
        let told: BTreeSet<Vec<u8>> = told.into_iter().map(|told| told.key).collect();
        assert_eq!(show_keys(&told), show_keys(&expected), "told, and changed in Redis: {}", show(&command));
        changes += told.len();
    }
    assert!(changes > 0);
}

fn show_keys(keys: &BTreeSet<Vec<u8>>) -> String {
    show(&keys.iter().cloned().collect::<Argv>())
}

/// Does to `copy` what was told of a command.
fn replay(copy: &mut EngineTarget, call: &Argv, told: Vec<Told>) {
    let name = String::from_utf8_lossy(&call[0]).to_lowercase();
    if name.starts_with("sort") && call.len() > 1 {
        // Sorting gives a sorted set its large form, as in Redis, which keeps the sign of zero from then on.
        copy.run(&[b"SORT_RO".to_vec(), call[1].clone()]);
    }
    let mut is_call_replayed = false;
    let mut is_move_replayed = false;
    for Told { key, command, args } in told {
        if command == "expired" {
            copy.run(&[b"DEL".to_vec(), key]);
        } else if command == name && args == call[1..] {
            // A command of several keys is told for each that it changed, with all its words.
            if !is_call_replayed {
                copy.run(call);
            }
            is_call_replayed = true;
        } else if command == "xgroup" {
            // Its key is not its first word, so it is told with all of them.
            copy.run(&[vec![command.into_bytes()], args].concat());
        } else if waits(call) && (command == "lmove" || command == "rpoplpush") {
            if !is_move_replayed {
                copy.run(&[vec![command.into_bytes()], args].concat());
            }
            is_move_replayed = true;
        } else {
            copy.run(&[vec![command.into_bytes(), key], args].concat());
        }
    }
}

#[test]
fn random_changes_replayed_make_the_same_state() {
    let recorder = Arc::new(Recorder::default());
    let mut engine = EngineTarget::heard_by(recorder.clone());
    let mut copy = EngineTarget::new();
    let mut generator = Generator::new(cases::seed(1), Vocabulary::Engine);
    let mut played = Vec::new();
    for number in 1..=cases::count(50_000) {
        let call = generator.command();
        engine.run(&call);
        engine.settle();
        replay(&mut copy, &call, recorder.take());
        played.push(call);
        if number % 100 == 0 {
            let same = Pair::new(&mut engine, &mut copy).compare_state(&mut Random::new(1));
            if let Err(what) = same {
                let last: Vec<String> = played.iter().map(|call| show(call)).collect();
                panic!("after\n{}\nthe copy is another: {what}", last.join("\n"));
            }
            recorder.take();
            played.clear();
        }
        if number % EPISODE_COMMANDS == 0 {
            engine.reset();
            copy.reset();
        }
    }
}
