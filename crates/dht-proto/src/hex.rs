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

#[cfg(test)]
mod tests {
    use crate::{Key, ParseHexError};

    const TEXT: &str = "00112233445566778899aabbccddeeff0123456789abcdef0000000000000001";

    #[test]
    fn a_key_is_printed_as_it_is_read() {
        let key = TEXT.parse::<Key>().unwrap();
        assert_eq!(key.to_string(), TEXT);
        assert_eq!(format!("{key:?}"), "Key(00112233..)");
        assert_eq!((key.as_bytes()[0], key.as_bytes()[1], key.as_bytes()[31]), (0, 0x11, 1));
    }

    #[test]
    fn upper_case_digits_are_read_too() {
        assert_eq!(TEXT.to_uppercase().parse::<Key>(), TEXT.parse());
    }

    #[test]
    fn a_text_of_another_length_is_refused_with_its_length() {
        for length in [0, 1, 63] {
            assert_eq!(TEXT[..length].parse::<Key>(), Err(ParseHexError::Length { length }));
        }
        let long = format!("{TEXT}0");
        assert_eq!(long.parse::<Key>(), Err(ParseHexError::Length { length: 65 }));
        let message = "abc".parse::<Key>().unwrap_err().to_string();
        assert_eq!(message, "3 characters, an identifier has 64 hexadecimal digits");
    }

    #[test]
    fn a_character_that_is_no_digit_is_refused_with_its_place() {
        for (text, character, position) in [("0g", 'g', 1), (" 00", ' ', 0), ("00é", 'é', 2)] {
            let error = text.parse::<Key>().unwrap_err();
            assert_eq!(error, ParseHexError::Digit { character, position });
        }
        let in_the_middle = TEXT.replace("4567", "45x7");
        let error = in_the_middle.parse::<Key>().unwrap_err();
        assert_eq!(error.to_string(), "`x` at position 38 is not a hexadecimal digit");
    }
}
