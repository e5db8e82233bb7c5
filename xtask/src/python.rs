//! The clients from PyPI that the tests drive: `tests/clients/requirements.txt` says which, all of them by version.
//!
//! They go to `target/clients/python`, an environment of their own.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::step::Step;

const FILE: &str = "requirements.txt";

/// Installs them, unless just these are there already.
pub fn ensure(root: &Path) -> Result<()> {
    let (wanted, folder) = (root.join("tests/clients").join(FILE), root.join("target/clients/python"));
    let installed = folder.join(FILE);
    let asked = fs::read(&wanted).with_context(|| format!("cannot read {}", wanted.display()))?;
    if fs::read(&installed).ok().as_ref() == Some(&asked) {
        return Ok(());
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Step::new("python3 -m venv --clear .").within(&folder).run("is python3-venv installed?")?;
    let pip = folder.join("bin/pip");
    Step::new(&format!("{} install --quiet --requirement {}", pip.display(), wanted.display())).run(
        "the tests need the clients of tests/clients/requirements.txt from PyPI; is the network there?",
    )?;
    // Last, so that the next run tries again where this one failed.
    fs::write(&installed, asked).with_context(|| format!("cannot write {}", installed.display()))
}
