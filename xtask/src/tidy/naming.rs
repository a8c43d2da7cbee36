//! Rules about names: of files, functions, types and tests.

use super::source::{Source, numbered};

/// Endings that say nothing about what a type is.
const SOUP: [&str; 8] = ["Manager", "Helper", "Helpers", "Util", "Utils", "Data", "Inner", "Info"];

/// Words that begin the definition of a type.
const DEFINITIONS: [&str; 4] = ["struct", "enum", "trait", "union"];

/// Among integration tests `foo.rs` would be a test program of its own: there `foo/mod.rs` is the way.
pub(super) fn mod_rs(source: &Source, found: &mut dyn FnMut(usize, String)) {
    if source.path.ends_with("/mod.rs") && !source.path.contains("/tests/") {
        found(0, "write `foo.rs` beside `foo/` instead".into());
    }
}

pub(super) fn getter(source: &Source, found: &mut dyn FnMut(usize, String)) {
    if !source.is_rust() || source.is_generated() {
        return;
    }
    for (line, name) in definitions(source, &["fn"]) {
        if name.starts_with("get_") {
            found(line, format!("`{name}`: name it for what it returns, without `get_`"));
        }
    }
}

pub(super) fn type_name(source: &Source, found: &mut dyn FnMut(usize, String)) {
    if !source.is_rust() || source.is_generated() {
        return;
    }
    for (line, name) in definitions(source, &DEFINITIONS) {
        if let Some(ending) = SOUP.iter().find(|ending| name.ends_with(*ending)) {
            found(line, format!("`{name}`: `{ending}` does not say what it is"));
        }
    }
}

/// A test's name is the sentence that holds: a subject and a verb at least.
pub(super) fn test_sentence(source: &Source, found: &mut dyn FnMut(usize, String)) {
    if !source.is_rust() {
        return;
    }
    let mut is_test = false;
    for (line, text) in numbered(&source.code) {
        let text = text.trim_start();
        if text.starts_with("#[test]") || text.starts_with("#[tokio::test") {
            is_test = true;
        }
        let Some((_, rest)) = text.split_once("fn ").filter(|_| is_test) else { continue };
        is_test = false;
        let name: String = rest.chars().take_while(|c| super::lexer::is_word(*c)).collect();
        let is_variable = name.is_empty();
        if !is_variable && (!name.contains('_') || name.starts_with("test_")) {
            found(line, format!("`{name}`: name the test as the sentence that holds"));
        }
    }
}

/// Names that follow one of `keywords`, with their lines.
fn definitions<'a>(
    source: &'a Source,
    keywords: &'a [&str],
) -> impl Iterator<Item = (usize, &'a str)> {
    source
        .words()
        .zip(source.words().skip(1))
        .filter(|((_, word), _)| keywords.contains(word))
        .map(|(_, name)| name)
}
