//! Files that may break a rule, and why.
//!
//! Invariant: an exception excuses something. One that does not is reported, so the list cannot rot.

use super::finding::{Finding, Severity};

pub(super) struct Exception {
    pub(super) path: &'static str,
    pub(super) rule: &'static str,
    /// For the reader of the list; the gate only wants it not to be empty.
    pub(super) reason: &'static str,
}

/// Every exception there is.
const EXCEPTIONS: &[Exception] = &[Exception {
    path: "crates/dht-proto/src/envelope/sealed.rs",
    rule: "type-name",
    reason: "associated data is what RFC 8439 calls it",
}];

/// Drops the findings that are excused, and adds one for each exception without use or reason.
pub(super) fn apply(findings: Vec<Finding>) -> Vec<Finding> {
    apply_list(findings, EXCEPTIONS)
}

pub(super) fn apply_list(findings: Vec<Finding>, exceptions: &[Exception]) -> Vec<Finding> {
    let excuses = |exception: &Exception, finding: &Finding| {
        exception.path == finding.path && exception.rule == finding.rule
    };
    let useless = exceptions.iter().filter(|exception| {
        exception.reason.is_empty() || !findings.iter().any(|finding| excuses(exception, finding))
    });
    let useless: Vec<_> = useless
        .map(|exception| Finding {
            path: exception.path.to_owned(),
            line: 0,
            rule: "exception",
            severity: Severity::Error,
            message: format!("the exception from `{}` has no use or no reason", exception.rule),
        })
        .collect();
    let kept = findings
        .into_iter()
        .filter(|finding| !exceptions.iter().any(|exception| excuses(exception, finding)));
    kept.chain(useless).collect()
}
