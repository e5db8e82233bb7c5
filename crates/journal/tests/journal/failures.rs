//! Disks that are full, and disks that fail.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use hyrax_journal::disk::{Operation, Refusal, SimulatedDisk};
use hyrax_journal::{AppendError, Journal, Reservation, SnapshotError};

use crate::{append, append_only, open, records, snapshot};

/// Asks again until there is an answer other than "not enough room yet".
fn reserve_soon(journal: &Journal, bytes: usize) -> Reservation {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match journal.reserve(bytes) {
            Ok(reservation) => return reservation,
            Err(AppendError::NoSpace) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(20))
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_full_disk_is_refused_before_anything_is_appended_and_ends_by_itself() {
    let disk = SimulatedDisk::new();
    disk.set_capacity(Some(20_000));
    let (journal, _) = open(&disk);
    let mut appended = 0;
    let refused = loop {
        match journal.reserve(1000) {
            Ok(reservation) => appended = journal.append(reservation, &[1; 1000]).0,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, AppendError::NoSpace), "{refused}");
    assert!(journal.out_of_space());
    assert!(appended >= 10, "the room that there is was used: {appended}");
    journal.wait_synced(journal.last()).expect("what was accepted is synced on a full disk too");
    disk.set_capacity(None);
    let position = journal.append(reserve_soon(&journal, 1000), &[2; 1000]);
    assert_eq!(position.0, appended + 1);
    journal.close().expect("the journal closes");
    drop(journal);
    assert_eq!(records(&mut open(&disk).1).len() as u64, appended + 1);
}

#[test]
fn a_journal_opens_on_a_full_disk_and_is_read() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    append(&journal, b"one");
    drop(journal);
    disk.set_capacity(Some(disk.used()));
    let (journal, mut recovered) = open(&disk);
    assert_eq!(records(&mut recovered).len(), 1);
    assert!(matches!(journal.reserve(5000), Err(AppendError::NoSpace)));
    disk.set_capacity(None);
    journal.append(reserve_soon(&journal, 3), b"two");
    journal.close().expect("the journal closes");
}

#[test]
fn a_record_too_long_for_the_disk_does_not_keep_shorter_ones_out() {
    let disk = SimulatedDisk::new();
    disk.set_capacity(Some(20_000));
    let (journal, _) = open(&disk);
    append(&journal, b"one");
    assert!(matches!(journal.reserve(100_000), Err(AppendError::NoSpace)));
    append(&journal, b"two");
    disk.set_capacity(None);
    drop(reserve_soon(&journal, 100_000));
}

#[test]
fn a_failed_sync_is_the_end_of_acknowledging() {
    for operation in [Operation::Sync, Operation::Write] {
        let disk = SimulatedDisk::new();
        let (journal, _) = open(&disk);
        let (told, outcomes) = mpsc::channel();
        journal.on_synced(Box::new(move |outcome| drop(told.send(outcome))));
        append(&journal, b"one");
        outcomes.recv().expect("a group was told").expect("it was synced");
        // The segment after the next may be being prepared: refuse a few.
        for nth in 1..4 {
            disk.refuse(operation, nth, Refusal::InputOutput);
        }
        let reserved = journal.reserve(3).expect("nothing failed yet");
        let lost = append_only(&journal, b"two");
        let failure = journal.wait_synced(lost).expect_err("it can not be synced");
        assert!(failure.to_string().contains("Mend the disk and start again"), "{failure}");
        let outcome = outcomes.recv_timeout(Duration::from_secs(5)).expect("the failure was told");
        outcome.expect_err("it was not synced");
        // What was reserved before may still be appended, and is answered too.
        journal.append(reserved, b"tri");
        let outcome = outcomes.recv_timeout(Duration::from_secs(5)).expect("each append is answered");
        outcome.expect_err("nothing is synced any more");
        assert!(matches!(journal.reserve(1), Err(AppendError::Failed(_))));
        assert!(matches!(journal.snapshot(journal.last()), Err(SnapshotError::Failed(_))));
        journal.close().expect_err("it did not end well");
        drop(journal);
        let (_, mut recovered) = open(&disk.crash(1));
        assert!(!recovered.clean);
        let found = records(&mut recovered);
        assert_eq!(found.first(), Some(&(1, b"one".to_vec())));
    }
}

#[test]
fn a_snapshot_that_fails_leaves_the_journal_as_it_was() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    append(&journal, b"one");
    // Until the next segment is prepared its own operations would be refused.
    append(&journal, &[0; 4000]);
    std::thread::sleep(Duration::from_millis(50));
    disk.set_capacity(Some(disk.used()));
    let mut writer = journal.snapshot(journal.last()).expect("a snapshot begins");
    std::io::Write::write_all(&mut writer, &[1; 100_000]).expect("it is kept for now");
    assert!(matches!(writer.finish(), Err(SnapshotError::Io { .. })));
    disk.set_capacity(None);
    append(&journal, b"two");
    snapshot(&journal, journal.last(), b"state");
    drop(journal);
    assert_eq!(records(&mut open(&disk).1), []);
}

#[test]
fn too_much_pending_is_refused_and_one_large_record_is_not() {
    let disk = SimulatedDisk::new();
    let settings = hyrax_journal::JournalSettings { pending_bytes_max: 10_000, ..crate::settings() };
    let (journal, _) = Journal::open(std::sync::Arc::new(disk.clone()), settings).expect("the journal opens");
    let large = journal.reserve(50_000).expect("alone it may be larger");
    assert!(matches!(journal.reserve(1), Err(AppendError::TooBusy)));
    drop(large);
    let first = journal.reserve(5000).expect("there is room");
    assert!(matches!(journal.reserve(5000), Err(AppendError::TooBusy)));
    drop(first);
    assert!(matches!(journal.reserve(1 << 30), Err(AppendError::TooLarge { .. })));
}
