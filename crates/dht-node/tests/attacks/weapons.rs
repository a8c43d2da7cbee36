//! What can be thrown at a node on loopback.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::BytesMut;
use dht_node::{
    AuthorSecret, Broadcast, Contact, Difficulty, Key, LocalIdentity, NetworkId, Node,
    NodeIdentity, Record, Salt, SentAt, Sequence, SignedBody, Ttl, Value,
};
use dht_proto::seal::Sealer;
use dht_proto::stream::{Channel, Outgoing};
use dht_proto::{Body, Mention, Nonce, PublicKey, Purpose, Reply, Request, codec};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::common::stranger::{Behaving, Stranger, nonce_of, seal_bytes};
use crate::common::{bytes, until};

/// An attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weapon {
    /// Random bytes of all lengths, clear headers among them.
    Garbage,
    /// Valid requests of one identity.
    OneRequester,
    /// Valid requests of sixty-four.
    ManyRequesters,
    /// A new identity with each datagram.
    Strangers,
    /// One recorded store, from many addresses.
    Recordings,
    /// Datagrams from many addresses that name a key which did not seal them.
    Spoofed,
    /// Streams that send a byte now and then.
    SlowStreams,
    /// Streams that send nothing.
    HalfOpenStreams,
    /// Stores with signatures that do not verify, and sealed bytes that are no message.
    Forgeries,
    /// Datagrams, frames and values longer than any may be.
    Oversized,
    /// Stores of as many bytes as the node takes.
    Filling,
}

/// Datagrams that are sent, or streams that are opened, at once.
const BURST: u64 = 16;

/// Sockets on addresses of their own that datagrams come from.
const ADDRESSES: u8 = 32;

/// How long opening a stream may take.
const CONNECT: Duration = Duration::from_secs(1);

/// Streams that are kept open.
const STREAMS: usize = 400;

/// Attackers at work, until dropped.
pub(crate) struct Attack {
    /// Datagrams sent, streams opened.
    pub(crate) sent: Arc<AtomicU64>,
    _tasks: JoinSet<()>,
}

/// What every attack knows of whom it attacks.
#[derive(Clone)]
struct Aim {
    addr: SocketAddr,
    node: NodeIdentity,
    network: NetworkId,
    sent: Arc<AtomicU64>,
    pause: Duration,
}

/// Attacks `target` with a burst after each `pause`.
pub(crate) fn launch(weapon: Weapon, target: &Node, pause: Duration) -> Attack {
    let sent = Arc::new(AtomicU64::new(0));
    let aim = Aim {
        addr: target.local_addr(),
        node: target.identity(),
        network: target.network(),
        sent: Arc::clone(&sent),
        pause,
    };
    let mut tasks = JoinSet::new();
    match weapon {
        Weapon::SlowStreams => tasks.spawn(streams(aim, true)),
        Weapon::HalfOpenStreams => tasks.spawn(streams(aim, false)),
        Weapon::Oversized => {
            tasks.spawn(oversized_streams(aim.clone()));
            tasks.spawn(datagrams(aim, weapon))
        }
        Weapon::Filling => tasks.spawn(filling(aim)),
        _ => tasks.spawn(datagrams(aim, weapon)),
    };
    Attack { sent, _tasks: tasks }
}

/// Identities that show enough work, cheap to make and different each.
fn identity(number: u64) -> LocalIdentity {
    let mut secret = [9; 32];
    secret[..8].copy_from_slice(&number.to_le_bytes());
    LocalIdentity::search(secret, Difficulty::DEFAULT)
}

fn request(aim: &Aim, sealer: &mut Sealer, id: u64, request: Request) -> Vec<u8> {
    let message = Stranger::message(id, Body::Request(request));
    let mut out = BytesMut::new();
    let nonce = nonce_of(SystemTime::now());
    sealer.seal(&aim.node.public(), &message, nonce, None, &mut out).unwrap();
    out.to_vec()
}

fn find(id: u64) -> Request {
    Request::FindNode { target: Key::content(&id.to_le_bytes()) }
}

/// Makes the datagrams of an attack, one after another.
struct Forge {
    aim: Aim,
    weapon: Weapon,
    sealers: Vec<(LocalIdentity, Sealer)>,
    recording: Vec<u8>,
}

