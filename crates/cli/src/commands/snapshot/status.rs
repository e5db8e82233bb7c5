//! `hyrax snapshot status`: what a snapshot holds.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use comfy_table::Table;
use comfy_table::presets::ASCII_FULL_CONDENSED;
use indicatif::HumanBytes;
use serde_json::json;

use super::file::SnapshotFile;

/// Check a snapshot, and print what is in it.
///
/// The hash is that of the state, and the same for the same state.
#[derive(Args, Debug)]
pub struct Status {
    /// The snapshot's file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How to print it
    #[arg(long, short = 'w', value_enum, default_value = "table")]
    output: Form,
}

/// How to print.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// For people
    Table,
    /// For scripts, with etcdctl's names
    Json,
}

impl Status {
    /// Prints what the file holds.
    pub fn run(self) -> Result<()> {
        let SnapshotFile { size, hash, summary, .. } = SnapshotFile::open(&self.file)?;
        let mut stdout = io::stdout().lock();
        match self.output {
            Form::Table => {
                let mut table = Table::new();
                table.load_style(ASCII_FULL_CONDENSED);
                table.set_header(["HASH", "REVISION", "TOTAL KEYS", "TOTAL SIZE"]);
                let (revision, keys) = (summary.revision.0.to_string(), summary.keys.to_string());
                table.add_row([format!("{hash:x}"), revision, keys, HumanBytes(size).to_string()]);
                writeln!(stdout, "{table}")?;
            }
            Form::Json => {
                let status = json!({
                    "hash": hash,
                    "revision": summary.revision.0,
                    "totalKey": summary.keys,
                    "totalSize": size,
                    "compactRevision": summary.compacted.0,
                    "totalLease": summary.leases,
                });
                writeln!(stdout, "{status}")?;
            }
        }
        Ok(())
    }
}
