//! What a node reads back from its own disk, which may be damaged: contacts, bans, broadcasts, identity, rows of
//! records.
//!
//! The first byte chooses. What is read can be written, and is then read as the same.

use bytes::Bytes;
use dht_node::fuzzing::forms;
use dht_proto::limits::VALUE_MAX;
use dht_proto::{
    AuthorSecret, BroadcastId, Contact, Custody, Key, Kind, LocalIdentity, Moment, NetworkId,
    NodeIdentity, Nonce, PublicKey, Purpose, Record, Salt, SentAt, Sequence, SignedBody, Slot,
    Source, Summary, Terms, Ttl, Value,
};
use dht_routing::{Ban, HeardBroadcast, Offence};
use dht_store::disk::fuzzing::{Row, with_checksum};

use crate::cursor::Cursor;
use crate::vectors::{Vectors, bytes};
use crate::{Features, Shape, Target};

pub(crate) const TARGET: Target = Target {
    name: "files",
    about: "files that a node reads back: contacts, bans, broadcasts, identity, rows of records",
    shape: Shape::Bytes,
    longest: 2_048,
    body: run,
    seeds,
};

fn run(input: &[u8], seen: &mut Features) {
    let mut cursor = Cursor::new(input);
    match cursor.byte() % 6 {
        0 => whole_file(cursor.rest(), seen),
        1 => contacts(cursor.rest(), seen),
        2 => identity(cursor.rest(), seen),
        4 => bans(cursor.rest(), seen),
        5 => heard(cursor.rest(), seen),
        _ => row(&mut cursor, seen),
    }
}

/// A file with title and checksum, as it is on disk.
fn whole_file(bytes: &[u8], seen: &mut Features) {
    let opened = forms::open_file(bytes);
    seen.note("file", opened.is_some());
    if let Some(lines) = opened {
        assert_eq!(forms::seal_file(&lines).trim_end().as_bytes(), bytes.trim_ascii_end());
    }
    if let Ok(lines) = str::from_utf8(bytes) {
        let opened = forms::open_file(forms::seal_file(lines).as_bytes());
        // The checksum is told from the lines by standing on one of its own.
        if lines.is_empty() || lines.ends_with('\n') {
            assert_eq!(opened.as_deref(), Some(lines));
        }
    }
}

fn contacts(bytes: &[u8], seen: &mut Features) {
    let lines = String::from_utf8_lossy(bytes);
    let known = forms::read_contacts(&lines);
    seen.note("contacts", known.len().min(4));
    for contact in &known {
        seen.note("address", (contact.addr.is_ipv6(), contact.addr.port() == 0));
    }
    let written = forms::write_contacts(&known);
    assert_eq!(forms::read_contacts(&written), known);
    assert!(known.len() <= lines.lines().count());
}

fn bans(bytes: &[u8], seen: &mut Features) {
    let lines = String::from_utf8_lossy(bytes);
    let bans = forms::read_bans(&lines);
    for ban in &bans {
        seen.note(
            "ban",
            (std::mem::discriminant(&ban.suspect), ban.offence.map(|o| o.to_string())),
        );
    }
    assert_eq!(forms::read_bans(&forms::write_bans(&bans)), bans);
    assert!(bans.len() <= lines.lines().count());
}

fn heard(bytes: &[u8], seen: &mut Features) {
    let lines = String::from_utf8_lossy(bytes);
    let heard = forms::read_heard(&lines);
    seen.note("heard", heard.len().min(4));
    assert_eq!(forms::read_heard(&forms::write_heard(&heard)), heard);
    assert!(heard.len() <= lines.lines().count());
}

fn identity(bytes: &[u8], seen: &mut Features) {
    let lines = String::from_utf8_lossy(bytes);
    let read = forms::read_identity(&lines);
    seen.note("identity", read.is_some());
    if let Some((local, network)) = read {
        let again = forms::read_identity(&forms::write_identity(&local, network));
        let again = again.map(|(local, network)| (local.node(), *local.secret_bytes(), network));
        assert_eq!(again, Some((local.node(), *local.secret_bytes(), network)));
    }
}

