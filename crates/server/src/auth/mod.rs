//! The one authorizer: every change of state asks it, whichever door it came through.
//!
//! It is off while neither a secret nor an operator exists. It knows identities and proofs, not the
//! messages they came in.

mod claim;
mod identity;
mod shown;
mod token;

pub use claim::{Claim, Proof};
pub use identity::Identity;

use crate::config::{Config, Operator, Secret};
use arc_swap::ArcSwap;
use hyrax_recipes::Secrets;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use token::Tokens;

/// What the configuration says about who may do what.
struct Rules {
    secrets: Vec<Secret>,
    operators: Vec<Operator>,
    anonymous_read: bool,
    allow_legacy_secrets: bool,
}

impl Rules {
    fn of(config: &Config) -> Self {
        Rules {
            secrets: config.secrets.clone(),
            operators: config.operators.clone(),
            anonymous_read: config.anonymous_read,
            allow_legacy_secrets: config.allow_legacy_secrets,
        }
    }
}

/// Decides who may read, write and administer.
pub struct Authorizer {
    rules: ArcSwap<Rules>,
    stored: Arc<Secrets>,
    tokens: Tokens,
}

impl Authorizer {
    /// An authorizer over the configured secrets and those added at run time.
    pub fn new(config: &Config, stored: Arc<Secrets>) -> Self {
        Authorizer { rules: ArcSwap::from_pointee(Rules::of(config)), stored, tokens: Tokens::new() }
    }

    /// Takes over a changed configuration.
    pub fn reload(&self, config: &Config) {
        self.rules.store(Arc::new(Rules::of(config)));
    }

    /// Whether a write has to prove anything.
    pub fn is_on(&self) -> bool {
        let rules = self.rules.load();
        !rules.secrets.is_empty() || !rules.operators.is_empty() || !self.stored.is_empty()
    }

    /// Whether whoever proves nothing may read and monitor.
    pub fn anyone_may_read(&self) -> bool {
        self.rules.load().anonymous_read || !self.is_on()
    }

    /// The operator of this name, if the password is right.
    pub fn operator(&self, name: &[u8], password: &[u8]) -> Option<Identity> {
        let rules = self.rules.load();
        // Every operator is compared, so that the time taken does not tell which names exist.
        let mut found = None;
        for operator in &rules.operators {
            let matches =
                operator.name.as_bytes().ct_eq(name) & operator.password.expose().as_bytes().ct_eq(password);
            if bool::from(matches) {
                found = Some(Identity::Operator(operator.name.as_str().into()));
            }
        }
        found
    }

    /// A token for who knows this operator's password, given out at `now` in seconds since the epoch.
    pub fn issue_token(&self, name: &[u8], password: &[u8], now: u64) -> Option<String> {
        let Identity::Operator(name) = self.operator(name, password)? else { return None };
        let rules = self.rules.load();
        let operator = rules.operators.iter().find(|operator| *operator.name == *name)?;
        Some(self.tokens.issue(operator, now))
    }

    /// The operator whose token this is.
    pub fn operator_by_token(&self, token: &[u8], now: u64) -> Option<Identity> {
        let rules = self.rules.load();
        let operator = self.tokens.holder(token, &rules.operators, now)?;
        Some(Identity::Operator(operator.name.as_str().into()))
    }

    /// The names of the operators.
    pub fn operators(&self) -> Vec<String> {
        self.rules.load().operators.iter().map(|operator| operator.name.clone()).collect()
    }

    /// Whether clients can be known by this name: an operator's, or `default`, as Redis calls all others.
    pub fn has_user(&self, name: &[u8]) -> bool {
        name == b"default"
            || self.rules.load().operators.iter().any(|operator| operator.name.as_bytes() == name)
    }

    /// Whether this is a secret that every key accepts: who knows it may write.
    pub fn is_global_secret(&self, secret: &[u8]) -> bool {
        let rules = self.rules.load();
        // All are compared, as above.
        let mut found = false;
        for configured in &rules.secrets {
            found |= bool::from(configured.expose().as_bytes().ct_eq(secret));
        }
        found | self.stored.any_global(|stored| bool::from(stored.ct_eq(secret)))
    }

    /// Whether this proof covers what is claimed, at `now` in seconds since the epoch.
    pub fn accepts(&self, claim: &Claim<'_>, proof: &str, now: u64) -> bool {
        let rules = self.rules.load();
        let legacy = rules.allow_legacy_secrets;
        let configured = rules.secrets.iter().map(|secret| secret.expose().as_bytes());
        let accepted = |secret: &[u8]| claim.is_proved_by(proof, secret, now, legacy);
        if configured.into_iter().any(accepted) {
            return true;
        }
        self.stored.any_global(&accepted)
            || (claim.may_use_key_secrets(proof) && self.stored.any_of_key(claim.key, &accepted))
    }

    /// The secrets that every key accepts: the configured ones, then those added at run time.
    pub fn global_secrets(&self) -> Vec<Vec<u8>> {
        let rules = self.rules.load();
        let mut secrets: Vec<Vec<u8>> =
            rules.secrets.iter().map(|secret| secret.expose().as_bytes().to_vec()).collect();
        for stored in self.stored.global() {
            if !secrets.iter().any(|secret| *secret == stored[..]) {
                secrets.push(stored.to_vec());
            }
        }
        secrets
    }

    /// Whether the configuration itself lists this secret: it cannot be removed at run time.
    pub fn is_configured(&self, secret: &[u8]) -> bool {
        self.rules.load().secrets.iter().any(|configured| configured.expose().as_bytes() == secret)
    }

    /// The secrets added at run time.
    pub fn stored(&self) -> &Arc<Secrets> {
        &self.stored
    }
}
