//! What `connect` is given: which engine, where, and as whom.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use hyrax_coordination_etcd::{BadUrl as EtcdUrlError, EtcdSettings};
use hyrax_coordination_redis::{BadUrl as RedisUrlError, RedisSettings};
use percent_encoding::percent_decode_str;
use thiserror::Error;

use crate::Secret;

/// The port of Hyrax and of etcd, where an address names none.
const DEFAULT_PORT: u16 = 2379;

/// Where state is coordinated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A Hyrax server.
    Hyrax(HyraxAddress),
    /// An etcd cluster.
    Etcd(EtcdSettings),
    /// A Redis, or a cluster of them.
    Redis(RedisSettings),
    /// In this process alone.
    Embedded,
}

/// Where a Hyrax server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HyraxAddress {
    /// How it is reached.
    pub socket: Socket,
    /// Who logs in: an operator's name and password.
    pub login: Option<Login>,
}

/// How a Hyrax server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Socket {
    /// `HOST:PORT`, the name not yet resolved.
    Tcp(String),
    /// The same, over TLS.
    Tls(String),
    /// A Unix socket.
    Unix(PathBuf),
}

/// A name and its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub name: String,
    /// The password.
    pub password: Secret,
}

/// Why a text is no address. The text is not repeated: it may hold a password.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AddressError {
    /// Its beginning names nothing that is known.
    #[error(
        "no address that this library knows: write hyrax://HOST:PORT, hyraxs://HOST:PORT, unix:PATH, \
         etcd://HOST:PORT,HOST:PORT, redis://HOST:PORT or embedded:"
    )]
    Scheme,
    /// What follows is not `HOST:PORT`.
    #[error("`{0}` is not HOST:PORT")]
    Host(String),
    /// What follows `?` is not known.
    #[error("`?{0}` is not known after an address; `?tls` is")]
    Option(String),
    /// A Unix socket has no path.
    #[error("unix: needs a path")]
    Path,
    /// A name without a password, or the other way round.
    #[error("who logs in is written NAME:PASSWORD@, percent-encoded where needed")]
    Login,
    /// `embedded:` takes nothing more.
    #[error("embedded: is all; nothing follows it")]
    Embedded,
    /// It names no etcd.
    #[error(transparent)]
    Etcd(#[from] EtcdUrlError),
    /// It names no Redis.
    #[error(transparent)]
    Redis(#[from] RedisUrlError),
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        if let Some(rest) = text.strip_prefix("embedded:") {
            return if rest.is_empty() { Ok(Address::Embedded) } else { Err(AddressError::Embedded) };
        }
        if ["redis", "rediss", "redis-cluster", "rediss-cluster"].iter().any(|scheme| names(text, scheme)) {
            return Ok(Address::Redis(text.parse()?));
        }
        if names(text, "etcd") || names(text, "etcds") {
            return Ok(Address::Etcd(text.parse()?));
        }
        text.parse().map(Address::Hyrax)
    }
}

/// Whether an address begins with this scheme.
fn names(text: &str, scheme: &str) -> bool {
    text.strip_prefix(scheme).is_some_and(|rest| rest.starts_with("://"))
}

impl FromStr for HyraxAddress {
    type Err = AddressError;

    /// Reads `hyrax://`, `hyraxs://` (or `tls://`), `unix:PATH`, and a bare `HOST:PORT`.
    fn from_str(text: &str) -> Result<HyraxAddress, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err(AddressError::Path);
            }
            return Ok(HyraxAddress { socket: Socket::Unix(path.into()), login: None });
        }
        let schemes = [("hyraxs://", true), ("tls://", true), ("hyrax://", false), ("tcp://", false)];
        let scheme = schemes.iter().find_map(|(scheme, tls)| Some((text.strip_prefix(scheme)?, *tls)));
        let (rest, tls) = match scheme {
            Some(found) => found,
            None if text.contains("://") => return Err(AddressError::Scheme),
            None => (text, false),
        };
        let parts = Parts::read(rest)?;
        let host = with_port(parts.host)?;
        let socket = if tls || parts.tls { Socket::Tls(host) } else { Socket::Tcp(host) };
        Ok(HyraxAddress { socket, login: parts.login })
    }
}

/// `NAME:PASSWORD@HOST:PORT/?tls`, taken apart.
struct Parts<'a> {
    host: &'a str,
    tls: bool,
    login: Option<Login>,
}

