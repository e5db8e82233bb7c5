//! `cargo xtask tidy`: the habits of the tree that no compiler checks.
//!
//! The rules look at text alone; `tidy/rules.rs` has them, and this file walks the tree.

mod rules;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Folders that hold what was made, fetched or recorded, not what was written here.
const FOLDERS_LEFT_OUT: [&str; 5] = [".git", "target", "node_modules", "vendor", "corpus"];

/// Endings of the files that are text of our own.
const ENDINGS: [&str; 16] = [
    "rs", "toml", "lock", "md", "sh", "py", "js", "mjs", "ts", "css", "html", "json", "yml", "yaml", "proto",
    "npmrc",
];

/// Checks every file and prints each finding; an error when there is one.
pub fn run(root: &Path) -> Result<()> {
    println!("==> tidy");
    let findings = findings_under(root)?;
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        count => bail!("tidy: {count} findings above; mend them, each line says what is wanted"),
    }
}

fn findings_under(root: &Path) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    if !root.join("CHANGELOG.md").is_file() {
        findings.push("CHANGELOG.md: missing; say there what a change means to users".to_owned());
    }
    for path in files_under(root)? {
        // What is not UTF-8 is not text.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        findings.extend(rules::findings(&name, &text));
    }
    Ok(findings)
}

fn files_under(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            let path = entry.path();
            if kind.is_dir() {
                let left_out = FOLDERS_LEFT_OUT.iter().any(|name| OsStr::new(name) == entry.file_name());
                if !left_out {
                    folders.push(path);
                }
            } else if kind.is_file() && is_text(&path) {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn is_text(path: &Path) -> bool {
    let in_ci = path.components().any(|component| component.as_os_str() == ".ci");
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    in_ci || ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_without_a_changelog_is_told_so() {
        let tree = tempfile::tempdir().unwrap();
        assert_eq!(findings_under(tree.path()).unwrap().len(), 1);
        fs::write(tree.path().join("CHANGELOG.md"), "# Changes\n").unwrap();
        assert!(findings_under(tree.path()).unwrap().is_empty());
    }

    #[test]
    fn built_and_fetched_files_are_left_alone() {
        let tree = tempfile::tempdir().unwrap();
        fs::write(tree.path().join("CHANGELOG.md"), "# Changes\n").unwrap();
        fs::create_dir_all(tree.path().join("target/debug")).unwrap();
        fs::write(tree.path().join("target/debug/built.rs"), "fn main() {} ").unwrap();
        assert!(findings_under(tree.path()).unwrap().is_empty());
        fs::write(tree.path().join("written.rs"), "fn main() {} \n").unwrap();
        assert_eq!(findings_under(tree.path()).unwrap().len(), 2, "no head, and a trailing blank");
    }
}
