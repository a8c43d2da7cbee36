//! What a caller says of a value it stores, and gets back with a value it fetches.

use std::str::FromStr;

use bytes::Bytes;
use dht_proto::{Key, Kind, ParseHexError, Record, Sequence, Ttl, Value};
use dht_routing::Fetched;

use crate::FetchError;

/// Where a named value lives.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// Under a name: at [`Key::named`] of its bytes.
    Name(String),
    /// At a key the caller chose. Choosing keys close together crowds a part of the network.
    Key(Key),
}

impl Place {
    /// Prefix of the text form of [`Place::Key`].
    pub const KEY_PREFIX: &'static str = "key:";

    /// The key of the place.
    pub fn key(&self) -> Key {
        match self {
            Self::Name(name) => Key::named(name.as_bytes()),
            Self::Key(key) => *key,
        }
    }
}

/// Takes the text as a name, whatever it looks like. Use [`str::parse`] for what a person typed.
impl From<&str> for Place {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

/// Takes the text as a name, whatever it looks like. Use [`str::parse`] for what a person typed.
impl From<String> for Place {
    fn from(name: String) -> Self {
        Self::Name(name)
    }
}

impl From<Key> for Place {
    fn from(key: Key) -> Self {
        Self::Key(key)
    }
}

/// Reads what a person types: `key:` and 64 hexadecimal digits for a key, everything else is a name.
impl FromStr for Place {
    type Err = ParseHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix(Self::KEY_PREFIX) {
            Some(digits) => digits.parse().map(Self::Key),
            None => Ok(Self::Name(text.to_owned())),
        }
    }
}

/// How a value is to be stored; [`StoreOptions::default`] is a life of seven days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreOptions {
    pub(crate) ttl: Ttl,
    pub(crate) expected: Option<Sequence>,
}

impl StoreOptions {
    /// How long the record is to live: 1 second to 30 days, default 7 days. Storing the same value again
    /// renews it.
    #[must_use]
    pub fn ttl(mut self, ttl: Ttl) -> Self {
        self.ttl = ttl;
        self
    }

    /// Compare-and-swap for signed records: a holder takes the record only if this sequence is in place,
    /// with 0 for nothing in place. Default: any lower sequence gives way.
    #[must_use]
    pub fn expected(mut self, sequence: Sequence) -> Self {
        self.expected = Some(sequence);
        self
    }
}

/// A value that was found, verified as far as its kind can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The value.
    pub value: Value,
    /// The record it is the value of.
    pub record: Record,
    /// What is left of its life, as its holder says.
    pub ttl: Ttl,
    /// Nodes seen to hold this very value.
    pub holders: usize,
    /// Requests it took; 0 when it was in the node's own store.
    pub requests: u32,
}

impl Found {
    pub(crate) fn of(fetched: Fetched) -> Result<Self, FetchError> {
        let Fetched { record, ttl, holders, requests } = fetched;
        match record.value().cloned() {
            Some(value) => Ok(Self { value, record, ttl, holders, requests }),
            None => Err(FetchError::Deleted { sequence: record.sequence() }),
        }
    }

    /// The bytes of the value, shared.
    pub fn into_bytes(self) -> Bytes {
        self.value.into_bytes()
    }

    /// The kind of its record.
    pub fn kind(&self) -> Kind {
        self.record.kind()
    }

    /// Version of a signed record; 0 for other kinds.
    pub fn sequence(&self) -> Sequence {
        self.record.sequence()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_place_is_a_name_unless_it_starts_as_a_key() {
        let key = Key::content(b"x");

        assert_eq!("greeting".parse(), Ok(Place::Name("greeting".to_owned())));
        assert_eq!(format!("key:{key}").parse(), Ok(Place::Key(key)));
        assert_eq!(Place::from(format!("key:{key}")), Place::Name(format!("key:{key}")));
        let error = "key:123".parse::<Place>().unwrap_err();
        assert_eq!(error.to_string(), "3 characters, an identifier has 64 hexadecimal digits");
    }

    #[test]
    fn the_key_of_a_name_is_that_of_its_bytes() {
        assert_eq!(Place::from("größe").key(), Key::named("größe".as_bytes()));
    }
}
