//! Where the server listens, and which doors each listener opens.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A protocol family that a listener may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Door {
    /// JSON lines.
    Line,
    /// Everything over HTTP/1.1 and HTTP/2 that is not gRPC and no door of its own, WebSockets included.
    Http,
    /// Redis' protocol.
    Resp,
    /// gRPC, as etcd v3 clients speak it.
    Grpc,
    /// Services that register over a WebSocket and hear of each other: everything below `/etcd` over HTTP.
    Discovery,
}

impl Door {
    /// Every door.
    pub const ALL: [Door; 5] = [Door::Line, Door::Http, Door::Resp, Door::Grpc, Door::Discovery];

    /// The door's name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Door::Line => "line",
            Door::Http => "http",
            Door::Resp => "resp",
            Door::Grpc => "grpc",
            Door::Discovery => "discovery",
        }
    }
}

/// The doors that one listener opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DoorSet(u8);

impl DoorSet {
    /// Every door: what a listener opens unless told otherwise.
    pub const ALL: DoorSet = DoorSet::of(&Door::ALL);

    /// The set of the doors named.
    pub const fn of(doors: &[Door]) -> DoorSet {
        let mut bits = 0;
        let mut at = 0;
        while at < doors.len() {
            bits |= 1 << doors[at] as u8;
            at += 1;
        }
        DoorSet(bits)
    }

    /// Whether the listener opens `door`.
    pub const fn contains(self, door: Door) -> bool {
        self.0 & (1 << door as u8) != 0
    }
}

impl FromStr for DoorSet {
    type Err = BadListener;

    fn from_str(names: &str) -> Result<Self, BadListener> {
        let mut bits = 0;
        for name in names.split(',') {
            let door = Door::ALL.into_iter().find(|door| door.name() == name);
            bits |= DoorSet::of(&[door.ok_or_else(|| BadListener::UnknownDoor(name.to_owned()))?]).0;
        }
        Ok(DoorSet(bits))
    }
}

impl fmt::Display for DoorSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = Door::ALL.into_iter().filter(|&door| self.contains(door)).map(Door::name);
        f.write_str(&open.collect::<Vec<_>>().join(","))
    }
}

/// Where a listener binds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// A TCP port of an address or of a name that is resolved when binding. Port 0 takes a free one.
    Tcp {
        /// An IP address (IPv6 without brackets) or a host name.
        host: String,
        /// The port.
        port: u16,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

impl ListenAddress {
    /// Whether only this machine can reach it. A name other than `localhost` counts as reachable from
    /// elsewhere, as what it resolves to may change.
    pub fn is_local(&self) -> bool {
        match self {
            ListenAddress::Unix(_) => true,
            ListenAddress::Tcp { host, .. } => {
                host == "localhost"
                    || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
            }
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddress::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            ListenAddress::Tcp { host, port } => write!(f, "{host}:{port}"),
            ListenAddress::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// One `--listen`: `HOST:PORT` or `unix:PATH`, and optionally `?doors=line,http`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where it binds.
    pub address: ListenAddress,
    /// What it speaks.
    pub doors: DoorSet,
}

impl Default for Listener {
    /// etcd's client port on loopback: clients of either engine's family find it, and nobody outside
    /// this machine does.
    fn default() -> Self {
        let address = ListenAddress::Tcp { host: "127.0.0.1".to_owned(), port: 2379 };
        Listener { address, doors: DoorSet::ALL }
    }
}

/// Why a text names no listener.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadListener {
    /// Neither `HOST:PORT` nor `unix:PATH`.
    #[error(
        "`{0}` is no address to listen on; write HOST:PORT (127.0.0.1:2379, [::1]:2379, 0.0.0.0:2379) or unix:PATH"
    )]
    Address(String),
    /// A door that does not exist.
    #[error("there is no door `{0}`; the doors are line, http, resp, grpc and discovery")]
    UnknownDoor(String),
    /// Something other than `doors` after the `?`.
    #[error("`?{0}` is not understood; a listener takes ?doors=line,http,resp,grpc,discovery")]
    UnknownOption(String),
}

impl FromStr for Listener {
    type Err = BadListener;

    fn from_str(text: &str) -> Result<Self, BadListener> {
        let (address, option) = match text.split_once('?') {
            Some((address, option)) => (address, Some(option)),
            None => (text, None),
        };
        let doors = match option.map(|option| (option, option.strip_prefix("doors="))) {
            None => DoorSet::ALL,
            Some((_, Some(names))) => names.parse()?,
            Some((option, None)) => return Err(BadListener::UnknownOption(option.to_owned())),
        };
        let bad = || BadListener::Address(address.to_owned());
        if let Some(path) = address.strip_prefix("unix:") {
            if path.is_empty() {
                return Err(bad());
            }
            return Ok(Listener { address: ListenAddress::Unix(path.into()), doors });
        }
        let (host, port) = address.rsplit_once(':').ok_or_else(bad)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inner) => inner,
            // An IPv6 address without brackets: its last group would be taken for the port.
            None if host.contains(':') => return Err(bad()),
            None => host,
        };
        let port = port.parse().map_err(|_| bad())?;
        if host.is_empty() || host.contains(char::is_whitespace) || host.contains('/') {
            return Err(bad());
        }
        Ok(Listener { address: ListenAddress::Tcp { host: host.to_owned(), port }, doors })
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        if self.doors != DoorSet::ALL {
            write!(f, "?doors={}", self.doors)?;
        }
        Ok(())
    }
}

impl Serialize for Listener {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Listener {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_reads_back_as_it_is_written() {
        for (text, local) in [
            ("127.0.0.1:2379", true),
            ("localhost:0", true),
            ("[::1]:2379", true),
            ("0.0.0.0:2379", false),
            ("[::]:2379", false),
            ("example.org:80", false),
            ("unix:/run/hyrax.sock", true),
            ("127.0.0.1:2379?doors=line,http", true),
            ("unix:/run/hyrax.sock?doors=resp", true),
        ] {
            let listener: Listener = text.parse().unwrap();
            assert_eq!(listener.to_string(), text);
            assert_eq!(listener.address.is_local(), local, "{text}");
        }
    }

    #[test]
    fn doors_not_named_stay_shut() {
        let listener: Listener = "127.0.0.1:1?doors=http,line".parse().unwrap();
        let open: Vec<_> = Door::ALL.into_iter().filter(|&door| listener.doors.contains(door)).collect();
        assert_eq!(open, [Door::Line, Door::Http]);
        let every: Listener = "127.0.0.1:1".parse().unwrap();
        assert!(Door::ALL.into_iter().all(|door| every.doors.contains(door)));
    }

    #[test]
    fn what_is_no_listener_is_refused() {
        for bad in [
            "",
            "2379",
            ":2379",
            "::1:2379",
            "127.0.0.1",
            "127.0.0.1:http",
            "127.0.0.1:65536",
            "unix:",
            "http://a:1",
        ] {
            assert_eq!(bad.parse::<Listener>(), Err(BadListener::Address(bad.to_owned())), "{bad:?}");
        }
        let check =
            |text: &str, error: BadListener| assert_eq!(text.parse::<Listener>(), Err(error), "{text}");
        check("127.0.0.1:1?doors=line,smtp", BadListener::UnknownDoor("smtp".to_owned()));
        check("127.0.0.1:1?doors=", BadListener::UnknownDoor(String::new()));
        check("127.0.0.1:1?door=line", BadListener::UnknownOption("door=line".to_owned()));
    }
}
