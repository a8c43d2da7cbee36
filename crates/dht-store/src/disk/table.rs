//! The tables of a store, and how their keys are written.
//!
//! Keys are byte strings whose order is the order wanted: numbers big-endian, the more important part
//! first. See [the page of the module](super) for what each table is for.

use dht_proto::{Key, Kind, Moment, Slot, Source};
use redb::TableDefinition;

use super::error::Problem;
use crate::eviction::{Class, Place};

/// A slot: key, kind.
pub(super) type SlotKey = [u8; 33];
/// A part of a value: number of the value, number of the part.
pub(super) type PartKey = [u8; 10];
/// An end of life: class, moment, slot.
pub(super) type EndKey = [u8; 42];
/// An end of life among those of one source: source, class, moment, slot.
pub(super) type SourceEndKey = [u8; 58];
/// A use: bytes, source.
pub(super) type UseKey = [u8; 24];

pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
pub(super) const HEADS: TableDefinition<'_, &SlotKey, &[u8]> = TableDefinition::new("heads");
pub(super) const PARTS: TableDefinition<'_, &PartKey, &[u8]> = TableDefinition::new("parts");
pub(super) const RESTS: TableDefinition<'_, &PartKey, &[u8]> = TableDefinition::new("rests");
pub(super) const ENDS: TableDefinition<'_, &EndKey, ()> = TableDefinition::new("ends");
pub(super) const SOURCE_ENDS: TableDefinition<'_, &SourceEndKey, ()> =
    TableDefinition::new("source ends");
pub(super) const USES: TableDefinition<'_, &[u8; 16], u64> = TableDefinition::new("uses");
pub(super) const GREED: TableDefinition<'_, &UseKey, ()> = TableDefinition::new("greed");

pub(super) fn slot_key(slot: Slot) -> SlotKey {
    let kind = match slot.kind {
        Kind::Content => 0,
        Kind::Signed => 1,
        Kind::Named => 2,
    };
    joined([slot.key.as_bytes(), &[kind]])
}

pub(super) fn slot_of(key: &SlotKey) -> Result<Slot, Problem> {
    let [bytes @ .., kind] = key;
    let kind = match kind {
        0 => Kind::Content,
        1 => Kind::Signed,
        2 => Kind::Named,
        other => return Err(Problem::Contents(format!("a record is of unknown kind {other}"))),
    };
    Ok(Slot { key: Key::from_bytes(*bytes), kind })
}

pub(super) fn part_key(value: u64, part: u16) -> PartKey {
    joined([&value.to_be_bytes(), &part.to_be_bytes()])
}

/// The number of the value that a part belongs to.
pub(super) fn value_of(key: &PartKey) -> u64 {
    let [value @ .., _, _] = key;
    u64::from_be_bytes(*value)
}

fn class_byte(class: Class) -> u8 {
    match class {
        Class::Cached => 0,
        Class::Held => 1,
        Class::Own => 2,
    }
}

pub(super) fn end_key(class: Class, (expires, slot): Place) -> EndKey {
    joined([&[class_byte(class)], &expires.as_micros().to_be_bytes(), &slot_key(slot)])
}

/// The first and the last key there could be of `class`.
pub(super) fn ends_of(class: Class) -> (EndKey, EndKey) {
    let (mut first, mut last) = ([0; 42], [0xff; 42]);
    (first[0], last[0]) = (class_byte(class), class_byte(class));
    (first, last)
}

pub(super) fn place_of(key: &EndKey) -> Result<Place, Problem> {
    let [_class, rest @ ..] = key;
    place_of_parts(rest)
}

pub(super) fn source_end_key(source: Source, class: Class, place: Place) -> SourceEndKey {
    joined([source.as_bytes(), &end_key(class, place)])
}

/// The first and the last key there could be of `source` and `class`.
pub(super) fn source_ends_of(source: Source, class: Class) -> (SourceEndKey, SourceEndKey) {
    let (first, last) = ends_of(class);
    (joined([source.as_bytes(), &first]), joined([source.as_bytes(), &last]))
}

pub(super) fn place_of_source_end(key: &SourceEndKey) -> Result<Place, Problem> {
    let (_source_and_class, rest) = key.split_last_chunk::<41>().ok_or_else(malformed)?;
    place_of_parts(rest)
}

