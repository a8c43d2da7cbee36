//! `tidy`: the house rules that no compiler or linter knows, over every source file.
//!
//! A rule looks at one source file or at the whole tree, and reports [`Finding`]s. What is over a soft limit
//! warns, all else fails. Exceptions are listed by file and rule with a reason in `tidy/exception.rs`, and one
//! that excuses nothing fails too.
//!
//! What it deliberately is not: a parser. Comments and literals are told from code, and that is all.

mod code;
mod exception;
mod finding;
mod lexer;
mod naming;
mod purity;
mod size;
mod source;
mod text;
mod tree;

use std::path::Path;

use anyhow::{Result, bail};
pub use finding::{Finding, Severity};
use source::Source;

/// A rule about one file.
struct Rule {
    name: &'static str,
    check: fn(&Source, &mut dyn FnMut(usize, String)),
}

/// Every rule that fails, in the order in which findings of one file are told.
const RULES: &[Rule] = &[
    Rule { name: "opens-with-docs", check: text::opens_with_docs },
    Rule { name: "whitespace", check: text::whitespace },
    Rule { name: "machine-path", check: text::machine_path },
    Rule { name: "mod-rs", check: naming::mod_rs },
    Rule { name: "getter", check: naming::getter },
    Rule { name: "type-name", check: naming::type_name },
    Rule { name: "test-sentence", check: naming::test_sentence },
    Rule { name: "unfinished", check: code::unfinished },
    Rule { name: "sleep", check: code::no_sleep },
    Rule { name: "unbounded", check: code::no_unbounded },
    Rule { name: "reasonless", check: code::reasonless },
    Rule { name: "sans-io", check: purity::sans_io },
    Rule { name: "shared-state", check: purity::shared_state },
    Rule { name: "file-length", check: size::file_hard },
    Rule { name: "function-length", check: size::function_hard },
];

/// Rules whose findings warn.
const ADVICE: &[Rule] = &[
    Rule { name: "file-length", check: size::file_soft },
    Rule { name: "function-length", check: size::function_soft },
    Rule { name: "inline-tests", check: size::inline_tests },
];

/// Prints every finding of the tree; fails if any is more than advice.
pub fn run() -> Result<()> {
    let findings = check_tree(&crate::root())?;
    for finding in &findings {
        println!("{finding}");
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    if errors > 0 {
        bail!("{errors} violations of the house rules");
    }
    Ok(())
}

/// Every finding in the workspace at `root`, in order of path and line.
pub fn check_tree(root: &Path) -> Result<Vec<Finding>> {
    let sources = source::load(root)?;
    let mut findings: Vec<Finding> = sources.iter().flat_map(check_file).collect();
    findings.extend(tree::check(&sources));
    let mut findings = exception::apply(findings);
    findings.sort_by(|a, b| (&a.path, a.line, a.rule).cmp(&(&b.path, b.line, b.rule)));
    Ok(findings)
}

fn check_file(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (rules, severity) in [(RULES, Severity::Error), (ADVICE, Severity::Warning)] {
        for rule in rules {
            (rule.check)(source, &mut |line, message| {
                let path = source.path.clone();
                findings.push(Finding { path, line, rule: rule.name, severity, message });
            });
        }
    }
    findings
}

#[cfg(test)]
mod tests;
