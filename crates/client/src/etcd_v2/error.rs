//! What can go wrong: etcd's own refusals apart from answers that never came or make no sense.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The result of a request.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request was not done, or nobody knows whether it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The server understood the request and refused it. Nothing has changed.
    #[error(transparent)]
    Etcd(#[from] EtcdError),
    /// The server answered with a status that means no success, and not in etcd's form.
    #[error("{endpoint} answers with status {status}: {message}")]
    Refused {
        /// Who answered.
        endpoint: String,
        /// The status of HTTP.
        status: u16,
        /// What it said, shortened.
        message: String,
    },
    /// A lock or the lead was not had in the time that was given.
    #[error("the lock was not acquired in time")]
    NotAcquired,
    /// No server answered. What changes something was sent to none of them, or the last of the attempts says
    /// otherwise ([`Attempt::is_unsent`]).
    #[error("no server answers: {}", shown(.0))]
    Unreachable(Vec<Attempt>),
    /// All attempts together took longer than they may. Whether a change was made is not known.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// What was answered is not what an etcd answers.
    #[error("{endpoint} does not answer as an etcd does: {reason}")]
    InvalidAnswer {
        /// Who answered.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting makes no sense.
    #[error("{0}")]
    Settings(String),
}

impl Error {
    /// etcd's number, where the server refused.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Error::Etcd(error) => Some(error.code),
            _ => None,
        }
    }

    /// Whether there is no such key: also where the path leads through a key that is no directory.
    pub fn is_not_found(&self) -> bool {
        matches!(self.code(), Some(ErrorCode::KeyNotFound | ErrorCode::NotDir))
    }

    /// Whether another attempt, or another server, may fare better.
    pub fn is_transient(&self) -> bool {
        match self {
            Error::Etcd(error) => matches!(error.code, ErrorCode::RaftInternal | ErrorCode::LeaderElect),
            Error::Refused { status, .. } => *status >= 500,
            Error::Unreachable(_) | Error::TimedOut(_) | Error::InvalidAnswer { .. } => true,
            Error::NotAcquired | Error::Settings(_) => false,
        }
    }
}

/// A refusal in etcd's words.
#[derive(Clone, Debug, PartialEq, Eq, Error, Deserialize, Serialize)]
#[error("{}: {message} ({cause}) [{index}]", .code.number())]
pub struct EtcdError {
    /// What kind of refusal it is.
    #[serde(rename = "errorCode")]
    pub code: ErrorCode,
    /// The same in words.
    pub message: String,
    /// What it was about: mostly a key, or how a comparison failed.
    #[serde(default)]
    pub cause: String,
    /// The store's index at that moment; 0 where the store was not asked.
    #[serde(default)]
    pub index: u64,
}

/// One attempt to reach one server.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Which server.
    pub endpoint: String,
    /// What happened.
    pub failure: Failure,
}

impl Attempt {
    /// Whether the server certainly has not seen the request.
    pub fn is_unsent(&self) -> bool {
        matches!(self.failure, Failure::Connect(_))
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = &self.endpoint;
        match &self.failure {
            Failure::Connect(reason) => write!(f, "cannot connect to {endpoint}: {reason}"),
            Failure::Broken(reason) => write!(f, "the connection to {endpoint} broke: {reason}"),
            Failure::Silent(waited) => write!(f, "{endpoint} did not answer within {waited:?}"),
        }
    }
}

/// How an attempt failed.
#[derive(Clone, Debug)]
pub enum Failure {
    /// There was no connection, or TLS was not agreed upon.
    Connect(String),
    /// The connection ended before the answer did.
    Broken(String),
    /// There was no answer in this time.
    Silent(Duration),
}

fn shown(attempts: &[Attempt]) -> String {
    attempts.iter().map(Attempt::to_string).collect::<Vec<_>>().join("; ")
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// etcd's numbers for its refusals.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
        #[serde(from = "u32", into = "u32")]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
            /// Another number.
            Other(u32),
        }

        impl ErrorCode {
            /// The number.
            pub fn number(self) -> u32 {
                match self {
                    $(ErrorCode::$name => $number,)*
                    ErrorCode::Other(number) => number,
                }
            }
        }

        impl From<ErrorCode> for u32 {
            fn from(code: ErrorCode) -> u32 {
                code.number()
            }
        }

        impl From<u32> for ErrorCode {
            fn from(number: u32) -> ErrorCode {
                match number {
                    $($number => ErrorCode::$name,)*
                    other => ErrorCode::Other(other),
                }
            }
        }
    };
}

codes! {
    /// 100: there is no such key.
    KeyNotFound = 100,
    /// 101: a comparison failed.
    TestFailed = 101,
    /// 102: it is a directory.
    NotFile = 102,
    /// 103: the cluster is full.
    NoMorePeer = 103,
    /// 104: it is no directory.
    NotDir = 104,
    /// 105: it exists already.
    NodeExist = 105,
    /// 106: the key is the store's own.
    KeyIsPreserved = 106,
    /// 107: the root can not be changed.
    RootReadOnly = 107,
    /// 108: there is something in the directory.
    DirNotEmpty = 108,
    /// 109: there is a member at that address.
    ExistingPeerAddress = 109,
    /// 110: who asks may not.
    Unauthorized = 110,
    /// 200: a value is needed.
    ValueRequired = 200,
    /// 201: a value to compare with is needed.
    PrevValueRequired = 201,
    /// 202: the time to live is no number.
    TtlNotANumber = 202,
    /// 203: an index is no number.
    IndexNotANumber = 203,
    /// 204: a value or a time to live is needed.
    ValueOrTtlRequired = 204,
    /// 205: a timeout is no number.
    TimeoutNotANumber = 205,
    /// 206: a name is needed.
    NameRequired = 206,
    /// 207: an index or a value is needed.
    IndexOrValueRequired = 207,
    /// 208: an index and a value were given, where it can be one.
    IndexValueMutex = 208,
    /// 209: a parameter is not what it may be.
    InvalidField = 209,
    /// 210: the form can not be read.
    InvalidForm = 210,
    /// 211: a refresh has no value.
    RefreshValue = 211,
    /// 212: a refresh has a time to live.
    RefreshTtlRequired = 212,
    /// 300: the cluster did not agree in time.
    RaftInternal = 300,
    /// 301: a leader is being elected.
    LeaderElect = 301,
    /// 400: who waited was too slow.
    WatcherCleared = 400,
    /// 401: the history does not reach so far back.
    EventIndexCleared = 401,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_reads_back_from_etcds_json() {
        let read = |json: &str| serde_json::from_str::<EtcdError>(json).unwrap();
        let error = read(r#"{"errorCode":101,"message":"Compare failed","cause":"[a != b]","index":7}"#);
        assert_eq!(error.code, ErrorCode::TestFailed);
        assert_eq!(error.to_string(), "101: Compare failed ([a != b]) [7]");
        assert_eq!(read(r#"{"errorCode":999,"message":"?"}"#).code, ErrorCode::Other(999));
        assert!(serde_json::from_str::<EtcdError>(r#"{"message":"Not found"}"#).is_err());
    }

    #[test]
    fn a_number_is_the_same_both_ways() {
        for number in 0..500 {
            assert_eq!(ErrorCode::from(number).number(), number);
        }
    }
}
