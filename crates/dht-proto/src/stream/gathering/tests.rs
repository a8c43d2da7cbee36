//! Tests of values that come part by part.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;
use crate::limits::PART_MAX;
use crate::stream::{Channel, Outgoing};
use crate::{
    AuthorSecret, Body, Difficulty, Families, Load, LocalIdentity, NetworkId, Record, Reply, Role,
    Salt, Sequence, SignedBody, Value,
};

fn value(size: usize) -> Value {
    Value::new((0..=250).cycle().take(size).collect::<Vec<u8>>()).unwrap()
}

fn content(size: usize) -> Record {
    Record::content(value(size))
}

fn signed(size: usize, sequence: u64) -> Record {
    let secret = AuthorSecret::from_seed(&[1; 32]);
    Record::sign(&secret, Salt::default(), Sequence(sequence), SignedBody::Value(value(size)))
}

fn mosaic(record: &Record) -> Arc<Mosaic> {
    let (digest, size) = (record.digest(), record.size());
    Arc::new(Mosaic::of(record.slot(), record.sequence(), digest, size))
}

fn outline(record: &Record) -> Outline {
    Outline::of(record.value().unwrap().as_bytes()).unwrap()
}

fn found(record: &Record) -> Message {
    let (record, ttl) = (record.clone(), Ttl::from_secs(60).unwrap());
    let body = Body::Reply(Reply::Found { record, ttl, closer: Vec::new() });
    Message { role: Role::Full, families: Families::V4, load: Load::NONE, id: RequestId(9), body }
}

/// What a holder of `record` answers.
fn frames(record: &Record, range: ValueRange) -> Outgoing {
    Outgoing::of_range(found(record), range).with_outline(outline(record))
}

/// Sealed, and opened again.
fn over_the_wire(frames: Outgoing) -> Vec<Frame> {
    let identity = |seed| LocalIdentity::search([seed; 32], Difficulty::NONE);
    let (holder, reader) = (identity(1), identity(2));
    let out = Channel::new(&holder, NetworkId(5), reader.node()).unwrap();
    let back = Channel::new(&reader, NetworkId(5), holder.node()).unwrap();
    let seal = |frame: Frame| {
        let mut bytes = BytesMut::new();
        out.seal(&frame, crate::envelope::SealNonce([1; 24]), &mut bytes).unwrap();
        back.open(bytes.split_off(4)).unwrap()
    };
    frames.map(seal).collect()
}

