//! Datagrams on their way out: put together one after the other, and given to the socket together.
//!
//! Invariant: at most [`WAITING`] datagrams wait; past that the newest is dropped and counted. Order is kept.
//! Invariant: nothing waits but while the node's task is at work, or because the socket takes no more; whoever is idle
//! has no memory here.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use bytes::{Buf, BytesMut};
use dht_proto::Families;
use dht_proto::limits::DATAGRAM_MAX;
use tokio::net::UdpSocket;

use crate::socket::native;
use crate::{Drops, Traffic};

mod batch;

/// Datagrams that may wait for the socket: 300 kB at most, and nothing while it keeps up.
const WAITING: usize = 256;

/// Datagrams given to the socket at once.
const BATCH: usize = 32;

/// A queue before a socket.
#[derive(Debug)]
pub(crate) struct Outbox {
    families: Families,
    /// The datagrams that wait in a row, then the draft.
    bytes: BytesMut,
    /// Where each of them goes, and its length.
    waiting: VecDeque<(SocketAddr, usize)>,
    /// Length of all that wait.
    length: usize,
    /// Whether the socket took no more.
    is_blocked: bool,
}

impl Outbox {
    /// Nothing waits; addresses are given to the socket as one that serves `families` takes them.
    pub(crate) fn new(families: Families) -> Self {
        let (bytes, waiting) = (BytesMut::new(), VecDeque::new());
        Self { families, bytes, waiting, length: 0, is_blocked: false }
    }

    /// Whether datagrams wait for the socket to become writable.
    pub(crate) fn is_blocked(&self) -> bool {
        self.is_blocked
    }

    /// Where the next datagram is to be put together, at the end.
    pub(crate) fn draft(&mut self) -> &mut BytesMut {
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(DATAGRAM_MAX);
        }
        &mut self.bytes
    }

    /// The draft is to be sent, after those that wait. Returns whether it is time to [`flush`](Self::flush).
    pub(crate) fn send(&mut self, addr: SocketAddr, drops: &mut Drops) -> bool {
        if self.waiting.len() < WAITING {
            let length = self.bytes.len() - self.length;
            self.waiting.push_back((native(addr, self.families), length));
            self.length += length;
        } else {
            self.bytes.truncate(self.length);
            drops.send_queue_full += 1;
        }
        !self.is_blocked && self.waiting.len() >= BATCH
    }

    /// Sends what waits, as far as the socket takes it.
    pub(crate) fn flush(&mut self, udp: &UdpSocket, traffic: &mut Traffic, drops: &mut Drops) {
        self.flush_to(|datagrams| batch::give(udp, datagrams), traffic, drops);
    }

    /// The same with anything that takes datagrams as a socket does.
    fn flush_to(
        &mut self,
        mut give: impl FnMut(&[(SocketAddr, &[u8])]) -> io::Result<usize>,
        traffic: &mut Traffic,
        drops: &mut Drops,
    ) {
        while !self.waiting.is_empty() {
            match give(&self.first()) {
                Ok(taken) => {
                    for _ in 0..taken.max(1) {
                        traffic.datagrams_out += 1;
                        traffic.bytes_out += self.remove_first() as u64;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.is_blocked = true;
                    return;
                }
                // No route, no permission, no such family: the peer notices by the missing answer.
                Err(_) => {
                    self.remove_first();
                    drops.send_failed += 1;
                }
            }
        }
        *self = Self::new(self.families);
    }

    /// The datagrams to be sent next.
    fn first(&self) -> Vec<(SocketAddr, &[u8])> {
        let mut rest = &self.bytes[..];
        let split = |(addr, length): &(SocketAddr, usize)| {
            let (datagram, behind) = rest.split_at_checked(*length).unwrap_or_default();
            rest = behind;
            (*addr, datagram)
        };
        self.waiting.iter().take(BATCH).map(split).collect()
    }

    /// Forgets the first datagram. Returns its length.
    fn remove_first(&mut self) -> usize {
        let length = self.waiting.pop_front().map_or(0, |(_, length)| length);
        self.bytes.advance(length.min(self.bytes.len()));
        self.length -= length;
        length
    }
}

#[cfg(test)]
mod tests;
