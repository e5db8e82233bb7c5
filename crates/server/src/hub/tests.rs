//! What must hold between topics, subscriptions and outboxes, step by step and without a runtime.

use super::*;
use futures_util::FutureExt;
use hyrax_types::Revision;
use hyrax_values::Kind;

/// Pushes as `key@rev`, or `+id` for whoever comes to an EKG.
struct Plain;

impl Form for Plain {
    fn number(&self) -> usize {
        0
    }

    fn encode(&self, what: &What, out: &mut Vec<u8>) {
        let text = match what {
            What::Change(change) => format!("{}@{}\n", String::from_utf8_lossy(change.key()), change.rev),
            What::Presence(change) => format!("{}+{}\n", String::from_utf8_lossy(&change.ekg), change.erev),
        };
        out.extend_from_slice(text.as_bytes());
    }
}

fn hub() -> Arc<Hub> {
    Hub::new(1, Metrics::new(&[]))
}

fn outbox(bytes_max: usize) -> Arc<Outbox> {
    Outbox::new(None, bytes_max, Counters::new(Metrics::new(&[])))
}

fn monitor(hub: &Hub, outbox: &Arc<Outbox>, scope: Scope) -> Monitor {
    let monitor = hub.begin(Subscription::new(outbox.clone(), &Plain, Kind::Any, scope));
    monitor.topic.join_here(&monitor.subscription);
    monitor
}

fn key(name: &[u8]) -> Scope {
    Scope::Key(name.into())
}

fn prefix(name: &[u8]) -> Scope {
    Scope::Prefix(name.into())
}

fn change(hub: &Hub, key: &[u8], rev: u64, value: &[u8]) {
    let args = [value];
    let change = Change { key, rev: Revision(rev), command: "set", args: &args, actor: None };
    hub.emit(key_hash(key), &change);
}

fn deliver(monitor: &Monitor) {
    while monitor.topic.deliver(false, &mut Vec::new()).now_or_never().expect("nothing to wait for") {}
}

fn taken(outbox: &Outbox) -> String {
    let mut out = Vec::new();
    outbox.take(&mut out);
    String::from_utf8(out).expect("text")
}

#[test]
fn a_reset_tells_of_each_change_once_and_nothing_slips_out_before_it() {
    for scope in [key(b"k"), prefix(b"")] {
        let (hub, outbox) = (hub(), outbox(32));
        let monitor = monitor(&hub, &outbox, scope);
        for rev in 1..=10 {
            change(&hub, b"k", rev, b"");
        }
        deliver(&monitor);
        assert_eq!(taken(&outbox), "", "so many do not fit, and fold");
        let (_, owed) = outbox.next_owed().expect("a reset is owed");
        change(&hub, b"k", 14, b"");
        deliver(&monitor);
        assert_eq!(taken(&outbox), "", "a push before the reset would be one on top of a gap");
        change(&hub, b"k", 15, b"");
        outbox.place_reset(&owed.subscription, b"k", Revision(15));
        deliver(&monitor);
        change(&hub, b"k", 16, b"");
        deliver(&monitor);
        outbox.commit(b"reset@15\n");
        assert_eq!(taken(&outbox), "reset@15\nk@16\n");
        assert!(outbox.next_owed().is_none());
    }
}

#[test]
fn an_ereset_tells_of_each_change_once() {
    let (hub, outbox) = (hub(), outbox(32));
    let monitor = monitor(&hub, &outbox, key(b"e"));
    let come = |erev| {
        let kind = PresenceKind::Added { id: "i".into(), replaces: None };
        hub.emit_presence(PresenceChange { ekg: "e".into(), erev: Revision(erev), kind });
        deliver(&monitor);
    };
    (1..=10).for_each(come);
    let (_, owed) = outbox.next_owed().expect("a reset is owed");
    assert!(owed.presence && !owed.value);
    come(14);
    outbox.place_presence(&owed.subscription, b"e", Revision(14));
    come(15);
    outbox.commit(b"ereset@14\n");
    assert_eq!(taken(&outbox), "ereset@14\ne+15\n");
}

#[test]
fn an_ereset_leaves_other_ekgs_of_the_prefix_alone() {
    let (hub, outbox) = (hub(), outbox(1024));
    let monitor = monitor(&hub, &outbox, prefix(b"e"));
    let come = |ekg: &'static str, erev| {
        let kind = PresenceKind::Added { id: "i".into(), replaces: None };
        hub.emit_presence(PresenceChange { ekg: ekg.into(), erev: Revision(erev), kind });
    };
    come("e1", 1);
    come("e2", 2);
    outbox.place_presence(&monitor.subscription, b"e1", Revision(2));
    deliver(&monitor);
    assert_eq!(taken(&outbox), "e2+2\n");
}

