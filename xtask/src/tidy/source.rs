//! The files that the rules look at.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::lexer::{self, is_word};

/// Endings of the files that are looked at; others hold no text of ours.
const ENDINGS: [&str; 9] = ["rs", "md", "toml", "proto", "json", "sh", "yml", "py", "js"];

/// Hidden directories that are ours all the same.
const HIDDEN: [&str; 3] = [".cargo", ".ci", ".github"];

/// One text file of the workspace.
pub(super) struct Source {
    /// Path from the root of the workspace, with forward slashes.
    pub(super) path: String,
    /// As it is on disk.
    pub(super) text: String,
    /// Of a Rust file, what is neither comment nor literal; the text itself of others.
    pub(super) code: String,
    /// Comments of a Rust file; nothing of others.
    pub(super) comments: String,
}

impl Source {
    pub(super) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let (code, comments) = if is_rust(&path) {
            let parts = lexer::split(&text);
            (parts.code, parts.comments)
        } else {
            (text.clone(), String::new())
        };
        Self { path, text, code, comments }
    }

    pub(super) fn is_rust(&self) -> bool {
        is_rust(&self.path)
    }

    /// Made by a program, whose output is not ours to format.
    pub(super) fn is_generated(&self) -> bool {
        self.text.lines().take(5).any(|line| line.contains("@generated"))
            || self.path.ends_with("Cargo.lock")
    }

    /// Whether the file holds nothing but tests, benchmarks or examples.
    pub(super) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs")
            || ["/tests/", "/benches/", "/examples/", "/fuzz/"]
                .iter()
                .any(|folder| self.path.contains(folder))
    }

    pub(super) fn is_in(&self, crates: &[&str]) -> bool {
        crates.iter().any(|name| self.path.starts_with(&format!("crates/{name}/")))
    }

    /// Every identifier and keyword of the code, with its line.
    pub(super) fn words(&self) -> impl Iterator<Item = (usize, &str)> {
        numbered(&self.code).flat_map(|(line, text)| words(text).map(move |word| (line, word)))
    }
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|ending| ending == "rs")
}

/// The identifiers and keywords in `text`.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character| !is_word(character)).filter(|word| !word.is_empty())
}

/// The lines of `text`, counted from 1.
pub(super) fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

/// Reads every file the rules look at, in order of path.
pub(super) fn load(root: &Path) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    load_folder(root, "", &mut sources)?;
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn load_folder(folder: &Path, prefix: &str, sources: &mut Vec<Source>) -> Result<()> {
    let reading = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().with_context(reading)?;
        if kind.is_dir() && is_ours(&name) {
            load_folder(&entry.path(), &format!("{path}/"), sources)?;
        } else if kind.is_file() && is_text(&path) {
            let text = fs::read_to_string(entry.path())
                .with_context(|| format!("cannot read {path} as UTF-8"))?;
            sources.push(Source::new(path, text));
        }
    }
    Ok(())
}

fn is_ours(folder: &str) -> bool {
    folder != "target" && folder != "node_modules" && !folder.starts_with('.')
        || HIDDEN.contains(&folder)
}

fn is_text(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let known = name.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.contains(&ending));
    known || name.starts_with("LICENSE") || path.starts_with(".ci/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_with_their_lines_and_without_comments_and_literals() {
        let source = Source::new("a.rs", "let one = \"two\"; // three\nfour();");
        let words: Vec<_> = source.words().collect();
        assert_eq!(words, [(1, "let"), (1, "one"), (2, "four")]);
    }

    #[test]
    fn build_output_and_foreign_files_are_left_alone() {
        assert!(!is_ours("target") && !is_ours(".git") && is_ours(".ci") && is_ours("src"));
        assert!(is_text("a/b.rs") && is_text(".ci/run") && is_text("LICENSE-MIT"));
        assert!(!is_text("big") && !is_text("picture.png"));
    }
}
