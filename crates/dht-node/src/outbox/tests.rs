//! What is sent in batches, held back and dropped.

use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::socket::Sockets;

/// A socket that takes so many datagrams at a call, then one that is full, and what it took.
#[derive(Default)]
struct Fake {
    takes: VecDeque<usize>,
    took: Vec<(SocketAddr, Vec<u8>)>,
    calls: usize,
}

impl Fake {
    fn taking(takes: impl IntoIterator<Item = usize>) -> Self {
        Self { takes: takes.into_iter().collect(), ..Self::default() }
    }

    fn give(&mut self, datagrams: &[(SocketAddr, &[u8])]) -> io::Result<usize> {
        self.calls += 1;
        let Some(count) = self.takes.pop_front() else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let taken = &datagrams[..count.min(datagrams.len())];
        self.took.extend(taken.iter().map(|(addr, datagram)| (*addr, datagram.to_vec())));
        Ok(taken.len())
    }
}

/// An outbox with the counts beside it.
struct Bench {
    outbox: Outbox,
    traffic: Traffic,
    drops: Drops,
}

impl Bench {
    fn new() -> Self {
        let outbox = Outbox::new(Families::V4);
        Self { outbox, traffic: Traffic::default(), drops: Drops::default() }
    }

    fn send(&mut self, addr: SocketAddr, datagram: &[u8]) -> bool {
        self.outbox.draft().extend_from_slice(datagram);
        self.outbox.send(addr, &mut self.drops)
    }

    fn flush_to(&mut self, fake: &mut Fake) {
        let Self { outbox, traffic, drops } = self;
        outbox.flush_to(|datagrams| fake.give(datagrams), traffic, drops);
    }

    fn flush(&mut self, udp: &UdpSocket) {
        self.outbox.flush(udp, &mut self.traffic, &mut self.drops);
    }
}

