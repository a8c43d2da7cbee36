//! The bytes of a record.

use std::fmt;

use bytes::Bytes;

use crate::hex::hex32;
use crate::limits::VALUE_MAX;

/// A value: 0 to 5,000,000 bytes, shared and never copied. An empty value is a value.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Value(Bytes);

/// A value longer than the protocol carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("value is {size} bytes, limit is {limit}")]
pub struct ValueTooLarge {
    /// Length found, in bytes.
    pub size: usize,
    /// Longest length accepted, in bytes.
    pub limit: usize,
}

impl Value {
    /// Takes `bytes` if they are at most [`VALUE_MAX`] long.
    pub fn new(bytes: impl Into<Bytes>) -> Result<Self, ValueTooLarge> {
        let bytes = bytes.into();
        if bytes.len() > VALUE_MAX {
            return Err(ValueTooLarge { size: bytes.len(), limit: VALUE_MAX });
        }
        Ok(Self(bytes))
    }

    /// The bytes, shared.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The same bytes in a buffer of their own.
    pub(crate) fn detached(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the value has no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// BLAKE3 hash of the bytes.
    pub fn digest(&self) -> Digest {
        Digest::from_bytes(*blake3::hash(&self.0).as_bytes())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes)", self.0.len())
    }
}

/// BLAKE3 hash of a value, by which two nodes find out whether they hold the same bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

hex32!(Digest);

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Value, ValueTooLarge};
    use crate::limits::VALUE_MAX;

    #[test]
    fn an_empty_value_is_a_value() {
        let empty = Value::new("").unwrap();
        assert!(empty.is_empty());
        assert_eq!(empty, Value::default());
        assert_eq!(empty.digest().as_bytes(), blake3::hash(b"").as_bytes());
    }

    #[test]
    fn a_value_over_the_limit_is_refused_with_its_size() {
        assert_eq!(Value::new(vec![0; VALUE_MAX]).map(|value| value.len()), Ok(VALUE_MAX));
        let error = Value::new(vec![0; VALUE_MAX + 1]).unwrap_err();
        assert_eq!(error, ValueTooLarge { size: VALUE_MAX + 1, limit: VALUE_MAX });
        assert_eq!(error.to_string(), "value is 5000001 bytes, limit is 5000000");
    }

    #[test]
    fn a_value_shares_the_bytes_it_is_made_of() {
        let bytes = Bytes::from(vec![1; 100]);
        let value = Value::new(bytes.clone()).unwrap();
        assert_eq!(value.as_bytes().as_ptr(), bytes.as_ptr());
        assert_eq!(value.clone().into_bytes().as_ptr(), bytes.as_ptr());
    }
}
