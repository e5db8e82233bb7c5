//! Where Redis is, and how to speak to it.
//!
//! `redis://[NAME:PASSWORD@]HOST[:PORT][/DB]`, `rediss://…` over TLS, `unix:PATH`, or
//! `redis-cluster://[NAME:PASSWORD@]HOST[:PORT],…` (and `rediss-cluster://`), of which the server is found that has the
//! namespace's slot. Options: `namespace`, `timeout`, `connect_timeout` and, for `unix:`, `db`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use hyrax_types::limits::{REDIS_CONNECT_MAX, REDIS_REQUEST_MAX};
use redis::{ConnectionInfo, IntoConnectionInfo};
use url::form_urlencoded;

/// What is written in a password's place.
const REDACTED: &str = "<redacted>";

/// What all nodes share that name no other.
const NAMESPACE: &str = "hyrax";

/// The longest name of a namespace; it is part of every key.
const NAMESPACE_BYTES_MAX: usize = 64;

/// What a connection to Redis needs to know. [`FromStr`] reads it from a URL, [`fmt::Display`] writes that URL without the
/// password.
#[derive(Clone)]
pub struct RedisSettings {
    /// Servers, tried one after the other.
    pub(crate) servers: Vec<ConnectionInfo>,
    pub(crate) namespace: String,
    pub(crate) connect_max: Duration,
    pub(crate) request_max: Duration,
    /// The URL as given, and without its password.
    given: String,
    shown: String,
}

impl PartialEq for RedisSettings {
    fn eq(&self, other: &RedisSettings) -> bool {
        self.given == other.given
    }
}

impl Eq for RedisSettings {}

impl fmt::Display for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisSettings({})", self.shown)
    }
}

/// Why a text does not say where a Redis is. No password is repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// Another scheme, or none.
    #[error(
        "a Redis is named redis://HOST:PORT, rediss://, unix:PATH or redis-cluster://HOST:PORT,HOST:PORT…"
    )]
    Scheme,
    /// The library does not take it.
    #[error("this is no address of a Redis: {0}")]
    Server(String),
    /// Somebody fed printed configuration back in.
    #[error(
        "`{REDACTED}` stands where the password was left out of printed configuration; put the real one there"
    )]
    Redacted,
    /// An option that there is not, or whose value makes no sense.
    #[error(
        "Redis' URL has no option `{0}`; it has namespace (letters, digits, `-`, `_`, `.`), timeout and connect_timeout \
         (`5s`) and, for unix:, db"
    )]
    Option(String),
}

impl FromStr for RedisSettings {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<RedisSettings, BadUrl> {
        if text.contains(REDACTED) {
            return Err(BadUrl::Redacted);
        }
        let (location, query) = text.split_once('?').unwrap_or((text, ""));
        let options = Options::parse(query)?;
        let urls = match location.split_once(':') {
            Some(("unix", path)) => {
                let path = path.strip_prefix("//").unwrap_or(path);
                vec![format!("redis+unix://{path}?db={}", options.database)]
            }
            Some(("redis-cluster", rest)) => members("redis", rest),
            Some(("rediss-cluster", rest)) => members("rediss", rest),
            Some(("redis" | "rediss", _)) => vec![location.to_owned()],
            _ => return Err(BadUrl::Scheme),
        };
        Ok(RedisSettings {
            servers: urls.iter().map(|url| server(url)).collect::<Result<_, _>>()?,
            namespace: options.namespace,
            connect_max: options.connect_max,
            request_max: options.request_max,
            given: text.to_owned(),
            shown: without_password(text),
        })
    }
}

/// The servers of `//[NAME:PASSWORD@]a,b,c`, each as a URL of its own.
fn members(scheme: &str, rest: &str) -> Vec<String> {
    let rest = rest.strip_prefix("//").unwrap_or(rest).trim_end_matches('/');
    let (login, hosts) = rest.rfind('@').map_or(("", rest), |at| rest.split_at(at + 1));
    hosts.split(',').map(|host| format!("{scheme}://{login}{host}")).collect()
}

