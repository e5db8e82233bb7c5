//! Ranges of addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A range of addresses, written `10.0.0.0/8`, `fd00::/8` or as one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr(IpNet);

impl Cidr {
    /// Whether the range holds `address`. An IPv4 address met on an IPv6 socket (`::ffff:127.0.0.1`)
    /// counts as the IPv4 address that it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// The addresses that mean this machine: `127.0.0.0/8` and `::1`.
    pub fn loopback() -> [Cidr; 2] {
        // Neither prefix is longer than its address, so neither is refused.
        [
            Cidr(IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8)),
            Cidr(IpNet::new_assert(IpAddr::V6(Ipv6Addr::LOCALHOST), 128)),
        ]
    }
}

/// A text that is no range of addresses.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no range of addresses; write one like 10.0.0.0/8, fd00::/8 or 192.0.2.7")]
pub struct BadCidr(String);

impl FromStr for Cidr {
    type Err = BadCidr;

    fn from_str(text: &str) -> Result<Self, BadCidr> {
        let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        net.map(|net| Cidr(net.trunc())).map_err(|_| BadCidr(text.to_owned()))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Cidr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(range: &str, address: &str, held: bool) {
        let range: Cidr = range.parse().unwrap();
        assert_eq!(range.contains(address.parse().unwrap()), held, "{range} {address}");
    }

    #[test]
    fn a_range_holds_its_addresses_and_no_others() {
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.1.2.3/8", "10.9.9.9", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("10.0.0.0/8", "::ffff:10.0.0.1", true);
        check("192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7", "192.0.2.8", false);
        check("fd00::/8", "fd12::1", true);
        check("::/0", "127.0.0.1", false);
        check("0.0.0.0/0", "8.8.8.8", true);
    }

    #[test]
    fn loopback_is_this_machine_alone() {
        let held =
            |address: &str| Cidr::loopback().iter().any(|range| range.contains(address.parse().unwrap()));
        assert!(held("127.0.0.1") && held("127.9.9.9") && held("::1") && held("::ffff:127.0.0.1"));
        assert!(!held("::2") && !held("10.0.0.1"));
    }

    #[test]
    fn a_bad_range_is_named() {
        for bad in ["", "10.0.0.0/33", "localhost", "10.0.0/8"] {
            let error = bad.parse::<Cidr>().unwrap_err().to_string();
            assert!(error.contains(bad) && error.contains("10.0.0.0/8"), "{error}");
        }
    }
}