impl Forge {
    fn new(aim: Aim, weapon: Weapon) -> Self {
        let crowd = match weapon {
            Weapon::ManyRequesters | Weapon::Forgeries => 64,
            // So many keys that none of them is remembered when it comes again.
            Weapon::Strangers => 2_048,
            _ => 1,
        };
        let known = |number| {
            let local = identity(number);
            (local.clone(), Sealer::new(local, aim.network, 1))
        };
        let mut sealers: Vec<_> = (0..crowd).map(known).collect();
        let recording = request(&aim, &mut sealers[0].1, 1, store(bytes(1, 500)));
        Self { aim, weapon, sealers, recording }
    }

    fn next(&mut self, number: u64) -> Vec<u8> {
        let size = |most: u64| usize::try_from(number % most).unwrap_or(0);
        let index = size(self.sealers.len() as u64);
        let (local, sealer) = &mut self.sealers[index];
        match self.weapon {
            Weapon::Garbage => bytes(number + 1, size(1_201)),
            Weapon::Oversized => vec![8; 1_201 + size(40_000)],
            Weapon::Recordings => self.recording.clone(),
            Weapon::Forgeries => {
                let plaintext = forgery(number);
                seal_bytes(local, self.aim.network, &self.aim.node.public(), &plaintext)
            }
            Weapon::Spoofed => {
                let mut datagram = request(&self.aim, sealer, number, find(number));
                if let Some(last) = datagram.last_mut() {
                    *last ^= 1;
                }
                datagram
            }
            _ => request(&self.aim, sealer, number, find(number)),
        }
    }
}

fn store(value: Vec<u8>) -> Request {
    let record = Record::content(Value::new(value).unwrap());
    let (ttl, purpose) = (Ttl::default(), Purpose::Publish);
    Request::Store { record, ttl, purpose, expected: None }
}

/// No message; a record whose signature does not verify; a broadcast whose life is over.
fn forgery(number: u64) -> Vec<u8> {
    let secret = AuthorSecret::from_seed(&[3; 32]);
    let body = match number % 3 {
        0 => return vec![0xff; 40],
        1 => {
            let value = SignedBody::Value(Value::new(bytes(number, 100)).unwrap());
            let record = Record::sign(&secret, Salt::default(), Sequence(number), value);
            let (ttl, purpose) = (Ttl::default(), Purpose::Publish);
            Request::Store { record, ttl, purpose, expected: None }
        }
        _ => {
            let broadcast =
                Broadcast::sign(&secret, NetworkId::default(), SentAt(number), "old".into())
                    .unwrap();
            Request::Broadcast { broadcast: Arc::new(broadcast), depth: 0 }
        }
    };
    let mut plaintext = BytesMut::new();
    codec::encode(&Stranger::message(number, Body::Request(body)), &mut plaintext);
    if number % 3 == 1 {
        // The signature is the last of it.
        let last = plaintext.len() - 1;
        plaintext[last] ^= 1;
    }
    plaintext.to_vec()
}