fn server(url: &str) -> Result<ConnectionInfo, BadUrl> {
    url.into_connection_info().map_err(|error| BadUrl::Server(error.to_string()))
}

/// What stands before the hosts, up to the first colon, is a name; what follows it is not shown.
fn without_password(text: &str) -> String {
    let shown = || {
        let (scheme, rest) = text.split_once("://")?;
        let (login, hosts) = rest.rsplit_once('@')?;
        let name = login.split_once(':').map_or("", |(name, _)| name);
        Some(format!("{scheme}://{name}:{REDACTED}@{hosts}"))
    };
    shown().unwrap_or_else(|| text.to_owned())
}

struct Options {
    namespace: String,
    connect_max: Duration,
    request_max: Duration,
    database: u32,
}

impl Options {
    fn parse(query: &str) -> Result<Options, BadUrl> {
        let mut options = Options {
            namespace: NAMESPACE.to_owned(),
            connect_max: REDIS_CONNECT_MAX,
            request_max: REDIS_REQUEST_MAX,
            database: 0,
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let bad = || BadUrl::Option(format!("{name}={value}"));
            let span =
                || humantime::parse_duration(&value).ok().filter(|span| !span.is_zero()).ok_or_else(bad);
            match &*name {
                "namespace" if is_namespace(&value) => options.namespace = value.into_owned(),
                "timeout" => options.request_max = span()?,
                "connect_timeout" => options.connect_max = span()?,
                "db" => options.database = value.parse().map_err(|_| bad())?,
                _ => return Err(bad()),
            }
        }
        Ok(options)
    }
}

/// Braces would move its keys to other slots.
fn is_namespace(text: &str) -> bool {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_.".contains(char);
    !text.is_empty() && text.len() <= NAMESPACE_BYTES_MAX && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> RedisSettings {
        url.parse().unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    #[test]
    fn a_url_names_servers_and_a_namespace() {
        for (url, servers, namespace) in [
            ("redis://a", 1, "hyrax"),
            ("redis://ann:pw@a:1/3?namespace=x.y-z_1&timeout=1s", 1, "x.y-z_1"),
            ("unix:/run/redis.sock?db=2", 1, "hyrax"),
            ("redis-cluster://:pw@a:1,b:2,c", 3, "hyrax"),
        ] {
            let settings = parsed(url);
            assert_eq!((settings.servers.len(), &*settings.namespace), (servers, namespace), "{url}");
        }
        assert_eq!(parsed("redis://a?timeout=1s").request_max, Duration::from_secs(1));
        let cluster = parsed("redis-cluster://ann:pw@a:1,b:2");
        assert!(cluster.servers.iter().all(|server| server.redis_settings().password() == Some("pw")));
    }

    #[test]
    fn no_password_is_shown() {
        for (url, shown) in [
            ("redis://ann:hunter2@a:1", "redis://ann:<redacted>@a:1"),
            ("redis://:hunter2@a", "redis://:<redacted>@a"),
            ("redis://hunter2@a", "redis://:<redacted>@a"),
            ("redis-cluster://ann:hunt@er2@a,b?timeout=1s", "redis-cluster://ann:<redacted>@a,b?timeout=1s"),
            ("unix:/run/redis.sock", "unix:/run/redis.sock"),
        ] {
            assert_eq!(without_password(url), shown);
        }
        let settings = parsed("redis://ann:hunter2@a");
        let shown = format!("{settings} {settings:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(settings.to_string().parse::<RedisSettings>(), Err(BadUrl::Redacted));
    }

    #[test]
    fn what_is_no_url_says_why() {
        for (url, expected) in [
            ("", "a Redis is named"),
            ("http://a", "a Redis is named"),
            ("redis://a?namespace={x}", "no option `namespace={x}`"),
            ("redis://a?namespace=", "no option `namespace=`"),
            ("redis://a?timeout=soon", "no option `timeout=soon`"),
            ("redis://a?color=red", "no option `color=red`"),
            ("redis://a:x", "no address of a Redis"),
        ] {
            let error = url.parse::<RedisSettings>().unwrap_err().to_string();
            assert!(error.contains(expected), "{url}: {error}");
        }
    }
}
