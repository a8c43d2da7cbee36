//! 32 bytes to and from 64 lower-case hexadecimal digits, for every identifier that is printed.

use std::fmt;

/// Why a text is not a 256-bit identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseHexError {
    /// The text has another length than 64 characters.
    #[error("{length} characters, an identifier has 64 hexadecimal digits")]
    Length {
        /// Characters found.
        length: usize,
    },
    /// A character is no hexadecimal digit.
    #[error("`{character}` at position {position} is not a hexadecimal digit")]
    Digit {
        /// The character found.
        character: char,
        /// Its place, counted from 0.
        position: usize,
    },
}

pub(crate) fn write(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

pub(crate) fn parse(text: &str) -> Result<[u8; 32], ParseHexError> {
    let mut bytes = [0_u8; 32];
    let mut length = 0;
    for (position, character) in text.chars().enumerate() {
        let digit = character.to_digit(16).ok_or(ParseHexError::Digit { character, position })?;
        if let Some(byte) = bytes.get_mut(position / 2) {
            *byte = *byte << 4 | u8::try_from(digit).unwrap_or_default();
        }
        length = position + 1;
    }
    if length == 64 { Ok(bytes) } else { Err(ParseHexError::Length { length }) }
}

/// Gives a 32-byte newtype its conversions, full-hex `Display`, short `Debug` and `FromStr`.
macro_rules! hex32 {
    ($name:ident) => {
        impl $name {
            /// Wraps 32 bytes, most significant first.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes, most significant first.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::hex::write(&self.0, f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "("))?;
                $crate::hex::write(&self.0[..4], f)?;
                f.write_str("..)")
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::ParseHexError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::hex::parse(text).map(Self)
            }
        }
    };
}
pub(crate) use hex32;
