//! etcd's refusals as failures of the key space: the words are the same on both sides, so they are compared.

use std::fmt::Display;

use hyrax_coordination::Unavailable;
use tonic::Status;

/// Why a call has no response.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// etcd's words for what is wrong with the request.
    Refused(String),
    /// There is no answer, or none that says anything.
    Unavailable(Unavailable),
}

impl Failure {
    /// What a status of `peer` says.
    pub(crate) fn of(status: Status, peer: &str) -> Failure {
        let message = status.message();
        for known in [Unavailable::NoSpace, Unavailable::TooManyRequests, Unavailable::Stopped] {
            if known.to_string() == message {
                return Failure::Unavailable(known);
            }
        }
        if status.message().is_empty() {
            return Failure::Unavailable(Unavailable::because(format!(
                "etcd at {peer}: {:?}",
                status.code()
            )));
        }
        Failure::Refused(message.to_owned())
    }

    /// The one of `known` that it is; what is none of them is an engine that is not as it should be.
    pub(crate) fn known<E>(self, known: impl IntoIterator<Item = E>) -> E
    where
        E: Display + From<Unavailable>,
    {
        match self {
            Failure::Unavailable(unavailable) => unavailable.into(),
            Failure::Refused(words) => {
                let found = known.into_iter().find(|error| error.to_string() == words);
                found.unwrap_or_else(|| Unavailable::because(words).into())
            }
        }
    }
}

impl From<Failure> for Unavailable {
    fn from(failure: Failure) -> Unavailable {
        match failure {
            Failure::Unavailable(unavailable) => unavailable,
            Failure::Refused(words) => Unavailable::because(words),
        }
    }
}
