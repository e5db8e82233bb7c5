//! Why something could not be done.

use std::time::Duration;

use thiserror::Error;

use crate::address::AddressError;

/// Why a command was not answered, or a monitor ended.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Error {
    /// The address is none of a Hyrax server.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The first connection could not be made. Later ones are tried again and again.
    #[error("cannot connect to {address}: {reason}")]
    Connect {
        /// The server.
        address: String,
        /// What happened.
        reason: String,
    },
    /// The server's own words: Redis' errors keep Redis' text.
    #[error("{0}")]
    Refused(String),
    /// No answer within the time given. If the command had been sent, it may have been done.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The connection was lost between the command and its answer: it may have been done, or not.
    #[error("the connection was lost before the answer came ({0}): the command may have been done")]
    Interrupted(String),
    /// The answer is not of the type that was asked for.
    #[error("expected {expected}, and the answer is {found}")]
    Unexpected {
        /// What was asked for.
        expected: &'static str,
        /// What came.
        found: &'static str,
    },
    /// This client is in that EKG already.
    #[error("this client is in the EKG {0:?} already: a connection has one id in an EKG")]
    Present(String),
    /// The client's runtime is ending.
    #[error("the client has ended")]
    Ended,
}
