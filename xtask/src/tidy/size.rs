//! Rules about length: of files, functions and tests beside the code they test.

use super::source::Source;

/// Lines of a file, over which it warns and over which it fails.
const FILE_SOFT: usize = 400;
const FILE_HARD: usize = 600;

/// Lines of a function from `fn` to its last brace, over which it warns and over which it fails.
const FUNCTION_SOFT: usize = 60;
const FUNCTION_HARD: usize = 100;

/// Lines of unit tests in the file they test, over which it warns.
const INLINE_TESTS: usize = 100;

pub(super) fn file_hard(source: &Source, found: &mut dyn FnMut(usize, String)) {
    let lines = file_length(source);
    if lines > FILE_HARD {
        found(0, format!("{lines} lines, limit is {FILE_HARD}: a file owns one idea"));
    }
}

pub(super) fn file_soft(source: &Source, found: &mut dyn FnMut(usize, String)) {
    let lines = file_length(source);
    if lines > FILE_SOFT && lines <= FILE_HARD {
        found(0, format!("{lines} lines, more than {FILE_SOFT}: does it own one idea?"));
    }
}

pub(super) fn function_hard(source: &Source, found: &mut dyn FnMut(usize, String)) {
    for Function { name, line, lines } in functions(source) {
        if lines > FUNCTION_HARD {
            found(line, format!("`{name}` has {lines} lines, limit is {FUNCTION_HARD}"));
        }
    }
}

pub(super) fn function_soft(source: &Source, found: &mut dyn FnMut(usize, String)) {
    for Function { name, line, lines } in functions(source) {
        if lines > FUNCTION_SOFT && lines <= FUNCTION_HARD {
            found(line, format!("`{name}` has {lines} lines, more than {FUNCTION_SOFT}"));
        }
    }
}

pub(super) fn inline_tests(source: &Source, found: &mut dyn FnMut(usize, String)) {
    if !source.is_rust() {
        return;
    }
    for (at, _) in source.code.match_indices("\nmod tests {") {
        let block = &source.code[at + 1..];
        let lines = block[..body_end(block)].lines().count();
        if lines > INLINE_TESTS {
            let line = line_of(&source.code, at + 1);
            found(line, format!("{lines} lines of tests; over {INLINE_TESTS} live in `tests.rs`"));
        }
    }
}

/// Lines of a Rust file that somebody wrote; 0 of all others.
pub(super) fn file_length(source: &Source) -> usize {
    if source.is_rust() && !source.is_generated() { source.text.lines().count() } else { 0 }
}

struct Function<'a> {
    name: &'a str,
    line: usize,
    lines: usize,
}

fn functions(source: &Source) -> Vec<Function<'_>> {
    if !source.is_rust() || source.is_generated() {
        return Vec::new();
    }
    let code = &source.code;
    let starts = code
        .match_indices("fn ")
        .filter(|(at, _)| !code[..*at].chars().next_back().is_some_and(super::lexer::is_word));
    starts
        .filter_map(|(at, _)| {
            let text = &code[at..];
            let name = text[3..].split(|c| !super::lexer::is_word(c)).next()?;
            let lines = text[..body_end(text)].lines().count();
            // A function type, `fn (A) -> B`, has no name.
            (!name.is_empty()).then(|| Function { name, line: line_of(code, at), lines })
        })
        .collect()
}

/// Where the item that `text` starts with ends: at the brace that closes its first block, or at the
/// semicolon before any block.
fn body_end(text: &str) -> usize {
    let mut braces = 0_usize;
    let mut brackets = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            '{' => braces += 1,
            '}' => {
                braces = braces.saturating_sub(1);
                if braces == 0 {
                    return at + 1;
                }
            }
            ';' if braces == 0 && brackets == 0 => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}
