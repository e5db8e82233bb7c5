//! Who is at the other end.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerAddress {
    /// An address of the network. An IPv4 address met on an IPv6 socket is the IPv4 address.
    Tcp(SocketAddr),
    /// A process of this machine.
    Unix,
}

impl PeerAddress {
    pub(crate) fn tcp(address: SocketAddr) -> PeerAddress {
        PeerAddress::Tcp(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }

    /// The address without its port, where there is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            PeerAddress::Tcp(address) => Some(address.ip()),
            PeerAddress::Unix => None,
        }
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerAddress::Tcp(address) => address.fmt(f),
            PeerAddress::Unix => f.write_str("unix"),
        }
    }
}

/// The other end of a connection, as the network shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Where it connects from.
    pub address: PeerAddress,
    /// Where it is connected to, where that is an address of the network.
    pub local: Option<SocketAddr>,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// Whether the address is believed to be that of who speaks, and may so give administration's
    /// rights. It is not where a browser (which runs other people's pages) or a proxy (which speaks for
    /// others) says that it is between. Which addresses have such rights is the authorizer's to say.
    pub may_sudo: bool,
}
