//! A write under a lock's token that was overtaken is refused, and changes nothing.

use super::{Driver, Make, show};
use crate::Fence;

/// Puts an engine through this part.
pub fn run(make: Make<'_>) {
    a_lesser_token_is_refused(make);
    it_is_remembered_beyond_the_value(make);
    each_lock_has_tokens_of_its_own(make);
}

/// Runs a command under a token of the lock `jobs`.
fn fenced(driver: &Driver, token: u64, line: &str) -> String {
    driver.run_fenced(&Fence { lock: b"jobs", token }, line)
}

/// The same token passes again, a greater one from then on.
pub fn a_lesser_token_is_refused(make: Make<'_>) {
    let driver = Driver(make());
    assert_eq!(fenced(&driver, 5, "set key a"), "OK");
    assert_eq!(fenced(&driver, 5, "append key b"), "2");
    assert_eq!(fenced(&driver, 4, "set key late"), "fenced");
    assert_eq!(fenced(&driver, 6, "set key c"), "OK");
    driver.changes();
    assert_eq!(fenced(&driver, 5, "del key"), "fenced");
    assert_eq!(driver.changes_shown(), [""; 0]);
    assert_eq!(show(&driver.run("get key")), "c");
    assert_eq!(fenced(&driver, 6, "lpush key x"), show(&driver.run("lpush key x")), "a failure is a reply");
    assert_eq!(show(&driver.run("set key plain")), "OK", "who names no lock is not held to it");
}

/// Also after the value was deleted or has expired.
pub fn it_is_remembered_beyond_the_value(make: Make<'_>) {
    let driver = Driver(make());
    fenced(&driver, 5, "set key a");
    fenced(&driver, 5, "del key");
    assert_eq!(fenced(&driver, 4, "set key late"), "fenced");
    fenced(&driver, 6, "set key b px 100");
    driver.wait_ms(101);
    driver.0.expire();
    assert_eq!(show(&driver.run("exists key")), "0");
    assert_eq!(fenced(&driver, 5, "set key late"), "fenced");
    driver.run("flushall");
    assert_eq!(fenced(&driver, 5, "set key late"), "fenced");
    assert_eq!(fenced(&driver, 6, "set key c"), "OK");
}

/// What one lock has overtaken says nothing of another's.
pub fn each_lock_has_tokens_of_its_own(make: Make<'_>) {
    let driver = Driver(make());
    fenced(&driver, 5, "set key a");
    assert_eq!(driver.run_fenced(&Fence { lock: b"other", token: 3 }, "set key b"), "OK");
    assert_eq!(driver.run_fenced(&Fence { lock: b"other", token: 2 }, "set key c"), "fenced");
    assert_eq!(fenced(&driver, 5, "set key d"), "OK");
}
