//! The two uses of `--network`: how many nodes to run, and in which network.

use std::str::FromStr;

use clap::error::ErrorKind;
use dht_node::NetworkId;

use super::usage;

/// Most nodes one process may be asked to run.
const NODES_MAX: usize = 60_000;

/// Value of `-n, --network`: a number of nodes, or the name of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Network {
    /// Run this many nodes, at least 1.
    Count(usize),
    /// Take part in this network. Starts with a letter, so that no mistyped number becomes a name.
    Name(NetworkName),
}

/// Name of a network: 1 to 200 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NetworkName(String);

impl NetworkName {
    /// The name.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}

impl FromStr for NetworkName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.len() {
            1..=200 => Ok(Self(text.to_owned())),
            length => Err(format!("a network name has 1 to 200 bytes, this one {length}")),
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with(char::is_alphabetic) {
            return text.parse().map(Self::Name);
        }
        match text.parse::<usize>() {
            Ok(count @ 1..=NODES_MAX) => Ok(Self::Count(count)),
            Ok(_) => Err(format!("the number of nodes is from 1 to {NODES_MAX}")),
            Err(_) => Err("neither a number of nodes nor the name of a network".to_owned()),
        }
    }
}

/// Number of nodes, if one was given, and name of the network.
pub(super) fn split(
    values: &[Network],
    long_name: Option<&NetworkName>,
) -> Result<(Option<usize>, String), clap::Error> {
    let mut count = None;
    let mut names: Vec<&NetworkName> = long_name.into_iter().collect();
    for value in values {
        match value {
            Network::Count(_) if count.is_some() => {
                return Err(usage(ErrorKind::TooManyValues, "`-n N` was given twice"));
            }
            Network::Count(nodes) => count = Some(*nodes),
            Network::Name(name) => names.push(name),
        }
    }
    match names.as_slice() {
        [] => Ok((count, NetworkId::DEFAULT_NAME.to_owned())),
        [name] => Ok((count, name.0.clone())),
        _ => Err(usage(ErrorKind::TooManyValues, "more than one network was named")),
    }
}