fn gather(
    mosaic: &Arc<Mosaic>,
    frames: impl IntoIterator<Item = Frame>,
    asked: ValueRange,
) -> Result<Vec<u32>, GatherError> {
    let mut frames = frames.into_iter();
    let first = frames.next().unwrap();
    let Opening::Parts(mut gathering) = Gathering::begin(Arc::clone(mosaic), first, asked)? else {
        panic!("no parts are coming");
    };
    let mut parts = Vec::new();
    for frame in frames {
        assert!(!gathering.is_complete());
        parts.push(gathering.push(frame)?);
    }
    assert!(gathering.is_complete() && gathering.left() == 0);
    assert_eq!(gathering.ttl(), Ttl::from_secs(60).unwrap());
    Ok(parts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_record_is_put_together_from_ranges_of_several_nodes(
        size in PART_MAX + 1..8 * PART_MAX,
        cut in 0_u32..8,
        is_signed in any::<bool>(),
    ) {
        let record = if is_signed { signed(size, 3) } else { content(size) };
        let mosaic = mosaic(&record);
        let parts = u32::try_from(mosaic.parts()).unwrap();
        let cut = cut.min(parts);
        for range in [cut..parts, 0..cut] {
            let asked = ValueRange::of_parts(range.clone());
            let frames = over_the_wire(frames(&record, asked));
            prop_assert_eq!(gather(&mosaic, frames, asked), Ok(range.collect()));
        }
        prop_assert_eq!(mosaic.finish(), Some(record));
    }

    #[test]
    fn a_part_with_a_changed_bit_is_told_and_not_laid(
        part in 0_usize..3,
        bit in any::<prop::sample::Index>(),
    ) {
        let record = content(3 * PART_MAX - 7);
        let mosaic = mosaic(&record);
        let mut frames: Vec<Frame> = frames(&record, ValueRange::WHOLE).collect();
        let Content::Part(wrong) = &mut frames[part + 1].0 else {
            return Err(TestCaseError::fail("not a part"));
        };
        let mut bytes = wrong.bytes.to_vec();
        let bit = bit.index(8 * bytes.len());
        bytes[bit / 8] ^= 1 << (bit % 8);
        wrong.bytes = bytes.into();
        let error = gather(&mosaic, frames, ValueRange::WHOLE).unwrap_err();
        prop_assert_eq!(error, GatherError::WrongPart { part: u32::try_from(part).unwrap() });
        prop_assert!(error.is_false());
        let rest = ValueRange::of_parts(u32::try_from(part).unwrap()..3);
        prop_assert_eq!(mosaic.fill(&record, rest).unwrap().end, 3);
        prop_assert_eq!(mosaic.finish(), Some(record), "what came before the wrong part is kept");
    }
}

#[test]
fn the_outline_of_another_value_is_not_taken() {
    let (record, other) = (content(200_000), content(200_001));
    let asked = ValueRange::WHOLE;
    let values = outline(&other).as_bytes().clone();
    let wrong = Outline::from_bytes(200_000, values).unwrap();
    let frames = Outgoing::of_range(found(&record), asked).with_outline(wrong);
    assert_eq!(gather(&mosaic(&record), frames, asked), Err(GatherError::WrongOutline));
}

#[test]
fn an_outline_of_larger_parts_proves_nothing() {
    // The two halves of the tree give the same hash as the four parts, but no part is one of them.
    let record = content(4 * PART_MAX);
    let halves = [0, 1].map(|half| {
        let bytes = record.value().unwrap().as_bytes();
        let half_len = 2 * PART_MAX;
        let mut hasher = blake3::Hasher::new();
        blake3::hazmat::HasherExt::set_input_offset(&mut hasher, (half * half_len) as u64);
        hasher.update(&bytes[half * half_len..(half + 1) * half_len]);
        blake3::hazmat::HasherExt::finalize_non_root(&hasher)
    });
    let values = Bytes::from(halves.concat());
    let false_outline = Outline::from_bytes(2 * PART_MAX, values).unwrap();
    assert_eq!(false_outline.digest(), record.digest());
    let short = Record::content(value(2 * PART_MAX));
    let frames = Outgoing::of_range(found(&short), ValueRange::WHOLE).with_outline(false_outline);
    let claimed = Mosaic::of(record.slot(), Sequence(0), record.digest(), 2 * PART_MAX);
    let error = gather(&Arc::new(claimed), frames, ValueRange::WHOLE).unwrap_err();
    assert_eq!(error, GatherError::WrongPart { part: 0 });
}

#[test]
fn another_record_than_was_asked_for_is_not_taken() {
    let record = signed(200_000, 3);
    let asked = ValueRange::WHOLE;
    for other in [signed(200_000, 4), content(200_000), Record::named(b"x", value(200_000))] {
        let error = gather(&mosaic(&record), frames(&other, asked), asked).unwrap_err();
        assert_eq!(error, GatherError::OtherRecord, "{other:?}");
    }
    let longer = content(200_001);
    let error = gather(&mosaic(&content(200_000)), frames(&longer, asked), asked).unwrap_err();
    assert_eq!(error, GatherError::OtherRecord);
}

#[test]
fn a_signature_that_does_not_verify_is_found_before_any_part() {
    let record = signed(200_000, 3);
    let mut frames = frames(&record, ValueRange::WHOLE);
    let Some(mut first) = frames.next() else { panic!("no frame") };
    let Content::Start(start) = &mut first.0 else { panic!("no start") };
    let crate::record::RecordHead::Signed { signature, .. } = &mut start.record.head else {
        panic!("not signed");
    };
    *signature = crate::Signature::from_bytes([1; 64]);
    let begun = Gathering::begin(mosaic(&record), first, ValueRange::WHOLE);
    assert!(matches!(begun, Err(GatherError::OtherRecord)), "{begun:?}");
}

#[test]
fn a_node_that_knows_no_outlines_is_told_from_one_that_lies() {
    let record = content(200_000);
    let first = Outgoing::new(found(&record)).next().unwrap();
    let begun = Gathering::begin(mosaic(&record), first, ValueRange::WHOLE);
    assert!(matches!(begun, Ok(Opening::Unoutlined)), "{begun:?}");
}

#[test]
fn a_short_message_is_a_message() {
    let body = Body::Reply(Reply::Nodes { closer: Vec::new() });
    let nodes = Message { body, ..found(&content(5)) };
    let first = Outgoing::new(nodes.clone()).next().unwrap();
    let begun = Gathering::begin(mosaic(&content(200_000)), first, ValueRange::WHOLE);
    assert!(matches!(begun, Ok(Opening::Message(message)) if message == nodes));
}

#[test]
fn parts_that_were_not_asked_for_are_refused() {
    let record = content(4 * PART_MAX);
    let asked = ValueRange::of_parts(1..3);
    let other = frames(&record, ValueRange::of_parts(1..4));
    assert!(matches!(gather(&mosaic(&record), other, asked), Err(GatherError::Frames(_))));
    let of_a_store = Outgoing::new(Message {
        body: Body::Request(crate::Request::Store {
            record: record.clone(),
            ttl: Ttl::default(),
            purpose: crate::Purpose::Publish,
            expected: None,
        }),
        ..found(&record)
    });
    assert!(matches!(gather(&mosaic(&record), of_a_store, asked), Err(GatherError::Frames(_))));
}

#[test]
fn parts_out_of_order_or_of_another_length_are_refused() {
    let record = content(4 * PART_MAX);
    let all: Vec<Frame> = frames(&record, ValueRange::WHOLE).collect();
    let swapped = [all[0].clone(), all[2].clone()];
    let twice = [all[0].clone(), all[1].clone(), all[1].clone()];
    let started_again = [all[0].clone(), all[0].clone()];
    let mut cut = [all[0].clone(), all[1].clone()];
    let Content::Part(part) = &mut cut[1].0 else { panic!("not a part") };
    part.bytes.truncate(PART_MAX - 1);
    let mut of_another = [all[0].clone(), all[1].clone()];
    let Content::Part(part) = &mut of_another[1].0 else { panic!("not a part") };
    part.head.id = RequestId(8);
    for frames in [&swapped[..], &twice, &started_again, &cut, &of_another] {
        let error = gather(&mosaic(&record), frames.iter().cloned(), ValueRange::WHOLE);
        assert!(matches!(error, Err(GatherError::Frames(_))), "{error:?}");
    }
}

#[test]
fn a_range_past_the_end_is_complete_at_once() {
    let record = content(2 * PART_MAX);
    let asked = ValueRange::of_parts(2..9);
    assert_eq!(gather(&mosaic(&record), frames(&record, asked), asked), Ok(Vec::new()));
}
