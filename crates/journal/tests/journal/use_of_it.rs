//! What goes in comes out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyrax_journal::disk::SimulatedDisk;
use hyrax_journal::{AppendError, Position, SnapshotError};

use crate::{append, append_only, open, records, segments, snapshot, snapshot_of, snapshots};

#[test]
fn a_new_journal_is_empty_and_clean() {
    let (journal, mut recovered) = open(&SimulatedDisk::new());
    assert!(recovered.clean && recovered.cut.is_none() && recovered.snapshot.is_none());
    assert_eq!(recovered.last, Position(0));
    assert_eq!(records(&mut recovered), []);
    assert_eq!(journal.identity(), 0x1234_5678_9abc_def0);
}

#[test]
fn records_come_back_in_order_with_their_positions() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    assert_eq!(append(&journal, b"one"), Position(1));
    assert_eq!(append(&journal, b""), Position(2));
    assert_eq!(append(&journal, b"three"), Position(3));
    drop(journal);
    let (_, mut recovered) = open(&disk);
    assert_eq!(records(&mut recovered), [(1, b"one".to_vec()), (2, Vec::new()), (3, b"three".to_vec())]);
    assert_eq!(recovered.last, Position(3));
}

#[test]
fn records_fill_many_segments_and_longer_ones_get_their_own() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    let sizes = [3000, 3000, 100_000, 1, 5000, 4000, 2, 30_000];
    for (at, size) in sizes.iter().enumerate() {
        append(&journal, &vec![at as u8; *size]);
    }
    assert!(segments(&disk).len() >= 6, "{:?}", segments(&disk));
    drop(journal);
    let (_, mut recovered) = open(&disk);
    let found = records(&mut recovered);
    assert_eq!(found.len(), sizes.len());
    for (at, (position, bytes)) in found.iter().enumerate() {
        assert_eq!((*position, bytes.as_slice()), (at as u64 + 1, vec![at as u8; sizes[at]].as_slice()));
    }
}

#[test]
fn a_journal_goes_on_where_it_ended_with_the_identity_it_had() {
    let disk = SimulatedDisk::new();
    for round in 0..5_u64 {
        let mut other = crate::settings();
        other.seed = u128::from(round);
        let settings = if round == 0 { crate::settings() } else { other };
        let (journal, mut recovered) =
            hyrax_journal::Journal::open(Arc::new(disk.clone()), settings).expect("the journal opens");
        assert_eq!(journal.identity(), 0x1234_5678_9abc_def0);
        assert_eq!(records(&mut recovered).len() as u64, round * 2);
        append(&journal, b"first of the round");
        append(&journal, b"second of the round");
    }
}

#[test]
fn only_a_closed_journal_is_clean_and_only_once() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    append(&journal, b"one");
    drop(journal);
    let (journal, recovered) = open(&disk);
    assert!(!recovered.clean);
    append_only(&journal, b"two");
    journal.close().expect("the journal closes");
    assert!(matches!(journal.reserve(1), Err(AppendError::Closed)));
    drop(journal);
    let (journal, mut recovered) = open(&disk);
    assert!(recovered.clean && recovered.cut.is_none());
    assert_eq!(records(&mut recovered).len(), 2);
    drop(journal);
    let (journal, recovered) = open(&disk);
    assert!(!recovered.clean, "the mark of a clean end is of one end only");
    journal.close().expect("a journal closes to which nothing was appended");
    drop(journal);
    assert!(open(&disk).1.clean);
}

#[test]
fn a_snapshot_replaces_the_records_up_to_it() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    for round in 0..4_u8 {
        for _ in 0..10 {
            append(&journal, &[round; 1000]);
        }
        let before = journal.bytes_since_snapshot();
        snapshot(&journal, journal.last(), format!("state {round}").as_bytes());
        assert!(before > 10_000 && journal.bytes_since_snapshot() == 0);
    }
    append(&journal, b"after");
    assert_eq!(snapshots(&disk).len(), 2, "two are kept");
    assert!(segments(&disk).len() < 8, "what is before the older one is gone: {:?}", segments(&disk));
    drop(journal);
    let (_, mut recovered) = open(&disk);
    assert_eq!(snapshot_of(&mut recovered), Some((40, b"state 3".to_vec())));
    assert_eq!(records(&mut recovered), [(41, b"after".to_vec())]);
}

#[test]
fn a_snapshot_of_the_past_leaves_the_records_after_it() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    for number in 1..=30_u8 {
        append(&journal, &[number; 500]);
    }
    snapshot(&journal, Position(17), b"seventeen");
    drop(journal);
    let (_, mut recovered) = open(&disk);
    let positions: Vec<u64> = records(&mut recovered).into_iter().map(|(position, _)| position).collect();
    assert_eq!(positions, (18..=30).collect::<Vec<_>>());
}

#[test]
fn a_large_snapshot_comes_back_byte_for_byte() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    append(&journal, b"one");
    let state: Vec<u8> = (0..3_500_001_u32).map(|number| (number % 251) as u8).collect();
    snapshot(&journal, Position(1), &state);
    drop(journal);
    let (_, mut recovered) = open(&disk);
    assert!(snapshot_of(&mut recovered) == Some((1, state)));
}

#[test]
fn snapshots_are_one_at_a_time_of_what_is_there_and_forward() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    append(&journal, b"one");
    assert!(matches!(journal.snapshot(Position(2)), Err(SnapshotError::Ahead { .. })));
    let first = journal.snapshot(Position(1)).expect("a snapshot begins");
    assert!(matches!(journal.snapshot(Position(1)), Err(SnapshotError::Superseded { .. })));
    drop(first);
    assert_eq!(snapshots(&disk), [""; 0], "a dropped one leaves nothing");
    snapshot(&journal, Position(1), b"state");
    assert!(matches!(journal.snapshot(Position(1)), Err(SnapshotError::Superseded { .. })));
}

#[test]
fn a_directory_may_begin_with_a_snapshot_of_nothing() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    snapshot(&journal, Position(0), b"brought along");
    journal.close().expect("the journal closes");
    drop(journal);
    let (journal, mut recovered) = open(&disk);
    assert!(recovered.clean);
    assert_eq!(snapshot_of(&mut recovered), Some((0, b"brought along".to_vec())));
    assert_eq!(append(&journal, b"one"), Position(1));
}

#[test]
fn many_callers_share_syncs_and_are_told_in_order() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    let told = Arc::new(AtomicU64::new(0));
    let listener = Arc::clone(&told);
    journal.on_synced(Box::new(move |outcome| {
        let position = outcome.expect("nothing fails").0;
        assert!(listener.swap(position, Ordering::Relaxed) < position, "positions only grow");
    }));
    std::thread::scope(|scope| {
        for caller in 0..8_u8 {
            let journal = &journal;
            scope.spawn(move || {
                for _ in 0..200 {
                    append(journal, &[caller; 100]);
                }
            });
        }
    });
    journal.close().expect("the journal closes");
    assert_eq!(told.load(Ordering::Relaxed), 1600);
    drop(journal);
    assert_eq!(records(&mut open(&disk).1).len(), 1600);
}

#[test]
fn a_reservation_that_is_not_used_is_given_back() {
    let (journal, _) = open(&SimulatedDisk::new());
    for _ in 0..10_000 {
        drop(journal.reserve(3000).expect("there is room"));
    }
    let held: Vec<_> =
        (0..100).map(|_| journal.reserve(3000).expect("there is room for all together")).collect();
    for reservation in held {
        journal.append(reservation, &[7; 2900]);
    }
    journal.close().expect("the journal closes");
}
