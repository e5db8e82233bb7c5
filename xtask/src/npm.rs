//! The clients from npm that the tests drive: `tests/clients/package-lock.json` says which, to the byte.
//!
//! They go to `target/clients`, so that nothing of theirs lies in the tree.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::step::Step;

const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// Installs them, unless just these are there already.
pub fn ensure(root: &Path) -> Result<()> {
    let (wanted, folder) = (root.join("tests/clients"), root.join("target/clients"));
    if folder.join("node_modules").is_dir() && is_same(&wanted, &folder) {
        return Ok(());
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for file in FILES {
        let (from, to) = (wanted.join(file), folder.join(file));
        fs::copy(&from, &to)
            .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    }
    let installed = Step::new("npm ci --no-audit --no-fund --ignore-scripts --silent")
        .within(&folder)
        .run("the tests need the clients of tests/clients/package.json from npm; is the network there?");
    if installed.is_err() {
        // So that the next run tries again.
        fs::remove_file(folder.join(FILES[1]))?;
    }
    installed
}

/// Whether what was asked for last time is what is asked for now.
fn is_same(wanted: &Path, folder: &Path) -> bool {
    FILES.iter().all(|file| {
        fs::read(wanted.join(file)).ok().is_some_and(|asked| fs::read(folder.join(file)).ok() == Some(asked))
    })
}
