//! The commands of the console and their text form.

use std::path::PathBuf;

use dht_node::{Key, Place, Salt};

use super::bans::Bans;
use crate::address::ConnectAddr;
use crate::args::{parse_key, parse_place};
use crate::signed::{SignedPlace, parse_salt};
use crate::whom::Whom;

/// A command with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Help,
    Route,
    Store(String),
    Fetch(Key),
    StoreAt(Place, String),
    FetchAt(Place),
    Sign(PathBuf),
    Publish(Salt, String),
    Resolve(SignedPlace),
    Retract(Salt),
    List,
    Drop(Key),
    Info,
    Ping(ConnectAddr),
    Find(Key),
    Ask(Whom, String),
    Broadcast(String),
    Bans(Bans),
    Quit,
}

/// What a command is called and does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verb {
    /// One letter.
    pub(super) letter: &'static str,
    /// The same in full.
    pub(super) name: &'static str,
    /// What follows it.
    pub(super) arguments: &'static str,
    /// What it does.
    pub(super) purpose: &'static str,
}

/// Every command, in the order in which help lists them.
pub(super) const VERBS: [Verb; 19] = [
    verb("h", "help", "", "this list"),
    verb("s", "store", "VALUE", "store the rest of the line; prints key and holders"),
    verb("f", "fetch", "KEY", "fetch a value by its key"),
    verb("S", "store-at", "NAME VALUE", "store under a name, \"in quotes\" if it has spaces"),
    verb("F", "fetch-at", "NAME", "fetch by name, or at key:HEX"),
    verb("k", "key", "FILE", "sign with this key file, which `dht keygen` makes"),
    verb("P", "publish", "SALT VALUE", "sign the next version; \"\" for no salt"),
    verb("R", "resolve", "KEY", "fetch a signed record by its key, or AUTHOR:SALT"),
    verb("X", "retract", "SALT", "sign a deletion in its place; \"\" for no salt"),
    verb("l", "list", "", "records in this node's own store"),
    verb("d", "drop", "KEY", "drop this node's own copy of what is at a key"),
    verb("r", "route", "", "this node's routing table, bucket by bucket"),
    verb("n", "find", "KEY", "the nodes closest to a key or node id"),
    verb("p", "ping", "ADDR", "ask whether a node is at an address"),
    verb("c", "custom", "NODE TEXT", "ask an application: of ADDR, node id or key:HEX"),
    verb("b", "broadcast", "MESSAGE", "say the rest of the line to every node"),
    verb("x", "bans", "[ban/lift NODE]", "whom this node has nothing to do with"),
    verb("i", "info", "", "figures of this node"),
    verb("q", "quit", "", "stop and leave; so do Ctrl-D and Ctrl-C twice"),
];

const fn verb(
    letter: &'static str,
    name: &'static str,
    arguments: &'static str,
    purpose: &'static str,
) -> Verb {
    Verb { letter, name, arguments, purpose }
}

/// Finds the command called `word`.
pub(super) fn find(word: &str) -> Option<&'static Verb> {
    let word = match word {
        "?" => "h",
        "exit" => "q",
        word => word,
    };
    VERBS.iter().find(|verb| verb.letter == word || verb.name == word)
}

/// The first word of a line, and what follows the one space after it.
pub(super) fn split(line: &str) -> (&str, &str) {
    line.split_once([' ', '\t']).unwrap_or((line, ""))
}

/// Reads a line; an empty one is no command.
pub(super) fn parse(line: &str) -> Result<Option<Command>, String> {
    let (word, rest) = split(line.trim_start());
    if word.is_empty() {
        return Ok(None);
    }
    let verb = find(word).ok_or_else(|| format!("unknown command `{word}`; `h` lists them all"))?;
    let argument = rest.trim();
    let is_optional = verb.arguments.starts_with('[');
    if !is_optional && verb.arguments.is_empty() != argument.is_empty() {
        return Err(usage(verb));
    }
    let key = || parse_key(argument);
    Ok(Some(match verb.letter {
        "h" => Command::Help,
        "r" => Command::Route,
        "l" => Command::List,
        "i" => Command::Info,
        "q" => Command::Quit,
        "s" => Command::Store(rest.to_owned()),
        "b" => Command::Broadcast(rest.to_owned()),
        "f" => Command::Fetch(key()?),
        "d" => Command::Drop(key()?),
        "x" => Command::Bans(Bans::parse(argument)?),
        "n" => Command::Find(key()?),
        "p" => Command::Ping(argument.parse().map_err(|error| format!("{error}"))?),
        "F" => Command::FetchAt(whole_name(argument)?),
        "S" => {
            let (name, value) = name_and_value(rest.trim_start()).ok_or_else(|| usage(verb))?;
            Command::StoreAt(parse_place(name)?, value.to_owned())
        }
        "k" => Command::Sign(unquoted(argument).into()),
        "R" => Command::Resolve(argument.parse().map_err(|error| format!("{error}"))?),
        "X" => Command::Retract(parse_salt(unquoted(argument))?),
        "P" => {
            let (salt, value) = name_and_value(rest.trim_start()).ok_or_else(|| usage(verb))?;
            Command::Publish(parse_salt(salt)?, value.to_owned())
        }
        "c" => {
            let (node, text) = name_and_value(rest.trim_start()).ok_or_else(|| usage(verb))?;
            Command::Ask(node.parse()?, text.to_owned())
        }
        other => return Err(format!("command `{other}` is not known")),
    }))
}

fn usage(verb: &Verb) -> String {
    let Verb { letter, name, arguments, .. } = verb;
    match *arguments {
        "" => format!("`{letter}` ({name}) takes nothing after it"),
        arguments => format!("`{letter}` ({name}) is written `{letter} {arguments}`"),
    }
}

/// A name with or without quotes around it.
fn whole_name(text: &str) -> Result<Place, String> {
    parse_place(unquoted(text))
}

/// What stands between quotes, if there are any.
fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text)
}

/// The name, quoted or up to the first space, and everything after the one space that follows it.
fn name_and_value(text: &str) -> Option<(&str, &str)> {
    match text.strip_prefix('"') {
        Some(rest) => {
            let (name, rest) = rest.split_once('"')?;
            Some((name, rest.strip_prefix([' ', '\t'])?))
        }
        None => text.split_once([' ', '\t']),
    }
}

#[cfg(test)]
mod tests;
