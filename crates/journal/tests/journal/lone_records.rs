//! Records that come alone, synced by whoever is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hyrax_journal::disk::{Operation, Refusal, SimulatedDisk};
use hyrax_journal::{Journal, Position};

use crate::{append, append_only, open, records};

/// A journal that asks, how often it did, and the last record told.
struct Asking {
    journal: Arc<Journal>,
    asked: Arc<AtomicU64>,
    told: Arc<AtomicU64>,
}

fn asking(disk: &SimulatedDisk) -> Asking {
    let (journal, _) = open(disk);
    let (asked, told) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (count, last) = (Arc::clone(&asked), Arc::clone(&told));
    journal.on_pending(Box::new(move || _ = count.fetch_add(1, Ordering::SeqCst)));
    journal.on_synced(Box::new(move |outcome| {
        if let Ok(Position(position)) = outcome {
            last.store(position, Ordering::SeqCst);
        }
    }));
    Asking { journal: Arc::new(journal), asked, told }
}

impl Asking {
    /// Appends records, one after the other was synced, until it asks. The disk is known to be quick by then.
    fn until_asked(&self) -> Position {
        let before = self.asked.load(Ordering::SeqCst);
        let began = Instant::now();
        loop {
            assert!(began.elapsed() < Duration::from_secs(60), "it asks at last");
            let position = append_only(&self.journal, b"one");
            // The thread may not have gone to sleep yet, and then it looks by itself.
            std::thread::sleep(Duration::from_millis(1));
            if self.asked.load(Ordering::SeqCst) > before {
                return position;
            }
            self.journal.wait_synced(position).expect("nothing fails");
        }
    }

    fn told(&self) -> Position {
        Position(self.told.load(Ordering::SeqCst))
    }
}

#[test]
fn who_is_asked_syncs() {
    let disk = SimulatedDisk::new();
    let it = asking(&disk);
    let position = it.until_asked();
    assert!(it.told() < position && it.journal.synced() < position, "nobody else does it");
    it.journal.sync_pending();
    assert_eq!((it.told(), it.journal.synced()), (position, position));
    // Nothing is pending, and nothing happens.
    it.journal.sync_pending();
    it.journal.close().expect("it closes");
    drop(it);
    assert_eq!(records(&mut open(&disk).1).len() as u64, position.0);
}

#[test]
fn what_comes_before_the_sync_goes_with_it_and_then_the_thread_goes_on() {
    let disk = SimulatedDisk::new();
    let it = asking(&disk);
    it.until_asked();
    let asked = it.asked.load(Ordering::SeqCst);
    append_only(&it.journal, b"two");
    let third = append_only(&it.journal, b"three");
    assert_eq!(it.asked.load(Ordering::SeqCst), asked, "once is enough");
    it.journal.sync_pending();
    assert_eq!(it.told(), third);
    // There were several clients, so the next is not one alone.
    append(&it.journal, b"four");
    assert_eq!(it.asked.load(Ordering::SeqCst), asked);
}

#[test]
fn a_promise_that_is_not_kept_keeps_nobody_waiting() {
    let disk = SimulatedDisk::new();
    let it = asking(&disk);
    let position = it.until_asked();
    it.journal.wait_synced(position).expect("whoever waits does it");
    let position = it.until_asked();
    it.journal.close().expect("the thread does it at the end");
    assert_eq!(it.journal.synced(), position);
    it.journal.sync_pending();
}

#[test]
fn a_failure_is_told_as_by_the_thread() {
    for operation in [Operation::Write, Operation::Sync] {
        let disk = SimulatedDisk::new();
        let it = asking(&disk);
        let position = it.until_asked();
        for nth in 1..4 {
            disk.refuse(operation, nth, Refusal::InputOutput);
        }
        it.journal.sync_pending();
        it.journal.wait_synced(position).expect_err("it can not be synced");
        assert!(it.told() < position);
        assert!(it.journal.reserve(1).is_err());
    }
}

#[test]
fn threads_that_append_and_sync_at_one_time_lose_nothing() {
    let disk = SimulatedDisk::new();
    let it = asking(&disk);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..300 {
                    let position = append_only(&it.journal, b"record");
                    it.journal.sync_pending();
                    it.journal.wait_synced(position).expect("nothing fails");
                }
            });
        }
    });
    assert_eq!(it.told(), Position(1200));
    it.journal.close().expect("it closes");
    assert_eq!(records(&mut open(&disk).1).len(), 1200);
}
