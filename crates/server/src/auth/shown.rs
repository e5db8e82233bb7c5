//! Who a request over HTTP has shown to be, and what that one may do.

use super::{Authorizer, Identity};
use crate::net::Authorization;

impl Authorizer {
    /// Who shows this at `now`, in seconds since the epoch; none for who showed something that proves nothing. While
    /// auth is off, nobody has a name.
    pub fn identity_shown(&self, authorization: Option<Authorization>, now: u64) -> Option<Identity> {
        match authorization {
            _ if !self.is_on() => Some(Identity::Anonymous),
            None => Some(Identity::Anonymous),
            Some(Authorization::Basic { name, password }) => {
                self.operator(name.as_bytes(), password.as_bytes())
            }
            Some(Authorization::Bearer(token)) => {
                let token = token.as_bytes();
                let writer = || self.is_global_secret(token).then_some(Identity::Writer);
                self.operator_by_token(token, now).or_else(writer)
            }
        }
    }

    /// Whether this one may read and monitor.
    pub fn may_read(&self, identity: Option<&Identity>) -> bool {
        let may = |identity: &Identity| identity.may_write() || self.anyone_may_read();
        !self.is_on() || identity.is_some_and(may)
    }

    /// Whether this one may write.
    pub fn may_write(&self, identity: Option<&Identity>) -> bool {
        !self.is_on() || identity.is_some_and(Identity::may_write)
    }
}
