//! What is told beside the output, on standard error.

use std::fmt::Display;
use std::io::{self, Write};

/// Tells somebody, if anybody is there: a closed standard error is no reason to end.
pub fn tell(notice: impl Display) {
    // In one piece, so that a line is not mixed with another process's.
    let _ = io::stderr().lock().write_all(format!("hyrax: {notice}\n").as_bytes());
}
