//! Broadcasts.

use dht_proto::{AuthorSecret, Broadcast, SentAt, Signature};

use super::{array, bytes, number, text, vectors};

#[test]
fn broadcasts_verify_and_have_their_ids() {
    for vector in vectors("broadcasts") {
        let secret = AuthorSecret::from_seed(&array(&vector, "author_seed"));
        assert_eq!(secret.author().to_string(), text(&vector, "author"));
        let (sent, payload) = (SentAt(number(&vector, "sent")), bytes(&vector, "payload"));
        let signature = Signature::from_bytes(array(&vector, "signature"));
        let message = bytes(&vector, "signed_bytes");
        assert_eq!(secret.author().verify(&message, &signature), Ok(()));
        let taken = Broadcast::signed(secret.author(), sent, payload.clone().into(), signature);
        let broadcast = Broadcast::sign(&secret, sent, payload.into()).unwrap();
        assert_eq!(taken.as_ref(), Ok(&broadcast));
        assert_eq!(broadcast.id().to_string(), text(&vector, "id"));
    }
}
