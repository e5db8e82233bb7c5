//! Requests of the flat dialect, signed where a secret is at hand.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use clap::Args;
use hyrax_client::signing;
use hyrax_server::config::{Operator, Secret};
use serde_json::{Value, json};

use crate::address::Address;
use crate::connection::Connection;

/// How long a secret that is made for a command at once is good for: enough for clocks that differ.
const OWN_EXPIRY: Duration = Duration::from_secs(60);

/// Which server, and as whom.
#[derive(Args, Clone, Debug)]
pub struct ServerOptions {
    /// The server: HOST:PORT, tls://HOST:PORT or unix:PATH
    #[arg(long, env = "HYRAX_URL", value_name = "ADDR", default_value = "127.0.0.1:2379")]
    pub url: Address,
    /// With tls://: a PEM file of the authorities to trust, instead of the system's
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Log in as an operator first
    #[arg(long, env = "HYRAX_USER", value_name = "NAME:PASSWORD", hide_env_values = true)]
    pub user: Option<Operator>,
}

/// Which server, as whom, and how to print.
#[derive(Args, Clone, Debug)]
pub struct ClientOptions {
    #[command(flatten)]
    pub server: ServerOptions,
    /// Print JSON, for scripts
    #[arg(long)]
    pub json: bool,
}

impl ClientOptions {
    /// Connects. Nobody is logged in yet.
    pub fn open(&self) -> Result<Connection> {
        Connection::open(&self.server.url, self.server.ca.as_deref())
    }

    /// The request that logs in, if somebody is to be.
    pub fn login(&self) -> Option<Value> {
        let Operator { name, password } = self.server.user.as_ref()?;
        Some(json!({ "cmd": "auth", "args": [name, password.expose()] }))
    }

    /// Connects and logs in. Each answer has to come within `timeout`.
    pub fn enter(&self, timeout: Option<Duration>) -> Result<Connection> {
        let mut connection = self.open()?;
        connection.set_timeout(timeout)?;
        if let Some(login) = self.login() {
            connection.call(&login).context("the server refused to log in")?;
        }
        Ok(connection)
    }
}

/// How to be allowed to change something, or to read what is not open.
#[derive(Args, Clone, Debug, Default)]
pub struct SigningOptions {
    /// Sign with this secret of the server's
    #[arg(long, env = "HYRAX_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub secret: Option<Secret>,
    /// Sign as servers before `v2:` expect it: HMAC-SHA1, without an expiry
    #[arg(long, requires = "secret")]
    pub legacy: bool,
    /// Send this, made by `hyrax sign`, instead of signing. Repeatable, where several keys or commands
    /// are sent, in their order
    #[arg(long, value_name = "SIGNED", conflicts_with = "secret")]
    pub signed: Vec<String>,
}

impl SigningOptions {
    /// What signs each of these requests, sent one by one. What `hyrax sign` made is good for one.
    pub fn each(&self, requests: &[(&str, &str)]) -> Result<Vec<SigningOptions>> {
        if self.signed.is_empty() {
            return Ok(vec![self.clone(); requests.len()]);
        }
        if self.signed.len() != requests.len() {
            let each: Vec<_> = requests.iter().map(|(command, key)| format!("{command} {key}")).collect();
            bail!("--signed is needed once for each of: {}", each.join(", "));
        }
        let one = |signed: &String| SigningOptions { signed: vec![signed.clone()], ..self.clone() };
        Ok(self.signed.iter().map(one).collect())
    }

    /// The `secret` field of a request that writes `keys`, if there is to be one.
    fn field(&self, command: &str, keys: &[&str], id: &str) -> Option<Value> {
        match &self.signed[..] {
            [] => {}
            [signed] => return Some(json!(signed)),
            signed => return Some(json!(signed)),
        }
        let secret = self.secret.as_ref()?.expose().as_bytes();
        let expiry = unix_seconds() + OWN_EXPIRY.as_secs();
        let sign = |key: &&str| match self.legacy {
            true => signing::flat_hmac_sha1(secret, command.as_bytes(), key.as_bytes(), id.as_bytes()),
            false => signing::v2(secret, command.as_bytes(), key.as_bytes(), id.as_bytes(), expiry),
        };
        Some(match keys {
            [key] => json!(sign(key)),
            _ => keys.iter().map(sign).collect(),
        })
    }
}

/// A request of the flat dialect: `written` are the keys that its secrets must cover.
pub fn flat(
    command: &str,
    key: Option<&str>,
    args: &[String],
    id: Option<&str>,
    signing: &SigningOptions,
    written: &[&str],
) -> Value {
    let mut request = json!({ "cmd": command });
    if let Some(key) = key {
        request["key"] = json!(key);
    }
    if !args.is_empty() {
        request["args"] = json!(args);
    }
    if let Some(id) = id {
        request["id"] = json!(id);
    }
    if let Some(secret) = signing.field(command, written, id.unwrap_or_default()) {
        request["secret"] = secret;
    }
    request
}

/// The time on this machine's clock. Before 1970 it reads as 1970.
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signing(legacy: bool) -> SigningOptions {
        SigningOptions { secret: Some("turtles".parse::<Secret>().unwrap()), legacy, signed: Vec::new() }
    }

    #[test]
    fn a_request_holds_only_what_was_given() {
        let none = SigningOptions::default();
        assert_eq!(flat("ping", None, &[], None, &none, &[]), json!({"cmd": "ping"}));
        let args = ["bar".to_owned()];
        assert_eq!(
            flat("set", Some("foo"), &args, Some("gopher"), &none, &["foo"]),
            json!({"cmd": "set", "key": "foo", "args": ["bar"], "id": "gopher"})
        );
    }

    #[test]
    fn a_request_is_signed_for_each_written_key() {
        let request = flat("set", Some("foo"), &[], Some("gopher"), &signing(true), &["foo"]);
        assert_eq!(request["secret"], signing::flat_hmac_sha1(b"turtles", b"set", b"foo", b"gopher"));
        let request = flat("MSET", Some("a"), &[], None, &signing(false), &["a", "b"]);
        for (at, key) in ["a", "b"].iter().enumerate() {
            let given = request["secret"][at].as_str().unwrap();
            assert!(
                signing::verify_v2(given, b"turtles", b"mset", key.as_bytes(), b"", unix_seconds()),
                "{given}"
            );
        }
    }

    #[test]
    fn what_was_signed_elsewhere_goes_where_it_belongs() {
        let signed = |each: &[&str]| SigningOptions {
            signed: each.iter().map(|signed| signed.to_string()).collect(),
            ..SigningOptions::default()
        };
        let request =
            |signing: &SigningOptions| flat("get", Some("a"), &[], None, signing, &["a"])["secret"].take();
        assert_eq!(request(&signed(&["x"])), "x");
        assert_eq!(request(&signed(&["x", "y"])), json!(["x", "y"]));
        let requests = [("madd", "a"), ("emembers", "a")];
        let each = signed(&["x", "y"]).each(&requests).unwrap();
        assert_eq!(each.iter().map(request).collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(signing(false).each(&requests).unwrap().len(), 2);
        let error = signed(&["x"]).each(&requests).unwrap_err().to_string();
        assert!(error.contains("madd a, emembers a"), "{error}");
    }
}
