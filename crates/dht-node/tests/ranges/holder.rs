//! Holders made by hand, which send parts of a long value as they are told to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use dht_node::{LocalIdentity, NetworkId, Record, Ttl};
use dht_proto::stream::{Channel, Outgoing};
use dht_proto::{Body, Message, OfferDetails, Outline, Reply, Request, Value, ValueRange};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::common::stranger::{Behaving, Stranger, nonce_of, receive};

/// How a holder sends.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Manner {
    /// Closes the stream after so many parts of an answer.
    pub(crate) drops_after: Option<usize>,
    /// Does so only the first time.
    pub(crate) drops_once: bool,
    /// Sends nothing more after so many parts of an answer, and keeps the stream open.
    pub(crate) stalls_after: Option<usize>,
    /// A part in which it turns a bit over.
    pub(crate) lies_at: Option<usize>,
    /// Knows no outlines.
    pub(crate) is_plain: bool,
}

/// A holder in the background.
pub(crate) struct Holder {
    pub(crate) addr: SocketAddr,
    sending: Arc<Sending>,
    _datagrams: Behaving,
    streams: JoinHandle<()>,
}

struct Sending {
    local: LocalIdentity,
    record: Record,
    manner: Manner,
    parts: AtomicUsize,
    has_dropped: AtomicBool,
}

impl Holder {
    /// A holder of `record` with the identity of a number.
    pub(crate) async fn start(number: u8, record: &Record, manner: Manner) -> Self {
        let mut stranger = Stranger::new(number).await;
        // The listener of its own port answers as this module does, another one takes its place.
        let listener = stranger.tcp.take().unwrap();
        stranger.tcp = Some(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let (addr, local) = (stranger.addr(), stranger.local.clone());
        let (details, ttl) = (OfferDetails::of(record), Ttl::default());
        let datagrams = stranger.behave(move |request| match request {
            Request::Ping => Some(Reply::Pong { observed: addr }),
            Request::Fetch { key, .. } if *key == details.slot.key => {
                Some(Reply::Held { details, ttl, closer: vec![] })
            }
            _ => Some(Reply::Nodes { closer: vec![] }),
        });
        let sending = Arc::new(Sending {
            local,
            record: record.clone(),
            manner,
            parts: AtomicUsize::new(0),
            has_dropped: AtomicBool::new(false),
        });
        let answering = Arc::clone(&sending);
        let streams = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(Arc::clone(&answering).serve(stream));
            }
        });
        Self { addr, sending, _datagrams: datagrams, streams }
    }

    /// Parts that it sent in all.
    pub(crate) fn parts(&self) -> usize {
        self.sending.parts.load(Ordering::SeqCst)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.streams.abort();
    }
}

impl Sending {
    async fn serve(self: Arc<Self>, mut stream: TcpStream) {
        while let Some((channel, request)) =
            receive(&mut stream, &self.local, NetworkId::default()).await
        {
            let Body::Request(Request::Download { range, outlined, .. }) = request.body else {
                return;
            };
            if !self.send(&mut stream, &channel, (request.id.0, range, outlined)).await {
                return;
            }
        }
    }

    /// Returns whether the stream is of further use.
    async fn send(
        &self,
        stream: &mut TcpStream,
        channel: &Channel,
        (id, range, outlined): (u64, ValueRange, bool),
    ) -> bool {
        let honest = answer(id, &self.record);
        let outline = Outline::of(self.record.value().unwrap().as_bytes()).unwrap();
        let is_outlined = outlined && !self.manner.is_plain;
        let first_part = range.offset as usize / 65_536;
        let lie = self.manner.lies_at.filter(|part| *part >= first_part);
        let sent = match lie {
            Some(part) => answer(id, &self.with_a_bit_turned(part)),
            None => honest,
        };
        let mut frames = Outgoing::of_range(sent, range);
        if is_outlined {
            frames = frames.with_outline(outline);
        }
        for (count, frame) in frames.enumerate() {
            let parts = count.saturating_sub(1);
            if count > 0 && self.manner.stalls_after == Some(parts) {
                // Until its other end has had enough.
                return stream.readable().await.is_err();
            }
            let drops = !(self.manner.drops_once && self.has_dropped.load(Ordering::SeqCst));
            if count > 0 && drops && self.manner.drops_after == Some(parts) {
                self.has_dropped.store(true, Ordering::SeqCst);
                return false;
            }
            let mut out = BytesMut::new();
            channel.seal(&frame, nonce_of(SystemTime::now()), &mut out).unwrap();
            if stream.write_all(&out).await.is_err() {
                return false;
            }
            self.parts.fetch_add(usize::from(count > 0), Ordering::SeqCst);
        }
        true
    }

    fn with_a_bit_turned(&self, part: usize) -> Record {
        let mut bytes = self.record.value().unwrap().as_bytes().to_vec();
        if let Some(byte) = bytes.get_mut(part * 65_536) {
            *byte ^= 1;
        }
        Record::content(Value::new(Bytes::from(bytes)).unwrap())
    }
}

fn answer(id: u64, record: &Record) -> Message {
    let (record, ttl) = (record.clone(), Ttl::default());
    Stranger::message(id, Body::Reply(Reply::Found { record, ttl, closer: vec![] }))
}
