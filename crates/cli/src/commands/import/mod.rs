//! `hyrax import`: what is in another store, copied into a server.

mod copy;
mod etcd2;
mod tally;

use anyhow::Result;
use clap::Subcommand;

use etcd2::Etcd2;

/// Copy another store's content into a server.
#[derive(Debug, Subcommand)]
pub enum Import {
    Etcd2(Etcd2),
}

impl Import {
    /// Does what was asked.
    pub fn run(self) -> Result<()> {
        match self {
            Import::Etcd2(etcd2) => etcd2.run(),
        }
    }
}
