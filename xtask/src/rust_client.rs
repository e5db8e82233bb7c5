//! The Rust `etcd-client` crate, in a small program of its own that the tests run.
//!
//! It is no member of the workspace: to build it takes `protoc`, and whoever only builds Hyrax needs none.

use std::path::Path;

use anyhow::Result;

use crate::step::Step;

/// Builds the program, if anything of it changed.
pub fn ensure(root: &Path) -> Result<()> {
    let target = root.join("target/clients/etcd_client");
    Step::new("cargo build --quiet --locked")
        .within(&root.join("tests/clients/etcd_client"))
        .env("CARGO_TARGET_DIR", &target.to_string_lossy())
        .run("the tests need the crates of tests/clients/etcd_client and protoc; is the network there?")
}
