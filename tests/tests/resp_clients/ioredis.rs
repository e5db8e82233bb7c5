//! ioredis (npm), as `cargo xtask test` installs it.

use std::process::Command;

use super::stage::{installed, on_both, output_of, scripts};

#[test]
fn what_its_users_do_works() {
    let [redis, hyrax] = on_both(|address| {
        let mut command = Command::new("node");
        command.env("NODE_PATH", installed("node_modules")).arg(scripts().join("ioredis.js"));
        output_of(command.args([address.ip().to_string(), address.port().to_string()]))
    });
    assert_eq!(hyrax, redis);
    assert_eq!(hyrax.lines().count(), 8, "{hyrax}");
}
