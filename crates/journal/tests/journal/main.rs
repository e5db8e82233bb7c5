//! What must hold of a journal, on a disk that fails on demand and on a real one.

mod crashes;
mod damage;
mod failures;
mod lone_records;
mod real_disk;
mod use_of_it;

use std::io::{Read, Write};
use std::sync::Arc;

use hyrax_journal::disk::SimulatedDisk;
use hyrax_journal::{Disk, Journal, JournalSettings, OpenError, Position, Recovered};

/// Segments so small that tests fill many.
fn settings() -> JournalSettings {
    JournalSettings { segment_bytes: 4096, ..JournalSettings::new(0x1234_5678_9abc_def0_0fed_cba9_8765_4321) }
}

fn open(disk: &SimulatedDisk) -> (Journal, Recovered) {
    try_open(disk).expect("the journal opens")
}

fn try_open(disk: &SimulatedDisk) -> Result<(Journal, Recovered), OpenError> {
    Journal::open(Arc::new(disk.clone()) as Arc<dyn Disk>, settings())
}

/// Appends a record and waits until it is synced.
fn append(journal: &Journal, record: &[u8]) -> Position {
    let position = append_only(journal, record);
    journal.wait_synced(position).expect("the record is synced");
    position
}

fn append_only(journal: &Journal, record: &[u8]) -> Position {
    journal.append(journal.reserve(record.len()).expect("there is room"), record)
}

fn snapshot(journal: &Journal, position: Position, state: &[u8]) {
    let mut writer = journal.snapshot(position).expect("a snapshot begins");
    writer.write_all(state).expect("it is written");
    writer.finish().expect("it is finished");
}

/// All records that were recovered, with their positions.
fn records(recovered: &mut Recovered) -> Vec<(u64, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some(record) = recovered.records.next_record().expect("records can be read") {
        all.push((record.position.0, record.bytes.to_vec()));
    }
    all
}

/// The snapshot's position and content.
fn snapshot_of(recovered: &mut Recovered) -> Option<(u64, Vec<u8>)> {
    recovered.snapshot.as_mut().map(|reader| {
        let mut state = Vec::new();
        reader.read_to_end(&mut state).expect("the snapshot can be read");
        (reader.position().0, state)
    })
}

fn segments(disk: &SimulatedDisk) -> Vec<String> {
    names_with(disk, ".segment")
}

fn snapshots(disk: &SimulatedDisk) -> Vec<String> {
    names_with(disk, ".snapshot")
}

/// Names with an ending, in order.
fn names_with(disk: &SimulatedDisk, ending: &str) -> Vec<String> {
    let mut names = disk.list().expect("a simulated disk lists its files");
    names.retain(|name| name.ends_with(ending));
    names.sort();
    names
}
