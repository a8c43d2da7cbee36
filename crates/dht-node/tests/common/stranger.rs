//! A node made by hand of `dht-proto` alone, to do what no honest node does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::SystemTime;

use bytes::BytesMut;
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use dht_node::{Difficulty, Families, LocalIdentity, NetworkId, NodeIdentity};
use dht_proto::envelope::{Envelope, HelloToken, SealNonce, write_hello, write_hello_ack};
use dht_proto::seal::{PairKey, Sealer};
use dht_proto::stream::{Assembly, Channel, Outgoing, Received};
use dht_proto::{Body, Cookie, Load, Message, Moment, PublicKey, Reply, Request, RequestId, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;

use super::within;

/// An identity and the sockets to use it.
pub struct Stranger {
    pub local: LocalIdentity,
    pub udp: UdpSocket,
    pub tcp: Option<TcpListener>,
    sealer: Sealer,
}

/// A nonce that no other is like.
pub fn nonce_of(time: SystemTime) -> SealNonce {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut random = [7; 18];
    random[..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::SeqCst).to_le_bytes());
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    SealNonce::new(random, Moment::EPOCH + since)
}

/// Bytes of a datagram with any plaintext.
pub fn seal_bytes(
    local: &LocalIdentity,
    network: NetworkId,
    to: &PublicKey,
    plaintext: &[u8],
) -> Vec<u8> {
    let key = PairKey::derive(local, to).unwrap();
    let network = network.0.to_le_bytes();
    let node = local.node();
    let sender = [&node.public().as_bytes()[..], &node.nonce().0.to_le_bytes()].concat();
    let nonce = nonce_of(SystemTime::now()).0;
    let associated_data = [&1_u32.to_le_bytes(), &network, &sender[..], &nonce].concat();
    let payload = Payload { msg: plaintext, aad: &associated_data };
    let cipher = XChaCha20Poly1305::new(key.secret_bytes().into());
    let ciphertext = cipher.encrypt(&nonce.into(), payload).unwrap();
    let length = varint(ciphertext.len());
    let sealed =
        [&[10, 36], &sender[..], &[18, 24], &nonce, &[34], &length[..], &ciphertext].concat();
    [&[8, 1, 21], &network[..], &[26], &varint(sealed.len()), &sealed].concat()
}

/// A length below 2^14 as protobuf writes it.
fn varint(length: usize) -> Vec<u8> {
    let low = u8::try_from(length % 128).unwrap();
    match u8::try_from(length / 128).unwrap() {
        0 => vec![low],
        high => vec![low | 0x80, high],
    }
}

/// The identity that a number makes.
pub fn identity(number: u8) -> LocalIdentity {
    LocalIdentity::search([number; 32], Difficulty::DEFAULT)
}

impl Stranger {
    pub async fn new(number: u8) -> Self {
        Self::of_network(number, NetworkId::default()).await
    }

    pub async fn of_network(number: u8, network: NetworkId) -> Self {
        let local = identity(number);
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let sealer = Sealer::new(local.clone(), network, 64);
        Self { local, udp, tcp: Some(tcp), sealer }
    }

    pub fn addr(&self) -> SocketAddr {
        self.udp.local_addr().unwrap()
    }

    pub fn node(&self) -> NodeIdentity {
        self.local.node()
    }

    pub fn message(id: u64, body: Body) -> Message {
        Message {
            role: Role::Full,
            families: Families::V4,
            load: Load::NONE,
            id: RequestId(id),
            body,
        }
    }

    /// Bytes of a datagram with a request for the owner of a key.
    pub fn seal(&mut self, to: &PublicKey, message: &Message) -> Vec<u8> {
        self.seal_as(to, message, None)
    }

    /// The same with a cookie.
    pub fn seal_with(&mut self, to: &PublicKey, message: &Message, cookie: Cookie) -> Vec<u8> {
        self.seal_as(to, message, Some(cookie))
    }

    fn seal_as(&mut self, to: &PublicKey, message: &Message, cookie: Option<Cookie>) -> Vec<u8> {
        self.seal_at(to, message, cookie, SystemTime::now())
    }

    /// The same, as sealed at another time.
    pub fn seal_at(
        &mut self,
        to: &PublicKey,
        message: &Message,
        cookie: Option<Cookie>,
        time: SystemTime,
    ) -> Vec<u8> {
        let nonce = nonce_of(time);
        let mut out = BytesMut::new();
        self.sealer.seal(to, message, nonce, cookie, &mut out).unwrap();
        out.to_vec()
    }

    /// Bytes of a datagram whose plaintext no type of ours can say.
    pub fn seal_raw(&mut self, to: &PublicKey, plaintext: &[u8]) -> Vec<u8> {
        seal_bytes(&self.local, self.sealer.network(), to, plaintext)
    }

    /// The next sealed message that comes in.
    pub async fn receive_message(&mut self) -> Message {
        let (mut bytes, _) = self.receive().await;
        match Envelope::parse(&mut bytes, self.sealer.network()) {
            Ok(Envelope::Sealed(sealed)) => self.sealer.open(sealed).unwrap().1,
            other => panic!("expected a sealed datagram, got {other:?}"),
        }
    }

