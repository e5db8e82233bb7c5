//! Files that are not as they were written: what a crash explains is cut, all else is refused, and nothing panics.

use hyrax_journal::disk::SimulatedDisk;
use hyrax_journal::{Disk, OpenError, Position};
use proptest::prelude::*;

use crate::{append, open, records, segments, snapshot, snapshot_of, snapshots, try_open};

/// A disk with a journal of 30 records of 500 bytes in several segments, each in a group of its own, not closed.
fn thirty() -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    for number in 1..=30_u8 {
        append(&journal, &[number; 500]);
    }
    drop(journal);
    disk
}

fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).position(|window| window == wanted).expect("it is there")
}

fn refusal(disk: &SimulatedDisk) -> OpenError {
    match try_open(disk) {
        Ok((_, recovered)) => panic!("opened, with {} as the last record", recovered.last),
        Err(error) => error,
    }
}

#[test]
fn a_torn_tail_is_cut_at_the_last_whole_record_and_reported() {
    let disk = thirty();
    let name = segments(&disk).pop().expect("there are segments");
    let mut torn_at = 0;
    disk.corrupt(&name, |bytes| {
        torn_at = find(bytes, &[30; 500]) + 200;
        bytes[torn_at..].fill(0);
    });
    let (journal, mut recovered) = open(&disk);
    assert_eq!(records(&mut recovered).len(), 29);
    let cut = recovered.cut.expect("the cut is reported");
    assert_eq!(cut.file, name);
    assert_eq!(cut.offset + cut.bytes, torn_at as u64);
    assert_eq!(append(&journal, b"in its place"), Position(30));
    drop(journal);
    let (_, mut recovered) = open(&disk);
    assert!(recovered.cut.is_none());
    assert_eq!(records(&mut recovered).pop(), Some((30, b"in its place".to_vec())));
}

#[test]
fn damage_before_what_is_known_to_be_synced_is_refused_with_what_to_do() {
    for record in [1_u8, 5, 12, 20, 28, 29] {
        let disk = thirty();
        let mut damaged = String::new();
        for name in segments(&disk) {
            disk.corrupt(&name, |bytes| {
                if bytes.windows(500).any(|window| window == [record; 500]) {
                    let at = find(bytes, &[record; 500]);
                    bytes[at + 100] ^= 1;
                    damaged = name.clone();
                }
            });
        }
        let before = disk.contents(&damaged);
        let error = refusal(&disk);
        assert!(matches!(&error, OpenError::Damaged { file, .. } if *file == damaged), "{record}: {error}");
        assert!(error.to_string().contains("hyrax snapshot restore"), "{error}");
        assert_eq!(disk.contents(&damaged), before, "nothing was changed");
    }
}

#[test]
fn a_whole_group_behind_a_hole_of_zeros_is_refused_too() {
    let disk = thirty();
    let name = segments(&disk).pop().expect("there are segments");
    disk.corrupt(&name, |bytes| {
        let at = find(bytes, &[29; 500]) - 40;
        bytes[at..at + 540].fill(0);
    });
    assert!(matches!(refusal(&disk), OpenError::Damaged { .. }));
}

#[test]
fn any_damage_to_a_closed_journal_but_its_mark_is_refused() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    append(&journal, &[1; 500]);
    journal.close().expect("the journal closes");
    drop(journal);
    let name = segments(&disk).pop().expect("there is a segment");
    disk.corrupt(&name, |bytes| {
        let at = find(bytes, &[1; 500]);
        bytes[at] ^= 1;
    });
    assert!(matches!(refusal(&disk), OpenError::Damaged { .. }));
}

#[test]
fn a_missing_segment_is_refused() {
    let disk = thirty();
    let names = segments(&disk);
    disk.remove(&names[2]).expect("it is there");
    assert!(matches!(refusal(&disk), OpenError::Damaged { .. }));
    let disk = thirty();
    disk.remove(&names[0]).expect("it is there");
    assert!(matches!(refusal(&disk), OpenError::Missing { first: 1, .. }));
}

#[test]
fn a_segment_of_another_journal_or_version_is_refused() {
    let disk = thirty();
    let name = segments(&disk).remove(3);
    let other = SimulatedDisk::new();
    let settings = hyrax_journal::JournalSettings { seed: 99, ..crate::settings() };
    let (journal, _) = hyrax_journal::Journal::open(std::sync::Arc::new(other.clone()), settings)
        .expect("the journal opens");
    append(&journal, b"one");
    drop(journal);
    let foreign = other.contents(&segments(&other)[0]).expect("it is there");
    disk.corrupt(&name, |bytes| *bytes = foreign);
    assert!(matches!(refusal(&disk), OpenError::Foreign { file } if file == name));
}

