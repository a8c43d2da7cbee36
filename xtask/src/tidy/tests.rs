//! Each rule finds what breaks it, and lets pass what keeps it.

use super::exception::{Exception, apply_list};
use super::*;

/// Rules broken by `text` as the file `path`, with lines.
fn broken_at(path: &str, text: &str) -> Vec<(&'static str, usize)> {
    let findings = check_file(&Source::new(path, text));
    findings.into_iter().map(|finding| (finding.rule, finding.line)).collect()
}

/// Rules broken by `code` in an ordinary file.
fn broken(code: &str) -> Vec<&'static str> {
    let text = format!("//! Docs.\n{code}\n");
    broken_at("crates/dht-node/src/a.rs", &text).into_iter().map(|(rule, _)| rule).collect()
}

#[test]
fn good_code_breaks_no_rule() {
    assert_eq!(broken("pub fn len(&self) -> usize {\n    self.0\n}"), [""; 0]);
}

#[test]
fn a_file_that_opens_without_docs_is_found() {
    assert_eq!(broken_at("a.rs", "fn main() {}\n"), [("opens-with-docs", 1)]);
    assert_eq!(broken_at("a.rs", "// @generated\n"), []);
    assert_eq!(broken_at("a.md", "text\n"), []);
}

#[test]
fn blanks_and_tabs_are_found_and_an_unended_last_line() {
    assert_eq!(broken_at("a.md", "a \nb\n"), [("whitespace", 1)]);
    assert_eq!(broken_at("a.rs", "//! a\n\tb\n"), [("whitespace", 2)]);
    assert_eq!(broken_at("a.md", "a"), [("whitespace", 0)]);
    assert_eq!(broken_at("a.md", "a\r\n"), [("whitespace", 0)]);
}

#[test]
fn places_on_one_machine_are_found_in_any_text() {
    for folder in ["home", "root", "tmp", "work", "Users"] {
        assert_eq!(broken_at("a.md", &format!("see /{folder}/x\n")), [("machine-path", 1)]);
        assert_eq!(broken_at("a.toml", &format!("a = \"/{folder}/x\"\n")), [("machine-path", 1)]);
        assert_eq!(broken_at("a.md", &format!("https://x.org/{folder}/x, ../{folder}/x\n")), []);
    }
}

#[test]
fn mod_rs_is_found() {
    assert_eq!(broken_at("crates/a/src/b/mod.rs", "//! Docs.\n"), [("mod-rs", 0)]);
    assert_eq!(broken_at("crates/a/tests/b/mod.rs", "//! Docs.\n"), []);
}

#[test]
fn getters_and_names_that_say_nothing_are_found() {
    assert_eq!(broken("fn get_peer() {}"), ["getter"]);
    assert_eq!(broken("fn budget() {}\n// fn get_peer\nlet a = b.get_mut(1);"), [""; 0]);
    assert_eq!(broken("struct PeerManager;"), ["type-name"]);
    assert_eq!(broken("enum NodeInfo {}"), ["type-name"]);
    assert_eq!(broken("struct Information;\nstruct Winner;"), [""; 0]);
}

#[test]
fn tests_whose_name_is_no_sentence_are_found() {
    assert_eq!(broken("#[test]\nfn works() {}"), ["test-sentence"]);
    assert_eq!(broken("#[test]\nfn test_that_it_works() {}"), ["test-sentence"]);
    assert_eq!(
        broken("#[tokio::test(start_paused = true)]\nasync fn ping() {}"),
        ["test-sentence"]
    );
    assert_eq!(broken("#[test]\nfn a_ping_is_answered() {}\nfn ping() {}"), [""; 0]);
    assert_eq!(broken("#[test]\nfn $name() {}"), [""; 0]);
}

#[test]
fn unfinished_work_is_found() {
    for code in ["todo!()", "unimplemented!()", "dbg!(1)", "#[ignore]", "#[ignore = \"slow\"]"] {
        assert_eq!(broken(code), ["unfinished"], "{code}");
    }
    for comment in ["// FIXME later", "/* XXX */", "/// TODO: all of it", "// HACK"] {
        assert_eq!(broken(comment), ["unfinished"], "{comment}");
    }
    assert_eq!(broken("let a = \"todo!() XXX\";"), [""; 0]);
}

#[test]
fn sleeping_is_found_and_waiting_for_a_deadline_is_not() {
    assert_eq!(broken("tokio::time::sleep(d).await;"), ["sleep"]);
    assert_eq!(broken("std::thread::sleep(d);"), ["sleep"]);
    assert_eq!(broken("use tokio::time::{Instant, sleep};"), ["sleep"]);
    assert_eq!(broken("tokio::time::sleep_until(deadline).await;"), [""; 0]);
}

