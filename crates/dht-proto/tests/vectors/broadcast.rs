//! Broadcasts.

use dht_proto::{AuthorSecret, Broadcast, NetworkId, RecordError, SentAt, Signature};

use super::{array, bytes, number, small, text, vectors};

#[test]
fn broadcasts_verify_and_have_their_ids() {
    for vector in vectors("broadcasts") {
        let secret = AuthorSecret::from_seed(&array(&vector, "author_seed"));
        assert_eq!(secret.author().to_string(), text(&vector, "author"));
        let (sent, payload) = (SentAt(number(&vector, "sent")), bytes(&vector, "payload"));
        let signature = Signature::from_bytes(array(&vector, "signature"));
        let message = bytes(&vector, "signed_bytes");
        assert_eq!(secret.author().verify(&message, &signature), Ok(()));
        let network = NetworkId(small(&vector, "network"));
        let taken = |network| {
            let payload = payload.clone().into();
            Broadcast::signed(secret.author(), network, sent, payload, signature)
        };
        let broadcast = Broadcast::sign(&secret, network, sent, payload.clone().into()).unwrap();
        assert_eq!(taken(network).as_ref(), Ok(&broadcast));
        assert_eq!(taken(NetworkId(network.0 ^ 1)), Err(RecordError::BadSignature));
        assert_eq!(broadcast.id().to_string(), text(&vector, "id"));
    }
}
