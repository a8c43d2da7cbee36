//! Which addresses to join through: host names resolved, families matched to the listening address.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::anyhow;

use crate::address::ConnectAddr;
use crate::failure::Failure;

/// The addresses behind what was given with `-c`.
pub(crate) async fn resolve(connect: &[ConnectAddr]) -> Result<Vec<SocketAddr>, Failure> {
    let mut addrs = Vec::with_capacity(connect.len());
    for target in connect {
        match target {
            ConnectAddr::Socket(addr) => addrs.push(*addr),
            ConnectAddr::Host(host, port) => addrs.extend(look_up(host, *port).await?),
        }
    }
    Ok(addrs)
}

/// The addresses of `host`, at least one.
pub(crate) async fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, Failure> {
    let found = tokio::net::lookup_host((host, port)).await;
    let addrs: Vec<SocketAddr> = found
        .map_err(|error| Failure::Network(anyhow!("cannot resolve `{host}`: {error}")))?
        .collect();
    if addrs.is_empty() {
        return Err(Failure::Network(anyhow!("cannot resolve `{host}`: it has no address")));
    }
    Ok(addrs)
}

/// Any free port, on a socket that can reach `addrs`.
pub(crate) fn any_port_for(addrs: &[SocketAddr]) -> SocketAddr {
    if addrs.iter().all(SocketAddr::is_ipv4) {
        SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
    } else {
        SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
    }
}

/// Those of `addrs` that a socket on `listen` can send to; none at all is the caller's mistake.
pub(crate) fn within_reach(
    listen: SocketAddr,
    addrs: &[SocketAddr],
) -> Result<Vec<SocketAddr>, Failure> {
    let reached: Vec<SocketAddr> =
        addrs.iter().copied().filter(|addr| can_send(listen, *addr)).collect();
    match addrs.first() {
        Some(first) if reached.is_empty() => Err(Failure::Usage(anyhow!(
            "{first} cannot be reached from {listen}: one is IPv4, the other IPv6; \
             `-l [::]:{}` listens on both",
            listen.port()
        ))),
        _ => Ok(reached),
    }
}

/// A socket on `[::]` serves both families, every other its own.
fn can_send(listen: SocketAddr, addr: SocketAddr) -> bool {
    let both = listen.ip() == Ipv6Addr::UNSPECIFIED;
    both || listen.is_ipv4() == addr.is_ipv4()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_ephemeral_port_is_of_a_family_that_reaches_every_node() {
        assert_eq!(any_port_for(&[addr("1.2.3.4:1")]), addr("0.0.0.0:0"));
        assert_eq!(any_port_for(&[addr("1.2.3.4:1"), addr("[::1]:1")]), addr("[::]:0"));
    }

    #[test]
    fn addresses_out_of_reach_are_left_out_and_none_left_is_an_error() {
        let (v4, v6) = (addr("1.2.3.4:1"), addr("[::1]:1"));
        let within = |listen: &str, addrs: &[SocketAddr]| within_reach(addr(listen), addrs).ok();
        assert_eq!(within("0.0.0.0:0", &[v4, v6]), Some(vec![v4]));
        assert_eq!(within("[::]:0", &[v4, v6]), Some(vec![v4, v6]));
        assert_eq!(within("[::1]:0", &[v4, v6]), Some(vec![v6]));
        assert_eq!(within("0.0.0.0:0", &[v6]), None);
        assert_eq!(within("0.0.0.0:0", &[]), Some(vec![]));
    }
}
