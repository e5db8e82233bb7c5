//! Where Redis is, as a URL says it.

use crate::names::Names;
use percent_encoding::percent_decode_str;
use redis::{ConnectionInfo, IntoConnectionInfo, ProtocolVersion};
use std::fmt;
use std::str::FromStr;

/// One Redis server or a cluster of them, and how it is used.
///
/// `redis://[user:password@]host[:port][/database]`, `rediss://…` over TLS, `unix:PATH`;
/// `redis-cluster://[user:password@]host:port,host:port…`, `rediss-cluster://…`. Parameters: `prefix`, which all
/// keys begin with (so that others can use the same Redis; in a cluster, one with braces puts all keys into one slot), and `events=no` for not asking Redis to tell of writes by
/// others.
#[derive(Clone)]
pub struct Address {
    pub(crate) servers: Vec<ConnectionInfo>,
    pub(crate) is_cluster: bool,
    pub(crate) prefix: Vec<u8>,
    pub(crate) wants_events: bool,
    /// The URL as it was given, and without its password.
    given: String,
    shown: String,
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.given == other.given
    }
}

impl Eq for Address {}

/// Not the URL of a Redis.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// Another scheme.
    #[error("must begin with redis://, rediss://, unix:, redis-cluster:// or rediss-cluster://")]
    Scheme,
    /// The library does not take it.
    #[error("is no address of a Redis: {0}")]
    Server(String),
    /// A parameter that means nothing.
    #[error("has a parameter `{0}`; there are `prefix`, `events` (yes or no) and, for unix:, `db`")]
    Parameter(String),
}

impl Address {
    /// How keys and channels are named there.
    pub(crate) fn names(&self) -> Names {
        Names::new(&self.prefix, self.is_cluster)
    }

    /// What the engine is called: `redis` or `redis-cluster`.
    pub fn engine(&self) -> &'static str {
        if self.is_cluster { "redis-cluster" } else { "redis" }
    }

    /// The number of the database.
    pub(crate) fn database(&self) -> i64 {
        self.servers.first().map_or(0, |server| server.redis_settings().db())
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let (location, query) = text.split_once('?').unwrap_or((text, ""));
        let Parameters { prefix, wants_events, database } = Parameters::parse(query)?;
        let (urls, is_cluster): (Vec<String>, bool) = if let Some(path) = location.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            (vec![format!("redis+unix://{path}?db={database}")], false)
        } else if let Some(rest) = location.strip_prefix("redis-cluster://") {
            (members("redis://", rest), true)
        } else if let Some(rest) = location.strip_prefix("rediss-cluster://") {
            (members("rediss://", rest), true)
        } else if location.starts_with("redis://") || location.starts_with("rediss://") {
            (vec![location.to_owned()], false)
        } else {
            return Err(BadAddress::Scheme);
        };
        let servers = urls.iter().map(|url| server(url)).collect::<Result<_, _>>()?;
        Ok(Address {
            servers,
            is_cluster,
            prefix,
            wants_events,
            given: text.to_owned(),
            shown: without_password(text),
        })
    }
}

/// The servers of `[user:password@]a,b,c`, each as a URL of its own.
fn members(scheme: &str, rest: &str) -> Vec<String> {
    let (login, hosts) = rest.rsplit_once('@').map_or(("", rest), |(login, hosts)| (login, hosts));
    let at = if login.is_empty() { "" } else { "@" };
    let hosts = hosts.trim_end_matches('/');
    hosts.split(',').map(|host| format!("{scheme}{login}{at}{host}")).collect()
}

fn server(url: &str) -> Result<ConnectionInfo, BadAddress> {
    let info = url.into_connection_info().map_err(|error| BadAddress::Server(error.to_string()))?;
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Ok(info.set_redis_settings(settings))
}

struct Parameters {
    prefix: Vec<u8>,
    wants_events: bool,
    database: u32,
}

impl Parameters {
    fn parse(query: &str) -> Result<Self, BadAddress> {
        let mut found = Parameters { prefix: Vec::new(), wants_events: true, database: 0 };
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("prefix", prefix)) => found.prefix = percent_decode_str(prefix).collect(),
                Some(("events", "yes")) => found.wants_events = true,
                Some(("events", "no")) => found.wants_events = false,
                Some(("db", number)) => {
                    found.database =
                        number.parse().map_err(|_| BadAddress::Parameter(parameter.to_owned()))?;
                }
                _ => return Err(BadAddress::Parameter(parameter.to_owned())),
            }
        }
        Ok(found)
    }
}

/// A URL whose password nobody reads.
fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    match rest.rsplit_once('@') {
        Some((login, rest)) => {
            let user = login.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:***@{rest}")
        }
        None => text.to_owned(),
    }
}

/// Without its password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Without its password.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.shown)
    }
}

/// The address of one server of a cluster that another has told of, with the login of those that were given.
pub(crate) fn member(like: &ConnectionInfo, host: &str, port: u16) -> ConnectionInfo {
    let address = match like.addr() {
        redis::ConnectionAddr::TcpTls { insecure, tls_params, .. } => redis::ConnectionAddr::TcpTls {
            host: host.to_owned(),
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        _ => redis::ConnectionAddr::Tcp(host.to_owned(), port),
    };
    like.clone().set_addr(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_say_where_redis_is_and_how_it_is_used() {
        let address: Address = "redis://me:secret@h:7000/3?prefix=app%3A&events=no".parse().unwrap();
        assert_eq!(address.servers[0].addr().to_string(), "h:7000");
        assert_eq!((address.database(), address.wants_events), (3, false));
        assert_eq!(address.prefix, b"app:");
        assert_eq!(address.to_string(), "redis://me:***@h:7000/3?prefix=app%3A&events=no");
        let cluster: Address = "redis-cluster://:p@a:1,b:2,c:3".parse().unwrap();
        assert!(cluster.is_cluster && cluster.servers.len() == 3);
        assert_eq!(cluster.servers[2].redis_settings().password(), Some("p"));
        assert!(!format!("{cluster:?}").contains(":p@"));
        let unix: Address = "unix:/run/redis.sock?db=2".parse().unwrap();
        assert_eq!((unix.servers[0].addr().to_string().as_str(), unix.database()), ("/run/redis.sock", 2));
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said() {
        for (url, expected) in [
            ("http://h", BadAddress::Scheme),
            ("redis://h?what=1", BadAddress::Parameter("what=1".to_owned())),
        ] {
            assert_eq!(url.parse::<Address>().err(), Some(expected), "{url}");
        }
    }
}
