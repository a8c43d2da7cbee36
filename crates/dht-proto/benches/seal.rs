//! What a datagram costs: sealing and opening at the sizes of the protocol, beside the pure-Rust cipher,
//! and the codec on the reply that nodes send most.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![allow(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dht_proto::envelope::{Envelope, SealNonce};
use dht_proto::seal::{PairKey, Sealer};
use dht_proto::stream::{Channel, Outgoing};
use dht_proto::{
    Body, Contact, Difficulty, Families, Key, Load, LocalIdentity, Message, NetworkId,
    NodeIdentity, Nonce, PublicKey, Purpose, Record, Reply, Request, RequestId, Role, Ttl, Value,
    codec,
};

const NONCE: SealNonce = SealNonce([3; 24]);

fn identity(seed: u8) -> LocalIdentity {
    LocalIdentity::search([seed; 32], Difficulty::NONE)
}

fn message(body: Body) -> Message {
    Message {
        role: Role::Full,
        families: Families::V4,
        load: Load::NONE,
        id: RequestId(0x0102_0304),
        body,
    }
}

fn store_of(size: usize) -> Message {
    let value = Value::new(vec![7; size]).unwrap_or_default();
    let record = Record::at(Key::named(b"bench"), value);
    let (ttl, purpose) = (Ttl::default(), Purpose::Publish);
    message(Body::Request(Request::Store { record, ttl, purpose, expected: None }))
}

fn nodes_reply() -> Message {
    let closer = (0..16_u8)
        .map(|number| {
            let node = NodeIdentity::new(PublicKey::from_bytes([number; 32]), Nonce(77));
            Contact::new(node, ([10, 0, 0, number], 3_000).into()).into()
        })
        .collect();
    message(Body::Reply(Reply::Nodes { closer }))
}

fn datagrams(criterion: &mut Criterion) {
    let (ours, theirs) = (identity(1), identity(2));
    let (our_key, their_key) = (ours.node().public(), theirs.node().public());
    let network = NetworkId::default();
    let mut ours = Sealer::new(ours, network, 16);
    let mut theirs = Sealer::new(theirs, network, 16);
    let mut group = criterion.benchmark_group("datagram");
    let messages =
        [message(Body::Request(Request::Ping)), store_of(400), store_of(900), nodes_reply()];
    for message in &messages {
        let mut sealed = BytesMut::new();
        ours.seal(&their_key, message, NONCE, None, &mut sealed).expect("a short message");
        group.throughput(Throughput::Bytes(sealed.len() as u64));
        let mut out = BytesMut::with_capacity(2_000);
        group.bench_function(BenchmarkId::new("seal", sealed.len()), |bencher| {
            bencher.iter(|| {
                out.clear();
                ours.seal(&their_key, black_box(message), NONCE, None, &mut out)
            });
        });
        let mut buffer = sealed.to_vec();
        group.bench_function(BenchmarkId::new("open", sealed.len()), |bencher| {
            bencher.iter(|| {
                buffer.copy_from_slice(&sealed);
                match Envelope::parse(black_box(&mut buffer), network) {
                    Ok(Envelope::Sealed(sealed)) => theirs.open(sealed).ok(),
                    _ => None,
                }
            });
        });
    }
    assert!(theirs.knows(&our_key), "what was measured is opening without a key exchange");
    group.finish();
}

fn frames(criterion: &mut Criterion) {
    let (ours, theirs) = (identity(1), identity(2));
    let network = NetworkId::default();
    let channel = Channel::new(&ours, network, theirs.node()).expect("two different keys");
    let part = Outgoing::new(store_of(200_000)).nth(1).expect("a part");
    let mut group = criterion.benchmark_group("frame");
    group.throughput(Throughput::Bytes(65_536));
    let mut out = BytesMut::with_capacity(70_000);
    group.bench_function("seal", |bencher| {
        bencher.iter(|| {
            out.clear();
            channel.seal(black_box(&part), NONCE, &mut out)
        });
    });
    let receiving = Channel::new(&theirs, network, ours.node()).expect("two different keys");
    let sealed = Bytes::copy_from_slice(&out[4..]);
    group.bench_function("open", |bencher| {
        bencher.iter_batched(
            || BytesMut::from(&sealed[..]),
            |frame| receiving.open(frame),
            criterion::BatchSize::SmallInput,
        );
    });
    group.finish();
}

fn pure_rust(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pure-rust cipher");
    for size in [100, 600, 1_100, 65_536] {
        group.throughput(Throughput::Bytes(size as u64));
        let mut buffer = vec![7; size];
        group.bench_function(BenchmarkId::new("seal", size), |bencher| {
            bencher.iter(|| {
                XChaCha20Poly1305::new(&[5; 32].into())
                    .encrypt_inout_detached(
                        &[6; 24].into(),
                        &[0; 68],
                        black_box(buffer.as_mut_slice()).into(),
                    )
                    .ok()
            });
        });
    }
    group.finish();
}

fn codec_alone(criterion: &mut Criterion) {
    let message = nodes_reply();
    let mut encoded = BytesMut::new();
    codec::encode(&message, &mut encoded);
    let encoded = encoded.freeze();
    let mut group = criterion.benchmark_group("16 contacts");
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            codec::decode(NetworkId::default(), Bytes::copy_from_slice(black_box(&encoded)))
        });
    });
    let mut out = BytesMut::with_capacity(2_000);
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            out.clear();
            codec::encode(black_box(&message), &mut out);
        });
    });
    group.bench_function("length", |bencher| {
        bencher.iter(|| black_box(&message).datagram_len());
    });
    group.bench_function("16 ids", |bencher| {
        bencher.iter(|| {
            for nonce in 0..16 {
                black_box(NodeIdentity::new(PublicKey::from_bytes([1; 32]), Nonce(nonce)));
            }
        });
    });
    group.finish();
}

/// What a node costs that was not met before.
fn strangers(criterion: &mut Criterion) {
    let (ours, theirs) = (identity(1), identity(2).node().public());
    criterion.bench_function("key exchange", |bencher| {
        bencher.iter(|| PairKey::derive(black_box(&ours), black_box(&theirs)));
    });
    let portable = x25519_dalek::StaticSecret::from([1; 32]);
    let theirs = x25519_dalek::PublicKey::from(*theirs.as_bytes());
    criterion.bench_function("x25519-dalek alone", |bencher| {
        bencher.iter(|| portable.diffie_hellman(black_box(&theirs)));
    });
    let mut seed = [0; 32];
    criterion.bench_function("identity of 12 bits", |bencher| {
        bencher.iter(|| {
            seed[0] = u8::wrapping_add(seed[0], 1);
            LocalIdentity::search(seed, Difficulty::DEFAULT)
        });
    });
}

criterion_group!(benches, datagrams, frames, strangers, pure_rust, codec_alone);
criterion_main!(benches);
