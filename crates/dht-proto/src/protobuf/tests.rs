//! Tests of the hand-written protobuf rules, against prost where that is possible.

use super::varint_len;

#[test]
fn the_length_of_a_varint_is_what_prost_makes_of_it() {
    for value in (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1]) {
        #[cfg(feature = "codec")]
        assert_eq!(varint_len(value), prost::encoding::encoded_len_varint(value), "{value}");
        #[cfg(not(feature = "codec"))]
        assert!((1..=10).contains(&varint_len(value)));
    }
    assert_eq!(varint_len(u64::MAX), 10);
}

#[cfg(feature = "codec")]
mod reading {
    use crate::protobuf::{Field, Malformed, Reader};

    fn all(bytes: &[u8]) -> Result<Vec<(u32, Field)>, Malformed> {
        let mut reader = Reader::new(bytes, 0..bytes.len())?;
        std::iter::from_fn(|| reader.next().transpose()).collect()
    }

    #[test]
    fn every_wire_type_of_proto3_is_read() {
        let bytes = b"\x08\x96\x01\x11\x01\0\0\0\0\0\0\0\x1a\x02ab\x25\x02\0\0\0";
        let fields = [
            (1, Field::Varint(150)),
            (2, Field::Fixed64(1)),
            (3, Field::Delimited(14..16)),
            (4, Field::Fixed32(2)),
        ];
        assert_eq!(all(bytes).as_deref(), Ok(&fields[..]));
    }

    #[test]
    fn what_is_cut_short_is_malformed() {
        let whole = b"\x08\x96\x01\x11\x01\0\0\0\0\0\0\0\x1a\x02ab\x25\x02\0\0\0";
        let ends_of_fields = [0, 3, 12, 16, 21];
        for length in 0..=whole.len() {
            let complete = ends_of_fields.contains(&length);
            assert_eq!(all(&whole[..length]).is_ok(), complete, "{length}");
        }
    }

    #[test]
    fn a_claimed_length_beyond_the_end_is_malformed() {
        for bytes in [
            &b"\x1a\xff\xff\xff\xff\x0f"[..],
            b"\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x1a\x03ab",
        ] {
            assert_eq!(all(bytes), Err(Malformed));
        }
    }

    #[test]
    fn groups_impossible_numbers_and_overlong_varints_are_malformed() {
        for bytes in [
            &b"\x88\x80\x80\x80\x10\x01"[..],
            b"\x0b\x0c",
            b"\x00\x01",
            b"\x0e\x01",
            b"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
        ] {
            assert_eq!(all(bytes), Err(Malformed));
        }
    }
}