/// Three snapshots, at 10, 20 and 30, of which two are kept.
fn with_snapshots() -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    for number in 1..=32_u8 {
        let position = append(&journal, &[number; 500]);
        if number.is_multiple_of(10) {
            snapshot(&journal, position, &[number; 2000]);
        }
    }
    drop(journal);
    disk
}

#[test]
fn a_broken_newest_snapshot_falls_back_to_the_one_before() {
    let disk = with_snapshots();
    let newest = snapshots(&disk).pop().expect("there are snapshots");
    disk.corrupt(&newest, |bytes| bytes[1000] ^= 4);
    let (journal, mut recovered) = open(&disk);
    assert_eq!(recovered.broken_snapshots, std::slice::from_ref(&newest));
    assert_eq!(snapshot_of(&mut recovered), Some((20, vec![20; 2000])));
    let positions: Vec<u64> = records(&mut recovered).into_iter().map(|(position, _)| position).collect();
    assert_eq!(positions, (21..=32).collect::<Vec<_>>());
    snapshot(&journal, Position(32), b"anew");
    assert!(!snapshots(&disk).contains(&newest), "the broken one goes with the next");
}

#[test]
fn without_a_whole_snapshot_the_start_is_refused() {
    let disk = with_snapshots();
    for name in snapshots(&disk) {
        disk.corrupt(&name, |bytes| bytes.truncate(1500));
    }
    assert!(matches!(refusal(&disk), OpenError::Damaged { file, .. } if file.ends_with(".snapshot")));
}

#[test]
fn a_snapshot_proves_that_its_records_were_synced() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    append(&journal, &[1; 500]);
    append(&journal, &[2; 500]);
    snapshot(&journal, Position(2), b"two");
    drop(journal);
    let name = segments(&disk).pop().expect("there is a segment");
    disk.corrupt(&name, |bytes| {
        let at = find(bytes, &[2; 500]);
        bytes[at..].fill(0);
    });
    assert!(matches!(refusal(&disk), OpenError::Damaged { .. }));
}

#[test]
fn a_value_that_imitates_a_mark_is_not_taken_for_one() {
    let disk = SimulatedDisk::new();
    let (journal, _) = open(&disk);
    append(&journal, &[1; 100]);
    let name = segments(&disk).pop().expect("there is a segment");
    // All marks that there could be behind the record to come, as one who does not know the salt would make them.
    let mut imitation = Vec::new();
    for offset in (0..1000_u64).step_by(8).map(|at| at + 272) {
        let mut frame = Vec::new();
        frame.extend_from_slice(&8_u32.to_le_bytes());
        frame.extend_from_slice(&(3 | 2_u64 << 56).to_le_bytes());
        frame.extend_from_slice(&offset.to_le_bytes());
        let mut whole = crc32fast::hash(&frame).to_le_bytes().to_vec();
        whole.append(&mut frame);
        imitation.extend_from_slice(&whole);
    }
    append(&journal, &imitation);
    drop(journal);
    disk.corrupt(&name, |bytes| {
        let at = find(bytes, &imitation);
        bytes[at] ^= 1;
    });
    assert!(open(&disk).1.cut.is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::default())]

    /// Whatever happens to one byte, bit or piece of one file: the start is refused, or all that is found was appended,
    /// in order, from the beginning on, and nothing that a snapshot has is missing.
    #[test]
    fn damage_never_panics_and_never_invents(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        how in prop_oneof![
            (1..=255_u8).prop_map(|bits| (bits, 0)),
            (0..=255_u8, 1..3000_usize),
        ],
    ) {
        let disk = with_snapshots();
        let names = disk.list().expect("a simulated disk lists its files");
        let name = which.get(&names);
        disk.corrupt(name, |bytes| {
            if bytes.is_empty() {
                return;
            }
            let at = at.index(bytes.len());
            match how {
                (bits, 0) => bytes[at] ^= bits,
                (0, length) if length % 2 == 0 => bytes.truncate(at),
                (fill, length) => {
                    let end = (at + length).min(bytes.len());
                    bytes[at..end].fill(fill);
                }
            }
        });
        if let Ok((_, mut recovered)) = try_open(&disk) {
            let mut next = 1;
            if let Some((position, state)) = snapshot_of(&mut recovered) {
                prop_assert_eq!(state, vec![position as u8; 2000]);
                next = position + 1;
            }
            for (position, bytes) in records(&mut recovered) {
                prop_assert_eq!(position, next);
                prop_assert_eq!(bytes, vec![position as u8; 500]);
                next += 1;
            }
            // A file that lost its end may have lost a group after the newest snapshot.
            prop_assert!((31..=33).contains(&next), "{}", next);
        }
    }
}
