//! Custom requests typed at the prompt: whom they are for, and their answers.

use std::str::FromStr;

use dht_node::{Answer, AnswerError, Answers, CustomOptions, Key, Node, NodeId, Place, Recipient};

use super::session::Reply;
use super::view;
use crate::address::{ConnectAddr, reachable};
use crate::bootstrap;

/// Whom a person asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// Whoever is at an address.
    At(ConnectAddr),
    /// The node with an id.
    Node(NodeId),
    /// The nodes closest to a key.
    Closest(Key),
}

/// `key:HEX` is a key, 64 digits alone are a node, everything else is an address.
impl FromStr for Asked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with(Place::KEY_PREFIX) {
            let place: Place = text.parse().map_err(|error| format!("{error}"))?;
            return Ok(Self::Closest(place.key()));
        }
        if let Ok(id) = text.parse() {
            return Ok(Self::Node(id));
        }
        text.parse().map(Self::At).map_err(|error| format!("{error}"))
    }
}

/// Asks, and shows every answer.
pub(super) async fn ask(node: &Node, asked: Asked, request: String) -> Result<Reply, String> {
    let to = match asked {
        Asked::At(target) => {
            let addr = resolve(node, target).await?;
            if addr == reachable(node.local_addr()) {
                return Err(format!("{addr} is this node"));
            }
            Recipient::Addr(addr)
        }
        Asked::Node(id) if id == node.id() => return Err("that is this node".to_owned()),
        Asked::Node(id) => Recipient::Node(id),
        Asked::Closest(key) => return ask_closest(node, key, request).await,
    };
    match node.custom(to, request).await {
        Ok(answer) => Ok(Reply::Value(answer)),
        Err(error) => Err(error.to_string()),
    }
}

/// The address that a person means.
pub(super) async fn resolve(
    node: &Node,
    target: ConnectAddr,
) -> Result<std::net::SocketAddr, String> {
    match target {
        ConnectAddr::Socket(addr) => Ok(addr),
        ConnectAddr::Host(host, port) => {
            let text = |error: &dyn std::fmt::Display| error.to_string();
            let found = bootstrap::look_up(&host, port).await.map_err(|error| text(&error))?;
            let reached = bootstrap::within_reach(node.local_addr(), &found);
            let reached = reached.map_err(|error| text(&error))?;
            reached.first().copied().ok_or_else(|| format!("`{host}` has no address"))
        }
    }
}

async fn ask_closest(node: &Node, key: Key, request: String) -> Result<Reply, String> {
    let to = Recipient::Closest(key);
    let answers = node.custom_all(to, request, CustomOptions::default()).await;
    let lines = lines(answers.map_err(|error| error.to_string())?).await;
    if lines.is_empty() {
        return Err("no node was found".to_owned());
    }
    Ok(Reply::Text(lines.join("\n")))
}

/// One line for each node: its id, and its answer or why there is none in brackets.
async fn lines(mut answers: Answers) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(Answer { from, result }) = answers.next().await {
        let told = match result {
            Ok(answer) => view::value(&answer),
            Err(AnswerError::Unsupported) => "(answers nothing)".to_owned(),
            Err(error) => format!("({error})"),
        };
        lines.push(format!("{} {told}", from.id()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_an_id_and_an_address_are_told_apart() {
        let key = Key::content(b"x");
        assert_eq!(format!("key:{key}").parse(), Ok(Asked::Closest(key)));
        assert_eq!(key.to_string().parse(), Ok(Asked::Node(NodeId::from_bytes(*key.as_bytes()))));
        assert!(matches!("127.0.0.1:3000".parse(), Ok(Asked::At(_))));
        assert!("key:12".parse::<Asked>().is_err() && "3000".parse::<Asked>().is_err());
    }
}
