//! How a client connects, and what it makes of a server that does not answer.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyrax_types::{limits, signing};

use super::value::json_of;
use crate::Secret;
use crate::address::Login;

/// How long a secret that is made for a command at once is good for: enough for clocks that differ.
const SIGNED_FOR: Duration = Duration::from_secs(60);

/// How a client of live values behaves. The default suits a server without auth.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Logs in as an operator, at each connection; instead of whom the address names.
    pub login: Option<Login>,
    /// Signs what it sends.
    pub signing: Option<Signing>,
    /// A PEM file of the authorities to trust over TLS, instead of the system's.
    pub ca: Option<PathBuf>,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long an answer may take, the time included in which there is no connection.
    pub command_timeout: Duration,
    /// Bytes of changes that wait for the reader of a monitor. Beyond them they are dropped, and the reader is told
    /// the value as it then is.
    pub queue_bytes: usize,
    /// How long nothing may be heard of a server that owes an answer which nobody waits for any more, or a `ping`'s,
    /// before it is taken for gone.
    pub silence_max: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            login: None,
            signing: None,
            ca: None,
            connect_timeout: Duration::from_secs(10),
            command_timeout: Duration::from_secs(10),
            queue_bytes: limits::QUEUE_BYTES_MAX,
            silence_max: limits::HALF_OPEN_MAX,
        }
    }
}

/// How commands are signed, where a server has secrets.
#[derive(Clone, Debug)]
pub enum Signing {
    /// With the server's secret: for this command on this key by this id, for a minute.
    V2(Secret),
    /// The same without an expiry, as servers before `v2:` expect it: HMAC-SHA1. Whoever reads it on the way may
    /// repeat it for ever.
    Legacy(Secret),
}

impl Signing {
    /// The `secret` field of a command that writes `keys`.
    pub(super) fn sign(&self, command: &str, keys: &[&[u8]], id: &[u8]) -> serde_json::Value {
        let sign = |key: &&[u8]| match self {
            Signing::V2(secret) => {
                let expiry = unix_seconds() + SIGNED_FOR.as_secs();
                signing::v2(secret.expose().as_bytes(), command.as_bytes(), key, id, expiry)
            }
            Signing::Legacy(secret) => {
                signing::flat_hmac_sha1(secret.expose().as_bytes(), command.as_bytes(), key, id)
            }
        };
        match keys {
            [key] => json_of(sign(key).as_bytes()),
            keys => keys.iter().map(sign).collect::<Vec<_>>().into(),
        }
    }
}

/// The time on this machine's clock. Before 1970 it reads as 1970.
fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_has_one_secret_and_several_have_a_list() {
        let signing = Signing::Legacy("turtles".into());
        let made = "3460582e7804384a681706d1c9971a5cd14a949e";
        assert_eq!(signing.sign("set", &[b"foo"], b"gopher"), made);
        assert_eq!(signing.sign("set", &[b"foo", b"foo"], b"gopher"), serde_json::json!([made, made]));
    }

    #[test]
    fn a_v2_secret_is_good_for_a_minute() {
        let signed = Signing::V2("turtles".into()).sign("SET", &[b"td:tid"], b"");
        let signed = signed.as_str().unwrap();
        let verify = |now| signing::verify_v2(signed, b"turtles", b"set", b"td:tid", b"", now);
        assert!(verify(unix_seconds()) && verify(unix_seconds() + 58));
        assert!(!verify(unix_seconds() + 62));
    }
}
