//! A directory of the operating system.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use hyrax_journal::{Journal, JournalSettings, OpenError, RealDisk};

use crate::{append, append_only, records, snapshot, snapshot_of};

fn open(directory: &Path) -> (Journal, hyrax_journal::Recovered) {
    let disk = RealDisk::open(directory).expect("the directory opens");
    Journal::open(Arc::new(disk), JournalSettings::new(7)).expect("the journal opens")
}

#[test]
fn a_directory_is_made_for_its_owner_alone_and_keeps_what_was_appended() {
    let parent = tempfile::tempdir().expect("a temporary directory");
    let directory = parent.path().join("new").join("data");
    let (journal, _) = open(&directory);
    for number in 0..1000_u32 {
        append_only(&journal, &number.to_le_bytes());
    }
    snapshot(&journal, journal.last(), b"a thousand");
    append(&journal, b"one more");
    journal.close().expect("the journal closes");
    drop(journal);
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&directory.metadata().expect("it is there").permissions());
    assert_eq!(mode & 0o777, 0o700);
    let (_, mut recovered) = open(&directory);
    assert!(recovered.clean);
    assert_eq!(snapshot_of(&mut recovered), Some((1000, b"a thousand".to_vec())));
    assert_eq!(records(&mut recovered), [(1001, b"one more".to_vec())]);
}

#[test]
fn a_second_user_of_the_directory_is_told_who_has_it() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let first = RealDisk::open(directory.path()).expect("the directory opens");
    let error = RealDisk::open(directory.path()).expect_err("it is in use");
    assert!(matches!(error, OpenError::Locked { holder: Some(pid), .. } if pid == std::process::id()));
    let text = error.to_string();
    assert!(text.contains(&directory.path().display().to_string()), "{text}");
    assert!(text.contains(&std::process::id().to_string()), "{text}");
    drop(first);
    RealDisk::open(directory.path()).expect("it is free again");
}

#[test]
fn a_directory_that_can_not_be_made_is_named() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let error = RealDisk::open(&file.path().join("below")).expect_err("a file is no directory");
    assert!(error.to_string().contains(&file.path().display().to_string()), "{error}");
}

/// Prints how fast it is here; run by hand, with `--release`.
#[test]
#[ignore = "measures"]
fn how_fast() {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let directory = tempfile::tempdir_in(target).expect("a temporary directory");
    let (journal, _) = open(directory.path());
    let record = [7; 300];
    for callers in [1, 16, 256] {
        let began = Instant::now();
        let each = 20_000 / callers.max(8);
        std::thread::scope(|scope| {
            for _ in 0..callers {
                scope.spawn(|| {
                    for _ in 0..each {
                        append(&journal, &record);
                    }
                });
            }
        });
        let took = began.elapsed();
        println!("{callers} callers: {:.0} records/s", f64::from(callers * each) / took.as_secs_f64());
    }
    let began = Instant::now();
    for _ in 0..1_000_000 {
        loop {
            match journal.reserve(record.len()) {
                Ok(reservation) => {
                    journal.append(reservation, &record);
                    break;
                }
                Err(_) => std::thread::yield_now(),
            }
        }
    }
    journal.wait_synced(journal.last()).expect("nothing fails");
    println!("a million as fast as it goes: {:?}", began.elapsed());
    drop(journal);
    let began = Instant::now();
    let (journal, mut recovered) = open(directory.path());
    let opened = began.elapsed();
    let mut count = 0;
    while recovered.records.next_record().expect("they can be read").is_some() {
        count += 1;
    }
    println!("{count} records: opened in {opened:?}, read after {:?}", began.elapsed());
    let state = vec![3; 300_000_000];
    let began = Instant::now();
    snapshot(&journal, journal.last(), &state);
    println!("a snapshot of 300 MB: {:?}", began.elapsed());
    drop((journal, recovered));
    let began = Instant::now();
    let (_journal, mut recovered) = open(directory.path());
    let length = snapshot_of(&mut recovered).map_or(0, |(_, state)| state.len());
    println!("{length} bytes read again: {:?}", began.elapsed());
}
