//! What ended a connection, in the words that others are told.

use crate::hub::Failure;
use hyrax_recipes::Cause;
use std::io;

/// What an error of the socket says about how the connection ended.
pub fn cause_of(error: &io::Error) -> Cause {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Cause::Timeout
        }
        _ => Cause::Closed,
    }
}

/// What a failure of the outbox says about how the connection ended.
pub fn cause_of_failure(failure: Failure) -> Cause {
    match failure {
        Failure::Broken => Cause::Closed,
        Failure::Overwhelmed | Failure::Kicked => Cause::Kicked,
    }
}
