//! The golden vectors of `proto/vectors`, as seeds.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

/// The vectors, read when they are asked for.
#[derive(Debug, Clone)]
pub(crate) struct Vectors(PathBuf);

impl Vectors {
    /// Those of this source tree.
    pub(crate) fn load() -> Self {
        Self(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto/vectors"))
    }

    /// All of a file.
    pub(crate) fn of(&self, name: &str) -> Vec<Json> {
        let path = self.0.join(format!("{name}.json"));
        let text = fs::read_to_string(&path);
        let text = text.unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        let file: Json = serde_json::from_str(&text).unwrap();
        let vectors = file["vectors"].as_array().cloned().unwrap_or_default();
        assert!(!vectors.is_empty(), "{name} has no vectors");
        vectors
    }

    /// Plaintexts of datagrams: of every message, and those that are to be rejected.
    pub(crate) fn plaintexts(&self) -> Vec<Vec<u8>> {
        let of = |name| self.of(name).into_iter().map(|vector| bytes(&vector["encoded"]));
        of("messages").chain(of("reject_messages").filter(|bytes| !bytes.is_empty())).collect()
    }

    /// Plaintexts of every message.
    pub(crate) fn messages(&self) -> Vec<Vec<u8>> {
        self.of("messages").iter().map(|vector| bytes(&vector["encoded"])).collect()
    }
}

/// The bytes that a vector gives in hex.
pub(crate) fn bytes(vector: &Json) -> Vec<u8> {
    let text = vector.as_str().unwrap_or_else(|| panic!("{vector} is no text"));
    let pairs = text.as_bytes().chunks_exact(2);
    let digit =
        |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |pair: &[u8]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
    pairs.map(|pair| byte(pair).unwrap_or_else(|| panic!("{text} is no hex"))).collect()
}

/// `N` bytes that a vector gives in hex.
pub(crate) fn array<const N: usize>(vector: &Json) -> [u8; N] {
    bytes(vector).try_into().unwrap()
}

/// A number that a vector gives, as text where it is long.
pub(crate) fn number(vector: &Json) -> u64 {
    let text = vector.as_str().and_then(|text| text.parse().ok());
    text.or(vector.as_u64()).unwrap_or_else(|| panic!("{vector} is no number"))
}
