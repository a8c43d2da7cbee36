//! What is told of a value that was stored.

use std::collections::BTreeMap;

use dht_node::{Sequence, StoreReport};
use serde_json::json;

use crate::quantity::plural;

/// Nodes that should hold a value: Kademlia's k, as nodes have it by default.
const HOLDERS_WANTED: usize = 16;

/// Why fewer nodes than wanted hold the value; `None` if enough do.
///
/// `4 timed out, 2 full`, or `only 3 nodes found` where the network is smaller than that.
pub(crate) fn shortfall(report: &StoreReport) -> Option<String> {
    if report.holders.len() >= HOLDERS_WANTED {
        return None;
    }
    let mut reasons: Vec<String> =
        refusals(report).into_iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    let asked = report.holders.len() + report.refused.len() + report.timed_out;
    if asked < HOLDERS_WANTED {
        let asked = asked as u64;
        reasons.push(format!("only {asked} node{} found", plural(asked)));
    }
    Some(reasons.join(", "))
}

/// The result of a store for programs; with its `sequence` that of a signed record.
pub(crate) fn to_json(report: &StoreReport, size: usize, sequence: Option<Sequence>) -> String {
    let refused: BTreeMap<String, usize> = refusals(report).into_iter().collect();
    let mut told = json!({
        "key": report.key.to_string(),
        "size": size,
        "holders": report.holders.len(),
        "refused": refused,
    });
    if let Some(sequence) = sequence {
        told["sequence"] = sequence.0.into();
    }
    told.to_string()
}

/// Reasons with the number of nodes that gave them, the commonest first.
fn refusals(report: &StoreReport) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, refusal) in &report.refused {
        *counts.entry(refusal.to_string()).or_default() += 1;
    }
    if report.timed_out > 0 {
        counts.insert("timed out".to_owned(), report.timed_out);
    }
    let mut reasons: Vec<_> = counts.into_iter().collect();
    reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    reasons
}

#[cfg(test)]
mod tests {
    use dht_node::{Config, Key, NodeId, Refusal};

    use super::*;

    fn report(holders: u8, full: u8, timed_out: usize) -> StoreReport {
        let id = |n| NodeId::from_bytes([n; 32]);
        StoreReport {
            key: Key::content(b""),
            holders: (0..holders).map(id).collect(),
            refused: (100..100 + full).map(|n| (id(n), Refusal::Full)).collect(),
            timed_out,
            requests: 0,
        }
    }

    #[test]
    fn as_many_holders_are_wanted_as_nodes_store_on_by_default() {
        let wanted = Config::builder().k(HOLDERS_WANTED).build().unwrap();
        assert_eq!(Config::builder().build().unwrap(), wanted);
    }

    #[test]
    fn sixteen_holders_need_no_explanation() {
        assert_eq!(shortfall(&report(16, 0, 0)), None);
    }

    #[test]
    fn fewer_holders_are_explained_the_commonest_reason_first() {
        assert_eq!(shortfall(&report(10, 2, 4)).as_deref(), Some("4 timed out, 2 full"));
        assert_eq!(shortfall(&report(3, 0, 0)).as_deref(), Some("only 3 nodes found"));
        assert_eq!(shortfall(&report(0, 1, 0)).as_deref(), Some("1 full, only 1 node found"));
    }

    #[test]
    fn programs_get_the_same_as_json() {
        let json: serde_json::Value =
            serde_json::from_str(&to_json(&report(1, 2, 3), 7, None)).unwrap();
        assert_eq!(json["key"], Key::content(b"").to_string());
        assert_eq!(json["size"], 7);
        assert_eq!(json["holders"], 1);
        assert_eq!(json["refused"]["full"], 2);
        assert_eq!(json["refused"]["timed out"], 3);
        assert!(json.get("sequence").is_none());
        let signed = to_json(&report(1, 0, 0), 7, Some(Sequence(u64::MAX)));
        let json: serde_json::Value = serde_json::from_str(&signed).unwrap();
        assert_eq!(json["sequence"], u64::MAX);
    }
}
