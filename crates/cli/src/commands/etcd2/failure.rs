//! How a command ends, in etcdctl's words and numbers.

use std::io;
use std::process::ExitCode;

use hyrax_client::etcd_v2::{Attempt, Error, Failure as Broken};

/// What came of a command.
pub(super) type Outcome<T = ()> = Result<T, Failure>;

const BAD_ARGUMENTS: u8 = 1;
const BAD_CONNECTION: u8 = 2;
const SERVER_ERROR: u8 = 4;

/// Why a command was not done.
#[derive(Debug)]
pub(super) struct Failure {
    code: u8,
    /// What is printed on standard error; nothing where whoever read the output has seen enough.
    message: String,
}

impl Failure {
    /// The command line makes no sense.
    pub(super) fn arguments(message: &str) -> Failure {
        Failure { code: BAD_ARGUMENTS, message: format!("Error:  {message}") }
    }

    /// Something ends it that is told as it is.
    pub(super) fn said(message: String) -> Failure {
        Failure { code: BAD_ARGUMENTS, message }
    }

    /// No server can be reached.
    pub(super) fn connection(error: &Error) -> Failure {
        Failure { code: BAD_CONNECTION, message: format!("Error:  {}", in_words(error)) }
    }

    /// It took longer than it may.
    pub(super) fn too_late() -> Failure {
        Failure { code: SERVER_ERROR, message: "Error:  context deadline exceeded".to_owned() }
    }

    /// Says why, and answers the exit code.
    pub(super) fn tell(&self) -> ExitCode {
        if !self.message.is_empty() {
            // A closed standard error is no reason to end otherwise.
            _ = io::Write::write_all(&mut io::stderr().lock(), format!("{}\n", self.message).as_bytes());
        }
        ExitCode::from(self.code)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let code = if matches!(error, Error::Settings(_)) { BAD_ARGUMENTS } else { SERVER_ERROR };
        Failure { code, message: format!("Error:  {}", in_words(&error)) }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            // Whoever read our output has seen enough.
            io::ErrorKind::BrokenPipe => Failure { code: 0, message: String::new() },
            _ => Failure { code: BAD_ARGUMENTS, message: format!("Error:  {error}") },
        }
    }
}

/// Whether nobody was reached, rather than somebody who refused or was late.
pub(super) fn is_connection_error(error: &Error) -> bool {
    match error {
        Error::TimedOut(_) => true,
        Error::Unreachable(attempts) => {
            attempts.iter().all(|attempt| !matches!(attempt.failure, Broken::Silent(_)))
        }
        _ => false,
    }
}

/// An error as etcd's own client says it.
fn in_words(error: &Error) -> String {
    match error {
        Error::Unreachable(attempts) => {
            let mut message = "client: etcd cluster is unavailable or misconfigured".to_owned();
            let each: Vec<String> = attempts.iter().map(attempt_in_words).collect();
            for (number, words) in each.iter().enumerate() {
                message.push_str(&format!("; error #{number}: {words}\n"));
            }
            message.push('\n');
            for (number, words) in each.iter().enumerate() {
                message.push_str(&format!("error #{number}: {words}\n"));
            }
            message
        }
        Error::TimedOut(_) => "context deadline exceeded".to_owned(),
        Error::InvalidAnswer { .. } | Error::Refused { .. } => format!(
            "client: response is invalid json. The endpoint is probably not valid etcd cluster endpoint ({error})"
        ),
        other => other.to_string(),
    }
}

fn attempt_in_words(attempt: &Attempt) -> String {
    let endpoint = &attempt.endpoint;
    match &attempt.failure {
        Broken::Connect(reason) => {
            let host = endpoint.split_once("://").map_or(&**endpoint, |(_, host)| host);
            let is_refused = reason.starts_with("Connection refused");
            format!("dial tcp {host}: {}", if is_refused { "connect: connection refused" } else { reason })
        }
        Broken::Broken(reason) => reason.clone(),
        Broken::Silent(_) => format!("client: endpoint {endpoint} exceeded header timeout"),
    }
}
