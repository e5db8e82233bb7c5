//! Where etcd is, and how to speak to it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use hyrax_types::limits::{ETCD_CONNECT_MAX, ETCD_REQUEST_MAX};

/// The port that etcd listens on unless told otherwise.
const PORT: u16 = 2379;

/// What a connection to etcd needs to know. [`FromStr`] reads it from a URL, [`fmt::Display`] writes that URL
/// without the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdSettings {
    /// Members of the cluster: one of them is spoken to at a time, another when it fails.
    pub endpoints: Vec<Endpoint>,
    /// How to encrypt; none for plain text.
    pub tls: Option<TlsSettings>,
    /// Who asks, where the cluster wants to know.
    pub credentials: Option<Credentials>,
    /// How long things may take.
    pub timeouts: Timeouts,
}

impl EtcdSettings {
    /// Plain text, to these members, in nobody's name.
    pub fn new(endpoints: impl IntoIterator<Item = Endpoint>) -> EtcdSettings {
        EtcdSettings {
            endpoints: endpoints.into_iter().collect(),
            tls: None,
            credentials: None,
            timeouts: Timeouts::default(),
        }
    }
}

/// Where one member listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Why a text is no endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not HOST or HOST:PORT")]
pub struct BadEndpoint(pub String);

impl FromStr for Endpoint {
    type Err = BadEndpoint;

    fn from_str(text: &str) -> Result<Endpoint, BadEndpoint> {
        let bad = || BadEndpoint(text.to_owned());
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']').ok_or_else(bad)?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| bad())?;
                let port = match after {
                    "" => None,
                    after => Some(after.strip_prefix(':').ok_or_else(bad)?),
                };
                (host, port)
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        // What a name may be is the resolver's to say; these can not be sent as an authority.
        let odd = |char: char| char.is_whitespace() || char.is_control() || "/?#@\\%,".contains(char);
        if host.is_empty() || host.contains(odd) {
            return Err(bad());
        }
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or_else(bad)?,
            None => PORT,
        };
        Ok(Endpoint { host: host.to_owned(), port })
    }
}

/// How to encrypt, and whom to trust.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// A PEM file with the authorities of the members' certificates. Default: those that the system trusts.
    pub ca: Option<PathBuf>,
    /// A PEM file with the certificate chain to show, and one with its private key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The name that the members' certificates are for. Default: the endpoint's host.
    pub server_name: Option<String>,
}

/// A user of etcd's.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user's name.
    pub name: String,
    /// The user's password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, <redacted>)", self.name)
    }
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// A connection, with encryption and greeting.
    pub connect: Duration,
    /// A request, with all its attempts.
    pub request: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts { connect: ETCD_CONNECT_MAX, request: ETCD_REQUEST_MAX }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_and_perhaps_a_port() {
        for (text, shown) in [
            ("a", "a:2379"),
            ("a.example:1", "a.example:1"),
            ("127.0.0.1:22379", "127.0.0.1:22379"),
            ("[::1]", "[::1]:2379"),
            ("[::1]:5", "[::1]:5"),
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), shown);
        }
        for bad in
            ["", ":1", "a:", "a:0", "a:65536", "a:x", "::1", "[::1", "[a]:1", "[::1]1", "a b", "a/b", "a@b"]
        {
            assert!(bad.parse::<Endpoint>().is_err(), "{bad}");
        }
    }
}
