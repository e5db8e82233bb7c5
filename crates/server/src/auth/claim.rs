//! What a secret in a command has to prove.

use hyrax_types::signing;

/// One thing that a client wants to do, to one key.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The command's name as sent.
    pub command: &'a [u8],
    /// The key in its flat form.
    pub key: &'a [u8],
    /// Whether more than that key is meant: all that begin with it.
    pub is_prefix: bool,
    /// The id or EKG name, or empty.
    pub id: &'a [u8],
    /// Which of the older forms of proof fits the message.
    pub proof: Proof<'a>,
}

/// The older forms of proof, by dialect.
#[derive(Clone, Copy, Debug)]
pub enum Proof<'a> {
    /// HMAC-SHA1 over command, key and id.
    Flat,
    /// SHA-512 over domain, name (for EKGs) and secret.
    Domain {
        /// The key's domain; empty without one.
        domain: &'a [u8],
        /// The EKG name, or empty.
        name: &'a [u8],
    },
}

impl Claim<'_> {
    /// Whether `given` was made of `secret` for this claim and, if it expires, has not.
    pub fn is_proved_by(&self, given: &str, secret: &[u8], now: u64, allow_legacy: bool) -> bool {
        if signing::is_v2(given) {
            let lower = self.command.to_ascii_lowercase();
            return signing::verify_v2(given, secret, &lower, self.key, self.id, now);
        }
        allow_legacy
            && match self.proof {
                Proof::Flat => signing::verify_flat_hmac_sha1(given, secret, self.command, self.key, self.id),
                Proof::Domain { domain, name } => signing::verify_domain_sha512(given, domain, name, secret),
            }
    }

    /// Whether secrets attached to the key count beside the global ones. A domain's secret vouches for
    /// all of the domain, so one key's does not; nor does it for the keys that begin with that one.
    pub fn may_use_key_secrets(&self, given: &str) -> bool {
        !self.is_prefix && (matches!(self.proof, Proof::Flat) || signing::is_v2(given))
    }
}
