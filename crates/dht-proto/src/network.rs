//! Which network a datagram belongs to.

/// Identifier of a network: nodes of different networks ignore each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkId(pub u32);

impl NetworkId {
    /// Name of the network that nodes join when they name none.
    pub const DEFAULT_NAME: &'static str = "main";

    /// Id of the network called `name`: the first 4 bytes, little-endian, of
    /// `BLAKE3 derive_key("dht v1 network", name)`.
    pub fn named(name: &str) -> Self {
        let hash = blake3::derive_key("dht v1 network", name.as_bytes());
        Self(u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]]))
    }
}

impl Default for NetworkId {
    fn default() -> Self {
        Self::named(Self::DEFAULT_NAME)
    }
}

#[cfg(test)]
mod tests {
    use super::NetworkId;

    #[test]
    fn every_name_has_its_network() {
        assert_eq!(NetworkId::default(), NetworkId::named("main"));
        assert_ne!(NetworkId::named("main"), NetworkId::named("Main"));
        let hash = blake3::derive_key("dht v1 network", b"main");
        assert_eq!(NetworkId::named("main").0.to_le_bytes(), hash[..4]);
    }
}