#[test]
fn a_key_and_its_prefix_are_owed_a_reset_each() {
    let (hub, outbox) = (hub(), outbox(1024));
    let of_prefix = monitor(&hub, &outbox, prefix(b"k"));
    let of_key = monitor(&hub, &outbox, key(b"k"));
    for rev in 1..=200 {
        change(&hub, b"k", rev, b"");
    }
    deliver(&of_prefix);
    for rev in 201..=400 {
        change(&hub, b"k", rev, b"");
    }
    deliver(&of_key);
    deliver(&of_prefix);
    hub.end(&of_prefix);
    assert_eq!(taken(&outbox), "");
    let (_, owed) = outbox.next_owed().expect("the key's monitor is not left behind silently");
    assert!(Arc::ptr_eq(&owed.subscription, &of_key.subscription) && owed.value);
    outbox.commit(b"");
    assert!(outbox.next_owed().is_none());
}

#[test]
fn what_was_lost_is_told_before_what_came_after() {
    let (hub, outbox) = (hub(), outbox(1 << 20));
    let monitor = monitor(&hub, &outbox, key(b"k"));
    let large = vec![b'x'; 1 << 20];
    for rev in 1..=10 {
        change(&hub, b"k", rev, &large);
    }
    change(&hub, b"k", 11, b"");
    deliver(&monitor);
    assert_eq!(taken(&outbox), "", "the next push is the reset");
    assert!(outbox.next_owed().is_some());
}

#[test]
fn resets_of_single_keys_are_not_remembered_for_ever() {
    let (hub, outbox) = (hub(), outbox(1024));
    let monitor = monitor(&hub, &outbox, prefix(b"k"));
    deliver(&monitor);
    for number in 0..100_u64 {
        let name = format!("k{number}");
        outbox.place_reset(&monitor.subscription, name.as_bytes(), Revision(number));
    }
    assert_eq!(monitor.subscription.resets_remembered(), 100);
    deliver(&monitor);
    assert_eq!(monitor.subscription.resets_remembered(), 0, "nothing up to them is on its way");
}

#[test]
fn keys_that_nobody_monitors_any_more_are_remembered_within_bounds() {
    let (hub, outbox) = (hub(), outbox(1024));
    let name = |number: usize| format!("{number:065000}").into_bytes();
    let count = 2 * limits::LINGERING_BYTES_MAX / limits::KEY_BYTES_MAX;
    for number in 0..count {
        hub.end(&monitor(&hub, &outbox, key(&name(number))));
    }
    let known = |number: usize| hub.find(key_hash(&name(number)), &name(number)).is_some();
    let remembered = (0..count).filter(|&number| known(number)).count();
    assert!(remembered * limits::KEY_BYTES_MAX <= limits::LINGERING_BYTES_MAX, "{remembered}");
    assert!(known(count - 1) && !known(0), "the oldest are forgotten first");
}

#[test]
fn a_prefix_outlives_those_who_left_it_before() {
    let (hub, outbox) = (hub(), outbox(1024));
    let old = monitor(&hub, &outbox, prefix(b"k"));
    hub.end(&old);
    let new = monitor(&hub, &outbox, prefix(b"k"));
    // One who left the old topic together with another comes late to take it off the list.
    hub.drop_wide(&old.topic);
    change(&hub, b"k1", 1, b"");
    deliver(&new);
    assert_eq!(taken(&outbox), "k1@1\n");
}

#[test]
fn a_client_that_falls_behind_on_too_many_keys_is_given_up_without_a_trace() {
    let hub = hub();
    let outbox = Outbox::new(None, 256, hub.counters().clone());
    let monitor = monitor(&hub, &outbox, prefix(b""));
    for number in 0..100 {
        change(&hub, format!("key:{number}").as_bytes(), 1, b"");
        deliver(&monitor);
    }
    assert_eq!(outbox.failure(), Some(Failure::Overwhelmed));
    assert_eq!(taken(&outbox), "");
    assert_eq!(hub.counters().queued.load(Ordering::Relaxed), 0);
}

#[test]
fn nothing_of_a_session_is_left_when_it_has_ended() {
    let (hub, outbox) = (hub(), outbox(32));
    let monitors = [key(b"k"), prefix(b"k")].map(|scope| monitor(&hub, &outbox, scope));
    monitors.iter().for_each(deliver);
    // Some pushes are queued, some are held, and some have folded.
    change(&hub, b"k", 1, b"");
    monitors.iter().for_each(deliver);
    outbox.hold();
    for rev in 2..20 {
        change(&hub, b"k", rev, b"");
        monitors.iter().for_each(deliver);
    }
    let left = Arc::downgrade(&outbox);
    outbox.close();
    monitors.iter().for_each(|monitor| hub.end(monitor));
    monitors.iter().for_each(deliver);
    drop((monitors, outbox));
    assert!(left.upgrade().is_none());
    assert_eq!(hub.monitors(), 0);
}
