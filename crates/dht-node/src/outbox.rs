//! Datagrams on their way out: sent at once, or waiting for the socket to take them.
//!
//! Invariant: at most [`WAITING`] datagrams wait; past that the newest is dropped and counted. Order is kept.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use dht_proto::Families;
use tokio::net::UdpSocket;

use crate::socket::native;
use crate::{Drops, Traffic};

/// Datagrams that may wait for the socket: 300 kB at most, and nothing while it keeps up.
const WAITING: usize = 256;

/// A socket with its queue.
#[derive(Debug)]
pub(crate) struct Outbox {
    families: Families,
    waiting: VecDeque<(SocketAddr, Vec<u8>)>,
}

impl Outbox {
    /// Nothing waits; addresses are given to the socket as one that serves `families` takes them.
    pub(crate) fn new(families: Families) -> Self {
        Self { families, waiting: VecDeque::new() }
    }

    /// Whether datagrams wait for the socket to become writable.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Sends a datagram, after those that wait.
    pub(crate) fn send(
        &mut self,
        udp: &UdpSocket,
        addr: SocketAddr,
        datagram: &[u8],
        traffic: &mut Traffic,
        drops: &mut Drops,
    ) {
        if self.waiting.is_empty() && self.put(udp, addr, datagram, traffic, drops) {
            return;
        }
        if self.waiting.len() < WAITING {
            self.waiting.push_back((addr, datagram.to_vec()));
        } else {
            drops.send_queue_full += 1;
        }
    }

    /// Sends what waits, as far as the socket takes it.
    pub(crate) fn flush(&mut self, udp: &UdpSocket, traffic: &mut Traffic, drops: &mut Drops) {
        while let Some((addr, datagram)) = self.waiting.pop_front() {
            if !self.put(udp, addr, &datagram, traffic, drops) {
                self.waiting.push_front((addr, datagram));
                return;
            }
        }
        self.waiting.shrink_to(0);
    }

    /// Gives a datagram to the socket. Returns whether it is done with, sent or not.
    fn put(
        &self,
        udp: &UdpSocket,
        addr: SocketAddr,
        datagram: &[u8],
        traffic: &mut Traffic,
        drops: &mut Drops,
    ) -> bool {
        match udp.try_send_to(datagram, native(addr, self.families)) {
            Ok(_) => {
                traffic.datagrams_out += 1;
                traffic.bytes_out += datagram.len() as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            // No route, no permission, no such family: the peer notices by the missing answer.
            Err(_) => drops.send_failed += 1,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::socket::Sockets;

    #[tokio::test]
    async fn what_the_socket_cannot_send_is_counted() {
        let sockets = Sockets::bind("127.0.0.1:0".parse().unwrap(), false, 65_536).unwrap();
        let (mut traffic, mut drops) = (Traffic::default(), Drops::default());
        let mut outbox = Outbox::new(sockets.families);
        sockets.udp.writable().await.unwrap();

        outbox.send(&sockets.udp, "[::1]:9".parse().unwrap(), &[0; 9], &mut traffic, &mut drops);

        assert_eq!(drops, Drops { send_failed: 1, ..Drops::default() });
        assert_eq!(traffic, Traffic::default());
    }

    #[tokio::test]
    async fn what_waits_is_bounded_and_goes_out_in_order() {
        let sender = Sockets::bind("127.0.0.1:0".parse().unwrap(), false, 65_536).unwrap();
        let receiver = Sockets::bind("127.0.0.1:0".parse().unwrap(), false, 4 << 20).unwrap();
        let (mut traffic, mut drops) = (Traffic::default(), Drops::default());
        let mut outbox = Outbox::new(sender.families);
        for byte in 0..WAITING {
            outbox.waiting.push_back((receiver.addr, vec![u8::try_from(byte).unwrap()]));
        }

        outbox.send(&sender.udp, receiver.addr, &[7], &mut traffic, &mut drops);
        assert_eq!(drops.send_queue_full, 1);
        sender.udp.writable().await.unwrap();
        outbox.flush(&sender.udp, &mut traffic, &mut drops);

        assert!(!outbox.is_waiting());
        assert_eq!(traffic.datagrams_out, WAITING as u64);
        let mut buffer = [0; 8];
        for byte in 0..WAITING {
            let receive = receiver.udp.recv_from(&mut buffer);
            tokio::time::timeout(Duration::from_secs(5), receive).await.unwrap().unwrap();
            assert_eq!(usize::from(buffer[0]), byte);
        }
    }
}
