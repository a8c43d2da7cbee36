//! Addresses as people write them: `ip:port`, `[ipv6]:port`, `:port`, and for bootstrap nodes `host:port`.
//!
//! What a missing host means depends on the use: a node listens on all interfaces, and is reached on
//! this machine. That is why there are two types.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Where a node listens. `:3000` is port 3000 of all IPv4 interfaces, port 0 any free port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListenAddr(pub(crate) SocketAddr);

/// Where a node is reached. `:3000` is port 3000 of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ConnectAddr {
    /// An address.
    Socket(SocketAddr),
    /// A host name, resolved when it is used, and a port.
    Host(String, u16),
}

impl ListenAddr {
    /// Port 3000 of all IPv4 interfaces.
    pub(crate) const DEFAULT: Self =
        Self(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 3_000));
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    /// Nothing but digits: the colon is missing.
    #[error("a port is written with a colon: `:{0}`")]
    BarePort(String),
    /// No colon, or nothing after it.
    #[error("the port is missing; an address looks like `127.0.0.1:3000`, `[::1]:3000` or `:3000`")]
    NoPort,
    /// The part after the last colon is no port.
    #[error("`{0}` is not a port, which is a number from {1} to 65535")]
    Port(String, u16),
    /// An IPv6 address without brackets.
    #[error("an IPv6 address is written in brackets: `[::1]:3000`")]
    Brackets,
    /// The part before the port is no IP address.
    #[error(
        "`{0}` is not an IP address; an address looks like `127.0.0.1:3000`, `[::1]:3000` or `:3000`"
    )]
    Host(String),
}

impl FromStr for ListenAddr {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = split(text, 0)?;
        let ip = match host {
            "" => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            host => parse_ip(host)?.ok_or_else(|| AddressError::Host(host.to_owned()))?,
        };
        Ok(Self(SocketAddr::new(ip, port)))
    }
}

impl FromStr for ConnectAddr {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = split(text, 1)?;
        if host.is_empty() {
            return Ok(Self::Socket(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)));
        }
        match parse_ip(host)? {
            Some(ip) => Ok(Self::Socket(reachable(SocketAddr::new(ip, port)))),
            None if is_host_name(host) => Ok(Self::Host(host.to_owned(), port)),
            None => Err(AddressError::Host(host.to_owned())),
        }
    }
}

/// The address at which this machine reaches a node that listens on `addr`: an unspecified IP becomes
/// the loopback address of its family, every other stays.
pub(crate) fn reachable(mut addr: SocketAddr) -> SocketAddr {
    if addr.ip().is_unspecified() {
        addr.set_ip(match addr {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    addr
}

/// Host (with its brackets) and port of `text`; ports start at `lowest`.
fn split(text: &str, lowest: u16) -> Result<(&str, u16), AddressError> {
    let Some((host, port)) = text.rsplit_once(':') else {
        let is_port = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        return Err(if is_port {
            AddressError::BarePort(text.to_owned())
        } else {
            AddressError::NoPort
        });
    };
    if host.contains(':') && !host.starts_with('[') {
        return Err(AddressError::Brackets);
    }
    if port.is_empty() || port.ends_with(']') {
        return Err(AddressError::NoPort);
    }
    let digits_only = port.bytes().all(|byte| byte.is_ascii_digit());
    let number = port.parse::<u16>().ok().filter(|number| digits_only && *number >= lowest);
    let number = number.ok_or_else(|| AddressError::Port(port.to_owned(), lowest))?;
    Ok((host, number))
}

/// The IP address that `host` is; `None` if it is none, but may be a name.
fn parse_ip(host: &str) -> Result<Option<IpAddr>, AddressError> {
    if let Some(inner) = host.strip_prefix('[') {
        let ip = inner.strip_suffix(']').and_then(|inner| inner.parse::<Ipv6Addr>().ok());
        return ip
            .map(|ip| Some(IpAddr::V6(ip)))
            .ok_or_else(|| AddressError::Host(host.to_owned()));
    }
    Ok(host.parse::<Ipv4Addr>().ok().map(IpAddr::V4))
}

/// Whether `host` may be a host name (RFC 1123, section 2.1). Digits and dots alone are a mistyped IP address.
fn is_host_name(host: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    host.len() <= 253
        && host.split('.').all(is_label)
        && host.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(text: &str) -> Result<String, AddressError> {
        text.parse::<ListenAddr>().map(|addr| addr.0.to_string())
    }

    fn connect(text: &str) -> Result<String, AddressError> {
        text.parse::<ConnectAddr>().map(|addr| match addr {
            ConnectAddr::Socket(addr) => addr.to_string(),
            ConnectAddr::Host(host, port) => format!("host {host} port {port}"),
        })
    }

    #[test]
    fn a_port_alone_means_all_interfaces_to_listen_and_this_machine_to_connect() {
        assert_eq!(listen(":3000").as_deref(), Ok("0.0.0.0:3000"));
        assert_eq!(connect(":3000").as_deref(), Ok("127.0.0.1:3000"));
    }

    #[test]
    fn what_a_node_says_it_listens_on_can_be_connected_to() {
        assert_eq!(connect("0.0.0.0:3000").as_deref(), Ok("127.0.0.1:3000"));
        assert_eq!(connect("[::]:3000").as_deref(), Ok("[::1]:3000"));
    }

    #[test]
    fn both_families_are_read() {
        assert_eq!(listen("127.0.0.1:0").as_deref(), Ok("127.0.0.1:0"));
        assert_eq!(listen("[::]:3000").as_deref(), Ok("[::]:3000"));
        assert_eq!(connect("[2001:db8::1]:65535").as_deref(), Ok("[2001:db8::1]:65535"));
    }

    #[test]
    fn a_bootstrap_node_may_be_named_by_its_host() {
        assert_eq!(connect("localhost:3000").as_deref(), Ok("host localhost port 3000"));
        assert_eq!(
            connect("node-1.example.org:1").as_deref(),
            Ok("host node-1.example.org port 1")
        );
    }

    #[test]
    fn a_bare_port_is_told_how_to_write_it() {
        assert_eq!(listen("3000"), Err(AddressError::BarePort("3000".to_owned())));
        assert_eq!(
            listen("3000").unwrap_err().to_string(),
            "a port is written with a colon: `:3000`"
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", ":", "127.0.0.1", "127.0.0.1:", "[::1]", "x"] {
            assert_eq!(listen(text), Err(AddressError::NoPort), "{text:?}");
        }
        for text in [":65536", ":-1", ":+1", ":3000 ", ":99999999999999999999", ":http"] {
            assert!(matches!(listen(text), Err(AddressError::Port(..))), "{text:?}");
        }
        for text in ["1.2.3:1", "256.1.1.1:1", "[1.2.3.4]:1", "[::1:1", " 1.2.3.4:1", "ex ample:1"]
        {
            assert!(
                matches!(listen(text), Err(AddressError::Host(_) | AddressError::Brackets)),
                "{text:?}"
            );
            assert!(
                matches!(connect(text), Err(AddressError::Host(_) | AddressError::Brackets)),
                "{text:?}"
            );
        }
        assert_eq!(listen("::1:3000"), Err(AddressError::Brackets));
        assert!(matches!(listen("example.org:1"), Err(AddressError::Host(_))));
    }

    #[test]
    fn nobody_is_reached_at_port_0() {
        assert_eq!(connect(":0"), Err(AddressError::Port("0".to_owned(), 1)));
        assert_eq!(listen(":0").as_deref(), Ok("0.0.0.0:0"));
    }
}
