//! A directory of the operating system.

use std::path::Path;
use std::sync::Arc;

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
