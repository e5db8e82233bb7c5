//! The secrets of the line door: how a client makes one, and how the server checks it.
//!
//! Shared by the server's authorizer and by every client, so that both sides always agree.
//! Nothing here knows which secrets exist or what a command is allowed to do.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

/// The beginning of a secret that names its own expiry.
const V2_PREFIX: &str = "v2:";

/// The flat dialect's secret: hex(HMAC-SHA1(secret, cmd ‖ key ‖ id)), with `command` as it is sent.
pub fn flat_hmac_sha1(secret: &[u8], command: &[u8], key: &[u8], id: &[u8]) -> String {
    hex::encode(flat_mac(secret, command, key, id).finalize().into_bytes())
}

/// Whether `given` is what [`flat_hmac_sha1`] makes, in constant time.
pub fn verify_flat_hmac_sha1(given: &str, secret: &[u8], command: &[u8], key: &[u8], id: &[u8]) -> bool {
    let Ok(given) = decode::<20>(given) else { return false };
    flat_mac(secret, command, key, id).verify_slice(&given).is_ok()
}

/// The domain dialect's secret: hex(SHA-512(domain ‖ secret)), or, for EKG commands,
/// hex(SHA-512(domain ‖ name ‖ secret)). `name` is empty for all others.
pub fn domain_sha512(domain: &[u8], name: &[u8], secret: &[u8]) -> String {
    hex::encode(domain_digest(domain, name, secret))
}

/// Whether `given` is what [`domain_sha512`] makes, in constant time.
pub fn verify_domain_sha512(given: &str, domain: &[u8], name: &[u8], secret: &[u8]) -> bool {
    let Ok(given) = decode::<64>(given) else { return false };
    domain_digest(domain, name, secret).ct_eq(&given).into()
}

/// The secret of both dialects that expires: `v2:<expiry>:<hex HMAC-SHA256(secret, canonical)>`.
///
/// Canonical are the command in lower case, the key in its flat form, the id (or the EKG's name, or
/// nothing) and the expiry in Unix seconds, each as a netstring, so that no two requests share one.
pub fn v2(secret: &[u8], command: &[u8], flat_key: &[u8], id: &[u8], expiry: u64) -> String {
    let mac = v2_mac(secret, command, flat_key, id, expiry).finalize().into_bytes();
    format!("{V2_PREFIX}{expiry}:{}", hex::encode(mac))
}

/// Whether `given` claims to be a `v2:` secret, whatever follows.
pub fn is_v2(given: &str) -> bool {
    given.starts_with(V2_PREFIX)
}

/// Whether `given` is what [`v2`] makes, in constant time, and has not expired at `now` (Unix
/// seconds). It is valid up to and including its expiry.
pub fn verify_v2(given: &str, secret: &[u8], command: &[u8], flat_key: &[u8], id: &[u8], now: u64) -> bool {
    let Some((expiry_text, mac)) = given.strip_prefix(V2_PREFIX).and_then(|rest| rest.split_once(':')) else {
        return false;
    };
    let (Ok(expiry), Ok(mac)) = (expiry_text.parse::<u64>(), decode::<32>(mac)) else { return false };
    // One expiry has one spelling: `+5` and `05` are not what was signed.
    if expiry.to_string() != expiry_text || expiry < now {
        return false;
    }
    v2_mac(secret, command, flat_key, id, expiry).verify_slice(&mac).is_ok()
}

fn flat_mac(secret: &[u8], command: &[u8], key: &[u8], id: &[u8]) -> Hmac<Sha1> {
    let mut mac = keyed::<Hmac<Sha1>>(secret);
    mac.update(command);
    mac.update(key);
    mac.update(id);
    mac
}

fn domain_digest(domain: &[u8], name: &[u8], secret: &[u8]) -> [u8; 64] {
    Sha512::new().chain_update(domain).chain_update(name).chain_update(secret).finalize().into()
}

fn v2_mac(secret: &[u8], command: &[u8], flat_key: &[u8], id: &[u8], expiry: u64) -> Hmac<Sha256> {
    let mut mac = keyed::<Hmac<Sha256>>(secret);
    for part in [&command.to_ascii_lowercase(), flat_key, id, expiry.to_string().as_bytes()] {
        mac.update(format!("{}:", part.len()).as_bytes());
        mac.update(part);
        mac.update(b",");
    }
    mac
}

