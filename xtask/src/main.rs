//! The project's chores, as `cargo xtask <chore>`.
//!
//! Each chore is a file that says what it runs. Nothing here is part of the product, and no crate depends
//! on it.

mod npm;
mod peers;
mod python;
mod rust_client;
mod soak;
mod step;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

/// The project's chores.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run everything a change must pass
    ///
    /// Checks the tree's habits (see tidy), makes sure that the real servers the tests compare with are there,
    /// builds the binary `hyrax`, then runs the doc tests and all the others (with cargo-nextest where it is
    /// installed, which is faster and keeps tests apart).
    ///
    /// The servers, and the tools that the documentation's examples use, come from Debian packages
    /// (redis-server, redis-tools, etcd-server, etcd-client, python3, python3-venv, python3-redis, nodejs, npm,
    /// netcat-openbsd, curl, openssl, protobuf-compiler). Missing ones are installed with apt-get when this user
    /// may do that (root, or sudo without a password); otherwise the run stops and names them. Clients from npm
    /// and PyPI go to target/clients, and so does what is built of the Rust client of etcd. No test is skipped
    /// for want of a peer.
    Test,
    /// Run the random tests at length, with new seeds, round after round
    ///
    /// Only the tests with `random` in their names run, each with ten times its usual number of cases
    /// (HYRAX_SOAK=10) from a seed that differs from round to round and is printed (HYRAX_SEED). A round that
    /// has begun is finished.
    Soak {
        /// How long to go on starting new rounds
        #[arg(long, value_name = "N", default_value_t = 10)]
        minutes: u64,
    },
    /// Check the tree's habits: module heads, file sizes, leftovers, the changelog
    Tidy,
}

fn main() -> ExitCode {
    match run(&Arguments::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: &Chore) -> Result<()> {
    let root = workspace_root()?;
    match chore {
        Chore::Test => test::run(&root),
        Chore::Soak { minutes } => soak::run(&root, *minutes),
        Chore::Tidy => tidy::run(&root),
    }
}

/// The folder of the workspace's `Cargo.toml`: this crate's parent when it was built.
fn workspace_root() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies inside the workspace")?;
    Ok(root.to_path_buf())
}
