//! Tests of records: what can be made, and what cannot.

use super::{
    AuthorKey, AuthorSecret, Kind, Record, RecordError, Salt, Sequence, Signature, SignedBody,
    signing_bytes,
};
use crate::limits::{INLINE_VALUE_MAX, SALT_MAX};
use crate::{Digest, Key, Value};

fn value(text: &'static str) -> Value {
    Value::new(text).unwrap()
}

fn secret() -> AuthorSecret {
    AuthorSecret::from_seed(&[1; 32])
}

fn salt() -> Salt {
    Salt::new("salt").unwrap()
}

fn signed(body: SignedBody) -> Record {
    Record::sign(&secret(), salt(), Sequence(3), body)
}

/// The digest of a body, and what is signed with it.
fn signed_bytes(salt: &Salt, sequence: Sequence, body: &SignedBody) -> (Digest, Vec<u8>) {
    let digest = body.digest();
    (digest, signing_bytes(salt, sequence, body.form(), digest))
}

#[test]
fn a_content_record_lives_at_the_hash_of_its_value() {
    let record = Record::content(value("value"));
    assert_eq!(record.key(), Key::content(b"value"));
    assert_eq!(record.kind(), Kind::Content);
    assert_eq!(record.digest().as_bytes(), record.key().as_bytes());
    assert_eq!(record.sequence(), Sequence(0));
    assert_eq!(record.size(), 5);
}

#[test]
fn a_named_record_lives_where_its_name_says() {
    let record = Record::named(b"name", value("value"));
    assert_eq!(record, Record::at(Key::named(b"name"), value("value")));
    assert_eq!(record.kind(), Kind::Named);
    assert_eq!(record.digest(), value("value").digest());
}

#[test]
fn a_signed_record_is_taken_from_elsewhere_as_it_was_signed() {
    for body in [SignedBody::Value(value("value")), SignedBody::Deleted] {
        let record = signed(body);
        let inner = record.as_signed().unwrap();
        let taken = Record::signed(
            *inner.author(),
            inner.salt().clone(),
            inner.sequence(),
            inner.body().clone(),
            *inner.signature(),
        );
        assert_eq!(taken.as_ref(), Ok(&record));
        assert_eq!(record.key(), Key::signed(&secret().author(), &salt()));
        assert_eq!(record.sequence(), Sequence(3));
    }
}

#[test]
fn a_signed_record_with_any_part_changed_is_refused() {
    let record = signed(SignedBody::Value(value("value")));
    let inner = record.as_signed().unwrap();
    let other_author = AuthorSecret::from_seed(&[2; 32]).author();
    let take = |author: AuthorKey, salt: &str, sequence, body, signature| {
        let salt = Salt::new(salt.to_owned()).unwrap();
        Record::signed(author, salt, Sequence(sequence), body, signature)
    };
    let (author, body, signature) = (*inner.author(), inner.body().clone(), *inner.signature());
    assert!(take(author, "salt", 3, body.clone(), signature).is_ok());
    let bad = Err(RecordError::BadSignature);
    assert_eq!(take(other_author, "salt", 3, body.clone(), signature), bad);
    assert_eq!(take(author, "sal", 3, body.clone(), signature), bad);
    assert_eq!(take(author, "salt", 4, body.clone(), signature), bad);
    assert_eq!(take(author, "salt", 3, SignedBody::Value(value("other")), signature), bad);
    assert_eq!(take(author, "salt", 3, SignedBody::Deleted, signature), bad);
    for bit in 0..512 {
        let mut bytes = *signature.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let changed = Signature::from_bytes(bytes);
        assert!(take(author, "salt", 3, body.clone(), changed).is_err(), "bit {bit}");
    }
}

#[test]
fn an_empty_value_and_a_deletion_are_not_the_same() {
    let empty = signed(SignedBody::Value(Value::default()));
    let deleted = signed(SignedBody::Deleted);
    assert_ne!(empty.digest(), deleted.digest());
    assert_eq!(empty.sequence(), deleted.sequence());
    assert_ne!(empty.as_signed().unwrap().signature(), deleted.as_signed().unwrap().signature());
    assert_eq!(empty.value(), Some(&Value::default()));
    assert_eq!(deleted.value(), None);
}