fn place_of_parts(bytes: &[u8; 41]) -> Result<Place, Problem> {
    let (micros, slot) = bytes.split_first_chunk::<8>().ok_or_else(malformed)?;
    let slot = slot.first_chunk::<33>().ok_or_else(malformed)?;
    Ok((Moment::from_micros(u64::from_be_bytes(*micros)), slot_of(slot)?))
}

pub(super) fn use_key(bytes: u64, source: Source) -> UseKey {
    joined([&bytes.to_be_bytes(), source.as_bytes()])
}

pub(super) fn use_of(key: &UseKey) -> Result<(u64, Source), Problem> {
    let (bytes, source) = key.split_first_chunk::<8>().ok_or_else(malformed)?;
    let source = source.first_chunk::<16>().ok_or_else(malformed)?;
    Ok((u64::from_be_bytes(*bytes), Source::from_bytes(*source)))
}

fn malformed() -> Problem {
    Problem::Contents("a key is malformed".to_owned())
}

/// The parts one after another, cut or filled up with zeros to `N` bytes: callers name parts that fit.
fn joined<const N: usize, const P: usize>(parts: [&[u8]; P]) -> [u8; N] {
    debug_assert_eq!(parts.iter().map(|part| part.len()).sum::<usize>(), N);
    let mut bytes = parts.iter().copied().flatten();
    std::array::from_fn(|_| bytes.next().copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(byte: u8, kind: Kind) -> Slot {
        Slot { key: Key::from_bytes([byte; 32]), kind }
    }

    #[test]
    fn keys_of_slots_are_ordered_as_slots_are_and_read_back() {
        let mut slots: Vec<_> = [0, 1, 0x80, 0xff]
            .into_iter()
            .flat_map(|b| Kind::ALL.map(|kind| slot(b, kind)))
            .collect();
        slots.sort_unstable();
        assert!(slots.iter().map(|slot| slot_key(*slot)).is_sorted_by(|one, other| one < other));
        for slot in slots {
            assert_eq!(slot_of(&slot_key(slot)).unwrap(), slot);
        }
        assert!(slot_of(&[3; 33]).is_err());
    }

    #[test]
    fn ends_are_ordered_by_class_moment_and_slot_and_read_back() {
        let place = |micros, byte| (Moment::from_micros(micros), slot(byte, Kind::Named));
        let ends = [
            (Class::Cached, place(1, 9)),
            (Class::Cached, place(256, 1)),
            (Class::Cached, place(256, 2)),
            (Class::Held, place(0, 0)),
            (Class::Own, place(u64::MAX, 0xff)),
        ];
        assert!(ends.map(|(class, place)| end_key(class, place)).is_sorted_by(|a, b| a < b));
        let source = Source::from_bytes([7; 16]);
        for (class, place) in ends {
            assert_eq!(place_of(&end_key(class, place)).unwrap(), place);
            let (first, last) = ends_of(class);
            assert!((first..=last).contains(&end_key(class, place)));
            let key = source_end_key(source, class, place);
            assert_eq!(place_of_source_end(&key).unwrap(), place);
            let (first, last) = source_ends_of(source, class);
            assert!((first..=last).contains(&key));
        }
    }

    #[test]
    fn uses_are_ordered_by_bytes_and_read_back() {
        let uses = [(1, 9), (255, 8), (256, 1), (256, 2), (u64::MAX, 0)];
        let uses = uses.map(|(bytes, source)| (bytes, Source::from_bytes([source; 16])));
        assert!(uses.map(|(bytes, source)| use_key(bytes, source)).is_sorted_by(|a, b| a < b));
        for (bytes, source) in uses {
            assert_eq!(use_of(&use_key(bytes, source)).unwrap(), (bytes, source));
        }
    }

    #[test]
    fn parts_of_a_value_follow_each_other() {
        let keys = [part_key(1, 0), part_key(1, 1), part_key(1, u16::MAX), part_key(256, 0)];
        assert!(keys.is_sorted_by(|one, other| one < other));
        assert_eq!(keys.map(|key| value_of(&key)), [1, 1, 1, 256]);
    }
}
