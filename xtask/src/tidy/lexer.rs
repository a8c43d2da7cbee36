//! Tells code from comments and literals in Rust source.
//!
//! Invariant: both texts have the lines of the source, with blanks in place of what they leave out, so that
//! a line number in one is a line number in the source.

/// A source, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts {
    /// Everything but comments and the insides of string and character literals.
    pub(super) code: String,
    /// Comments only.
    pub(super) comments: String,
}

/// Takes `text` apart. Text that is no Rust comes out somehow, but never with other lines.
pub(super) fn split(text: &str) -> Parts {
    let mut lexer =
        Lexer { rest: text, previous: ' ', code: String::new(), comments: String::new() };
    while !lexer.rest.is_empty() {
        lexer.step();
    }
    Parts { code: lexer.code, comments: lexer.comments }
}

struct Lexer<'a> {
    rest: &'a str,
    /// The character before `rest`, to tell `r"` from the end of a name.
    previous: char,
    code: String,
    comments: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Code,
    Comment,
    Literal,
}

impl Lexer<'_> {
    fn step(&mut self) {
        if self.rest.starts_with("//") {
            let length = self.rest.find('\n').unwrap_or(self.rest.len());
            self.take(length, Part::Comment);
        } else if self.rest.starts_with("/*") {
            self.take(block_comment_length(self.rest), Part::Comment);
        } else if let Some(hashes) = self.raw_string_hashes() {
            let opening = hashes + 2;
            let close = format!("\"{}", "#".repeat(hashes));
            let body = self.rest.get(opening..).and_then(|body| body.find(&close));
            let length = body.map_or(self.rest.len(), |body| opening + body + close.len());
            self.take(length, Part::Literal);
        } else if self.rest.starts_with('"') {
            self.take(string_length(self.rest), Part::Literal);
        } else if let Some(length) = char_literal_length(self.rest) {
            self.take(length, Part::Literal);
        } else {
            let length = self.rest.chars().next().map_or(0, char::len_utf8);
            self.take(length, Part::Code);
        }
    }

    /// Number of `#` of the raw string that starts here, if one does.
    fn raw_string_hashes(&self) -> Option<usize> {
        let after = self.rest.strip_prefix('r')?;
        let hashes = after.len() - after.trim_start_matches('#').len();
        let is_prefix = !is_word(self.previous) || matches!(self.previous, 'b' | 'c');
        (is_prefix && after[hashes..].starts_with('"')).then_some(hashes)
    }

    fn take(&mut self, length: usize, part: Part) {
        let (taken, rest) = self.rest.split_at(length);
        for (index, character) in taken.char_indices() {
            let is_last = index + character.len_utf8() == length;
            let quote =
                part == Part::Literal && (index == 0 || is_last) && !character.is_whitespace();
            let blank = if character == '\n' { '\n' } else { ' ' };
            self.code.push(if part == Part::Code || quote { character } else { blank });
            self.comments.push(if part == Part::Comment { character } else { blank });
            self.previous = character;
        }
        self.rest = rest;
    }
}

/// Whether `character` can be part of an identifier.
pub(super) fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Length of a block comment, which may hold others.
fn block_comment_length(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Length of a string literal, quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (index, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of a character literal; `None` for a lifetime or anything else.
fn char_literal_length(text: &str) -> Option<usize> {
    let body = text.strip_prefix('\'')?;
    let first = body.chars().next()?;
    if first == '\\' {
        let escaped = body.chars().nth(1)?.len_utf8();
        let close = body.get(1 + escaped..)?.find('\'')?;
        return Some(1 + 1 + escaped + close + 1);
    }
    let end = 1 + first.len_utf8();
    text.get(end..)?.starts_with('\'').then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        split(text).code
    }

    #[test]
    fn comments_are_apart_from_code() {
        let parts = split("let a = 1; // why\nlet b;");
        assert_eq!(parts.code, "let a = 1;       \nlet b;");
        assert_eq!(parts.comments, "           // why\n      ");
    }

    #[test]
    fn block_comments_nest() {
        assert_eq!(code("a /* b /* c */ d */ e").split_whitespace().collect::<String>(), "ae");
    }

    #[test]
    fn literals_of_every_kind_are_blank() {
        assert_eq!(code(r#"f("x // \" y")"#).replace(' ', ""), "f(\"\")");
        assert_eq!(code("f(r##\"x \"# // y\"##)").replace(' ', ""), "f(r#)");
        assert_eq!(code("f(br\"x\")").replace(' ', ""), "f(br\")");
        assert_eq!(code(r"f('\'', '{', '\u{7b}')").replace(' ', ""), "f('','','')");
    }

    #[test]
    fn lifetimes_and_raw_names_are_code() {
        assert_eq!(code("fn f<'a>(r#fn: &'a str) {}"), "fn f<'a>(r#fn: &'a str) {}");
    }

    #[test]
    fn a_name_that_ends_in_r_starts_no_raw_string() {
        assert_eq!(code("for\"x\"").replace(' ', ""), "for\"\"");
    }

    #[test]
    fn lines_stay_where_they_are_whatever_the_text() {
        for text in ["\"a\nb\"\nc", "/*\n\n*/x\n", "r\"\n", "'\\", "'", "/*", "\"\\", "é'é'\n"] {
            let parts = split(text);
            assert_eq!(parts.code.matches('\n').count(), text.matches('\n').count());
            assert_eq!(parts.comments.matches('\n').count(), text.matches('\n').count());
        }
    }
}
