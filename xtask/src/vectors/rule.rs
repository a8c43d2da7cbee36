//! Vectors of the rules that every node must share: what may replace what, and how far addresses reach.

use std::time::Duration;

use anyhow::{Result, bail};
use dht_proto::{
    Admission, Custody, Digest, Key, Kind, Moment, Purpose, Refusal, Scope, Sequence, Slot, Source,
    Summary, Terms, admit,
};
use serde_json::{Value, json};

const NOW: Moment = Moment::from_secs(1_000_000);
const PURPOSES: [Purpose; 3] = [Purpose::Publish, Purpose::Replicate, Purpose::Cache];

/// A record as these vectors tell it: kind, value (one byte stands for it), sequence, why it was sent, and
/// so how it is kept, seconds.
#[derive(Clone, Copy)]
struct Kept {
    kind: Kind,
    value: u8,
    sequence: u64,
    purpose: Purpose,
    seconds: u64,
}

impl Kept {
    fn summary(self) -> Summary {
        Summary {
            slot: Slot { key: Key::from_bytes([0; 32]), kind: self.kind },
            size: 1,
            digest: Digest::from_bytes([self.value; 32]),
            sequence: Sequence(self.sequence),
            expires: NOW + Duration::from_secs(self.seconds),
            custody: self.purpose.custody(Moment::NEVER),
        }
    }

    /// As it lies in the slot.
    fn describe_kept(self) -> Value {
        let mut told = self.describe();
        told["custody"] = json!(custody(self.purpose.custody(Moment::NEVER)));
        told
    }

    /// As it comes.
    fn describe_sent(self) -> Value {
        let mut told = self.describe();
        told["purpose"] = json!(match self.purpose {
            Purpose::Publish => "publish",
            Purpose::Replicate => "replicate",
            Purpose::Cache => "cache",
        });
        told
    }

    fn describe(self) -> Value {
        json!({
            "digest": Digest::from_bytes([self.value; 32]).to_string(),
            "size": 1,
            "sequence": self.sequence,
            "expires": self.seconds,
        })
    }
}

pub(super) fn admissions() -> Result<Vec<Value>> {
    let mut vectors = Vec::new();
    for kind in Kind::ALL {
        let copy =
            |value, sequence, purpose, seconds| Kept { kind, value, sequence, purpose, seconds };
        vectors.push(vector(kind, None, copy(1, 0, Purpose::Publish, 60), None)?);
        let kept = [Purpose::Publish, Purpose::Cache];
        for (old, new) in kept.iter().flat_map(|old| PURPOSES.map(|new| (*old, new))) {
            let existing = Some(copy(1, 0, old, 60));
            vectors.push(vector(kind, existing, copy(1, 0, new, 100), None)?);
            vectors.push(vector(kind, existing, copy(1, 0, new, 30), None)?);
            vectors.push(vector(kind, existing, copy(2, 0, new, 100), None)?);
        }
    }
    vectors.extend(versions()?);
    Ok(vectors)
}

/// Signed records: sequences, and compare-and-swap.
fn versions() -> Result<Vec<Value>> {
    let kind = Kind::Signed;
    let version =
        |value, sequence| Kept { kind, value, sequence, purpose: Purpose::Publish, seconds: 60 };
    let mut vectors = Vec::new();
    for (old, new) in [((1, 1), (1, 2)), ((1, 2), (1, 1)), ((1, 5), (2, 5)), ((2, 5), (1, 5))] {
        let existing = Some(version(old.0, old.1));
        vectors.push(vector(kind, existing, version(new.0, new.1), None)?);
    }
    for expected in [0, 3, 4, 5] {
        let existing = Some(version(1, 4));
        vectors.push(vector(kind, existing, version(2, 5), Some(expected))?);
        vectors.push(vector(kind, existing, version(2, 3), Some(expected))?);
        vectors.push(vector(kind, existing, version(1, 4), Some(expected))?);
        vectors.push(vector(kind, None, version(2, 5), Some(expected))?);
    }
    let named = Kept { kind: Kind::Named, ..version(1, 0) };
    vectors.push(vector(Kind::Named, None, named, Some(7))?);
    Ok(vectors)
}

fn vector(
    kind: Kind,
    existing: Option<Kept>,
    incoming: Kept,
    expected: Option<u64>,
) -> Result<Value> {
    let old = existing.map(Kept::summary);
    let summary = incoming.summary();
    let terms = Terms {
        expires: summary.expires,
        purpose: incoming.purpose,
        custody: summary.custody,
        source: Source::LOCAL,
        expected: expected.map(Sequence),
        replaces: false,
    };
    let result = match admit(old.as_ref(), &summary, &terms) {
        Ok(Admission::Insert) => json!("insert"),
        Ok(Admission::Keep) => json!("keep"),
        Ok(Admission::Renew { expires, custody: renewed }) => json!({
            "renew": { "expires": expires.since(NOW).as_secs(), "custody": custody(renewed) }
        }),
        Err(Refusal::NameTaken) => json!({ "refused": { "code": 3 } }),
        Err(Refusal::Stale { current }) => {
            json!({ "refused": { "code": 4, "current": current.0 } })
        }
        Err(Refusal::SequenceMismatch { current }) => {
            json!({ "refused": { "code": 5, "current": current.0 } })
        }
        Err(other) => bail!("admission never refuses because of: {other}"),
    };
    Ok(json!({
        "kind": kind.to_string(),
        "existing": existing.map(Kept::describe_kept),
        "incoming": incoming.describe_sent(),
        "expected": expected,
        "result": result,
    }))
}

/// All that others can tell of a custody.
fn custody(custody: Custody) -> &'static str {
    match custody {
        Custody::Own { .. } | Custody::Holder | Custody::Mirror => "held",
        Custody::Cache { .. } => "cached",
    }
}

/// On both sides of every edge of a range.
const ADDRESSES: &[&str] = &[
    "0.0.0.0",
    "0.255.255.255",
    "9.255.255.255",
    "10.0.0.0",
    "10.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.64.0.0",
    "100.127.255.255",
    "100.128.0.0",
    "127.0.0.1",
    "127.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.254.0.0",
    "169.254.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.16.0.0",
    "172.31.255.255",
    "172.32.0.0",
    "192.0.2.1",
    "192.0.3.1",
    "192.168.0.0",
    "192.168.255.255",
    "192.169.0.0",
    "198.51.100.1",
    "203.0.113.1",
    "223.255.255.255",
    "224.0.0.0",
    "240.0.0.0",
    "255.255.255.255",
    "::",
    "::1",
    "::2",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:224.0.0.1",
    "2001:470::1",
    "2001:db8::1",
    "2001:db9::1",
    "fbff::1",
    "fc00::1",
    "fdff::1",
    "fe00::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff00::1",
    "ff02::1",
];

pub(super) fn scopes() -> Result<Vec<Value>> {
    ADDRESSES
        .iter()
        .map(|address| {
            let scope = Scope::of(address.parse()?).map(|scope| match scope {
                Scope::Loopback => "loopback",
                Scope::Private => "private",
                Scope::Public => "public",
            });
            Ok(json!({ "address": address, "scope": scope }))
        })
        .collect()
}
