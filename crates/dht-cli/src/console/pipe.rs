//! The console behind a pipe: commands line by line, results alone on stdout, no prompt.

use std::cell::RefCell;
use std::io::{self, BufRead, Read as _, Write as _};

use dht_node::VALUE_MAX;

use super::known::Known;
use super::session::{Reply, Session};
use crate::failure::Failure;

/// Longest line read, in bytes: the longest value and room for its command.
const LINE_MAX: usize = VALUE_MAX + 1_024;

/// Reads and carries out commands until the end of input.
pub(super) fn run(session: &Session) -> Result<(), Failure> {
    let known = RefCell::new(Known::default());
    let mut input = io::stdin().lock();
    loop {
        let reply = match next_line(&mut input).map_err(|error| Failure::Internal(error.into()))? {
            Line::End => return Ok(()),
            Line::Text(line) => session.carry_out(&line, &known),
            Line::Unreadable(problem) => Err(problem),
        };
        let mut stdout = io::stdout().lock();
        match reply {
            Ok(Reply::Quit) => return Ok(()),
            Ok(Reply::Silence) => {}
            Ok(Reply::Text(text)) => writeln!(stdout, "{text}")?,
            Ok(Reply::Value(bytes)) => {
                stdout.write_all(&bytes)?;
                stdout.write_all(b"\n")?;
            }
            Err(error) => {
                // Nobody may be there to read it.
                let _ = writeln!(io::stderr(), "error: {error}");
            }
        }
        stdout.flush()?;
    }
}

/// What was read.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    /// A line without its end.
    Text(String),
    /// A line that cannot be a command, and why.
    Unreadable(String),
    /// There is no more.
    End,
}

/// Reads a line, of which no more than [`LINE_MAX`] bytes are ever in memory.
fn next_line(input: &mut impl BufRead) -> io::Result<Line> {
    let mut line = Vec::new();
    input.by_ref().take(LINE_MAX as u64 + 1).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(Line::End);
    }
    let is_ended = line.pop_if(|last| *last == b'\n').is_some();
    if !is_ended && line.len() > LINE_MAX {
        skip_line(input)?;
        return Ok(Line::Unreadable(format!("line is longer than {LINE_MAX} bytes")));
    }
    line.pop_if(|last| *last == b'\r');
    Ok(match String::from_utf8(line) {
        Ok(text) => Line::Text(text),
        Err(_) => Line::Unreadable("line is not UTF-8; `dht -s` stores any bytes".to_owned()),
    })
}

/// Reads on to the end of the line and keeps nothing.
fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(buffer.len(), |end| end + 1);
        input.consume(length);
        if end.is_some() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8]) -> Vec<Line> {
        let mut input = io::BufReader::new(input);
        let mut lines = Vec::new();
        loop {
            match next_line(&mut input).unwrap() {
                Line::End => return lines,
                line => lines.push(line),
            }
        }
    }

    fn text(text: &str) -> Line {
        Line::Text(text.to_owned())
    }

    #[test]
    fn lines_end_with_a_newline_or_with_the_input() {
        assert_eq!(lines(b"s a\n\ns b\r\ns c"), [text("s a"), text(""), text("s b"), text("s c")]);
        assert_eq!(lines(b""), []);
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_the_next_one_read() {
        let mut input = vec![b'x'; 2 * LINE_MAX];
        input.extend_from_slice(b"\nh\n");
        let lines = lines(&input);
        assert!(matches!(lines.first(), Some(Line::Unreadable(_))));
        assert_eq!(lines.get(1), Some(&text("h")));
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn a_line_that_is_not_text_is_told_so() {
        assert!(matches!(lines(b"s \xff\n").as_slice(), [Line::Unreadable(_)]));
    }
}
