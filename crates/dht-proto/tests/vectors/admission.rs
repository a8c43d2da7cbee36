//! The rule for what may take the place of what.

use std::time::Duration;

use dht_proto::{
    Admission, Custody, Digest, Key, Kind, Moment, Purpose, Refusal, Sequence, Slot, Source,
    Summary, Terms, admit,
};
use serde_json::{Value as Json, json};

use super::{number, text, vectors};

const NOW: Moment = Moment::from_secs(1_000);

fn purpose(name: &str) -> Purpose {
    match name {
        "publish" => Purpose::Publish,
        "replicate" => Purpose::Replicate,
        "cache" => Purpose::Cache,
        other => panic!("no purpose {other}"),
    }
}

fn custody(name: &str) -> Custody {
    match name {
        "held" => Custody::Holder,
        "cached" => Custody::Cache { until: Moment::NEVER },
        other => panic!("no custody {other}"),
    }
}

fn summary(kind: &str, copy: &Json, custody: Custody) -> Summary {
    let kind = match kind {
        "content" => Kind::Content,
        "signed" => Kind::Signed,
        "named" => Kind::Named,
        other => panic!("no kind {other}"),
    };
    let digest = text(copy, "digest").parse::<Digest>().unwrap();
    Summary {
        slot: Slot { key: Key::from_bytes([0; 32]), kind },
        size: usize::try_from(number(copy, "size")).unwrap(),
        digest,
        sequence: Sequence(number(copy, "sequence")),
        expires: NOW + Duration::from_secs(number(copy, "expires")),
        custody,
    }
}

#[test]
fn slots_admit_what_the_rule_admits() {
    for vector in vectors("admit") {
        let kind = text(&vector, "kind");
        let existing = &vector["existing"];
        let existing = (!existing.is_null())
            .then(|| summary(kind, existing, custody(text(existing, "custody"))));
        let purpose = purpose(text(&vector["incoming"], "purpose"));
        let incoming = summary(kind, &vector["incoming"], purpose.custody(Moment::NEVER));
        let terms = Terms {
            expires: incoming.expires,
            purpose,
            custody: incoming.custody,
            source: Source::LOCAL,
            expected: vector["expected"].as_u64().map(Sequence),
            replaces: false,
        };
        let result = match admit(existing.as_ref(), &incoming, &terms) {
            Ok(Admission::Insert) => json!("insert"),
            Ok(Admission::Keep) => json!("keep"),
            Ok(Admission::Renew { expires, custody }) => {
                let renewed = if custody.is_cached() { "cached" } else { "held" };
                let expires = expires.since(NOW).as_secs();
                json!({ "renew": { "expires": expires, "custody": renewed } })
            }
            Err(Refusal::NameTaken) => json!({ "refused": { "code": 3 } }),
            Err(Refusal::Stale { current }) => {
                json!({ "refused": { "code": 4, "current": current.0 } })
            }
            Err(Refusal::SequenceMismatch { current }) => {
                json!({ "refused": { "code": 5, "current": current.0 } })
            }
            Err(other) => panic!("{other}"),
        };
        assert_eq!(result, vector["result"], "{vector}");
    }
}
