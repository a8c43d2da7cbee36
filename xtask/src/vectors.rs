//! `cargo xtask vectors`: the golden vectors in `proto/vectors/`, made by the crates from fixed inputs.
//!
//! Each file holds `about`, which says what its vectors mean, and `vectors`. Bytes are lower-case hex.
//! `proto/PROTOCOL.md` describes the fields; tests of dht-proto and `proto/vectors/check.py` read them.

use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

mod batch;
mod broadcast;
mod datagram;
mod frames;
mod identity;
mod message;
mod outline;
mod reconcile;
mod record;
mod reflect;
mod reject;
mod rule;
mod stream;

const DIRECTORY: &str = "proto/vectors";

/// Writes every file, or with `check` only tells whether they are what the crates make.
pub fn run(check: bool) -> Result<()> {
    let directory = crate::root().join(DIRECTORY);
    let mut outdated = Vec::new();
    for &(name, about, make) in FILES {
        let path = directory.join(name);
        let mut text =
            serde_json::to_string_pretty(&json!({ "about": about, "vectors": make()? }))?;
        text.push('\n');
        if fs::read_to_string(&path).unwrap_or_default() == text {
            continue;
        }
        outdated.push(name);
        if !check {
            fs::create_dir_all(&directory)?;
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        }
    }
    if check && !outdated.is_empty() {
        let names = outdated.join(", ");
        bail!("not what the crates make, in {DIRECTORY}: {names}: run `cargo xtask vectors`");
    }
    Ok(())
}

/// Name and meaning of a file, and what makes its vectors.
type File = (&'static str, &'static str, fn() -> Result<Vec<Value>>);

const FILES: &[File] = &[
    ("networks.json", "The id of a network, as a number, from its name.", || {
        Ok(identity::networks())
    }),
    (
        "nodes.json",
        "Node ids from public key and nonce. `zeros` is the number of leading zero bits of \
             BLAKE3(id). `first` is set where the nonce is the first, from 0 on, whose id meets a \
             difficulty of that many bits.",
        || Ok(identity::nodes()),
    ),
    (
        "shared_keys.json",
        "The key two nodes share. `shared` is the X25519 output. Both secrets give the same.",
        identity::shared_keys,
    ),
    ("weak_keys.json", "Public keys with which no key is shared: X25519 gives all zeros.", || {
        Ok(identity::weak_keys())
    }),
    ("keys.json", "The key of a value, by its kind.", record::keys),
    (
        "signed_records.json",
        "Signed records: what is signed, and the signature. `value` null is a deletion.",
        record::signed,
    ),
    (
        "broadcasts.json",
        "Broadcasts: what is signed in the network with the id `network`, the signature, and the id.",
        broadcast::broadcasts,
    ),
    (
        "messages.json",
        "Messages as plaintext, encoded as this project encodes them: fields in the order of \
             their numbers, defaults left out. `message` names fields as dht.proto does, with bytes \
             in hex, enum values by number, and absent fields left out. Broadcasts are signed for the \
             network `main`.",
        message::messages,
    ),
    (
        "datagrams.json",
        "Whole datagrams. A sealed one is made of the secret key and nonce of its sender, the \
             public key of its receiver, a seal nonce and a plaintext.",
        datagram::datagrams,
    ),
    (
        "streams.json",
        "A message with a long value as the frames of a stream, each with the 4-byte length before \
             it. The value is `pattern`, repeated up to `size` bytes. Long frames are given by length \
             and BLAKE3 hash. With `outlined` the first one has the outline of the value.",
        stream::streams,
    ),
    (
        "outlines.json",
        "Outlines: the chaining values of the parts of a value of `size` bytes, which are 0 to 250 again and \
             again, and the hash of the value, which they give.",
        outline::outlines,
    ),
    (
        "reject_frames.json",
        "Plaintexts of frames of a stream that are no valid frame: `encoded`, then the byte `repeated` some \
             times. `answer` and `id` as in reject_messages.json.",
        frames::frames,
    ),
    (
        "reject_datagrams.json",
        "Datagrams that are dropped before anything is opened, by a node of network `network`.",
        reject::datagrams,
    ),
    (
        "reject_messages.json",
        "Plaintexts of datagrams that are no valid message in the network `main`. `answer` is the code of the Error \
             reply they get, null for none; `id` is the request id it repeats.",
        reject::messages,
    ),
    (
        "admit.json",
        "What may take the place of what in a slot. `expires` counts seconds from now. A result \
             is insert, keep, renew (with the new expires and custody) or refused (with the fields of \
             Refused).",
        rule::admissions,
    ),
    (
        "fingerprints.json",
        "Fingerprints of records, by which holders compare what they hold.",
        || Ok(reconcile::fingerprints()),
    ),
    (
        "cells.json",
        "Digests of cells: of the records `held`, those whose key starts with the first `bits` bits \
             of `prefix`, which are the keys from `first` to `last`. `fingerprints` are theirs in order.",
        || Ok(reconcile::cells()),
    ),
    (
        "scopes.json",
        "The scope of an address; null where it can be no node's address.",
        rule::scopes,
    ),
];

/// Lower-case hex.
fn hex(bytes: impl AsRef<[u8]>) -> String {
    let digits = bytes.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}