#[expect(clippy::expect_used, reason = "HMAC is defined for keys of every length")]
fn keyed<M: Mac + KeyInit>(secret: &[u8]) -> M {
    <M as KeyInit>::new_from_slice(secret).expect("HMAC is defined for keys of every length")
}

fn decode<const N: usize>(given: &str) -> Result<[u8; N], hex::FromHexError> {
    let mut bytes = [0; N];
    hex::decode_to_slice(given, &mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The expected values come from Python's hmac and hashlib.

    #[test]
    fn a_flat_secret_is_the_hmac_sha1_of_command_key_and_id() {
        let made = flat_hmac_sha1(b"turtles", b"set", b"foo", b"gopher");
        assert_eq!(made, "3460582e7804384a681706d1c9971a5cd14a949e");
        assert!(verify_flat_hmac_sha1(&made, b"turtles", b"set", b"foo", b"gopher"));
        assert!(verify_flat_hmac_sha1(&made.to_uppercase(), b"turtles", b"set", b"foo", b"gopher"));
        assert!(
            !verify_flat_hmac_sha1(&made, b"turtles", b"SET", b"foo", b"gopher"),
            "the command is as sent"
        );
        assert!(!verify_flat_hmac_sha1(&made, b"tortoises", b"set", b"foo", b"gopher"));
        assert!(!verify_flat_hmac_sha1(&made, b"turtles", b"set", b"foo", b""));
    }

    #[test]
    fn a_domain_secret_is_the_sha512_of_domain_name_and_secret() {
        let made = domain_sha512(b"td", b"", b"turtles");
        assert_eq!(
            made,
            "b53b812b0a802efaa797cc9eca8128cdb59eee4fcfa248e425bede61f29e5590f6d23d984636f1b767bec9d74df7753fc5f0d90636a7d6e3235f454815f1cd35"
        );
        assert!(verify_domain_sha512(&made, b"td", b"", b"turtles"));
        assert!(!verify_domain_sha512(&made, b"te", b"", b"turtles"));
        let ekg = domain_sha512(b"td1", b"joseph", b"turtles");
        assert_eq!(
            ekg,
            "938b5aed5d266ddfe1d4e42d791a852e725e28a8b78af0a1963422e70ad5f94e6d49f199d37f812bf361c372cef2573c8d2937ba9ebd22a804198d269c37d2bc"
        );
        assert!(verify_domain_sha512(&ekg, b"td1", b"joseph", b"turtles"));
        assert!(!verify_domain_sha512(&ekg, b"td1", b"mary", b"turtles"));
    }

    #[test]
    fn a_v2_secret_is_the_hmac_sha256_of_netstrings() {
        let made = v2(b"turtles", b"SET", b"td:tid", b"", 1_700_000_000);
        assert_eq!(made, "v2:1700000000:82a3fe160dc910dfb5b20c5d5b14697b9b810b53a84999711fa697224e12c436");
        assert!(is_v2(&made) && !is_v2("abc"));
        for now in [0, 1_700_000_000] {
            assert!(verify_v2(&made, b"turtles", b"sEt", b"td:tid", b"", now));
        }
        assert!(!verify_v2(&made, b"turtles", b"set", b"td:tid", b"", 1_700_000_001), "expired");
        assert!(!verify_v2(&made, b"tortoises", b"set", b"td:tid", b"", 0));
        assert!(!verify_v2(&made, b"turtles", b"set", b"td:ti", b"d", 0), "parts do not run together");
        let postponed = made.replace("1700000000", "1800000000");
        assert!(!verify_v2(&postponed, b"turtles", b"set", b"td:tid", b"", 0), "the expiry is signed");
    }

    #[test]
    fn malformed_secrets_are_wrong_rather_than_fatal() {
        let mac = "0".repeat(64);
        let long = "a".repeat(100_000);
        let malformed =
            ["", "v2:", "v2::", "v2:5", "zz", "v2:99999999999999999999:", "é", "v2:é:é", &mac, &long];
        for given in malformed.into_iter().map(str::to_owned).chain([
            format!("v2:+5:{mac}"),
            format!("v2:05:{mac}"),
            format!("v2:5:{mac}0"),
            format!("V2:5:{mac}"),
        ]) {
            assert!(!verify_flat_hmac_sha1(&given, b"s", b"", b"", b""), "{given}");
            assert!(!verify_domain_sha512(&given, b"", b"", b"s"), "{given}");
            assert!(!verify_v2(&given, b"s", b"", b"", b"", 0), "{given}");
        }
    }
}
