//! Running another program as one step of a chore: said aloud first, and an error when it fails.

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// One program to run, with its arguments.
pub struct Step {
    words: Vec<String>,
    command: Command,
}

impl Step {
    /// The step that runs `line`, whose words are separated by spaces.
    pub fn new(line: &str) -> Self {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let (program, arguments) = words.split_first().map_or(("", [].as_slice()), |(p, a)| (p.as_str(), a));
        let mut command = Command::new(program);
        command.args(arguments);
        Step { words, command }
    }

    /// Runs it in `folder`.
    pub fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Sets an environment variable for it.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.words.insert(0, format!("{name}={value}"));
        self.command.env(name, value);
        self
    }

    /// Says what is run and runs it; `hint` tells what to do when it fails.
    pub fn run(mut self, hint: &str) -> Result<()> {
        println!("==> {self}");
        let status = self.command.status().with_context(|| format!("cannot start `{self}`: {hint}"))?;
        if !status.success() {
            bail!("`{self}` failed ({status}): {hint}");
        }
        Ok(())
    }

    /// Whether it can be started and succeeds, without a word.
    pub fn succeeds(mut self) -> bool {
        let quiet = self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.words.join(" "))
    }
}