/// Sends datagrams in bursts, from many addresses where that is the point.
async fn datagrams(aim: Aim, weapon: Weapon) {
    let addresses = match weapon {
        Weapon::Recordings | Weapon::Spoofed | Weapon::Strangers => ADDRESSES,
        _ => 1,
    };
    let mut sockets = Vec::new();
    for number in 1..=addresses {
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, number), 0)).await.unwrap();
        sockets.push(socket);
    }
    let mut forge = Forge::new(aim.clone(), weapon);
    let mut pace = interval(aim.pause);
    pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut number = 0;
    loop {
        pace.tick().await;
        for _ in 0..BURST {
            let datagram = forge.next(number);
            let socket = &sockets[usize::try_from(number).unwrap_or(0) % sockets.len()];
            number += 1;
            // What the system does not take is not sent.
            if socket.send_to(&datagram, aim.addr).await.is_ok() {
                aim.sent.fetch_add(1, Ordering::Relaxed);
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Keeps as many streams open as it can, and sends a byte a tick on each, or nothing.
async fn streams(aim: Aim, slow: bool) {
    let mut open: VecDeque<TcpStream> = VecDeque::new();
    let mut pace = interval(aim.pause);
    pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        pace.tick().await;
        for _ in 0..BURST {
            let opened = timeout(CONNECT, TcpStream::connect(aim.addr)).await;
            if let Ok(Ok(mut stream)) = opened {
                aim.sent.fetch_add(1, Ordering::Relaxed);
                if slow {
                    // The start of a frame of the greatest length.
                    let _ = stream.write_all(&66_000_u32.to_be_bytes()).await;
                }
                open.push_back(stream);
            }
            if open.len() > STREAMS {
                open.pop_front();
            }
        }
        if slow {
            for stream in &mut open {
                let _ = stream.try_write(&[8]);
            }
        }
    }
}

/// Announces frames and values longer than any may be.
async fn oversized_streams(aim: Aim) {
    let local = identity(0);
    let channel = Channel::new(&local, aim.network, aim.node).unwrap();
    let message = Stranger::message(1, Body::Request(store(vec![7; 5_000_000])));
    let first = Outgoing::new(message).next().unwrap();
    let mut pace = interval(aim.pause);
    pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        pace.tick().await;
        let opened = timeout(CONNECT, TcpStream::connect(aim.addr)).await;
        let Ok(Ok(mut stream)) = opened else { continue };
        aim.sent.fetch_add(1, Ordering::Relaxed);
        let mut frame = BytesMut::new();
        channel.seal(&first, nonce_of(SystemTime::now()), &mut frame).unwrap();
        // A value of 5 MB of which nothing more comes; then a frame of 4 GB.
        let _ = stream.write_all(&frame).await;
        let _ = stream.write_all(&u32::MAX.to_be_bytes()).await;
    }
}

/// Stores values, each another one, as fast as the node takes them.
async fn filling(aim: Aim) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut sealer = Sealer::new(identity(0), aim.network, 1);
    let mut pace = interval(aim.pause);
    pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for number in 0.. {
        if number % BURST == 0 {
            pace.tick().await;
        }
        let datagram = request(&aim, &mut sealer, number, store(bytes(number + 7, 900)));
        if socket.send_to(&datagram, aim.addr).await.is_ok() {
            aim.sent.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Nodes that answer wrongly: with other values than were asked for, or with contacts that are not there.
pub(crate) async fn liars(count: u8, target: &Node, lie: fn(&Request) -> Reply) -> Vec<Behaving> {
    let mut liars = Vec::new();
    for number in 1..=count {
        let mut liar = Stranger::new(100 + number).await;
        let ping = Stranger::message(1, Body::Request(Request::Ping));
        let datagram = liar.seal(&target.identity().public(), &ping);
        liar.udp.send_to(&datagram, target.local_addr()).await.unwrap();
        liars.push(liar.behave(move |request| Some(lie(request))));
    }
    let known = usize::from(count);
    until(target, "knows the liars", |status| status.contacts == known).await;
    liars
}

/// Whatever is asked for, this is it.
pub(crate) fn other_values(request: &Request) -> Reply {
    let record = Record::content(Value::new("a lie").unwrap());
    let (ttl, closer) = (Ttl::default(), Vec::new());
    match request {
        Request::Ping => pong(),
        Request::Fetch { .. } | Request::Download { .. } => Reply::Found { record, ttl, closer },
        Request::Store { .. } => Reply::Stored { closer },
        Request::Offer { .. } => Reply::Have { closer },
        _ => Reply::Nodes { closer },
    }
}

/// Somebody closer, always, and nobody there.
pub(crate) fn other_contacts(request: &Request) -> Reply {
    let closer: Vec<Mention> = (0..20_u16)
        .map(|number| {
            let node =
                NodeIdentity::new(PublicKey::from_bytes([number.to_le_bytes()[0]; 32]), Nonce(0));
            let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 2 + number));
            Contact::new(node, addr).into()
        })
        .collect();
    match request {
        Request::Ping => pong(),
        Request::Store { .. } => Reply::Stored { closer },
        Request::Offer { .. } => Reply::Have { closer },
        _ => Reply::Nodes { closer },
    }
}

fn pong() -> Reply {
    Reply::Pong { observed: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)) }
}
