//! `cargo xtask test`: everything a change must pass.

use std::path::Path;

use anyhow::Result;

use crate::step::Step;
use crate::{npm, peers, python, rust_client, tidy};

/// Runs it all, cheapest first, and the test runner last, so that its summary closes the output.
pub fn run(root: &Path) -> Result<()> {
    tidy::run(root)?;
    peers::ensure()?;
    npm::ensure(root)?;
    python::ensure(root)?;
    rust_client::ensure(root)?;
    build_binary(root)?;
    if has_nextest() {
        Step::new("cargo test --quiet --doc --workspace").within(root).run("mend the example in the docs")?;
        Step::new("cargo nextest run --workspace").within(root).run("mend the tests named above")
    } else {
        // Plain `cargo test` runs the doc tests as well.
        Step::new("cargo test --quiet --workspace").within(root).run("mend the tests named above")
    }
}

/// The tests start the binary as users do, and cargo does not build it for another package's tests.
pub fn build_binary(root: &Path) -> Result<()> {
    Step::new("cargo build --quiet --package hyrax --bin hyrax").within(root).run("mend the build first")
}

/// Whether `cargo nextest` is installed.
pub fn has_nextest() -> bool {
    Step::new("cargo nextest --version").succeeds()
}
