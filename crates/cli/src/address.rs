//! Where a server is, as `--url` names it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// `HOST:PORT`, `tls://HOST:PORT` or `unix:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `HOST:PORT`, the name not yet resolved.
    Tcp(String),
    /// The same, over TLS.
    Tls(String),
    /// A Unix socket.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad =
            || Err(format!("`{text}` is no server's address; write HOST:PORT, tls://HOST:PORT or unix:PATH"));
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { bad() } else { Ok(Address::Unix(path.into())) };
        }
        let (variant, text): (fn(String) -> Address, _) = match text.strip_prefix("tls://") {
            Some(rest) => (Address::Tls, rest),
            None => (Address::Tcp, text),
        };
        match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok() => {
                Ok(variant(text.to_owned()))
            }
            _ => bad(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => f.write_str(address),
            Address::Tls(address) => write!(f, "tls://{address}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_back_as_written() {
        for text in [
            "127.0.0.1:2379",
            "example.org:80",
            "[::1]:2379",
            "tls://example.org:2379",
            "tls://[::1]:2379",
            "unix:/run/h.sock",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for bad in
            ["", "2379", ":2379", "host", "host:port", "http://host:80", "tls://host", "tls://:1", "unix:"]
        {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
