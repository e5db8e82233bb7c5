//! The clients from PyPI that the tests drive: files of `tests/clients` say which, all of them by version.
//!
//! Those of a file go to an environment of their own in `target/clients`: one wants older libraries than the others.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::step::Step;

/// What says what is wanted, and where it goes.
const ENVIRONMENTS: [(&str, &str); 2] = [("requirements.txt", "python"), ("python_etcd.txt", "python_etcd")];

/// Installs them, unless just these are there already.
pub fn ensure(root: &Path) -> Result<()> {
    ENVIRONMENTS.iter().try_for_each(|(file, folder)| ensure_one(root, file, folder))
}

fn ensure_one(root: &Path, file: &str, folder: &str) -> Result<()> {
    let (wanted, folder) = (root.join("tests/clients").join(file), root.join("target/clients").join(folder));
    let installed = folder.join(file);
    let asked = fs::read(&wanted).with_context(|| format!("cannot read {}", wanted.display()))?;
    if fs::read(&installed).ok().as_ref() == Some(&asked) {
        return Ok(());
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Step::new("python3 -m venv --clear .").within(&folder).run("is python3-venv installed?")?;
    let pip = folder.join("bin/pip");
    Step::new(&format!("{} install --quiet --requirement {}", pip.display(), wanted.display())).run(
        &format!("the tests need the clients of tests/clients/{file} from PyPI; is the network there?"),
    )?;
    // Last, so that the next run tries again where this one failed.
    fs::write(&installed, asked).with_context(|| format!("cannot write {}", installed.display()))
}