#[test]
fn sleeping_in_virtual_time_is_none_and_ends_with_its_test() {
    let paused = "#[tokio::test(start_paused = true)]\nasync fn a_b_c() {\n    sleep(d).await;\n}";
    assert_eq!(broken(paused), [""; 0]);
    assert_eq!(broken(&format!("{paused}\nfn after() {{ sleep(d); }}")), ["sleep"]);
    assert_eq!(broken(&paused.replace("sleep(", "thread::sleep(")), ["sleep"]);
    assert_eq!(broken(&paused.replace("(start_paused = true)", "")), ["sleep"]);
}

#[test]
fn unbounded_channels_are_found() {
    assert_eq!(broken("let (a, b) = mpsc::unbounded_channel();"), ["unbounded"]);
    assert_eq!(broken("a: UnboundedSender<u8>"), ["unbounded"]);
}

#[test]
fn lints_switched_off_without_a_reason_are_found() {
    assert_eq!(broken("#[allow(dead_code)]"), ["reasonless"]);
    assert_eq!(broken("#![expect(\n    clippy::all\n)]"), ["reasonless"]);
    assert_eq!(broken("#[allow(\n    dead_code,\n    reason = \"read by people\"\n)]"), [""; 0]);
}

#[test]
fn clocks_chance_and_threads_are_found_in_the_pure_crates_only() {
    let code = "//! Docs.\nuse std::collections::HashMap;\nlet a = Instant::now();\n";
    let expected = [("sans-io", 2), ("sans-io", 3)];
    assert_eq!(broken_at("crates/dht-routing/src/a.rs", code), expected);
    assert_eq!(broken_at("crates/dht-proto/tests/a.rs", code), expected);
    assert_eq!(broken_at("crates/dht-node/src/a.rs", code), []);
    let threads = "//! Docs.\nuse std::thread;\nasync fn a() {}\n";
    assert_eq!(broken_at("crates/dht-routing/src/a.rs", threads), expected);
}

#[test]
fn state_outside_of_any_node_is_found() {
    for code in ["static A: AtomicU64 = x;", "static mut A: u8 = 0;", "thread_local! { a }"] {
        assert_eq!(broken(code), ["shared-state"], "{code}");
        let text = format!("//! Docs.\n{code}\n");
        assert_eq!(broken_at("crates/dht-node/tests/a.rs", &text), []);
        assert_eq!(broken_at("crates/dht-cli/src/a.rs", &text), []);
    }
    assert_eq!(broken("static A: LazyLock<&'static str> = x;"), ["shared-state"]);
    assert_eq!(broken("static A: &str = x;\nfn b(c: &'static Mutex<u8>) {}"), [""; 0]);
}

#[test]
fn long_files_warn_and_longer_ones_fail() {
    let file = |lines: usize| "//! Docs.\n".repeat(lines);
    let severities = |lines| {
        let findings = check_file(&Source::new("a.rs", file(lines)));
        findings.into_iter().map(|finding| finding.severity).collect::<Vec<_>>()
    };
    assert_eq!(severities(400), []);
    assert_eq!(severities(401), [Severity::Warning]);
    assert_eq!(severities(600), [Severity::Warning]);
    assert_eq!(severities(601), [Severity::Error]);
    assert_eq!(broken_at("a.rs", &format!("// @generated\n{}", file(601))), []);
}

#[test]
fn long_functions_warn_and_longer_ones_fail() {
    let function = |lines: usize| {
        let body = "    a(\"}\", '}'); // }\n".repeat(lines - 2);
        format!("//! Docs.\nfn long(a: [u8; 2]) -> Result<(), [u8; 3]> {{\n{body}}}\nfn short();\n")
    };
    let findings = |lines| {
        let findings = check_file(&Source::new("a.rs", function(lines)));
        findings.into_iter().map(|f| (f.rule, f.line, f.severity)).collect::<Vec<_>>()
    };
    assert_eq!(findings(60), []);
    assert_eq!(findings(61), [("function-length", 2, Severity::Warning)]);
    assert_eq!(findings(100), [("function-length", 2, Severity::Warning)]);
    assert_eq!(findings(101), [("function-length", 2, Severity::Error)]);
}

#[test]
fn long_tests_beside_the_code_warn() {
    let tests = |lines: usize| {
        let body = "    // a\n".repeat(lines - 2);
        broken(&format!("#[cfg(test)]\nmod tests {{\n{body}}}"))
    };
    assert_eq!(tests(100), [""; 0]);
    assert_eq!(tests(101), ["inline-tests"]);
}

