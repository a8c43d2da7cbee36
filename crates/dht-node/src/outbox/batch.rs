//! Several datagrams given to the system at once, where it can take them so.

use std::io;
use std::net::SocketAddr;

use tokio::net::UdpSocket;

/// Datagrams from which on one call for all of them costs less than one for each: it has to be prepared.
const WORTH_A_BATCH: usize = 4;

/// Gives `datagrams` to the socket, the first ones first. Returns how many it took, at least one. An error is about the
/// first, and says that none was taken.
pub(super) fn give(udp: &UdpSocket, datagrams: &[(SocketAddr, &[u8])]) -> io::Result<usize> {
    if datagrams.len() >= WORTH_A_BATCH {
        return give_all(udp, datagrams);
    }
    give_each(udp, datagrams)
}

fn give_each(udp: &UdpSocket, datagrams: &[(SocketAddr, &[u8])]) -> io::Result<usize> {
    for (taken, (addr, datagram)) in datagrams.iter().enumerate() {
        if let Err(error) = udp.try_send_to(datagram, *addr) {
            return if taken == 0 { Err(error) } else { Ok(taken) };
        }
    }
    Ok(datagrams.len())
}

#[cfg(target_os = "linux")]
fn give_all(udp: &UdpSocket, datagrams: &[(SocketAddr, &[u8])]) -> io::Result<usize> {
    use std::io::IoSlice;

    use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
    use tokio::io::Interest;

    let parts: Vec<_> = datagrams
        .iter()
        .map(|(addr, datagram)| (SocketAddrAny::from(*addr), [IoSlice::new(datagram)]))
        .collect();
    let mut controls: Vec<_> = parts.iter().map(|_| SendAncillaryBuffer::default()).collect();
    let mut messages: Vec<_> = parts
        .iter()
        .zip(&mut controls)
        .map(|((addr, slice), control)| MMsgHdr::new_with_addr(addr, slice, control))
        .collect();
    udp.try_io(Interest::WRITABLE, || Ok(sendmmsg(udp, &mut messages, SendFlags::empty())?))
}

#[cfg(not(target_os = "linux"))]
use give_each as give_all;
