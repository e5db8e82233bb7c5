//! `hyrax snapshot restore`: a data directory out of a snapshot.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use hyrax_journal::{Journal, JournalSettings, Position, RealDisk};

use super::file::SnapshotFile;
use crate::notice::tell;

/// Make a data directory out of a snapshot.
///
/// The server started with it goes on at the snapshot's revision, as a cluster of its own identity. Leases
/// have their full time to live again; keys that belonged to connections are gone.
#[derive(Args, Debug)]
pub struct Restore {
    /// The snapshot's file
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// The directory to make; there may be an empty one
    #[arg(long, value_name = "DIR")]
    pub(super) data_dir: PathBuf,
}

impl Restore {
    /// Restores, and says what.
    pub fn run(self) -> Result<()> {
        check_free(&self.data_dir)?;
        let mut snapshot = SnapshotFile::open(&self.file)?;
        let parent = match self.data_dir.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let failed = || format!("cannot make {}", self.data_dir.display());
        fs::create_dir_all(parent).with_context(failed)?;
        // Beside it, and renamed when whole: half a directory would be started as one without any data.
        let unfinished = tempfile::Builder::new()
            .prefix(".hyrax-restore-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(parent)
            .with_context(failed)?;
        fill(unfinished.path(), &mut snapshot)?;
        fs::rename(unfinished.path(), &self.data_dir).with_context(failed)?;
        // It has another name now, and must not be removed.
        _ = unfinished.keep();
        File::open(parent).and_then(|parent| parent.sync_all()).with_context(failed)?;
        let directory = self.data_dir.display();
        let (keys, revision) = (snapshot.summary.keys, snapshot.summary.revision);
        tell(format_args!("restored {keys} keys at revision {revision}; start with --data-dir {directory}"));
        Ok(())
    }
}

/// Refuses a directory that has something in it.
fn check_free(directory: &Path) -> Result<()> {
    let entries = match fs::read_dir(directory) {
        Ok(mut entries) => entries.next(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("cannot use {}", directory.display())),
    };
    if entries.is_some() {
        bail!("{} is not empty: name a new directory, or move what is there away", directory.display());
    }
    Ok(())
}

/// Writes a journal that begins with the snapshot.
fn fill(directory: &Path, snapshot: &mut SnapshotFile) -> Result<()> {
    let mut seed = [0; 16];
    getrandom::fill(&mut seed).context("the system gives no random numbers")?;
    let disk = Arc::new(RealDisk::open(directory)?);
    let (journal, _) = Journal::open(disk, JournalSettings::new(u128::from_ne_bytes(seed)))?;
    let mut writer = journal.snapshot(Position(0))?;
    snapshot.copy_state(&mut writer)?;
    writer.finish()?;
    Ok(journal.close()?)
}