impl Parts<'_> {
    fn read(text: &str) -> Result<Parts<'_>, AddressError> {
        let (text, option) = text.split_once('?').map_or((text, None), |(text, option)| (text, Some(option)));
        let tls = match option {
            None | Some("") => false,
            Some("tls" | "tls=true" | "tls=1") => true,
            Some(other) => return Err(AddressError::Option(other.to_owned())),
        };
        let text = text.strip_suffix('/').unwrap_or(text);
        let Some((login, host)) = text.rsplit_once('@') else {
            return Ok(Parts { host: text, tls, login: None });
        };
        let (name, password) = login.split_once(':').ok_or(AddressError::Login)?;
        let decoded = |part| percent_decode_str(part).decode_utf8().map_err(|_| AddressError::Login);
        let (name, password) = (decoded(name)?, decoded(password)?);
        if name.is_empty() || password.is_empty() {
            return Err(AddressError::Login);
        }
        let login = Login { name: name.into_owned(), password: Secret::new(password) };
        Ok(Parts { host, tls, login: Some(login) })
    }
}

/// `HOST:PORT` as it is, or `HOST` with the usual port.
fn with_port(text: &str) -> Result<String, AddressError> {
    let bad = || AddressError::Host(text.to_owned());
    let is_host = |host: &str| {
        let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        match inside {
            Some(inside) => inside.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && !host.contains(|c: char| "/:[]@,".contains(c) || c.is_whitespace()),
        }
    };
    if is_host(text) {
        return Ok(format!("{text}:{DEFAULT_PORT}"));
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
    match port.parse::<u16>() {
        Ok(port) if port > 0 && is_host(host) => Ok(text.to_owned()),
        _ => Err(bad()),
    }
}

impl fmt::Display for HyraxAddress {
    /// Without who logs in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.socket {
            Socket::Tcp(host) => write!(f, "hyrax://{host}"),
            Socket::Tls(host) => write!(f, "hyraxs://{host}"),
            Socket::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl fmt::Display for Address {
    /// Without passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Hyrax(address) => address.fmt(f),
            Address::Etcd(settings) => settings.fmt(f),
            Address::Redis(settings) => settings.fmt(f),
            Address::Embedded => f.write_str("embedded:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        text.parse::<Address>().unwrap_or_else(|error| panic!("{text}: {error}")).to_string()
    }

    #[test]
    fn addresses_say_where_and_how() {
        let check = |text: &str, expected: &str| assert_eq!(shown(text), expected, "{text}");
        check("127.0.0.1:2379", "hyrax://127.0.0.1:2379");
        check("localhost", "hyrax://localhost:2379");
        check("hyrax://example.org", "hyrax://example.org:2379");
        check("hyrax://[::1]", "hyrax://[::1]:2379");
        check("hyrax://example.org:80?tls", "hyraxs://example.org:80");
        check("hyraxs://example.org/", "hyraxs://example.org:2379");
        check("tls://[::1]:1", "hyraxs://[::1]:1");
        check("unix:/run/h.sock", "unix:/run/h.sock");
        check("unix:///run/h.sock", "unix:/run/h.sock");
        check("etcd://a,b:1", "etcd://a:2379,b:1");
        check("etcds://a", "etcds://a:2379");
        check("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0");
        check("embedded:", "embedded:");
    }

    #[test]
    fn who_logs_in_is_percent_decoded_and_not_shown() {
        let Ok(Address::Hyrax(address)) = "hyrax://ann:a%40b@h:1".parse() else { panic!("an address") };
        let login = address.login.clone().unwrap();
        assert_eq!((login.name.as_str(), login.password.expose()), ("ann", "a@b"));
        assert_eq!(address.to_string(), "hyrax://h:1");
        assert!(!format!("{address:?}").contains("a@b"));
    }

    #[test]
    fn no_password_is_shown_of_any_engine() {
        for text in
            ["hyrax://ann:hush@h", "etcd://ann:hush@h", "redis://ann:hush@h", "redis-cluster://ann:hush@h,i"]
        {
            let address: Address = text.parse().unwrap();
            let shown = format!("{address} {address:?}");
            assert!(!shown.contains("hush") && shown.contains('h'), "{shown}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let texts = [
            "",
            "http://h:1",
            "hyrax://",
            "hyrax://h:0",
            "hyrax://h:70000",
            "hyrax://h:x",
            "hyrax://h?quick",
            "hyrax://ann@h",
            "hyrax://:x@h",
            "unix:",
            "etcd://",
            "etcd://a,,b",
            "embedded:here",
            "a b",
            "::1",
            "[x]:1",
        ];
        for text in texts {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }
}
