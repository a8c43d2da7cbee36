//! The sub-commands: signed records, and what is said to other nodes.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use dht_node::{Salt, Sequence, Ttl, VALUE_MAX};

use super::network::NetworkName;
use super::{Action, parse_item_limit, parse_ttl};
use crate::address::{ConnectAddr, ListenAddr};
use crate::signed::{SignedPlace, parse_salt};
use crate::whom::Whom;

/// Signed records, which are values under a key of their author, who alone can replace them; and applications.
#[derive(Subcommand, Debug)]
pub(super) enum SubCommand {
    /// Make a key to sign records with, and print its public part
    ///
    /// The file is never overwritten, and readable by you alone. Whoever has it can replace your
    /// records; whoever loses it can never replace them again.
    Keygen {
        /// The file to make
        #[arg(value_name = "FILE", default_value = "dht.key")]
        file: PathBuf,
    },

    /// Sign what comes on stdin and store it, in place of the version before; prints its key
    Publish {
        #[command(flatten)]
        signing: Signing,

        /// Longest value to send: at most 5MB [default: 5MB]
        #[arg(long, value_name = "SIZE", value_parser = parse_item_limit)]
        item_limit: Option<usize>,

        #[command(flatten)]
        joining: Joining,
    },

    /// Fetch the newest version of a signed record and write it to stdout
    ///
    /// Its sequence number is told on stderr.
    Resolve {
        /// The key that `publish` printed, or AUTHOR:SALT, or AUTHOR alone
        ///
        /// AUTHOR is what `keygen` printed, SALT a text or `hex:` and hexadecimal digits.
        #[arg(value_name = "KEY")]
        place: SignedPlace,

        #[command(flatten)]
        joining: Joining,
    },

    /// Say what comes on stdin to every node of the network; prints the id of the broadcast
    ///
    /// At most 64 KiB. How many nodes confirmed it, and about how many it reaches, is told on stderr.
    Broadcast {
        /// File with the secret key to sign it with, as `dht keygen` makes it [default: a new key]
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,

        #[command(flatten)]
        joining: Joining,
    },

    /// Ask an application what comes on stdin and write its answer to stdout
    ///
    /// At most 64 KiB each way. Of all nodes near a key each answer is a line, after the node's id.
    Custom {
        /// Whom: `ip:port`, a node id, or `key:HEX` for all nodes near a key
        #[arg(value_name = "NODE")]
        whom: Whom,

        #[command(flatten)]
        joining: Joining,
    },

    /// Delete a signed record: whoever resolves it learns that its author did; prints its key
    ///
    /// The deletion is a version of its own. It lives as long as a value would, and is best given a
    /// longer life than the value had.
    Retract {
        #[command(flatten)]
        signing: Signing,

        #[command(flatten)]
        joining: Joining,
    },
}

/// Who signs which version of what.
#[derive(Args, Debug)]
pub(super) struct Signing {
    /// File with the author's secret key, as `dht keygen` makes it
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,

    /// Which of the author's records: up to 32 bytes of text, or `hex:` and hexadecimal digits [default: none]
    #[arg(long, value_name = "SALT", value_parser = parse_salt)]
    salt: Option<Salt>,

    /// Version number; the highest wins [default: one above the highest that is found]
    #[arg(long, value_name = "N")]
    sequence: Option<u64>,

    /// Replace version N alone, 0 for none, and fail if another is in place
    ///
    /// Without `--sequence` the new version is N + 1.
    #[arg(long, value_name = "N")]
    expect: Option<u64>,

    /// Let the version live this long, such as `90s`, `12h` or `7d`: at most 30d [default: 7d]
    #[arg(long, value_name = "DURATION", value_parser = parse_ttl)]
    ttl: Option<Ttl>,

    /// Print the result as a JSON object: key, sequence, size, holders, refusals
    #[arg(long)]
    json: bool,
}

/// The part of the command line that says how to join.
#[derive(Args, Debug, Default)]
pub(super) struct Joining {
    /// Join through this node: `ip:port`, `host:port`, or `:3000` on this machine; may be repeated
    #[arg(short, long, value_name = "ADDR")]
    pub(super) connect: Vec<ConnectAddr>,

    /// Listen on `ip:port` or `:3000` [default: any free port]
    #[arg(short, long, value_name = "ADDR")]
    pub(super) listen: Option<ListenAddr>,

    /// Take part in the private network of this name [default: main]
    #[arg(long, alias = "network", value_name = "NAME")]
    pub(super) network_name: Option<NetworkName>,
}

/// A version to sign.
#[derive(Debug)]
pub(crate) struct SignTask {
    /// File with the author's key.
    pub(crate) key_file: PathBuf,
    /// Which of the author's records.
    pub(crate) salt: Salt,
    /// Its number.
    pub(crate) version: Version,
    /// For how long it lives.
    pub(crate) ttl: Ttl,
    /// Whether to print JSON.
    pub(crate) json: bool,
}

/// Number of a version to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// One above the highest that is found.
    Next,
    /// This one, in place of a lower one.
    Exactly(Sequence),
    /// This one, in place of `expected` alone.
    Swap {
        /// The new version.
        sequence: Sequence,
        /// The version that must be in place, 0 for none.
        expected: Sequence,
    },
}

impl Signing {
    fn task(self) -> SignTask {
        SignTask {
            key_file: self.key_file,
            salt: self.salt.unwrap_or_default(),
            version: match (self.sequence, self.expect) {
                (None, None) => Version::Next,
                (Some(sequence), None) => Version::Exactly(Sequence(sequence)),
                (sequence, Some(expected)) => Version::Swap {
                    sequence: Sequence(sequence.unwrap_or(expected.saturating_add(1))),
                    expected: Sequence(expected),
                },
            },
            ttl: self.ttl.unwrap_or_default(),
            json: self.json,
        }
    }
}

/// What a sub-command asks for.
pub(super) enum Asked {
    /// Make a key file.
    Keygen(PathBuf),
    /// Do something in the network.
    OneShot(Action, Joining),
}

impl SubCommand {
    /// Its name on the command line.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Keygen { .. } => "keygen",
            Self::Publish { .. } => "publish",
            Self::Resolve { .. } => "resolve",
            Self::Broadcast { .. } => "broadcast",
            Self::Custom { .. } => "custom",
            Self::Retract { .. } => "retract",
        }
    }

    /// What it asks for.
    pub(super) fn asked(self) -> Asked {
        match self {
            Self::Keygen { file } => Asked::Keygen(file),
            Self::Publish { signing, item_limit, joining } => {
                let limit = item_limit.unwrap_or(VALUE_MAX);
                Asked::OneShot(Action::Publish { task: signing.task(), limit }, joining)
            }
            Self::Broadcast { key_file, joining } => {
                Asked::OneShot(Action::Broadcast { key_file }, joining)
            }
            Self::Custom { whom, joining } => Asked::OneShot(Action::Custom(whom), joining),
            Self::Resolve { place, joining } => Asked::OneShot(Action::Resolve(place), joining),
            Self::Retract { signing, joining } => {
                Asked::OneShot(Action::Retract(signing.task()), joining)
            }
        }
    }
}