#[test]
fn the_bytes_that_are_signed_are_those_of_the_protocol() {
    let (digest, bytes) =
        signed_bytes(&salt(), Sequence(0x0102), &SignedBody::Value(value("value")));
    assert_eq!(digest, value("value").digest());
    let mut expected = b"dht v1 record\x04salt\x02\x01\0\0\0\0\0\0\0".to_vec();
    expected.extend_from_slice(digest.as_bytes());
    assert_eq!(bytes, expected);
    let (digest, bytes) = signed_bytes(&Salt::default(), Sequence(0), &SignedBody::Deleted);
    assert_eq!(digest, Digest::from_bytes(blake3::derive_key("dht v1 deleted", b"")));
    assert_eq!(bytes[..23], *b"dht v1 record\0\0\0\0\0\0\0\0\0\x01");
    assert_eq!(bytes[23..], *digest.as_bytes());
}

#[test]
fn salt_and_sequence_cannot_be_exchanged_for_each_other() {
    // The length of the salt is signed, so no two splits of the same bytes are signed alike.
    let body = SignedBody::Value(value("value"));
    let (_, one) = signed_bytes(&Salt::new(vec![0; 8]).unwrap(), Sequence(0), &body);
    let (_, two) = signed_bytes(&Salt::default(), Sequence(0), &body);
    assert_ne!(one[..one.len() - 33], two[..two.len() - 33]);
    assert_ne!(one[13], two[13]);
}

#[test]
fn a_key_of_small_order_is_no_author() {
    let one = {
        let mut bytes = [0; 32];
        bytes[0] = 1;
        AuthorKey::from_bytes(bytes)
    };
    // With the neutral element as key and as R, s = 0 satisfies the equation for every message.
    let mut signature = [0; 64];
    signature[0] = 1;
    let body = SignedBody::Value(value("value"));
    let taken = Record::signed(one, salt(), Sequence(3), body, Signature::from_bytes(signature));
    assert_eq!(taken, Err(RecordError::BadSignature));
    let no_point = AuthorKey::from_bytes([2; 32]);
    let body = SignedBody::Deleted;
    let taken = Record::signed(no_point, salt(), Sequence(3), body, Signature::from_bytes([0; 64]));
    assert!(taken.is_err());
}

#[test]
fn a_salt_has_at_most_32_bytes() {
    assert!(Salt::new(vec![0; SALT_MAX]).is_ok());
    let error = Salt::new(vec![0; SALT_MAX + 1]).unwrap_err();
    assert_eq!(error, RecordError::SaltTooLong { size: 33 });
    assert_eq!(error.to_string(), "salt is 33 bytes, limit is 32");
}

#[test]
fn a_value_of_900_bytes_is_inline_and_one_byte_more_is_not() {
    let of_size = |size| Record::content(Value::new(vec![0; size]).unwrap());
    assert!(of_size(INLINE_VALUE_MAX).is_inline());
    assert!(!of_size(INLINE_VALUE_MAX + 1).is_inline());
    assert!(signed(SignedBody::Deleted).is_inline());
}

#[test]
fn the_secret_of_an_author_is_not_printed() {
    let printed = format!("{:?}", AuthorSecret::from_seed(&[0xab; 32]));
    assert!(printed.starts_with("AuthorSecret(of AuthorKey("));
    assert!(!printed.contains("abab"));
    assert_eq!(AuthorSecret::from_seed(&[0xab; 32]).to_seed(), [0xab; 32]);
}

#[test]
fn signatures_are_those_of_rfc_8032() {
    // Section 7.1, test 2.
    let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
    let public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    let secret = AuthorSecret::from_seed(seed.parse::<Key>().unwrap().as_bytes());
    assert_eq!(secret.author().to_string(), public);
    let signature = secret.sign(&[0x72]);
    assert_eq!(signature.as_bytes()[..4], [0x92, 0xa0, 0x09, 0xa9]);
    assert_eq!(secret.author().verify(&[0x72], &signature), Ok(()));
}

#[test]
fn a_detached_record_is_equal_and_shares_no_buffer() {
    let message = bytes::Bytes::from(vec![7; 1_200]);
    let value = || Value::new(message.slice(100..200)).unwrap();
    let author = AuthorSecret::from_seed(&[1; 32]);
    let salt = || Salt::new(message.slice(..8)).unwrap();
    let sign = |body| Record::sign(&author, salt(), Sequence(1), body);
    let records = [
        Record::content(value()),
        Record::named(b"n", value()),
        sign(SignedBody::Value(value())),
        sign(SignedBody::Deleted),
    ];
    let detached = records.each_ref().map(Record::detached);
    assert_eq!(detached, records);
    drop(records);
    assert!(message.is_unique());
}
