//! A value and its revision are taken in one step: what was told up to the revision is in the value,
//! and what was told after it is not, whoever writes meanwhile.

use super::replicas::command_for_key;
use super::{Driver, Make, Recorded, show};
use crate::{Kind, Reply};
use hyrax_types::Revision;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Puts an engine through this part.
pub fn run(make: Make<'_>) {
    absent_and_other_kinds_are_empty(make);
    a_snapshot_has_the_form_of_its_kind(make);
    a_snapshot_and_what_follows_it_are_the_whole(make);
}

/// A key that is not there, or is of another kind, gives the empty value of the kind.
pub fn absent_and_other_kinds_are_empty(make: Make<'_>) {
    let driver = Driver(make());
    driver.run("rpush list a");
    driver.run("append string a");
    for (kind, other, empty) in [
        (Kind::String, "list", Reply::Bulk(Vec::new())),
        (Kind::Hash, "list", Reply::Map(Vec::new())),
        (Kind::List, "string", Reply::Array(Vec::new())),
        (Kind::Set, "list", Reply::Set(Vec::new())),
        (Kind::SortedSet, "list", Reply::Map(Vec::new())),
    ] {
        assert_eq!(driver.snapshot(b"none", kind).0, empty, "{kind:?}");
        assert_eq!(driver.snapshot(other.as_bytes(), kind).0, empty, "{kind:?}");
    }
    assert_eq!(driver.snapshot(b"none", Kind::Any).0, Reply::Null);
}

/// Each kind has its form, also where any kind is asked for; the revision is the newest change's.
pub fn a_snapshot_has_the_form_of_its_kind(make: Make<'_>) {
    for (line, kind, shown) in [
        ("set key a", Kind::String, "a"),
        ("hset key f 1 g 2", Kind::Hash, "{f=1 g=2}"),
        ("rpush key b a b", Kind::List, "[b a b]"),
        ("sadd key b a", Kind::Set, "{a b}"),
        ("zadd key 2 a 1.5 b", Kind::SortedSet, "{a=2 b=1.5}"),
    ] {
        let driver = Driver(make());
        driver.run(line);
        let told = driver.changes();
        for kind in [kind, Kind::Any] {
            let (value, rev) = driver.snapshot(b"key", kind);
            assert_eq!(show(&value), shown, "{line}");
            assert_eq!(Some(rev), told.last().map(|change| change.rev), "{line}");
        }
    }
}

/// What writers run, all at once, each on every key.
const WRITES: &[&str] = &[
    "append string a",
    "setrange string 3 xyz",
    "set string b",
    "hset hash f a g b",
    "hincrby hash n 1",
    "hdel hash f",
    "rpush list a b",
    "lpop list",
    "lpush list c",
    "sadd set a b c d e",
    "spop set",
    "srem set a",
    "zadd sorted 1 a 2 b",
    "zincrby sorted 1 a",
    "zpopmin sorted",
    "smove set set2 b",
    "mset string c string2 d",
    "del string2 string",
];

const WRITTEN_KEYS: &[&str] = &["string", "string2", "hash", "list", "set", "set2", "sorted"];
const WRITERS: usize = 4;
const ROUNDS: usize = 60;

/// A snapshot with what was told after it gives the final value, also under concurrent writers.
pub fn a_snapshot_and_what_follows_it_are_the_whole(make: Make<'_>) {
    let driver = Driver(make());
    let writing = AtomicUsize::new(WRITERS);
    let mut taken = Vec::new();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (driver, writing) = (&driver, &writing);
            scope.spawn(move || {
                for round in 0..ROUNDS * WRITES.len() {
                    // Each walks the writes with a stride of its own.
                    driver.run(WRITES[round * (2 * writer + 1) % WRITES.len()]);
                }
                writing.fetch_sub(1, Ordering::SeqCst);
            });
        }
        while writing.load(Ordering::SeqCst) > 0 {
            for key in WRITTEN_KEYS {
                taken.push((*key, driver.snapshot(key.as_bytes(), Kind::Any)));
            }
        }
    });
    let told = driver.changes();
    check_order(&told);
    let last: BTreeMap<&str, String> =
        WRITTEN_KEYS.iter().map(|key| (*key, show(&driver.snapshot(key.as_bytes(), Kind::Any).0))).collect();
    // As many as a slow engine can follow, from all over the run.
    let stride = taken.len() / 60 + 1;
    for (key, (value, rev)) in taken.into_iter().step_by(stride) {
        let copy = Driver(make());
        copy.load(key.as_bytes(), &value);
        follow(&copy, key, rev, &told);
        let found = show(&copy.snapshot(key.as_bytes(), Kind::Any).0);
        assert_eq!(found, last[key], "{key} from {} at {rev}", show(&value));
    }
}

/// Revisions of a key only grow.
fn check_order(told: &[Recorded]) {
    let mut newest: BTreeMap<&[u8], Revision> = BTreeMap::new();
    for change in told {
        let before = newest.insert(&change.key, change.rev);
        assert!(before.is_none_or(|before| before < change.rev), "{change} does not come later");
    }
}

/// Runs what was told of a key after a revision.
fn follow(copy: &Driver, key: &str, rev: Revision, told: &[Recorded]) {
    for change in told.iter().filter(|change| change.key == key.as_bytes() && change.rev > rev) {
        let words = command_for_key(change).expect("these writes tell what they do to each key");
        copy.execute(&words.iter().map(Vec::as_slice).collect::<Vec<_>>(), None, false);
    }
}
