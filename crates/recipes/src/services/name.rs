//! What names a service, and what a node of it is.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use hyrax_types::limits::SERVICE_NAME_BYTES_MAX;
use thiserror::Error;

/// The name of a service: a part of a path, so that it has no `/`; and one of a list, so that it has no comma.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName(Arc<str>);

/// What is wrong with a service's name.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ServiceNameError {
    /// There is none.
    #[error("a service's name must not be empty")]
    Empty,
    /// It is too long.
    #[error("a service's name has at most {SERVICE_NAME_BYTES_MAX} bytes, and this one {0}")]
    TooLong(usize),
    /// It has a character that separates names.
    #[error("a service's name must not have {0:?} in it")]
    Forbidden(char),
    /// It begins or ends with a space, which nobody would see.
    #[error("a service's name must not begin or end with a space")]
    Padded,
}

impl ServiceName {
    /// The name, if it is one.
    pub fn new(name: &str) -> Result<ServiceName, ServiceNameError> {
        if name.is_empty() {
            return Err(ServiceNameError::Empty);
        }
        if name.len() > SERVICE_NAME_BYTES_MAX {
            return Err(ServiceNameError::TooLong(name.len()));
        }
        if let Some(forbidden) = name.chars().find(|&c| c == '/' || c == ',' || c.is_control()) {
            return Err(ServiceNameError::Forbidden(forbidden));
        }
        if name.trim() != name {
            return Err(ServiceNameError::Padded);
        }
        Ok(ServiceName(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServiceName {
    type Err = ServiceNameError;

    fn from_str(name: &str) -> Result<ServiceName, ServiceNameError> {
        ServiceName::new(name)
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for ServiceName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Where a node of a service is reached. As text it is `ip:port`, with the address of IPv6 in brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceNode {
    ip: IpAddr,
    port: u16,
}

/// What is wrong with a node's address.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ServiceNodeError {
    /// It has no port, or no address.
    #[error("a node is written ip:port")]
    NoPort,
    /// The address is none.
    #[error("ip must be an address of IPv4 or IPv6 (no host's name)")]
    Ip,
    /// The port is none.
    #[error("port must be a number from 1 to 65535")]
    Port,
}

impl ServiceNode {
    /// The node at that address and port; a port is not zero.
    pub fn new(ip: IpAddr, port: u16) -> Result<ServiceNode, ServiceNodeError> {
        if port == 0 { Err(ServiceNodeError::Port) } else { Ok(ServiceNode { ip, port }) }
    }

    /// Reads an address and a port that came apart.
    pub fn parse(ip: &str, port: &str) -> Result<ServiceNode, ServiceNodeError> {
        let ip = ip.parse().map_err(|_| ServiceNodeError::Ip)?;
        // `parse` takes a sign; nobody means one.
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = digits.then(|| port.parse().ok()).flatten().ok_or(ServiceNodeError::Port)?;
        ServiceNode::new(ip, port)
    }

    /// Its address.
    pub fn ip(&self) -> IpAddr {
        self.ip
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for ServiceNode {
    type Err = ServiceNodeError;

    /// Reads `ip:port`. An address of IPv6 may go without its brackets: what follows the last colon is the port.
    fn from_str(text: &str) -> Result<ServiceNode, ServiceNodeError> {
        let (ip, port) = text.rsplit_once(':').ok_or(ServiceNodeError::NoPort)?;
        let bare = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(ip);
        ServiceNode::parse(bare, port)
    }
}

impl fmt::Display for ServiceNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.ip, self.port).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_part_of_a_path_and_of_a_list() {
        for good in ["engine", "a b", "é", "engine-2.prod_eu", "%2F"] {
            assert_eq!(ServiceName::new(good).map(|name| name.to_string()), Ok(good.to_owned()));
        }
        let long = "x".repeat(SERVICE_NAME_BYTES_MAX + 1);
        let check = |name: &str, error| assert_eq!(ServiceName::new(name), Err(error), "{name:?}");
        check("", ServiceNameError::Empty);
        check(&long, ServiceNameError::TooLong(long.len()));
        check("a/b", ServiceNameError::Forbidden('/'));
        check("a,b", ServiceNameError::Forbidden(','));
        check("a\0", ServiceNameError::Forbidden('\0'));
        check(" a", ServiceNameError::Padded);
    }

    #[test]
    fn a_node_reads_back_from_its_text() {
        for text in ["10.0.0.1:80", "[::1]:65535", "0.0.0.0:1"] {
            let node: ServiceNode = text.parse().unwrap();
            assert_eq!(node.to_string(), text);
        }
        assert_eq!("fe80::1:80".parse::<ServiceNode>().unwrap().to_string(), "[fe80::1]:80");
    }

    #[test]
    fn what_is_no_address_or_no_port_is_refused() {
        use ServiceNodeError::{Ip, NoPort, Port};
        let check = |text: &str, error| assert_eq!(text.parse::<ServiceNode>(), Err(error), "{text}");
        check("", NoPort);
        check("10.0.0.1", NoPort);
        check(":80", Ip);
        check("host:80", Ip);
        check("10.0.0.256:80", Ip);
        for port in ["", "0", "-1", "+1", "65536", "80 ", "0x50", "99999999999999999999"] {
            check(&format!("10.0.0.1:{port}"), Port);
        }
    }
}
