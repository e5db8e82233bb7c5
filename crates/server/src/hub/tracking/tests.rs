//! Copies that go stale, as several sessions are told.

use super::*;
use hyrax_values::key_hash;
use std::sync::mpsc;

/// Hands on what it is to tell.
struct Sent(mpsc::Sender<Invalidation>);

impl Teller for Sent {
    fn tell(&self, invalidations: &[Invalidation]) {
        invalidations.iter().for_each(|told| self.0.send(told.clone()).expect("somebody listens"));
    }
}

/// A session that keeps copies, and what it was told.
struct Copies {
    tracker: Arc<Tracker>,
    told: mpsc::Receiver<Invalidation>,
}

impl Copies {
    fn new(tracking: &Tracking, id: u64, prefixes: Option<&[&str]>, skips_own: bool) -> Copies {
        let (sender, told) = mpsc::channel();
        let prefixes: Option<Vec<Box<[u8]>>> =
            prefixes.map(|prefixes| prefixes.iter().map(|prefix| prefix.as_bytes().into()).collect());
        let tracker =
            Arc::new(Tracker::new(SessionId(id), prefixes.as_deref(), skips_own, Box::new(Sent(sender))));
        tracking.enter(tracker.clone());
        Copies { tracker, told }
    }

    /// What it is told now: the keys of each message, `*` for all.
    fn told(&self) -> Vec<String> {
        self.tracker.tell();
        let text = |told| match told {
            Invalidation::Keys(keys) => {
                let keys: Vec<_> = keys.iter().map(|key| String::from_utf8_lossy(key)).collect();
                keys.join(" ")
            }
            Invalidation::All => "*".to_owned(),
        };
        self.told.try_iter().map(text).collect()
    }
}

fn read(tracking: &Tracking, id: u64, keys: &[&str]) {
    tracking.remember(SessionId(id), keys.iter().map(|key| key.as_bytes()));
}

fn write(tracking: &Tracking, id: u64, keys: &[&str]) {
    tracking.acting(SessionId(id), || {
        for key in keys {
            if tracking.wants(key_hash(key.as_bytes())) {
                tracking.changed(key_hash(key.as_bytes()), key.as_bytes(), false);
            }
        }
    });
}

#[test]
fn a_key_is_told_of_once_after_it_was_read() {
    let tracking = Tracking::default();
    let one = Copies::new(&tracking, 1, None, false);
    let two = Copies::new(&tracking, 2, None, false);
    read(&tracking, 1, &["a", "b"]);
    read(&tracking, 2, &["b"]);
    write(&tracking, 3, &["a", "b", "c", "b"]);
    assert_eq!((one.told(), two.told()), (vec!["a".to_owned(), "b".to_owned()], vec!["b".to_owned()]));
    write(&tracking, 3, &["a", "b"]);
    assert_eq!((one.told(), two.told()), (vec![], vec![]), "neither has read it again");
    assert_eq!(tracking.totals(), TrackingTotals { trackers: 2, keys: 0, items: 0, prefixes: 0 });
}

#[test]
fn what_a_session_writes_itself_can_be_left_out_and_what_goes_by_itself_not() {
    let tracking = Tracking::default();
    let told = Copies::new(&tracking, 1, None, false);
    let spared = Copies::new(&tracking, 2, None, true);
    for id in [1, 2] {
        read(&tracking, id, &["a", "b"]);
        write(&tracking, id, &["a"]);
    }
    tracking.acting(SessionId(2), || tracking.changed(key_hash(b"b"), b"b", true));
    assert_eq!(told.told(), ["a", "b"]);
    assert_eq!(spared.told(), ["b"]);
}

#[test]
fn all_keys_under_a_prefix_are_told_of_together() {
    let tracking = Tracking::default();
    let both = Copies::new(&tracking, 1, Some(&["a:", "b:"]), false);
    let spared = Copies::new(&tracking, 2, Some(&[""]), true);
    write(&tracking, 2, &["b:1", "a:2", "a:1", "c:1", "a:2"]);
    assert_eq!(both.told(), ["a:1 a:2", "b:1"], "a message for each prefix, each key once");
    assert_eq!(spared.told(), Vec::<String>::new());
    write(&tracking, 3, &["a:1"]);
    assert_eq!(spared.told(), ["a:1"]);
    tracking.stop(SessionId(1));
    tracking.stop(SessionId(2));
    assert!(!tracking.wants(key_hash(b"a:1")) && tracking.totals().prefixes == 0);
}

#[test]
fn whoever_changes_over_to_prefixes_hears_no_more_of_what_it_read() {
    let tracking = Tracking::default();
    drop(Copies::new(&tracking, 1, None, false));
    read(&tracking, 1, &["x"]);
    let copies = Copies::new(&tracking, 1, Some(&["a:"]), false);
    write(&tracking, 2, &["x"]);
    assert_eq!(copies.told(), Vec::<String>::new());
}

#[test]
fn everything_is_stale_when_all_keys_go() {
    let tracking = Tracking::default();
    let copies = [Copies::new(&tracking, 1, None, false), Copies::new(&tracking, 2, Some(&[""]), true)];
    read(&tracking, 1, &["a", "b"]);
    tracking.emptied();
    assert_eq!(copies.each_ref().map(Copies::told), [["*"], ["*"]]);
    assert_eq!(tracking.totals().keys, 0);
}

#[test]
fn keys_beyond_the_bound_are_told_as_stale() {
    let tracking = Tracking::default();
    let copies = Copies::new(&tracking, 1, None, false);
    let names: Vec<String> = (0..250).map(|number| format!("key{number}")).collect();
    read(&tracking, 1, &names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(tracking.totals().keys, 250);
    tracking.limit_keys(1);
    let mut told = copies.told();
    told.sort_unstable();
    told.dedup();
    assert_eq!((told.len(), tracking.totals().keys), (249, 1), "each one once, and no more than needed");
}
