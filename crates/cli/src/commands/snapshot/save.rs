//! `hyrax snapshot save`: a server's state into a file, while it works on.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use hyrax_etcd::etcdserverpb::SnapshotRequest;
use hyrax_etcd::etcdserverpb::maintenance_client::MaintenanceClient;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::time::timeout;

use super::file::HASH_BYTES;
use crate::etcd::{ANSWER_MAX, Etcd};
use crate::notice::tell;
use crate::request::ServerOptions;

/// Longest piece taken from a server. It sends far shorter ones, but a peer must not fill the memory.
const PIECE_BYTES_MAX: usize = 64 << 20;

/// Save what a server coordinates into a file, while it works on.
///
/// The state is that of one revision. The file takes its name only when it is whole, its hash is right and
/// it is on disk.
#[derive(Args, Debug)]
pub struct Save {
    #[command(flatten)]
    server: ServerOptions,
    /// Where to
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Save {
    /// Saves, and says what.
    pub fn run(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let bytes = runtime.block_on(self.save())?;
        tell(format_args!("saved {} ({})", self.file.display(), HumanBytes(bytes)));
        Ok(())
    }

    async fn save(&self) -> Result<u64> {
        let failed = || format!("cannot write {}", self.file.display());
        let directory = match self.file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        // First, as it is the sooner of what may go wrong.
        let unfinished = NamedTempFile::new_in(directory).with_context(failed)?;
        let etcd = Etcd::enter(&self.server).await?;
        let mut receiving = Receiving::new(unfinished.as_file());
        receiving.all(&etcd).await?;
        let bytes = receiving.finish()?;
        unfinished.as_file().sync_all().with_context(failed)?;
        unfinished.persist(&self.file).map_err(|error| error.error).with_context(failed)?;
        File::open(directory).and_then(|directory| directory.sync_all()).with_context(failed)?;
        Ok(bytes)
    }
}

/// A snapshot as it comes in.
pub(super) struct Receiving<'a> {
    file: &'a File,
    /// Of all but the last bytes, which may be the hash.
    sha: Sha256,
    last: Vec<u8>,
    bytes: u64,
}

impl<'a> Receiving<'a> {
    pub(super) fn new(file: &'a File) -> Receiving<'a> {
        Receiving { file, sha: Sha256::new(), last: Vec::new(), bytes: 0 }
    }

    async fn all(&mut self, etcd: &Etcd) -> Result<()> {
        let mut client =
            MaintenanceClient::new(etcd.channel.clone()).max_decoding_message_size(PIECE_BYTES_MAX);
        let asked = client.snapshot(etcd.request(SnapshotRequest {}));
        let asked = timeout(ANSWER_MAX, asked).await.map_err(|_| etcd.silent())?;
        let mut pieces = asked.map_err(|status| etcd.explain(&status))?.into_inner();
        let progress = progress();
        loop {
            let piece = timeout(ANSWER_MAX, pieces.message()).await.map_err(|_| etcd.silent())?;
            let Some(piece) = piece.map_err(|status| etcd.explain(&status))? else { break };
            self.piece(&piece.blob).context("cannot write the snapshot")?;
            progress.set_length(self.bytes + piece.remaining_bytes);
            progress.set_position(self.bytes);
        }
        progress.finish_and_clear();
        Ok(())
    }

    pub(super) fn piece(&mut self, piece: &[u8]) -> std::io::Result<()> {
        self.file.write_all(piece)?;
        self.bytes += piece.len() as u64;
        self.last.extend_from_slice(piece);
        if let Some(before) = self.last.len().checked_sub(HASH_BYTES) {
            self.sha.update(&self.last[..before]);
            self.last.drain(..before);
        }
        Ok(())
    }

    /// How many bytes came, if they are all, and unharmed.
    pub(super) fn finish(self) -> Result<u64> {
        if self.last.len() < HASH_BYTES || self.sha.finalize()[..] != self.last[..] {
            bail!("the snapshot did not arrive whole: its hash is not that of its content; save it again");
        }
        Ok(self.bytes)
    }
}

/// Shown on standard error, and only where that is a terminal.
fn progress() -> ProgressBar {
    let progress = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}") {
        progress.set_style(style);
    }
    progress.enable_steady_tick(Duration::from_millis(200));
    progress
}