    /// Greets an address and returns the whole answer.
    pub async fn greet(&mut self, addr: SocketAddr) -> Vec<u8> {
        let mut out = BytesMut::new();
        write_hello(self.sealer.network(), HelloToken(5), &mut out);
        self.udp.send_to(&out, addr).await.unwrap();
        self.receive().await.0
    }

    /// The next datagram that comes in.
    pub async fn receive(&mut self) -> (Vec<u8>, SocketAddr) {
        let mut room = vec![0; 2_048];
        let (length, source) = within(self.udp.recv_from(&mut room)).await.unwrap();
        room.truncate(length);
        (room, source)
    }

    /// Answers every request with what `behaviour` makes of it, by datagram and by stream, until dropped.
    pub fn behave(
        mut self,
        behaviour: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
    ) -> Behaving {
        let (addr, node) = (self.addr(), self.node());
        let behaviour = Arc::new(behaviour);
        let asked = Arc::new(AtomicUsize::new(0));
        let streams = {
            let tcp = self.tcp.take().unwrap();
            let (local, behaviour) = (self.local.clone(), Arc::clone(&behaviour));
            let network = self.sealer.network();
            tokio::spawn(async move {
                loop {
                    let (stream, _) = tcp.accept().await.unwrap();
                    let (local, behaviour) = (local.clone(), Arc::clone(&behaviour));
                    tokio::spawn(serve(stream, local, network, behaviour));
                }
            })
        };
        let counted = Arc::clone(&asked);
        let datagrams = tokio::spawn(async move {
            let mut room = vec![0; 2_048];
            loop {
                let (length, source) = self.udp.recv_from(&mut room).await.unwrap();
                self.answer(&mut room[..length], source, &*behaviour, &counted).await;
            }
        });
        Behaving { addr, node, asked, tasks: [streams, datagrams] }
    }

    async fn answer(
        &mut self,
        datagram: &mut [u8],
        source: SocketAddr,
        behaviour: &(dyn Fn(&Request) -> Option<Reply> + Send + Sync),
        asked: &AtomicUsize,
    ) {
        let network = self.sealer.network();
        match Envelope::parse(datagram, network) {
            Ok(Envelope::Hello { token }) => {
                let mut out = BytesMut::new();
                write_hello_ack(network, &self.node(), token, &mut out);
                self.udp.send_to(&out, source).await.unwrap();
            }
            Ok(Envelope::Sealed(sealed)) => {
                let Ok((from, message)) = self.sealer.open(sealed) else { return };
                let Body::Request(request) = message.body else { return };
                asked.fetch_add(1, Ordering::SeqCst);
                if let Some(reply) = behaviour(&request) {
                    let reply = Self::message(message.id.0, Body::Reply(reply));
                    let datagram = self.seal(&from.public(), &reply);
                    self.udp.send_to(&datagram, source).await.unwrap();
                }
            }
            _ => {}
        }
    }
}

/// A stranger that answers in the background.
pub struct Behaving {
    pub addr: SocketAddr,
    pub node: NodeIdentity,
    /// Requests that came in by datagram.
    pub asked: Arc<AtomicUsize>,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Behaving {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn serve(
    mut stream: TcpStream,
    local: LocalIdentity,
    network: NetworkId,
    behaviour: Arc<impl Fn(&Request) -> Option<Reply>>,
) {
    while let Some((channel, request)) = receive(&mut stream, &local, network).await {
        let Body::Request(asked) = &request.body else { return };
        let Some(reply) = behaviour(asked) else { return };
        let reply = Stranger::message(request.id.0, Body::Reply(reply));
        if !send(&mut stream, &channel, reply).await {
            return;
        }
    }
}

/// Writes a message. Returns whether the other end took it.
pub async fn send(stream: &mut TcpStream, channel: &Channel, message: Message) -> bool {
    for frame in Outgoing::new(message) {
        let mut out = BytesMut::new();
        channel.seal(&frame, nonce_of(SystemTime::now()), &mut out).unwrap();
        if stream.write_all(&out).await.is_err() {
            return false;
        }
    }
    true
}

/// Reads a message, with the channel to whoever sent it.
pub async fn receive(
    stream: &mut TcpStream,
    local: &LocalIdentity,
    network: NetworkId,
) -> Option<(Channel, Message)> {
    let mut assembly = Assembly::new(5_000_000);
    let mut channel = None;
    loop {
        let length = stream.read_u32().await.ok()?;
        let mut frame = BytesMut::zeroed(length as usize);
        stream.read_exact(&mut frame).await.ok()?;
        let channel = match &channel {
            Some(channel) => channel,
            None => channel.insert(Channel::accept(local, network, &mut frame).ok()?),
        };
        match assembly.push(channel.open(frame).ok()?).ok()? {
            Received::Message(message) => return Some((channel.clone(), message)),
            Received::Complete(unverified) => {
                return Some((channel.clone(), unverified.verify().ok()?));
            }
            Received::More { .. } | Received::Partial { .. } => {}
        }
    }
}
