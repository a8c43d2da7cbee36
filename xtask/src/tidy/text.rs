//! Rules about plain text: what a file opens with, blanks, and paths of somebody's machine.

use super::source::{Source, numbered};

/// Folders at the root of one machine, not of every machine.
const MACHINE_FOLDERS: [&str; 5] = ["home", "Users", "root", "work", "tmp"];

pub(super) fn opens_with_docs(source: &Source, found: &mut dyn FnMut(usize, String)) {
    let is_docs = source.text.starts_with("//!");
    if source.is_rust() && !source.is_generated() && !is_docs {
        found(1, "open the file with `//!`: what it owns, its invariants, what it is not".into());
    }
}

pub(super) fn whitespace(source: &Source, found: &mut dyn FnMut(usize, String)) {
    if source.is_generated() {
        return;
    }
    for (line, text) in numbered(&source.text) {
        if text.ends_with([' ', '\t']) {
            found(line, "blanks at the end of the line".into());
        }
        if source.is_rust() && text.contains('\t') {
            found(line, "a tab; indent with blanks, write `\\t` in literals".into());
        }
    }
    if source.text.contains('\r') {
        found(0, "carriage returns; end lines with a line feed alone".into());
    }
    if !source.text.is_empty() && !source.text.ends_with('\n') {
        found(0, "no line feed at the end of the file".into());
    }
}

pub(super) fn machine_path(source: &Source, found: &mut dyn FnMut(usize, String)) {
    for (line, text) in numbered(&source.text) {
        for folder in MACHINE_FOLDERS {
            let path = format!("/{folder}/");
            let absolute = text.match_indices(&path).any(|(at, _)| {
                // Part of a longer path or address if a name, a dot or a slash comes before it.
                let before = text[..at].chars().next_back();
                before.is_none_or(|before| !(before.is_alphanumeric() || "._-/~}".contains(before)))
            });
            if absolute {
                found(line, format!("`{path}` is a place on one machine"));
            }
        }
    }
}