/// Whether the checksum is set right, the slot, and the row.
fn row(cursor: &mut Cursor<'_>, seen: &mut Features) {
    let form = cursor.byte();
    let kind = Kind::ALL[usize::from(form >> 1) % Kind::ALL.len()];
    let slot = Slot { key: Key::from_bytes(cursor.array()), kind };
    let value = Bytes::copy_from_slice(cursor.block());
    let bytes = cursor.rest();
    let fixed = with_checksum(slot, bytes);
    let bytes = if form & 1 == 0 { bytes } else { &fixed[..] };
    let Some(row) = Row::decode(slot, bytes) else {
        return seen.note("no row", kind);
    };
    assert_eq!(row.summary().slot, slot);
    assert!(row.summary().size <= VALUE_MAX);
    assert_eq!(Row::decode(slot, &row.encode()).as_ref(), Some(&row));
    let record = row.record(value);
    seen.note("row", (kind, std::mem::discriminant(&row.summary().custody), record.is_some()));
    if let Some(record) = record {
        assert_eq!((record.slot(), record.size()), (slot, row.summary().size));
        assert_eq!(record.digest(), row.summary().digest);
    }
}

fn seeds(vectors: &Vectors) -> Vec<Vec<u8>> {
    let known: Vec<Contact> = ["10.0.0.1:3000", "[2001:db8::1]:65535", "127.0.0.1:1"]
        .iter()
        .zip(1_u8..)
        .map(|(addr, number)| {
            let public = PublicKey::from_bytes([number; 32]);
            Contact::new(NodeIdentity::new(public, Nonce(number.into())), addr.parse().unwrap())
        })
        .collect();
    let lines = forms::write_contacts(&known);
    let identity =
        forms::write_identity(&LocalIdentity::from_parts([3; 32], Nonce(77)), NetworkId::default());
    let file = forms::seal_file(&lines);
    let ban = |suspect: &str, offence| Ban {
        suspect: suspect.parse().unwrap(),
        until: Moment::from_secs(1_000),
        offence,
    };
    let bans = forms::write_bans(&[
        ban(&known[0].id().to_string(), Some(Offence::WrongValue)),
        ban("93.184.216.34", Some(Offence::Flood)),
        ban("2001:470::1", None),
    ]);
    let heard = [1, u64::MAX].map(|sent| HeardBroadcast {
        id: BroadcastId::from_bytes([0xa0; BroadcastId::LEN]),
        author: AuthorSecret::from_seed(&[1; 32]).author(),
        sent: SentAt(sent),
    });
    let heard = forms::write_heard(&heard);
    let texts =
        [(0, file.as_str()), (0, &lines), (1, &lines), (2, &identity), (4, &bans), (5, &heard)];
    let mut seeds: Vec<_> =
        texts.iter().map(|(form, text)| [&[*form], text.as_bytes()].concat()).collect();
    seeds.extend(records(vectors).iter().flat_map(|record| {
        [
            Custody::Holder,
            Custody::Cache { until: Moment::NEVER },
            Custody::Own { ttl: Ttl::default() },
        ]
        .map(|custody| row_seed(record, custody))
    }));
    seeds
}

/// One record of each kind and form.
fn records(vectors: &Vectors) -> Vec<Record> {
    let value = || Value::new("hello").unwrap();
    let secret = AuthorSecret::from_seed(&[1; 32]);
    let salts = vectors.of("signed_records").into_iter().map(|vector| bytes(&vector["salt"]));
    let signed = salts.map(|salt| {
        let salt = Salt::new(salt).unwrap();
        Record::sign(&secret, salt, Sequence(5), SignedBody::Value(value()))
    });
    let deleted = Record::sign(&secret, Salt::default(), Sequence(6), SignedBody::Deleted);
    signed.chain([Record::content(value()), Record::named(b"name", value()), deleted]).collect()
}

fn row_seed(record: &Record, custody: Custody) -> Vec<u8> {
    let source = Source::from_bytes([4; 16]);
    let terms = Terms {
        expires: Moment::from_secs(1_000),
        purpose: Purpose::Publish,
        custody,
        source,
        expected: None,
        replaces: false,
    };
    let row = Row::new(record, Summary::of(record, &terms), source, 9).encode();
    let kind = Kind::ALL.iter().position(|kind| *kind == record.kind()).unwrap_or_default();
    let form = u8::try_from(kind << 1 | 1).unwrap();
    let value = record.value().map_or(&[][..], |value| value.as_bytes());
    let fields = &row[..row.len() - 8];
    let slot = record.slot();
    [&[3, form][..], slot.key.as_bytes(), &crate::cursor::block(value), fields].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_of_rows_are_read_with_their_records() {
        for seed in seeds(&Vectors::load()).iter().filter(|seed| seed[0] == 3) {
            let mut cursor = Cursor::new(&seed[1..]);
            let mut seen = Features::default();
            row(&mut cursor, &mut seen);
            let kind = Kind::ALL[usize::from(seed[1] >> 1)];
            let mut no_row = Features::default();
            no_row.note("no row", kind);
            assert_ne!(seen, no_row, "{seed:?}");
        }
    }
}
