//! Completion and hints: commands, keys, names and addresses.

use std::borrow::Cow;

use dht_node::Key;
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hint, Hinter, HistoryHinter};
use rustyline::{Context, Helper, Validator};

use super::command::{self, VERBS};
use super::session::{SharedKnown, Source};

/// Keys of the store offered at most.
const STORED_OFFERED_MAX: usize = 64;

/// What helps at the prompt.
#[derive(Helper, Validator)]
pub(super) struct PromptHelp<S: Source> {
    known: SharedKnown,
    source: S,
    history: HistoryHinter,
}

impl<S: Source> PromptHelp<S> {
    /// Completes from what is `known` of the session and what `source` tells of the node.
    pub(super) fn new(known: SharedKnown, source: S) -> Self {
        Self { known, source, history: HistoryHinter::new() }
    }

    /// Where the word to be completed starts in `line`, and what may stand there.
    fn candidates(&self, line: &str) -> (usize, Vec<String>) {
        let start_of_verb = line.len() - line.trim_start().len();
        let (word, _) = command::split(line.trim_start());
        let Some(typed) = line.get(start_of_verb + word.len() + 1..) else {
            return (start_of_verb, verbs(word));
        };
        let start = line.len() - typed.trim_start().len();
        let typed = typed.trim_start();
        let mut found = match command::find(word).map(|verb| verb.letter) {
            Some("f" | "R") => self.keys(typed),
            Some("d") => self.stored_keys(typed),
            Some("n") => self.keys(typed).into_iter().chain(self.peers(|peer| peer.0)).collect(),
            Some("x") => bans(self.peers(|peer| peer.0)),
            Some("p" | "c") => self.peers(|peer| peer.1),
            Some("F" | "S") => self.known.borrow().names().map(quoted).collect(),
            _ => Vec::new(),
        };
        found.retain(|candidate| candidate.starts_with(typed));
        (start, found)
    }

    /// Keys that start with `typed`: those of the session first, then those of the node's own store.
    fn keys(&self, typed: &str) -> Vec<String> {
        let known: Vec<String> = self.known.borrow().keys().map(|key| key.to_string()).collect();
        let mut stored = self.stored_keys(typed);
        stored.retain(|key| !known.contains(key));
        known.into_iter().chain(stored).collect()
    }

    /// Keys of the node's own store that start with `typed`.
    fn stored_keys(&self, typed: &str) -> Vec<String> {
        let Ok(from) = format!("{typed:0<64}").parse::<Key>() else { return Vec::new() };
        let mut keys = self.source.stored(from, STORED_OFFERED_MAX);
        keys.dedup();
        keys.iter().map(ToString::to_string).collect()
    }

    fn peers(&self, part: impl Fn((String, String)) -> String) -> Vec<String> {
        self.source.peers().into_iter().map(part).collect()
    }
}

/// What may follow `x`.
fn bans(peers: Vec<String>) -> Vec<String> {
    peers.into_iter().flat_map(|id| [format!("ban {id}"), format!("lift {id}")]).collect()
}

/// Names of commands that start with `word`, with a space where arguments follow.
fn verbs(word: &str) -> Vec<String> {
    VERBS
        .iter()
        .filter(|verb| verb.name.starts_with(word))
        .map(|verb| {
            if verb.arguments.is_empty() { verb.name.to_owned() } else { format!("{} ", verb.name) }
        })
        .collect()
}

/// A name as it is typed: in quotes if it has spaces.
fn quoted(name: &str) -> String {
    if name.contains(char::is_whitespace) { format!("\"{name}\"") } else { name.to_owned() }
}

impl<S: Source> Completer for PromptHelp<S> {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _ctx: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, found) = self.candidates(line.get(..pos).unwrap_or(line));
        let pairs =
            found.into_iter().map(|replacement| Pair { display: replacement.clone(), replacement });
        Ok((start, pairs.collect()))
    }
}

/// Grey text after the cursor.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PromptHint {
    /// The rest of an earlier line; the right arrow takes it.
    Earlier(String),
    /// What a command expects; not to be taken.
    Usage(String),
}

