//! Vectors of networks, node ids and shared keys.

use anyhow::{Context, Result};
use dht_proto::seal::PairKey;
use dht_proto::{Difficulty, Distance, LocalIdentity, NetworkId, NodeIdentity, Nonce, PublicKey};
use serde_json::{Value, json};

use super::hex;

/// A key pair that other vectors use too.
pub(super) fn local(seed: u8, nonce: u32) -> LocalIdentity {
    LocalIdentity::from_parts([seed; 32], Nonce(nonce))
}

pub(super) fn networks() -> Vec<Value> {
    ["main", "", "test", "réseau"]
        .map(|name| json!({ "name": name, "id": NetworkId::named(name).0 }))
        .to_vec()
}

pub(super) fn nodes() -> Vec<Value> {
    let given = [([0; 32], 0), ([1; 32], 1), ([0xff; 32], u32::MAX), ([7; 32], 0x0102_0304)]
        .map(|(key, nonce)| NodeIdentity::new(PublicKey::from_bytes(key), Nonce(nonce)))
        .map(|node| (node, None));
    let searched = [(1, 0), (1, 1), (2, 8), (3, 12), (4, 12), (5, 16)].map(|(seed, bits)| {
        let difficulty = Difficulty::new(bits).unwrap_or(Difficulty::NONE);
        (LocalIdentity::search([seed; 32], difficulty).node(), Some((seed, bits)))
    });
    given.into_iter().chain(searched).map(|(node, search)| node_vector(&node, search)).collect()
}

fn node_vector(node: &NodeIdentity, search: Option<(u8, u8)>) -> Value {
    let hash = blake3_of(node.id().as_bytes());
    let mut vector = json!({
        "public_key": node.public().to_string(),
        "nonce": node.nonce().0,
        "id": node.id().to_string(),
        "zeros": Distance::from_bytes(hash).leading_zeros(),
    });
    if let Some((seed, bits)) = search {
        vector["secret_key"] = json!(hex([seed; 32]));
        vector["first"] = json!(bits);
    }
    vector
}

/// BLAKE3 of a few bytes: the key of the same bytes as content.
fn blake3_of(bytes: &[u8]) -> [u8; 32] {
    *dht_proto::Key::content(bytes).as_bytes()
}

pub(super) fn shared_keys() -> Result<Vec<Value>> {
    [(1, 2), (2, 1), (3, 4), (0xff, 0x40)]
        .into_iter()
        .map(|(ours, theirs)| {
            let (ours, theirs) = (local(ours, 0), local(theirs, 0));
            let key = PairKey::derive(&ours, &theirs.node().public())?;
            Ok(json!({
                "secret_key": hex(ours.secret_bytes()),
                "public_key": ours.node().public().to_string(),
                "peer_secret_key": hex(theirs.secret_bytes()),
                "peer_public_key": theirs.node().public().to_string(),
                "key": hex(key.secret_bytes()),
            }))
        })
        .collect::<Result<_, dht_proto::seal::WeakKey>>()
        .context("keys of the vectors are not weak")
}

/// The points of small order of Curve25519, as RFC 7748, section 7, warns of them.
pub(super) fn weak_keys() -> Vec<Value> {
    [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ]
    .map(|key| json!({ "public_key": key }))
    .to_vec()
}
