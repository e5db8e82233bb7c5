//! Who makes a request, and what that one may do.

use super::Etcd;
use super::error::Refusal;
use crate::auth::Identity;
use crate::net::{Authorization, Peer};

/// Who makes a request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Where it comes from.
    pub peer: Peer,
    shown: Shown,
}

/// What a request has shown of who makes it.
#[derive(Clone, Debug)]
enum Shown {
    Identity(Identity),
    /// Something that proves nothing.
    BadToken,
}

impl Caller {
    /// Somebody who has shown to be `identity`.
    pub fn new(peer: Peer, identity: Identity) -> Caller {
        Caller { peer, shown: Shown::Identity(identity) }
    }

    /// Somebody whose token or password is wrong.
    pub fn with_bad_token(peer: Peer) -> Caller {
        Caller { peer, shown: Shown::BadToken }
    }

    fn identity(&self) -> Result<&Identity, Refusal> {
        match &self.shown {
            Shown::Identity(identity) => Ok(identity),
            Shown::BadToken => Err(Refusal::INVALID_AUTH_TOKEN),
        }
    }
}

impl Etcd {
    /// Who shows this token: one that [`Etcd::authenticate`] gave, or a secret that every key accepts.
    pub fn caller_with_token(&self, peer: Peer, token: &[u8]) -> Caller {
        let authorizer = &self.core.authorizer;
        if !authorizer.is_on() {
            return Caller::new(peer, Identity::Anonymous);
        }
        if let Some(identity) = authorizer.operator_by_token(token, self.core.now_s()) {
            return Caller::new(peer, identity);
        }
        if authorizer.is_global_secret(token) {
            return Caller::new(peer, Identity::Writer);
        }
        Caller::with_bad_token(peer)
    }

    /// Who says by HTTP's header to be somebody, or nobody in particular.
    pub fn caller_with(&self, peer: Peer, authorization: Option<Authorization>) -> Caller {
        match authorization {
            None => Caller::new(peer, Identity::Anonymous),
            Some(Authorization::Bearer(token)) => self.caller_with_token(peer, token.as_bytes()),
            Some(Authorization::Basic { .. }) if !self.core.authorizer.is_on() => {
                Caller::new(peer, Identity::Anonymous)
            }
            Some(Authorization::Basic { name, password }) => {
                match self.core.authorizer.operator(name.as_bytes(), password.as_bytes()) {
                    Some(identity) => Caller::new(peer, identity),
                    None => Caller::with_bad_token(peer),
                }
            }
        }
    }

    /// Refuses who may not read.
    pub(super) fn check_read(&self, caller: &Caller) -> Result<(), Refusal> {
        let authorizer = &self.core.authorizer;
        if !authorizer.is_on() {
            return Ok(());
        }
        let identity = caller.identity()?;
        if identity.may_write() || authorizer.anyone_may_read() { Ok(()) } else { Err(Refusal::USER_EMPTY) }
    }

    /// Refuses who may not write.
    pub(super) fn check_write(&self, caller: &Caller) -> Result<(), Refusal> {
        if !self.core.authorizer.is_on() {
            return Ok(());
        }
        if caller.identity()?.may_write() { Ok(()) } else { Err(Refusal::USER_EMPTY) }
    }

    /// Refuses who may not administer; while nobody has to prove anything, everybody may.
    pub(super) fn check_operator(&self, caller: &Caller) -> Result<(), Refusal> {
        if !self.core.authorizer.is_on() {
            return Ok(());
        }
        match caller.identity()? {
            Identity::Operator(_) => Ok(()),
            Identity::Writer => Err(Refusal::PERMISSION_DENIED),
            Identity::Anonymous => Err(Refusal::USER_EMPTY),
        }
    }

    /// Refuses who may not take all of the data away: operators may, and who comes from where one may
    /// administer without a password.
    pub(super) fn check_takes_all(&self, caller: &Caller) -> Result<(), Refusal> {
        match caller.identity()? {
            Identity::Operator(_) => Ok(()),
            _ if self.core.may_sudo(&caller.peer) => Ok(()),
            _ => Err(Refusal::PERMISSION_DENIED),
        }
    }
}
