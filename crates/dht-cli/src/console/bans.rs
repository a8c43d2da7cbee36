//! `x`: with whom the node has nothing to do.

use std::fmt::Write as _;
use std::time::Duration;

use dht_node::{Banned, Node, Suspect};

use super::session::Reply;
use crate::quantity::{parse_span, plural, show_count, show_span};

/// How long a ban lasts where nothing else is said.
const TIME: Duration = Duration::from_hours(24);

/// Bans listed at most.
const LISTED_MAX: usize = 1_000;

/// What is to be done about bans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bans {
    /// Tell them.
    List,
    /// Ban somebody for a time.
    Ban(Suspect, Duration),
    /// Lift a ban.
    Lift(Suspect),
}

impl Bans {
    /// Reads what follows `x`: nothing, `ban NODE`, `ban NODE TIME`, or `lift NODE`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let suspect = |text: &str| text.parse::<Suspect>().map_err(|error| error.to_string());
        match words[..] {
            [] => Ok(Self::List),
            ["ban", whom] => Ok(Self::Ban(suspect(whom)?, TIME)),
            ["ban", whom, time] => {
                let time = parse_span(time).map_err(|error| error.to_string())?;
                Ok(Self::Ban(suspect(whom)?, time))
            }
            ["lift", whom] => Ok(Self::Lift(suspect(whom)?)),
            _ => {
                Err("written `x`, `x ban NODE`, `x ban NODE 2h` or `x lift NODE`; NODE is a node \
                      id, a public address or its subnet"
                    .to_owned())
            }
        }
    }
}

/// Does it.
pub(super) async fn execute(node: &Node, order: Bans) -> Result<Reply, String> {
    match order {
        Bans::List => {
            let bans = node.bans().await.map_err(|error| error.to_string())?;
            Ok(Reply::Text(list(&bans)))
        }
        Bans::Ban(suspect, time) => {
            if suspect == Suspect::Node(node.id()) {
                return Err("that is this node".to_owned());
            }
            node.ban(suspect, time).await.map_err(|error| error.to_string())?;
            Ok(Reply::Text(format!("banned {suspect} for {}", show_span(time))))
        }
        Bans::Lift(suspect) => {
            let was_banned = node.lift_ban(suspect).await.map_err(|error| error.to_string())?;
            if was_banned {
                Ok(Reply::Text(format!("lifted {suspect}")))
            } else {
                Err(format!("{suspect} is not banned"))
            }
        }
    }
}

fn list(bans: &[Banned]) -> String {
    let count = bans.len() as u64;
    let mut text = format!("{} ban{}", show_count(count), plural(count));
    for Banned { suspect, remaining, offence } in bans.iter().take(LISTED_MAX) {
        let why = offence.map_or_else(|| "banned here".to_owned(), |offence| offence.to_string());
        let _ = write!(text, "\n{suspect}  {:>7}  {why}", show_span(*remaining));
    }
    if bans.len() > LISTED_MAX {
        let _ = write!(text, "\n... and {} more", show_count((bans.len() - LISTED_MAX) as u64));
    }
    text
}

#[cfg(test)]
mod tests {
    use dht_node::{NodeId, Offence};

    use super::*;

    fn node() -> Suspect {
        Suspect::Node(NodeId::from_bytes([0xab; 32]))
    }

    #[test]
    fn bans_are_listed_made_and_lifted_by_words() {
        let id = "ab".repeat(32);
        assert_eq!(Bans::parse(""), Ok(Bans::List));
        assert_eq!(Bans::parse(&format!("ban {id}")), Ok(Bans::Ban(node(), TIME)));
        let hours = Duration::from_hours(2);
        assert_eq!(Bans::parse(&format!(" ban  {id} 2h")), Ok(Bans::Ban(node(), hours)));
        let subnet = "8.8.8.0/24".parse().unwrap();
        assert_eq!(Bans::parse("lift 8.8.8.8"), Ok(Bans::Lift(subnet)));
    }

    #[test]
    fn what_cannot_be_banned_is_refused_with_a_reason() {
        for line in ["ban", "lift", "ban 127.0.0.1", "ban x", "lift 8.8.8.8 1h", "unban 8.8.8.8"] {
            assert!(Bans::parse(line).is_err(), "{line}");
        }
        let error = Bans::parse("ban 8.8.8.8 soon").unwrap_err();
        assert!(error.contains("not a duration"), "{error}");
    }

    #[test]
    fn a_ban_is_shown_with_its_rest_and_its_reason() {
        let ban = |suspect, offence| Banned { suspect, remaining: Duration::from_mins(9), offence };
        assert_eq!(list(&[]), "0 bans");
        let id = "ab".repeat(32);
        assert_eq!(
            list(&[ban(node(), None), ban("8.8.8.8".parse().unwrap(), Some(Offence::Flood))]),
            format!("2 bans\n{id}    9m 0s  banned here\n8.8.8.0/24    9m 0s  flood")
        );
    }
}
