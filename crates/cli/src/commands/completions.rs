//! `hyrax completions`: what lets a shell complete this command.

use std::io::{self, Write};

use anyhow::Result;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::arguments::Cli;

/// Print a completion script for a shell.
///
/// source <(hyrax completions bash)
#[derive(Args, Debug)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Prints the script.
    pub fn run(self) -> Result<()> {
        // Through a buffer: the generator panics where its output fails, as a closed pipe does.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "hyrax", &mut script);
        Ok(io::stdout().write_all(&script)?)
    }
}
