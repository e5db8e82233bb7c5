//! redis-py (Debian's `python3-redis`).

use std::process::Command;

use super::stage::{on_both, output_of, scripts};

#[test]
fn what_its_users_do_works() {
    let [redis, hyrax] = on_both(|address| {
        // Debian's own Python, which sees Debian's packages, whatever else is in PATH.
        let mut command = Command::new("/usr/bin/python3");
        command.arg(scripts().join("redis_py.py"));
        output_of(command.args([address.ip().to_string(), address.port().to_string()]))
    });
    assert_eq!(hyrax, redis);
    assert_eq!(hyrax.lines().count(), 12, "{hyrax}");
}
