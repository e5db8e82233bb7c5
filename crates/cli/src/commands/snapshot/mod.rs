//! `hyrax snapshot`: backups of what a server coordinates.

mod file;
mod restore;
mod save;
mod status;
#[cfg(test)]
mod tests;

use anyhow::Result;
use clap::Subcommand;

use restore::Restore;
use save::Save;
use status::Status;

/// Back up what a server coordinates, or go back to a backup.
#[derive(Debug, Subcommand)]
pub enum Snapshot {
    Save(Save),
    Restore(Restore),
    Status(Status),
}

impl Snapshot {
    /// Does what was asked.
    pub fn run(self) -> Result<()> {
        match self {
            Snapshot::Save(save) => save.run(),
            Snapshot::Restore(restore) => restore.run(),
            Snapshot::Status(status) => status.run(),
        }
    }
}
