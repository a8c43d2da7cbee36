//! Protobuf messages as trees of fields, changed as trees and written again.
//!
//! Whether the bytes of a field are a message or a value nobody can tell; what can be read as fields is taken
//! for a message. Only what is changed is written differently, so a wrong guess costs nothing.

use super::{EDGES, mutate_bytes};
use crate::Chance;

/// Messages within messages that are looked into, at most.
const DEPTH_MAX: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    number: u64,
    value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    Bytes(Vec<u8>),
    Message(Vec<Field>),
}

/// `message` with one change somewhere in it; pieces may come from `other`. What is no message is changed as
/// bytes are.
pub(super) fn mutate(message: &[u8], other: &[u8], chance: &mut Chance) -> Vec<u8> {
    let Some(mut fields) = read(message, 0).filter(|fields| !fields.is_empty()) else {
        let mut bytes = message.to_vec();
        mutate_bytes(&mut bytes, other, chance);
        return bytes;
    };
    let donor = read(other, 0).unwrap_or_default();
    change(&mut fields, &donor, chance);
    let mut out = Vec::new();
    write(&fields, &mut out);
    out
}

fn change(fields: &mut Vec<Field>, donor: &[Field], chance: &mut Chance) {
    let at = chance.below(fields.len());
    // Mostly further in, where the most is to be found.
    if let Some(Field { value: Value::Message(inner), .. }) = fields.get_mut(at)
        && !inner.is_empty()
        && !chance.once_in(4)
    {
        let donor = donor.iter().find_map(|field| match &field.value {
            Value::Message(inner) if chance.once_in(2) => Some(inner.clone()),
            _ => None,
        });
        return change(inner, donor.as_deref().unwrap_or_default(), chance);
    }
    let Some(field) = fields.get(at).cloned() else {
        return fields.push(Field { number: 1, value: Value::Varint(chance.bits()) });
    };
    match chance.below(8) {
        0 => drop(fields.remove(at)),
        // As often as it takes to get past a limit on how many there may be.
        1 => {
            let times = [1, 1, 2, 20, 33, 130][chance.below(6)];
            fields.splice(at..at, std::iter::repeat_n(field, times));
        }
        2 => {
            let to = chance.below(fields.len());
            fields.swap(at, to);
        }
        3 => {
            if let Some(field) = chance.pick(donor).cloned() {
                fields.insert(at, field);
            }
        }
        4 => fields[at].number = 1 + chance.below(32) as u64,
        _ => fields[at].value = changed(field.value, chance),
    }
}

fn changed(value: Value, chance: &mut Chance) -> Value {
    let bytes = |bytes: &[u8], chance: &mut Chance| {
        let mut bytes = bytes.to_vec();
        mutate_bytes(&mut bytes, &[], chance);
        Value::Bytes(bytes)
    };
    if chance.once_in(8) {
        return match chance.below(4) {
            0 => Value::Varint(chance.bits()),
            1 => Value::Fixed64(chance.bits().to_le_bytes()),
            2 => Value::Bytes(vec![chance.byte(); chance.below(80)]),
            _ => Value::Message(Vec::new()),
        };
    }
    match value {
        Value::Varint(number) => Value::Varint(match chance.below(4) {
            0 => chance.pick(&EDGES).copied().unwrap_or_default(),
            1 => number.wrapping_add(1),
            2 => number.wrapping_sub(1),
            _ => chance.bits() >> chance.below(64),
        }),
        Value::Fixed64(_) => Value::Fixed64(chance.bits().to_le_bytes()),
        Value::Fixed32([a, b, c, _]) => Value::Fixed32([a, b, c, chance.byte()]),
        Value::Bytes(old) => bytes(&old, chance),
        Value::Message(fields) => {
            let mut old = Vec::new();
            write(&fields, &mut old);
            bytes(&old, chance)
        }
    }
}

/// The fields of a message; `None` where the bytes are none.
fn read(mut bytes: &[u8], depth: usize) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = read_varint(&mut bytes)?;
        let number = key >> 3;
        if number == 0 || number > 1 << 20 {
            return None;
        }
        let value = match key & 7 {
            0 => Value::Varint(read_varint(&mut bytes)?),
            1 => Value::Fixed64(take(&mut bytes)?),
            2 => {
                let length = usize::try_from(read_varint(&mut bytes)?).ok()?;
                let (inner, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                let message = (depth < DEPTH_MAX).then(|| read(inner, depth + 1)).flatten();
                message.map_or_else(|| Value::Bytes(inner.to_vec()), Value::Message)
            }
            5 => Value::Fixed32(take(&mut bytes)?),
            _ => return None,
        };
        fields.push(Field { number, value });
    }
    Some(fields)
}

fn write(fields: &[Field], out: &mut Vec<u8>) {
    for Field { number, value } in fields {
        let wire_type = match value {
            Value::Varint(_) => 0,
            Value::Fixed64(_) => 1,
            Value::Bytes(_) | Value::Message(_) => 2,
            Value::Fixed32(_) => 5,
        };
        write_varint(number << 3 | wire_type, out);
        match value {
            Value::Varint(number) => write_varint(*number, out),
            Value::Fixed64(bytes) => out.extend(bytes),
            Value::Fixed32(bytes) => out.extend(bytes),
            Value::Bytes(bytes) => {
                write_varint(bytes.len() as u64, out);
                out.extend(bytes);
            }
            Value::Message(fields) => {
                let mut inner = Vec::new();
                write(fields, &mut inner);
                write_varint(inner.len() as u64, out);
                out.extend(inner);
            }
        }
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let [byte] = take(bytes)?;
        // One that is longer than it need be would not be written again as it was.
        if shift > 0 && byte == 0 || shift == 63 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::Vectors;

    #[test]
    fn every_message_of_the_vectors_is_written_as_it_was_read() {
        for message in Vectors::load().messages() {
            let fields = read(&message, 0).unwrap();
            let mut again = Vec::new();
            write(&fields, &mut again);
            assert_eq!(again, message);
        }
    }

    #[test]
    fn many_changes_leave_a_message_that_can_be_read() {
        let mut chance = Chance::new(3);
        for message in Vectors::load().messages() {
            for _ in 0..50 {
                let changed = mutate(&message, &message, &mut chance);
                assert!(read(&changed, 0).is_some(), "{message:?} became {changed:?}");
            }
        }
    }
}
