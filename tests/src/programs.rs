//! Programs of others that use a server: clients of other languages, command-line tools.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The folder of the scripts that use clients of other languages.
pub fn scripts() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// What `cargo xtask test` installed, in `target/clients`.
pub fn installed(path: &str) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the workspace");
    let installed = workspace.join("target/clients").join(path);
    assert!(installed.exists(), "{} is not there; `cargo xtask test` installs it", installed.display());
    installed
}

/// What a program wrote to its standard output; panics with all it said when it failed.
pub fn output_of(command: &mut Command) -> String {
    fed(command, "")
}

/// The same, of a program that reads `input`.
pub fn fed(command: &mut Command, input: impl AsRef<[u8]>) -> String {
    let name = format!("{command:?}");
    let Output { status, stdout, stderr } = run(command, input);
    let said = String::from_utf8_lossy(&stdout).into_owned();
    assert!(status.success(), "{name} failed ({status}):\n{said}{}", String::from_utf8_lossy(&stderr));
    said
}

/// How a program ended that read `input`, and all it said.
pub fn run(command: &mut Command, input: impl AsRef<[u8]>) -> Output {
    let name = format!("{command:?}");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {name} ({error}); `cargo xtask test` installs it"));
    let mut stdin = child.stdin.take().expect("its input is a pipe");
    // One that ends before it has read everything tells why itself.
    let _ = stdin.write_all(input.as_ref());
    drop(stdin);
    child.wait_with_output().expect("a child can be waited for")
}
