//! The sockets of a node: datagrams and streams on one port number, of one address family or both.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use dht_proto::Families;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::{TcpListener, UdpSocket};

use crate::StartError;

/// Ports the system is asked for before giving up on finding one that is free for datagrams and streams.
const PORT_ATTEMPTS: usize = 32;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 128;

/// Bound sockets and what they can reach.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) udp: UdpSocket,
    /// None for a client, which no one opens streams to.
    pub(crate) tcp: Option<TcpListener>,
    pub(crate) addr: SocketAddr,
    pub(crate) families: Families,
    /// Receive buffer granted for datagrams, in bytes.
    pub(crate) receive_buffer: usize,
}

impl Sockets {
    /// Binds `listen`; where its port is 0, one that is free for both protocols.
    pub(crate) fn bind(
        listen: SocketAddr,
        streams: bool,
        receive_buffer: usize,
    ) -> Result<Self, StartError> {
        let mut last = None;
        for _ in 0..PORT_ATTEMPTS {
            match Self::bind_once(listen, streams, receive_buffer) {
                Err(error) if listen.port() == 0 && is_in_use(&error) => last = Some(error),
                result => return result.map_err(|source| refused(listen, source)),
            }
        }
        Err(refused(listen, last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into())))
    }

    fn bind_once(listen: SocketAddr, streams: bool, receive_buffer: usize) -> io::Result<Self> {
        let udp = open(listen, Type::DGRAM, Protocol::UDP)?;
        // The system grants what it is willing to, and says so below.
        let _ = udp.set_recv_buffer_size(receive_buffer);
        udp.bind(&SockAddr::from(listen))?;
        let receive_buffer = udp.recv_buffer_size()?;
        let udp = UdpSocket::from_std(udp.into())?;
        let addr = udp.local_addr()?;
        let tcp = if streams { Some(listen_streams(addr)?) } else { None };
        Ok(Self { udp, tcp, addr, families: families(addr.ip()), receive_buffer })
    }
}

fn open(addr: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), kind, Some(protocol))?;
    if addr.is_ipv6() {
        socket.set_only_v6(!is_dual(addr.ip()))?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn listen_streams(addr: SocketAddr) -> io::Result<TcpListener> {
    let tcp = open(addr, Type::STREAM, Protocol::TCP)?;
    // On Unix this lets a node start again while streams of its last run are closing; elsewhere it would
    // let two nodes share the port.
    #[cfg(unix)]
    tcp.set_reuse_address(true)?;
    tcp.bind(&SockAddr::from(addr))?;
    tcp.listen(BACKLOG)?;
    TcpListener::from_std(tcp.into())
}

/// Whether a socket bound to `ip` serves both families.
fn is_dual(ip: IpAddr) -> bool {
    ip == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
}

fn families(ip: IpAddr) -> Families {
    match ip {
        IpAddr::V4(_) => Families::V4,
        IpAddr::V6(_) if is_dual(ip) => Families::BOTH,
        IpAddr::V6(_) => Families::V6,
    }
}

fn is_in_use(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse
}

fn refused(addr: SocketAddr, source: io::Error) -> StartError {
    if is_in_use(&source) {
        StartError::PortInUse { addr }
    } else {
        StartError::Listen { addr, source }
    }
}

/// The address as everyone else writes it: an IPv4 address seen through a socket of both families loses
/// its mapping.
pub(crate) fn canonical(addr: SocketAddr) -> SocketAddr {
    match addr.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, addr.port()),
        // Scope and flow stay: link-local addresses are no use without.
        IpAddr::V6(_) => addr,
    }
}

/// The address that answers come from when something is sent to `addr`: `0.0.0.0` and `[::]` mean this
/// machine, and a mapped address is an IPv4 address.
pub(crate) fn destination(addr: SocketAddr) -> SocketAddr {
    match canonical(addr) {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, v6.port()).into(),
        other => other,
    }
}

/// The address as a socket that serves `families` must be given it.
pub(crate) fn native(addr: SocketAddr, families: Families) -> SocketAddr {
    match addr {
        SocketAddr::V4(v4) if families.v6 => {
            SocketAddr::V6(SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn datagrams_and_streams_are_on_the_same_port() {
        let sockets = Sockets::bind(addr("127.0.0.1:0"), true, 65_536).unwrap();

        assert_ne!(sockets.addr.port(), 0);
        assert_eq!(sockets.tcp.unwrap().local_addr().unwrap(), sockets.addr);
        assert_eq!(sockets.families, Families::V4);
        assert!(sockets.receive_buffer > 0);
    }

    #[tokio::test]
    async fn a_port_held_by_either_protocol_is_in_use() {
        let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let taken = datagrams.local_addr().unwrap();
        let error = Sockets::bind(taken, true, 65_536).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot listen on {taken}: port in use"));

        let streams = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = streams.local_addr().unwrap();
        let error = Sockets::bind(taken, true, 65_536).unwrap_err();
        assert!(matches!(error, StartError::PortInUse { addr } if addr == taken));
    }

    #[tokio::test]
    async fn a_foreign_address_is_refused_with_its_name() {
        let error = Sockets::bind(addr("192.0.2.1:0"), true, 65_536).unwrap_err();

        assert!(error.to_string().starts_with("cannot listen on 192.0.2.1:0: "), "{error}");
    }

    #[test]
    fn mapped_addresses_are_written_plainly_and_sent_to_mapped() {
        let plain = addr("10.1.2.3:4000");
        let mapped = addr("[::ffff:10.1.2.3]:4000");

        assert_eq!(canonical(mapped), plain);
        assert_eq!(native(plain, Families::BOTH), mapped);
        assert_eq!(native(plain, Families::V4), plain);
        assert_eq!(canonical(addr("[::1]:5")), addr("[::1]:5"));
    }

    #[test]
    fn an_unspecified_destination_is_this_machine() {
        assert_eq!(destination(addr("0.0.0.0:5")), addr("127.0.0.1:5"));
        assert_eq!(destination(addr("[::]:5")), addr("[::1]:5"));
        assert_eq!(destination(addr("[::ffff:10.1.2.3]:5")), addr("10.1.2.3:5"));
    }
}
