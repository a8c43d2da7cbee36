//! Rules about code: nothing unfinished, nothing slept through, nothing unbounded, no exception without a
//! reason.

use super::source::{Source, numbered, words};

/// Marks of unfinished work in comments.
const MARKS: [&str; 4] = ["TODO", "FIXME", "XXX", "HACK"];

/// Macros that stand for code yet to come.
const STUBS: [&str; 3] = ["todo!", "unimplemented!", "dbg!"];

pub(super) fn unfinished(source: &Source, found: &mut dyn FnMut(usize, String)) {
    if !source.is_rust() {
        return;
    }
    for (line, text) in numbered(&source.code) {
        for stub in STUBS {
            if text.contains(stub) {
                found(line, format!("`{stub}` in finished work"));
            }
        }
        if text.trim_start().starts_with("#[ignore") {
            found(line, "an ignored test proves nothing: run it or delete it".into());
        }
    }
    for (line, text) in numbered(&source.comments) {
        for mark in words(text).filter(|word| MARKS.contains(word)) {
            found(line, format!("`{mark}`: do it, or file it"));
        }
    }
}

/// Waiting for a deadline (`sleep_until`) is no sleep: somebody decided when it is. Nor is one in a test
/// whose time is virtual.
pub(super) fn no_sleep(source: &Source, found: &mut dyn FnMut(usize, String)) {
    if !source.is_rust() {
        return;
    }
    let mut is_virtual = false;
    for (line, text) in numbered(&source.code) {
        if text.trim_start().starts_with("#[tokio::test") {
            is_virtual = text.contains("start_paused = true");
        } else if text.starts_with('}') || text.trim_start().starts_with("#[test]") {
            is_virtual = false;
        }
        let sleeps = words(text).any(|word| word == "sleep");
        if sleeps && (!is_virtual || text.contains("thread::sleep")) {
            found(line, "no sleeping: await the event, a deadline, or virtual time".into());
        }
    }
}

pub(super) fn no_unbounded(source: &Source, found: &mut dyn FnMut(usize, String)) {
    if !source.is_rust() {
        return;
    }
    let names = ["unbounded_channel", "UnboundedSender", "UnboundedReceiver", "unbounded"];
    for (line, word) in source.words().filter(|(_, word)| names.contains(word)) {
        found(line, format!("`{word}`: what could be unbounded is bounded"));
    }
}

pub(super) fn reasonless(source: &Source, found: &mut dyn FnMut(usize, String)) {
    if !source.is_rust() || source.is_generated() {
        return;
    }
    for opening in ["#[allow(", "#![allow(", "#[expect(", "#![expect("] {
        for (at, _) in source.code.match_indices(opening) {
            let attribute = &source.code[at..];
            let end = attribute.find(")]").unwrap_or(attribute.len());
            if !attribute[..end].contains("reason =") {
                let line = source.code[..at].matches('\n').count() + 1;
                found(line, "say why with `reason = \"...\"`".into());
            }
        }
    }
}
