//! A value and its revision are taken in one step: what was told up to the revision is in the value,
//! and what was told after it is not, whoever writes meanwhile.

use super::replicas::command_for_key;
use super::{Driver, Make, Recorded, show};
use crate::{Kind, Reply};
use hyrax_types::Revision;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

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
/// At least so many writes happen while at least so many snapshots are taken.
const WRITES_MIN: usize = 4_000;
const SNAPSHOTS_MIN: usize = 2_000;

/// Each snapshot is what the changes up to its revision lead to, also under concurrent writers; so
/// that the changes after it lead on from there.
pub fn a_snapshot_and_what_follows_it_are_the_whole(make: Make<'_>) {
    let driver = Driver(make());
    let (writes, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let mut taken: BTreeMap<&str, Vec<(Revision, Reply)>> = BTreeMap::new();
    std::thread::scope(|scope| {
        let end = EndOfWriting(&is_over);
        for writer in 0..WRITERS {
            let (driver, writes, is_over) = (&driver, &writes, &is_over);
            scope.spawn(move || {
                // Each walks the writes with a stride of its own.
                for step in (0..).step_by(2 * writer + 1) {
                    if is_over.load(Ordering::SeqCst) {
                        break;
                    }
                    driver.run(WRITES[step % WRITES.len()]);
                    writes.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for (number, key) in WRITTEN_KEYS.iter().cycle().enumerate() {
            let (value, rev) = driver.snapshot(key.as_bytes(), Kind::Any);
            taken.entry(key).or_default().push((rev, value));
            if number >= SNAPSHOTS_MIN && writes.load(Ordering::SeqCst) >= WRITES_MIN {
                break;
            }
        }
        drop(end);
    });
    let told = driver.changes();
    check_order(&told);
    for (key, snapshots) in taken {
        let history: Vec<_> = told.iter().filter(|change| change.key == key.as_bytes()).collect();
        check_against_history(&Driver(make()), key, &history, snapshots);
    }
}

/// Stops the writers, also when taking snapshots failed.
struct EndOfWriting<'a>(&'a AtomicBool);

impl Drop for EndOfWriting<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
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

/// Compares each snapshot of a key with what its history has led to by then.
fn check_against_history(
    copy: &Driver,
    key: &str,
    history: &[&Recorded],
    mut snapshots: Vec<(Revision, Reply)>,
) {
    snapshots.sort_by_key(|(rev, _)| *rev);
    let mut ahead = history.iter().peekable();
    for (rev, value) in snapshots {
        while let Some(change) = ahead.next_if(|change| change.rev <= rev) {
            let words = command_for_key(change).expect("these writes tell what they do to each key");
            copy.execute(&words.iter().map(Vec::as_slice).collect::<Vec<_>>(), None, false);
        }
        let expected = show(&copy.snapshot(key.as_bytes(), Kind::Any).0);
        assert_eq!(show(&value), expected, "{key} at {rev}");
    }
}
