//! Vectors of keys of values and of signed records.

use anyhow::Result;
use dht_proto::{AuthorSecret, Key, Record, Salt, Sequence, SignedBody, Value as Bytes};
use serde_json::{Value, json};

use super::hex;

pub(super) fn keys() -> Result<Vec<Value>> {
    let mut vectors = Vec::new();
    for value in ["", "hello", "testValue"] {
        let key = Key::content(value.as_bytes()).to_string();
        vectors.push(json!({ "kind": "content", "value": hex(value), "key": key }));
    }
    for name in ["", "hello", "größe"] {
        let key = Key::named(name.as_bytes()).to_string();
        vectors.push(json!({ "kind": "named", "name": hex(name), "key": key }));
    }
    for (seed, salt) in [(1, ""), (1, "salt"), (2, "0123456789abcdef0123456789abcdef")] {
        let author = AuthorSecret::from_seed(&[seed; 32]).author();
        let key = Key::signed(&author, &Salt::new(salt)?).to_string();
        let author = author.to_string();
        vectors.push(json!({ "kind": "signed", "author": author, "salt": hex(salt), "key": key }));
    }
    Ok(vectors)
}

pub(super) fn signed() -> Result<Vec<Value>> {
    let some = |text: &'static str| Bytes::new(text).map(SignedBody::Value);
    let given = [
        (1, "", 0, some("")?),
        (1, "", 1, some("hello")?),
        (1, "salt", 0x0102_0304_0506_0708, some("hello")?),
        (2, "0123456789abcdef0123456789abcdef", u64::MAX, some("testValue")?),
        (2, "salt", 7, SignedBody::Deleted),
    ];
    given
        .into_iter()
        .map(|(seed, salt, sequence, body)| {
            let secret = AuthorSecret::from_seed(&[seed; 32]);
            let record = Record::sign(&secret, Salt::new(salt)?, Sequence(sequence), body);
            Ok(json!({
                "author_seed": hex([seed; 32]),
                "author": secret.author().to_string(),
                "salt": hex(salt),
                // A number of 64 bits is no exact number in every JSON reader.
                "sequence": sequence.to_string(),
                "value": record.value().map(|value| hex(value.as_bytes())),
                "key": record.key().to_string(),
                "signed_bytes": hex(signed_bytes(&record)),
                "signature": record.as_signed().map(|signed| hex(signed.signature().as_bytes())),
            }))
        })
        .collect()
}

/// What the author signs, written a second time, from PROTOCOL.md.
fn signed_bytes(record: &Record) -> Vec<u8> {
    let mut bytes = b"dht v1 record".to_vec();
    if let Some(signed) = record.as_signed() {
        let salt = signed.salt().as_bytes();
        bytes.extend(u8::try_from(salt.len()));
        bytes.extend_from_slice(salt);
        bytes.extend_from_slice(&signed.sequence().0.to_le_bytes());
        bytes.push(u8::from(record.value().is_none()));
        bytes.extend_from_slice(record.digest().as_bytes());
    }
    bytes
}
