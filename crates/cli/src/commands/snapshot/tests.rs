//! Files as a server sends them, whole and harmed.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyrax_coordination::{
    Coordination, Embedded, EmbeddedSettings, KeyRange, LeaseGrantRequest, PutRequest, RangeRequest,
};
use hyrax_journal::{JournalSettings, RealDisk};
use hyrax_types::SystemClock;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::file::SnapshotFile;
use super::restore::Restore;
use super::save::Receiving;

/// Bytes that a snapshot is a multiple of, as etcdctl expects it.
const PAGE: usize = 512;

/// What a server sends of three keys and a lease, at revision 5.
async fn sent() -> Vec<u8> {
    let engine = Embedded::start(Arc::new(SystemClock), EmbeddedSettings::default());
    let lease = engine.lease_grant(LeaseGrantRequest::new(Duration::from_secs(100))).await.unwrap().id;
    for (key, value) in [("a", "1"), ("b", "2"), ("a", "3")] {
        engine.put(PutRequest::new(key, value)).await.unwrap();
    }
    engine.put(PutRequest::new("c", "4").on_lease(lease)).await.unwrap();
    let mut stream = engine.maintenance().unwrap().snapshot().await.unwrap();
    let mut all = Vec::new();
    while let Some(piece) = stream.next().await.unwrap() {
        all.extend_from_slice(&piece);
    }
    all.resize(all.len().next_multiple_of(PAGE), 0);
    all.extend_from_slice(&Sha256::digest(&all));
    all
}

/// A folder with such a file in it.
async fn saved() -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.db");
    std::fs::write(&file, sent().await).unwrap();
    (folder, file)
}

fn refusal(file: &Path) -> String {
    match SnapshotFile::open(file) {
        Ok(opened) => panic!("taken for whole: {:?}", opened.summary),
        Err(error) => format!("{error:#}"),
    }
}

fn restore(file: &Path, directory: &Path) -> anyhow::Result<()> {
    Restore { file: file.to_owned(), data_dir: directory.to_owned() }.run()
}

fn start(directory: &Path) -> Embedded {
    let disk = Arc::new(RealDisk::open(directory).unwrap());
    let clock = Arc::new(SystemClock);
    Embedded::open(clock, EmbeddedSettings::default(), disk, JournalSettings::new(1)).unwrap().0
}

#[tokio::test]
async fn a_whole_file_tells_what_is_in_it() {
    let (_folder, file) = saved().await;
    let opened = SnapshotFile::open(&file).unwrap();
    assert_eq!((opened.summary.keys, opened.summary.leases), (3, 1));
    assert_eq!(opened.summary.revision.0, 5);
    assert_eq!(opened.size, std::fs::metadata(&file).unwrap().len());
    assert!(opened.state_bytes < opened.size - 32);
}

#[tokio::test]
async fn any_harm_to_a_file_is_found() {
    let (_folder, file) = saved().await;
    let whole = std::fs::read(&file).unwrap();
    for at in 0..whole.len() {
        let mut harmed = whole.clone();
        harmed[at] ^= 1 << (at % 8);
        std::fs::write(&file, &harmed).unwrap();
        assert!(refusal(&file).contains("damaged or incomplete"), "byte {at}");
    }
    for length in [0, 31, 32, 40, whole.len() - 1] {
        std::fs::write(&file, &whole[..length]).unwrap();
        refusal(&file);
    }
}

#[tokio::test]
async fn a_file_of_etcds_own_store_is_told_apart() {
    let (_folder, file) = saved().await;
    let mut etcds = vec![0; 4096];
    etcds[16..20].copy_from_slice(&0xed0c_daed_u32.to_le_bytes());
    etcds.extend_from_slice(&Sha256::digest(&etcds));
    std::fs::write(&file, etcds).unwrap();
    assert!(refusal(&file).contains("etcdctl"));
}

#[tokio::test]
async fn a_restored_directory_has_the_keys_at_their_revisions() {
    let (folder, file) = saved().await;
    let directory = folder.path().join("below").join("data");
    restore(&file, &directory).unwrap();
    let mode = PermissionsExt::mode(&directory.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700);
    let engine = start(&directory);
    let all = engine.range(RangeRequest::new(KeyRange::all())).await.unwrap();
    let found: Vec<_> =
        all.kvs.iter().map(|kv| (&kv.key[..], &kv.value[..], kv.mod_revision.0, kv.version)).collect();
    assert_eq!(found, [(&b"a"[..], &b"3"[..], 4, 2), (b"b", b"2", 3, 1), (b"c", b"4", 5, 1)]);
    let put = engine.put(PutRequest::new("d", "5")).await.unwrap();
    assert_eq!(put.revision.0, 6, "it goes on where the snapshot ended");
    assert_eq!(engine.leases().await.unwrap().leases.len(), 1);
    let left = std::fs::read_dir(directory.parent().unwrap()).unwrap().count();
    assert_eq!(left, 1, "nothing is left beside it");
}

#[tokio::test]
async fn only_a_new_or_empty_directory_is_made_into_one() {
    let (folder, file) = saved().await;
    let directory = folder.path().join("data");
    std::fs::create_dir(&directory).unwrap();
    restore(&file, &directory).unwrap();
    let again = restore(&file, &directory).unwrap_err().to_string();
    assert!(again.contains("is not empty") && again.contains("data"), "{again}");
    let harmed = folder.path().join("harmed");
    std::fs::write(&file, b"no snapshot at all, but long enough to be one").unwrap();
    restore(&file, &harmed).unwrap_err();
    assert!(!harmed.exists(), "nothing is made of a broken file");
}

#[tokio::test]
async fn what_arrives_in_any_pieces_is_checked_as_a_whole() {
    let sent = sent().await;
    for size in [1, 7, 31, 32, 33, 512, sent.len()] {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut receiving = Receiving::new(file.as_file());
        sent.chunks(size).for_each(|piece| receiving.piece(piece).unwrap());
        assert_eq!(receiving.finish().unwrap(), sent.len() as u64);
        assert_eq!(std::fs::read(file.path()).unwrap(), sent);
        SnapshotFile::open(file.path()).unwrap();
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut receiving = Receiving::new(file.as_file());
    receiving.piece(&sent[..sent.len() - 40]).unwrap();
    assert!(receiving.finish().unwrap_err().to_string().contains("did not arrive whole"));
}