impl Hint for PromptHint {
    fn display(&self) -> &str {
        match self {
            Self::Earlier(text) | Self::Usage(text) => text,
        }
    }

    fn completion(&self) -> Option<&str> {
        match self {
            Self::Earlier(text) => Some(text),
            Self::Usage(_) => None,
        }
    }
}

impl<S: Source> Hinter for PromptHelp<S> {
    type Hint = PromptHint;

    fn hint(&self, line: &str, pos: usize, ctx: &Context<'_>) -> Option<PromptHint> {
        if pos < line.len() {
            return None;
        }
        usage_hint(line)
            .map(PromptHint::Usage)
            .or_else(|| self.history.hint(line, pos, ctx).map(PromptHint::Earlier))
    }
}

/// What comes after a command that stands alone on the line.
fn usage_hint(line: &str) -> Option<String> {
    let (word, rest) = command::split(line);
    if !rest.is_empty() {
        return None;
    }
    let verb = command::find(word)?;
    let space = if line.len() > word.len() { "" } else { " " };
    Some(match verb.arguments {
        "" => format!("{space} ({})", verb.purpose),
        arguments => format!("{space}{arguments}"),
    })
}

impl<S: Source> Highlighter for PromptHelp<S> {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\x1b[90m{hint}\x1b[0m"))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::super::known::Known;
    use super::*;

    struct Fixed(Vec<Key>);

    impl Source for Fixed {
        fn stored(&self, from: Key, limit: usize) -> Vec<Key> {
            self.0.iter().copied().filter(|key| *key >= from).take(limit).collect()
        }

        fn peers(&self) -> Vec<(String, String)> {
            vec![("ab12".to_owned(), "127.0.0.1:3001".to_owned())]
        }
    }

    fn help() -> PromptHelp<Fixed> {
        let mut known = Known::default();
        known.learn_key(key(0xaa));
        known.learn_place(&"my motto".into());
        known.learn_place(&"motto".into());
        let stored = vec![key(0x11), key(0xaa), key(0xab)];
        PromptHelp::new(Rc::new(RefCell::new(known)), Fixed(stored))
    }

    fn key(byte: u8) -> Key {
        Key::from_bytes([byte; 32])
    }

    #[test]
    fn commands_are_completed_by_their_long_names() {
        assert_eq!(help().candidates("he"), (0, vec!["help".to_owned()]));
        assert_eq!(
            help().candidates("  st"),
            (2, vec!["store ".to_owned(), "store-at ".to_owned()])
        );
        assert_eq!(help().candidates("").1.len(), VERBS.len());
        assert_eq!(help().candidates("zz").1, Vec::<String>::new());
    }

    #[test]
    fn keys_of_the_session_and_of_the_store_are_completed_once_each() {
        assert_eq!(
            help().candidates("f a"),
            (2, vec![key(0xaa).to_string(), key(0xab).to_string()])
        );
        assert_eq!(help().candidates("fetch ab"), (6, vec![key(0xab).to_string()]));
        assert_eq!(help().candidates("resolve ab"), (8, vec![key(0xab).to_string()]));
        assert_eq!(help().candidates("d 1").1, vec![key(0x11).to_string()]);
        assert_eq!(help().candidates("f zz").1, Vec::<String>::new());
        assert_eq!(help().candidates("f é").1, Vec::<String>::new());
    }

    #[test]
    fn names_and_addresses_are_completed() {
        assert_eq!(help().candidates("F m").1, vec!["motto".to_owned()]);
        assert_eq!(help().candidates("F \"m").1, vec!["\"my motto\"".to_owned()]);
        assert_eq!(help().candidates("p 127").1, vec!["127.0.0.1:3001".to_owned()]);
        assert_eq!(help().candidates("n ab1").1, vec!["ab12".to_owned()]);
    }

    #[test]
    fn a_command_alone_on_the_line_hints_what_follows() {
        assert_eq!(usage_hint("s").as_deref(), Some(" VALUE"));
        assert_eq!(usage_hint("s ").as_deref(), Some("VALUE"));
        assert_eq!(usage_hint("s x"), None);
        assert_eq!(usage_hint("nonsense"), None);
        assert_eq!(usage_hint(""), None);
    }
}
