//! What a rule found, and where.

use std::fmt;

/// Whether a finding fails the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It does.
    Error,
    /// It is told, and may stay.
    Warning,
}

/// One place where a rule is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Path from the root of the workspace, with forward slashes.
    pub path: String,
    /// Line, counted from 1; 0 for the file as a whole.
    pub line: usize,
    /// Name of the rule.
    pub rule: &'static str,
    /// Whether it fails the gate.
    pub severity: Severity,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, severity, message } = self;
        f.write_str(path)?;
        if *line > 0 {
            write!(f, ":{line}")?;
        }
        let severity = match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, ": {severity}[{rule}]: {message}")
    }
}