/// Rules about the whole tree that `files` break, in a tree that breaks no other.
fn broken_in_tree(files: &[(&str, &str)]) -> Vec<(&'static str, String)> {
    let mut tree = vec![
        ("README.md", "cargo test --workspace"),
        ("ARCHITECTURE.md", "a"),
        ("CONTRIBUTING.md", "a"),
        ("CHANGELOG.md", "a"),
        ("LICENSE-MIT", "a"),
        ("LICENSE-APACHE", "a"),
        ("proto/PROTOCOL.md", "a"),
        ("proto/dht/v1/dht.proto", "a"),
        (".ci/run", "cargo test --workspace"),
        ("clippy.toml", "# why\n\na = true\n"),
        ("crates/dht-routing/clippy.toml", "a = true\nb = true\n"),
        ("crates/a/Cargo.toml", "[lints]\nworkspace = true\n"),
    ];
    tree.retain(|(path, _)| !files.iter().any(|(other, _)| other == path));
    tree.extend(files);
    let sources: Vec<_> = tree.iter().map(|(path, text)| Source::new(*path, *text)).collect();
    let findings = tree::check(&sources);
    findings.into_iter().map(|finding| (finding.rule, finding.path)).collect()
}

#[test]
fn a_complete_tree_breaks_no_rule() {
    assert_eq!(broken_in_tree(&[]), []);
}

#[test]
fn missing_documents_are_found() {
    let found = broken_in_tree(&[("ARCHITECTURE.md", "")]);
    assert_eq!(found, [("required", "ARCHITECTURE.md".to_owned())]);
}

#[test]
fn a_readme_or_a_pipeline_that_runs_other_tests_is_found() {
    for path in ["README.md", ".ci/run"] {
        let found = broken_in_tree(&[(path, "cargo test")]);
        assert_eq!(found, [("test-command", path.to_owned())]);
    }
}

#[test]
fn a_crate_without_the_lints_of_the_workspace_is_found() {
    let path = "crates/a/Cargo.toml";
    assert_eq!(broken_in_tree(&[(path, "[package]\n")]), [("lints", path.to_owned())]);
}

#[test]
fn a_clippy_file_that_does_not_repeat_the_root_is_found() {
    let path = "crates/dht-routing/clippy.toml";
    assert_eq!(broken_in_tree(&[(path, "b = true\n")]), [("clippy", path.to_owned())]);
}

#[test]
fn a_tree_of_long_files_is_found() {
    let long = "//! Docs.\n".repeat(201);
    let found = broken_in_tree(&[("a.rs", &long), ("b.rs", &long), ("c.rs", "//! Docs.\n")]);
    assert_eq!(found, [("median-length", "Cargo.toml".to_owned())]);
    let tests = broken_in_tree(&[("a/tests/a.rs", &long), ("b/tests.rs", &long)]);
    assert_eq!(tests, []);
}

#[test]
fn an_exception_excuses_its_file_and_rule_alone() {
    let finding = |path: &str, rule| Finding {
        path: path.to_owned(),
        line: 1,
        rule,
        severity: Severity::Error,
        message: String::new(),
    };
    let exception = Exception { path: "a.rs", rule: "sleep", reason: "paces a slow reader" };
    let findings =
        vec![finding("a.rs", "sleep"), finding("a.rs", "getter"), finding("b.rs", "sleep")];
    let left = apply_list(findings, &[exception]);
    let left: Vec<_> = left.iter().map(|finding| (finding.path.as_str(), finding.rule)).collect();
    assert_eq!(left, [("a.rs", "getter"), ("b.rs", "sleep")]);
}

#[test]
fn an_exception_without_use_is_found() {
    let exception = Exception { path: "a.rs", rule: "sleep", reason: "paces a slow reader" };
    let left = apply_list(Vec::new(), &[exception]);
    assert_eq!(left.iter().map(|finding| finding.rule).collect::<Vec<_>>(), ["exception"]);
}

#[test]
fn a_finding_says_where_and_what() {
    let finding = Finding {
        path: "a.rs".into(),
        line: 3,
        rule: "sleep",
        severity: Severity::Error,
        message: "no sleeping".into(),
    };
    assert_eq!(finding.to_string(), "a.rs:3: error[sleep]: no sleeping");
    let whole = Finding { line: 0, severity: Severity::Warning, ..finding };
    assert_eq!(whole.to_string(), "a.rs: warning[sleep]: no sleeping");
}
