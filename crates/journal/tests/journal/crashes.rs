//! Crashes at every operation of the disk, where each unsynced write may be kept, lost, torn or moved: all that was
//! told to be synced is there, in order, with nothing after a gap, and nothing that was never appended.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use hyrax_journal::Position;
use hyrax_journal::disk::{Operation, SimulatedDisk};
use proptest::prelude::*;

use crate::{append_only, open, records, snapshot, snapshot_of};

/// What a client of the journal does.
#[derive(Clone, Debug)]
enum Step {
    /// Appends so many records of such a size without waiting.
    Append {
        records: u8,
        bytes: u16,
    },
    Wait,
    /// Makes a snapshot of so many records before the last.
    Snapshot {
        behind: u8,
    },
    Close,
    Reopen,
    /// Goes on with what a crash left.
    Crash(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..12_u8, 0..1500_u16).prop_map(|(records, bytes)| Step::Append { records, bytes }),
        1 => (1..3_u8, 4000..9000_u16).prop_map(|(records, bytes)| Step::Append { records, bytes }),
        3 => Just(Step::Wait),
        2 => (0..10_u8).prop_map(|behind| Step::Snapshot { behind }),
        1 => Just(Step::Close),
        1 => Just(Step::Reopen),
        2 => any::<u64>().prop_map(Step::Crash),
    ]
}

/// A disk after a crash, and what was known to be synced before it.
struct Image {
    disk: SimulatedDisk,
    synced: u64,
}

/// What was appended: the record numbered n is at n - 1.
type Appended = Vec<Vec<u8>>;

fn state_at(appended: &Appended, position: u64) -> Vec<u8> {
    let mut state = position.to_le_bytes().to_vec();
    for record in &appended[..position as usize] {
        state.push(record.len() as u8);
        state.extend(record.first());
    }
    state
}

/// Opens what a crash left, compares, and says which record is the last.
fn check(image: &Image, appended: &Appended) -> u64 {
    let (journal, mut recovered) = open(&image.disk);
    let mut next = 1;
    if let Some((position, state)) = snapshot_of(&mut recovered) {
        assert_eq!(state, state_at(appended, position));
        next = position + 1;
    }
    for (position, bytes) in records(&mut recovered) {
        assert_eq!(position, next);
        assert!(bytes == appended[position as usize - 1], "record {position} is what was appended");
        next += 1;
    }
    assert!(next > image.synced, "the last record is {}, and {} was synced", next - 1, image.synced);
    assert_eq!(recovered.last, Position(next - 1));
    assert_eq!(recovered.broken_snapshots, [""; 0]);
    drop(journal);
    // What was cut once is not found again, nor is anything else.
    let (_, again) = open(&image.disk);
    assert!(again.cut.is_none());
    assert_eq!(again.last, recovered.last);
    next - 1
}

/// Takes crash images of a disk as it works.
fn photograph(disk: &SimulatedDisk, synced: &Arc<AtomicU64>, images: &Arc<Mutex<Vec<Image>>>, seed: u64) {
    let (synced, images, taken) = (Arc::clone(synced), Arc::clone(images), AtomicU64::new(seed));
    disk.observe(Arc::new(move |disk: &SimulatedDisk, operation: Operation| {
        let number = taken.fetch_add(1, Ordering::Relaxed);
        let often = matches!(operation, Operation::Sync | Operation::Rename | Operation::SyncDirectory);
        if often || number.is_multiple_of(3) {
            // In this order: what is synced after the look may be missing.
            let synced = synced.load(Ordering::SeqCst);
            let disk = disk.crash(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            images.lock().expect("no test panicked").push(Image { disk, synced });
        }
    }));
}

fn run(steps: &[Step], seed: u64) {
    let mut appended: Appended = Vec::new();
    let mut disk = SimulatedDisk::new();
    let images = Arc::new(Mutex::new(Vec::new()));
    let synced = Arc::new(AtomicU64::new(0));
    photograph(&disk, &synced, &images, seed);
    let listen = |journal: &hyrax_journal::Journal| {
        let synced = Arc::clone(&synced);
        journal.on_synced(Box::new(move |outcome| {
            synced.fetch_max(outcome.expect("nothing fails").0, Ordering::SeqCst);
        }));
    };
    let (mut journal, _) = open(&disk);
    listen(&journal);
    for step in steps {
        match step {
            Step::Append { records, bytes } => {
                for _ in 0..*records {
                    let record = vec![(appended.len() as u64 ^ seed) as u8; usize::from(*bytes)];
                    append_only(&journal, &record);
                    appended.push(record);
                }
            }
            Step::Wait => journal.wait_synced(journal.last()).expect("nothing fails"),
            Step::Snapshot { behind } => {
                let position = journal.last().0.saturating_sub(u64::from(*behind));
                if journal.snapshot(Position(position)).is_ok() {
                    snapshot(&journal, Position(position), &state_at(&appended, position));
                }
            }
            Step::Close | Step::Reopen => {
                if matches!(step, Step::Close) {
                    journal.close().expect("nothing fails");
                }
                drop(journal);
                let recovered;
                (journal, recovered) = open(&disk);
                listen(&journal);
                assert_eq!(recovered.last.0, appended.len() as u64);
                assert!(recovered.clean || matches!(step, Step::Reopen) || appended.is_empty());
            }
            Step::Crash(seed) => {
                let image = Image { synced: synced.load(Ordering::SeqCst), disk: disk.crash(*seed) };
                drop(journal);
                check_all(&images, &appended);
                appended.truncate(check(&image, &appended) as usize);
                disk = image.disk;
                synced.store(appended.len() as u64, Ordering::SeqCst);
                photograph(&disk, &synced, &images, *seed);
                (journal, _) = open(&disk);
                listen(&journal);
            }
        }
    }
    drop(journal);
    check_all(&images, &appended);
}

fn check_all(images: &Mutex<Vec<Image>>, appended: &Appended) {
    for image in std::mem::take(&mut *images.lock().expect("no test panicked")) {
        check(&image, appended);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        // Each is hundreds of crashes.
        cases: ProptestConfig::default().cases / 4,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_was_synced_outlives_any_crash(steps in prop::collection::vec(step(), 1..25), seed in any::<u64>()) {
        run(&steps, seed);
    }
}
