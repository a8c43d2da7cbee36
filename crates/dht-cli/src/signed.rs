//! Where a signed record is looked for, and its salt, as people write them.

use std::fmt;
use std::str::FromStr;

use dht_node::{AuthorKey, FetchError, Found, Key, Node, Salt};

/// Prefix of a salt that is written in hexadecimal digits.
const HEX_PREFIX: &str = "hex:";

/// Where a signed record is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignedPlace {
    /// The key of the record. An author without salt is written alike, so it may be that, too.
    Key(Key),
    /// The key that an author and a salt make.
    Author(Key),
}

/// Why a text tells no place of a signed record, or no salt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignedError {
    /// What stands before the colon, or alone, is no key.
    #[error(
        "{0}; write the key of the record, or its author as AUTHOR:SALT, each key like {example}",
        example = Key::content(b"")
    )]
    Key(String),
    /// The salt cannot be one.
    #[error("{0}")]
    Salt(String),
}

impl FromStr for SignedPlace {
    type Err = SignedError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let no_key = |error: dht_node::ParseHexError| SignedError::Key(error.to_string());
        match text.split_once(':') {
            None => text.parse().map(Self::Key).map_err(no_key),
            Some((author, salt)) => {
                let author: AuthorKey = author.parse().map_err(no_key)?;
                let salt = parse_salt(salt).map_err(SignedError::Salt)?;
                Ok(Self::Author(Key::signed(&author, &salt)))
            }
        }
    }
}

impl fmt::Display for SignedPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) | Self::Author(key) => key.fmt(f),
        }
    }
}

impl SignedPlace {
    /// Fetches the newest version of the record.
    pub(crate) async fn resolve(&self, node: &Node) -> Result<Found, FetchError> {
        let Self::Key(key) = self else { return node.resolve_key(self.key()).await };
        match node.resolve_key(*key).await {
            Err(FetchError::NotFound | FetchError::OtherKind { .. }) => {
                let author = AuthorKey::from_bytes(*key.as_bytes());
                node.resolve(&author, &Salt::default()).await
            }
            result => result,
        }
    }

    fn key(&self) -> Key {
        match self {
            Self::Key(key) | Self::Author(key) => *key,
        }
    }
}

/// Reads a salt: text as it is, or `hex:` and hexadecimal digits; 32 bytes at most.
pub(crate) fn parse_salt(text: &str) -> Result<Salt, String> {
    let bytes = match text.strip_prefix(HEX_PREFIX) {
        Some(digits) => parse_hex(digits)
            .ok_or_else(|| format!("after `{HEX_PREFIX}` come pairs of hexadecimal digits"))?,
        None => text.as_bytes().to_vec(),
    };
    Salt::new(bytes).map_err(|error| error.to_string())
}

fn parse_hex(digits: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = digits
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let pairs = digits?;
    let (pairs, rest) = pairs.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_salt_is_text_or_hexadecimal_digits() {
        assert_eq!(parse_salt("news").unwrap().as_bytes(), b"news");
        assert_eq!(parse_salt("").unwrap(), Salt::default());
        assert_eq!(parse_salt("hex:00fF").unwrap().as_bytes(), [0x00, 0xff]);
        assert_eq!(parse_salt("hex:").unwrap(), Salt::default());
    }

    #[test]
    fn what_is_no_salt_is_refused() {
        for text in ["hex:0", "hex:0g", "hex:+1", "hex:é", "hex:00 "] {
            assert!(parse_salt(text).unwrap_err().contains("hexadecimal digits"), "{text:?}");
        }
        assert_eq!(parse_salt(&"x".repeat(33)).unwrap_err(), "salt is 33 bytes, limit is 32");
        assert!(parse_salt(&"x".repeat(32)).is_ok());
    }

    #[test]
    fn a_place_is_a_key_or_an_author_and_a_salt() {
        let author = AuthorKey::from_bytes([7; 32]);
        let at = |salt: &str| Key::signed(&author, &parse_salt(salt).unwrap());

        let key = Key::content(b"x");
        assert_eq!(key.to_string().parse(), Ok(SignedPlace::Key(key)));
        assert_eq!(format!("{author}:").parse(), Ok(SignedPlace::Author(at(""))));
        assert_eq!(format!("{author}:a:b").parse(), Ok(SignedPlace::Author(at("a:b"))));
        assert_eq!(format!("{author}:hex:01").parse(), Ok(SignedPlace::Author(at("hex:01"))));
    }

    #[test]
    fn what_is_no_place_is_told_what_one_looks_like() {
        for text in ["", "12", ":news", "xyz:news"] {
            let error = text.parse::<SignedPlace>().unwrap_err().to_string();
            assert!(error.contains("AUTHOR:SALT"), "{error}");
        }
        let author = AuthorKey::from_bytes([7; 32]);
        let error = format!("{author}:hex:0").parse::<SignedPlace>().unwrap_err();
        assert!(matches!(error, SignedError::Salt(_)));
    }
}
