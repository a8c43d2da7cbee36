//! The encoding rules of protobuf, as far as they are needed by hand: lengths, which the peer counts with
//! without encoding anything, and the clear part of a datagram, which is read without copying it because
//! the sealed part is opened in place.
//!
//! <https://protobuf.dev/programming-guides/encoding/>

/// Bytes that `value` takes as a varint: 1 to 10.
pub(crate) const fn varint_len(value: u64) -> usize {
    let bits = u64::BITS - (value | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// Bytes of a length-delimited field of `length` bytes, with a tag of one byte (numbers 1 to 15).
pub(crate) const fn delimited_len(length: usize) -> usize {
    1 + varint_len(length as u64) + length
}

#[cfg(feature = "codec")]
pub(crate) use reader::{Field, Malformed, Reader};

#[cfg(feature = "codec")]
mod reader {
    use std::ops::Range;

    /// The value of a field; that of a length-delimited one by its place in the bytes read.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(crate) enum Field {
        Varint(u64),
        Fixed64(u64),
        Delimited(Range<usize>),
        Fixed32(u32),
    }

    /// The bytes are no protobuf message.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Malformed;

    /// Reads the fields of one message, one after another. Copies and allocates nothing.
    pub(crate) struct Reader<'a> {
        bytes: &'a [u8],
        position: usize,
    }

    impl<'a> Reader<'a> {
        /// Reads the message in `place` of `bytes`; places of fields count from the start of `bytes`.
        pub(crate) fn new(bytes: &'a [u8], place: Range<usize>) -> Result<Self, Malformed> {
            let bytes = bytes.get(..place.end).ok_or(Malformed)?;
            Ok(Self { bytes, position: place.start })
        }

        /// The number and value of the next field; `None` at the end.
        pub(crate) fn next(&mut self) -> Result<Option<(u32, Field)>, Malformed> {
            if self.position >= self.bytes.len() {
                return Ok(None);
            }
            // A number of 29 bits and a wire type of 3.
            let key = u32::try_from(self.varint()?).map_err(|_| Malformed)?;
            let number = key >> 3;
            if number == 0 {
                return Err(Malformed);
            }
            let field = match key & 7 {
                0 => Field::Varint(self.varint()?),
                1 => Field::Fixed64(u64::from_le_bytes(self.array()?)),
                2 => {
                    let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                    Field::Delimited(self.take(length)?)
                }
                5 => Field::Fixed32(u32::from_le_bytes(self.array()?)),
                // Groups, which proto3 does not have, and what was never assigned.
                _ => return Err(Malformed),
            };
            Ok(Some((number, field)))
        }

        fn varint(&mut self) -> Result<u64, Malformed> {
            let mut value = 0;
            for shift in (0..64).step_by(7) {
                let byte = *self.bytes.get(self.position).ok_or(Malformed)?;
                self.position += 1;
                let bits = u64::from(byte & 0x7f);
                if shift == 63 && bits > 1 {
                    return Err(Malformed);
                }
                value |= bits << shift;
                if byte < 0x80 {
                    return Ok(value);
                }
            }
            Err(Malformed)
        }

        fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
            let place = self.take(N)?;
            self.bytes.get(place).and_then(|bytes| bytes.try_into().ok()).ok_or(Malformed)
        }

        fn take(&mut self, length: usize) -> Result<Range<usize>, Malformed> {
            let end = self.position.checked_add(length).ok_or(Malformed)?;
            if end > self.bytes.len() {
                return Err(Malformed);
            }
            let place = self.position..end;
            self.position = end;
            Ok(place)
        }
    }
}

#[cfg(test)]
mod tests;
