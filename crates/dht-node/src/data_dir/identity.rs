//! The text form of a node's identity.

use dht_proto::{Digest, LocalIdentity, NetworkId, Nonce};

/// The lines of the file.
pub(super) fn to_text(local: &LocalIdentity, network: NetworkId) -> String {
    // Any 32 bytes are written, and read, as a digest is.
    let secret = Digest::from_bytes(*local.secret_bytes());
    let nonce = local.node().nonce().0;
    format!("network {}\nsecret {secret}\nnonce {nonce}\n", network.0)
}

/// Reads what [`to_text`] wrote.
pub(super) fn parse(text: &str) -> Option<(LocalIdentity, NetworkId)> {
    let mut lines = text.lines();
    let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
    let network = NetworkId(field("network")?.parse().ok()?);
    let secret: Digest = field("secret")?.parse().ok()?;
    let nonce = Nonce(field("nonce")?.parse().ok()?);
    Some((LocalIdentity::from_parts(*secret.as_bytes(), nonce), network))
}
