//! Tokens: what a client is given for a name and a password, and shows instead of them from then on.
//!
//! Nothing is remembered of a token. It names its operator and when it ends, under a mac made of a key of this
//! process and the operator's password: a restart, another password and the operator's removal end it too.

use hmac::{Hmac, KeyInit, Mac};
use hyrax_types::limits::AUTH_TOKEN_LIFE;
use sha2::Sha256;

use crate::config::Operator;

/// What makes and checks tokens.
pub(super) struct Tokens {
    key: [u8; 32],
}

impl Tokens {
    /// Tokens under a key of their own.
    pub(super) fn new() -> Tokens {
        let mut key = [0; 32];
        // Without the system's randomness nobody can be let in by a token: a guessable key would be worse.
        // TLS and the hash tables would not work either.
        #[allow(clippy::expect_used, reason = "argued above")]
        getrandom::fill(&mut key).expect("the system gives random bytes");
        Tokens { key }
    }

    /// A token for this operator, given out at `now`, in seconds since the epoch.
    pub(super) fn issue(&self, operator: &Operator, now: u64) -> String {
        let ends = now + AUTH_TOKEN_LIFE.as_secs();
        let mac = self.mac(operator, ends).finalize().into_bytes();
        format!("{}.{ends}.{}", hex::encode(&operator.name), hex::encode(mac))
    }

    /// Whose token it is, if it is one, and not over.
    pub(super) fn holder<'a>(
        &self,
        token: &[u8],
        operators: &'a [Operator],
        now: u64,
    ) -> Option<&'a Operator> {
        let mut parts = str::from_utf8(token).ok()?.split('.');
        let (name, ends, mac) = (parts.next()?, parts.next()?, parts.next()?);
        let ends: u64 = ends.parse().ok()?;
        if parts.next().is_some() || ends < now {
            return None;
        }
        let (name, mac) = (hex::decode(name).ok()?, hex::decode(mac).ok()?);
        let operator = operators.iter().find(|operator| operator.name.as_bytes() == name)?;
        self.mac(operator, ends).verify_slice(&mac).is_ok().then_some(operator)
    }

    fn mac(&self, operator: &Operator, ends: u64) -> Hmac<Sha256> {
        // Any length is a key to HMAC.
        #[allow(clippy::expect_used, reason = "argued above")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        for part in [operator.name.as_bytes(), operator.password.expose().as_bytes()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.update(&ends.to_be_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(text: &str) -> Operator {
        text.parse().unwrap()
    }

    #[test]
    fn a_token_is_good_for_its_time_its_operator_and_its_password() {
        let tokens = Tokens::new();
        let (ann, bob) = (operator("ann:one"), operator("bob:one"));
        let token = tokens.issue(&ann, 1_000);
        let holder = |token: &str, operators: &[Operator], now| {
            tokens.holder(token.as_bytes(), operators, now).map(|operator| operator.name.clone())
        };
        let both = [bob.clone(), ann];
        assert_eq!(holder(&token, &both, 1_000).as_deref(), Some("ann"));
        let end = 1_000 + AUTH_TOKEN_LIFE.as_secs();
        assert_eq!(holder(&token, &both, end).as_deref(), Some("ann"));
        assert_eq!(holder(&token, &both, end + 1), None);
        assert_eq!(holder(&token, &[bob], 1_000), None);
        assert_eq!(holder(&token, &[operator("ann:two")], 1_000), None);
        assert_eq!(Tokens::new().holder(token.as_bytes(), &both, 1_000).map(|holder| &holder.name), None);
        let later = token.replace(&format!(".{end}."), &format!(".{}.", end + 1));
        let other = token.replace(&hex::encode("ann"), &hex::encode("bob"));
        for bad in ["", ".", "..", "a.b.c", &later, &other, &format!("{token}."), &format!("{token}00")] {
            assert_eq!(holder(bad, &both, 1_000), None, "{bad}");
        }
    }
}
