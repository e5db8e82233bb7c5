mod adding;
mod claiming;
mod groups;
mod info;
mod reading;
mod waiting;

use crate::embedded::check::Check;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_INTEGER: &str = "ERR value is not an integer or out of range";
const INVALID_ID: &str = "ERR Invalid stream ID specified as stream command argument";

/// An engine with the stream `s` of `1-1`, `2-1` and `3-1`, whose making is forgotten.
fn with_stream() -> Check {
    let check = Check::new();
    for id in ["1-1", "2-1", "3-1"] {
        check.run(&format!("xadd s {id} f {id}"));
    }
    check.changes();
    check
}

/// As [`with_stream`], with a group `g` of whose consumers `ann` has read all but the last entry.
fn with_group() -> Check {
    let check = with_stream();
    check.run("xgroup create s g 0");
    check.run("xreadgroup group g ann count 2 streams s >");
    check.changes();
    check
}
