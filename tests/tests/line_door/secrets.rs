//! Secrets as a client would make them, written from the description of each form alone.

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use crate::stage::SECRET;

/// What a secret speaks for.
pub struct Claim<'a> {
    /// The command's name as sent.
    pub command: &'a str,
    /// The domain; none in the flat dialect.
    pub domain: Option<&'a str>,
    /// The key, or its id within the domain.
    pub key: &'a str,
    /// The flat dialect's `id`, or the name in an EKG, or empty.
    pub id: &'a str,
}

/// The dialect's own form, made of [`SECRET`].
pub fn legacy(claim: &Claim<'_>) -> String {
    match claim.domain {
        None => hmac_sha1(SECRET, claim.command, claim.key, claim.id),
        Some(domain) => sha512(domain, claim.id, SECRET),
    }
}

/// The form that expires, made of [`SECRET`] for a minute from now.
pub fn v2_for_a_minute(claim: &Claim<'_>) -> String {
    let key = match claim.domain {
        None => claim.key.to_owned(),
        Some(domain) => format!("{domain}:{}", claim.key),
    };
    v2(SECRET, claim.command, &key, claim.id, now() + 60)
}

/// hex(HMAC-SHA1(secret, command ‖ key ‖ id))
pub fn hmac_sha1(secret: &str, command: &str, key: &str, id: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{command}{key}{id}").as_bytes());
    hex(&mac.finalize().into_bytes())
}

/// hex(SHA-512(domain ‖ name ‖ secret)); `name` is empty but for EKG commands.
pub fn sha512(domain: &str, name: &str, secret: &str) -> String {
    hex(&Sha512::digest(format!("{domain}{name}{secret}")))
}

/// `v2:<expiry>:<hex HMAC-SHA256(secret, netstrings of command, key, id, expiry)>`
pub fn v2(secret: &str, command: &str, flat_key: &str, id: &str, expiry: u64) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    for part in [&command.to_lowercase(), flat_key, id, &expiry.to_string()] {
        mac.update(format!("{}:{part},", part.len()).as_bytes());
    }
    format!("v2:{expiry}:{}", hex(&mac.finalize().into_bytes()))
}

/// Unix seconds.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Puts a secret wherever a command, in either dialect, has a field for one.
pub fn sign(mut command: Value, make: impl Fn(&Claim<'_>) -> String) -> Value {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if let Some(name) = command.get("cmd").map(text) {
        if command.get("secret").is_some() {
            let (key, id) = (text(&command["key"]), text(&command["id"]));
            let claim = Claim { command: &name, domain: None, key: &key, id: &id };
            command["secret"] = make(&claim).into();
        }
        return command;
    }
    let name = text(&command["command"]);
    let items = match &mut command["payload"] {
        Value::Array(items) => &mut items[..],
        item => std::slice::from_mut(item),
    };
    for item in items.iter_mut().filter(|item| item.get("secret").is_some() && item.get("id").is_some()) {
        let (domain, key, id) = (text(&item["domain"]), text(&item["id"]), text(&item["name"]));
        let claim = Claim { command: &name, domain: Some(&domain), key: &key, id: &id };
        item["secret"] = make(&claim).into();
    }
    command
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn secrets_are_those_that_openssl_makes() {
    // printf setfoogopher | openssl dgst -sha1 -hmac turtles
    assert_eq!(hmac_sha1("turtles", "set", "foo", "gopher"), "3460582e7804384a681706d1c9971a5cd14a949e");
    // printf td1josephturtles | openssl dgst -sha512
    assert!(
        sha512("td1", "joseph", "turtles").starts_with("938b5aed5d266ddfe1d4e42d791a852e725e28a8b78af0a1")
    );
    // printf '3:set,6:td:tid,0:,10:1700000000,' | openssl dgst -sha256 -hmac turtles
    assert_eq!(
        v2("turtles", "SET", "td:tid", "", 1_700_000_000),
        "v2:1700000000:82a3fe160dc910dfb5b20c5d5b14697b9b810b53a84999711fa697224e12c436"
    );
}