fn addr(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// Some bytes that tell datagrams apart, of different lengths.
fn datagram(number: usize) -> Vec<u8> {
    vec![u8::try_from(number % 251).unwrap(); 1 + number % 7]
}

#[test]
fn a_full_socket_holds_datagrams_back_and_loses_none() {
    let mut bench = Bench::new();
    for number in 0..100 {
        bench.send(addr(1_000 + u16::try_from(number).unwrap()), &datagram(number));
    }
    let mut fake = Fake::taking([5, 32, 1]);
    bench.flush_to(&mut fake);
    assert!(bench.outbox.is_blocked());
    assert_eq!((fake.took.len(), bench.traffic.datagrams_out), (38, 38));

    // What comes meanwhile waits behind, and asks for no call in vain.
    assert!(!bench.send(addr(1_100), &datagram(100)));
    fake.takes.extend([32; 3]);
    bench.flush_to(&mut fake);
    let expected: Vec<_> =
        (0..101).map(|n| (addr(1_000 + u16::try_from(n).unwrap()), datagram(n))).collect();
    assert_eq!(fake.took, expected);
    assert!(!bench.outbox.is_blocked());
    assert_eq!(bench.drops, Drops::default());
    let bytes: usize = expected.iter().map(|(_, datagram)| datagram.len()).sum();
    assert_eq!(bench.traffic.bytes_out, bytes as u64);
}

#[test]
fn what_waits_is_bounded_and_the_newest_gives_way() {
    let mut bench = Bench::new();
    for number in 0..WAITING {
        bench.send(addr(9), &datagram(number));
    }
    bench.send(addr(9), &[1; 1_200]);
    assert_eq!(bench.drops, Drops { send_queue_full: 1, ..Drops::default() });

    let mut fake = Fake::taking([usize::MAX; 20]);
    bench.flush_to(&mut fake);
    assert_eq!(fake.took.len(), WAITING);
    assert_eq!(fake.took.last().unwrap().1, datagram(WAITING - 1));
    bench.send(addr(9), &[2; 3]);
    bench.flush_to(&mut fake);
    assert_eq!(fake.took.last().unwrap().1, [2; 3]);
}

#[test]
fn a_batch_is_one_call_and_an_idle_outbox_has_no_memory() {
    let mut bench = Bench::new();
    let is_due: Vec<bool> =
        (0..BATCH).map(|number| bench.send(addr(9), &datagram(number))).collect();
    assert!(is_due[BATCH - 1] && !is_due[..BATCH - 1].contains(&true));
    let mut fake = Fake::taking([usize::MAX]);
    bench.flush_to(&mut fake);
    assert_eq!((fake.calls, fake.took.len()), (1, BATCH));
    assert_eq!((bench.outbox.bytes.capacity(), bench.outbox.waiting.capacity()), (0, 0));
}

#[test]
fn a_draft_that_is_given_up_leaves_what_waits_as_it_is() {
    let mut bench = Bench::new();
    bench.send(addr(9), &[1, 2, 3]);
    let before = bench.outbox.draft().len();
    bench.outbox.draft().extend_from_slice(&[9; 50]);
    bench.outbox.draft().truncate(before);
    bench.send(addr(8), &[4, 5]);
    let mut fake = Fake::taking([2]);
    bench.flush_to(&mut fake);
    assert_eq!(fake.took, [(addr(9), vec![1, 2, 3]), (addr(8), vec![4, 5])]);
}

#[tokio::test]
async fn datagrams_that_cannot_be_sent_are_counted_and_take_no_others_with_them() {
    let sockets = Sockets::bind(addr(0), false, 65_536).unwrap();
    let receiver = Sockets::bind(addr(0), false, 65_536).unwrap();
    // Another family, wherever it stands in a batch, and alone.
    let foreign: SocketAddr = "[::1]:9".parse().unwrap();
    for bad in [vec![0], vec![3, 4], vec![9], vec![]] {
        let mut bench = Bench::new();
        for number in 0..10 {
            let to = if bad.contains(&number) { foreign } else { receiver.addr };
            bench.send(to, &datagram(number));
        }
        sockets.udp.writable().await.unwrap();
        bench.flush(&sockets.udp);

        let send_failed = bad.len() as u64;
        assert_eq!(bench.drops, Drops { send_failed, ..Drops::default() });
        assert_eq!(bench.traffic.datagrams_out, 10 - send_failed);
        let mut buffer = [0; 16];
        for number in (0..10).filter(|number| !bad.contains(number)) {
            let receive = receiver.udp.recv_from(&mut buffer);
            let (length, from) = timeout(Duration::from_secs(20), receive).await.unwrap().unwrap();
            assert_eq!((&buffer[..length], from), (&datagram(number)[..], sockets.addr));
        }
    }
}

#[tokio::test]
async fn many_datagrams_reach_different_addresses_of_both_families() {
    let sockets = Sockets::bind("[::]:0".parse().unwrap(), false, 65_536).unwrap();
    let receivers = [
        Sockets::bind(addr(0), false, 65_536).unwrap(),
        Sockets::bind("[::1]:0".parse().unwrap(), false, 65_536).unwrap(),
    ];
    let mut bench = Bench { outbox: Outbox::new(Families::BOTH), ..Bench::new() };
    for number in 0..60 {
        let to = receivers[number % 2].addr;
        if bench.send(to, &datagram(number)) {
            sockets.udp.writable().await.unwrap();
            bench.flush(&sockets.udp);
        }
    }
    sockets.udp.writable().await.unwrap();
    bench.flush(&sockets.udp);
    assert_eq!(bench.drops, Drops::default());
    let mut buffer = [0; 16];
    for number in 0..60 {
        let receive = receivers[number % 2].udp.recv(&mut buffer);
        let length = timeout(Duration::from_secs(20), receive).await.unwrap().unwrap();
        assert_eq!(buffer[..length], datagram(number)[..]);
    }
}
