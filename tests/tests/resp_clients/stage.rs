//! Two servers, and programs that are run against each.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use hyrax_tests::hyrax::Hyrax;
use hyrax_tests::peers::Redis;

/// Does the same to a Redis and to a Hyrax, and answers what came of it, in this order.
pub fn on_both<T>(mut act: impl FnMut(SocketAddr) -> T) -> [T; 2] {
    let (redis, hyrax) = (Redis::start(), Hyrax::start(&[]));
    [act(redis.address()), act(hyrax.address())]
}

/// The folder of the scripts that use clients of other languages.
pub fn scripts() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// What a program wrote to its standard output; panics with all it said when it failed.
pub fn output_of(command: &mut Command) -> String {
    fed(command, "")
}

/// The same, of a program that reads `input`.
pub fn fed(command: &mut Command, input: impl AsRef<[u8]>) -> String {
    let name = format!("{command:?}");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {name} ({error}); `cargo xtask test` installs it"));
    let mut stdin = child.stdin.take().expect("its input is a pipe");
    // One that ends before it has read everything tells why itself.
    let _ = stdin.write_all(input.as_ref());
    drop(stdin);
    let Output { status, stdout, stderr } = child.wait_with_output().expect("a child can be waited for");
    let said = String::from_utf8_lossy(&stdout).into_owned();
    assert!(status.success(), "{name} failed ({status}):\n{said}{}", String::from_utf8_lossy(&stderr));
    said
}
