//! What calls are counted as: the methods of keys each, the rest by what they are about.

use std::time::Instant;

use axum::http::{Method, StatusCode};

use super::{Etcd2, below};

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Get,
    Put,
    Post,
    Delete,
    Lock,
    Leader,
    Other,
}

impl Call {
    /// Their names among the metrics' commands, in their order.
    pub(super) const NAMES: &[&str] = &[
        "GET /v2/keys",
        "PUT /v2/keys",
        "POST /v2/keys",
        "DELETE /v2/keys",
        "/mod/v2/lock",
        "/mod/v2/leader",
        "/v2",
    ];

    /// What a request of this method and path is.
    pub(super) fn of(method: &Method, path: &[u8]) -> Call {
        if below(path, b"/v2/keys").is_some() {
            return Call::of_key(method);
        }
        let names = [(&b"/mod/v2/lock"[..], Call::Lock), (b"/mod/v2/leader", Call::Leader)];
        names.into_iter().find(|(name, _)| below(path, name).is_some()).map_or(Call::Other, |(_, call)| call)
    }

    /// What a request of this method for a key is.
    pub(super) fn of_key(method: &Method) -> Call {
        match *method {
            Method::GET | Method::HEAD => Call::Get,
            Method::PUT => Call::Put,
            Method::POST => Call::Post,
            Method::DELETE => Call::Delete,
            _ => Call::Other,
        }
    }
}

impl Etcd2 {
    /// Counts a call that began then, and was answered so. One that waits for changes is answered when it waits.
    pub(super) fn count(&self, call: Call, status: StatusCode, began: Instant) {
        let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.core.metrics.command(self.first_call + call as usize, status.is_success(), took);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_has_a_name() {
        let check = |method, path: &str, expected| {
            assert_eq!(Call::NAMES[Call::of(&method, path.as_bytes()) as usize], expected);
        };
        check(Method::HEAD, "/v2/keys", "GET /v2/keys");
        check(Method::POST, "/v2/keys/a", "POST /v2/keys");
        check(Method::DELETE, "/v2/keys/a", "DELETE /v2/keys");
        check(Method::PATCH, "/v2/keys/a", "/v2");
        check(Method::GET, "/v2/keysa", "/v2");
        check(Method::PUT, "/mod/v2/lock/a", "/mod/v2/lock");
        check(Method::PUT, "/mod/v2/leader/a", "/mod/v2/leader");
        check(Method::GET, "/v2/stats/self", "/v2");
    }
}
