//! ioredis (npm), as `cargo xtask test` installs it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::stage::{on_both, output_of, scripts};

/// Where the clients from npm are.
fn modules() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the workspace");
    let modules = workspace.join("target/clients/node_modules");
    assert!(
        modules.join("ioredis").is_dir(),
        "{} has no ioredis; `cargo xtask test` installs it",
        modules.display()
    );
    modules
}

#[test]
fn what_its_users_do_works() {
    let [redis, hyrax] = on_both(|address| {
        let mut command = Command::new("node");
        command.env("NODE_PATH", modules()).arg(scripts().join("ioredis.js"));
        output_of(command.args([address.ip().to_string(), address.port().to_string()]))
    });
    assert_eq!(hyrax, redis);
    assert_eq!(hyrax.lines().count(), 8, "{hyrax}");
}
