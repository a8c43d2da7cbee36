//! The command line: flags, their help, and which of them go together.
//!
//! Invariant: a [`Plan`] is consistent. What clap cannot check is checked when the plan is made.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgAction, ArgGroup, CommandFactory as _, Parser};
use dht_node::{Key, Place, Ttl, VALUE_MAX};

use crate::address::{ConnectAddr, ListenAddr};
use crate::quantity::{parse_size, parse_span};

mod help;
mod network;
mod plan;
mod signed;

use network::{Network, NetworkName};
pub(crate) use plan::{Action, OneShot, Plan, Run, Task};
use signed::{Asked, Joining, SubCommand};
pub(crate) use signed::{SignTask, Version};

/// A node of a distributed hash table: stores and fetches values up to 5 MB, by content or by name,
/// on as many machines as take part.
#[derive(Parser, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "flags are independent, and as many as people need"
)]
#[command(
    name = "dht",
    version,
    about = help::ABOUT,
    long_about = help::LONG_ABOUT,
    after_help = help::AFTER,
    after_long_help = help::AFTER_LONG,
    max_term_width = 100,
    disable_help_flag = true,
    disable_version_flag = true,
    disable_help_subcommand = true,
    subcommand_help_heading = "Signed records, applications (`dht COMMAND --help`)",
    group = ArgGroup::new("one-shot").args(["store", "store_at", "fetch", "fetch_at"]),
)]
struct Args {
    /// Join through this node: `ip:port`, `host:port`, or `:3000` on this machine; may be repeated
    ///
    /// Any node of the network will do. Given several times, one that answers is enough.
    #[arg(short, long, value_name = "ADDR", help_heading = "Node")]
    connect: Vec<ConnectAddr>,

    /// Listen on `ip:port`, or on `:3000`, which is port 3000 of every interface [default: :3000]
    ///
    /// UDP and TCP use the same port number. Port 0 takes any free port and logs which. One-shot
    /// commands take any free port unless this is given.
    #[arg(short, long, value_name = "ADDR", help_heading = "Node")]
    listen: Option<ListenAddr>,

    /// Open a console to store, fetch and look around
    ///
    /// Type `h` there for its commands. With a pipe instead of a terminal it reads commands line by
    /// line and prints their results alone.
    #[arg(short, long, alias = "interactif", conflicts_with = "one-shot", help_heading = "Node")]
    interactive: bool,

    /// Run N nodes in this process, on consecutive ports from the listening port on
    ///
    /// They form a network of their own, or all join the one given with `-c`. With `-i` the console
    /// belongs to the first.
    #[arg(short = 'n', long = "network", value_name = "N", action = ArgAction::Append, help_heading = "Node")]
    network: Vec<Network>,

    /// Take part in the private network of this name [default: main]
    ///
    /// Nodes of different networks ignore each other. The name tells networks apart and keeps nobody
    /// out. A name that starts with a letter may also be given as `--network NAME`.
    #[arg(long, value_name = "NAME", help_heading = "Node")]
    network_name: Option<NetworkName>,

    /// Keep records, identity and routing table in this directory, and go on from there
    ///
    /// Made if it is not there. One node at a time uses it; each node of `-n N` has a directory of its
    /// own in it. Without, a node that stops forgets everything.
    #[arg(long, value_name = "DIR", conflicts_with = "one-shot", help_heading = "Node")]
    data_dir: Option<PathBuf>,

    /// Keep a copy of everything: every record of the network this node can learn of
    ///
    /// As far as `--capacity` goes. It asks nodes all over the network what they hold, a little at a
    /// time, again and again; `i` in the console says how far it is. Of `-n N` nodes the first does.
    #[arg(long, conflicts_with = "one-shot", help_heading = "Node")]
    mirror: bool,

    /// Leave without handing over to others what this node holds
    ///
    /// For a node that will be back in a moment, with its `--data-dir`.
    #[arg(long, conflicts_with = "one-shot", help_heading = "Node")]
    no_hand_over: bool,

    /// Keep no copies of what others ask for again and again, nor of what this node fetches
    ///
    /// Whoever asks a node learns by such copies what it has read lately. Without them it keeps that to
    /// itself, and fetches anew each time.
    #[arg(long, conflicts_with = "one-shot", help_heading = "Node")]
    no_caches: bool,

    /// Bytes of values a node holds for others, such as `500MB` or `2GiB` [default: 500MB]
    #[arg(long, value_name = "SIZE", value_parser = parse_size, conflicts_with = "one-shot", help_heading = "Node")]
    capacity: Option<u64>,

    /// Longest value a node holds, or `-s` and `-S` send: at most 5MB [default: 5MB]
    #[arg(long, value_name = "SIZE", value_parser = parse_item_limit, help_heading = "Node")]
    item_limit: Option<usize>,

    /// Store what comes on stdin and print its key
    ///
    /// The key is the BLAKE3 hash of the value: what `b3sum` prints.
    #[arg(short, long, help_heading = "One-shot commands (need -c)")]
    store: bool,

    /// Store what comes on stdin under a name and print its key
    ///
    /// As long as a value lives under the name, another one is refused; the same one again renews its
    /// life. `key:HEX` in place of a name stores at a key of your own choice.
    #[arg(short = 'S', long, value_name = "NAME", value_parser = parse_place, help_heading = "One-shot commands (need -c)")]
    store_at: Option<Place>,

    /// Fetch the value with this key and write it to stdout
    #[arg(short, long, value_name = "HASH", value_parser = parse_key, help_heading = "One-shot commands (need -c)")]
    fetch: Option<Key>,

    /// Fetch the value under this name, or at `key:HEX`, and write it to stdout
    ///
    /// Nothing proves a named value but the agreement of the nodes that hold it.
    #[arg(short = 'F', long, value_name = "NAME", value_parser = parse_place, help_heading = "One-shot commands (need -c)")]
    fetch_at: Option<Place>,

    /// Let a stored value live this long, such as `90s`, `12h` or `7d`: at most 30d [default: 7d]
    #[arg(long, value_name = "DURATION", value_parser = parse_ttl, help_heading = "One-shot commands (need -c)")]
    ttl: Option<Ttl>,

    /// Print the result of `-s` and `-S` as a JSON object: key, size, holders, refusals
    #[arg(long, help_heading = "One-shot commands (need -c)")]
    json: bool,

    /// Log up to this level: 0 critical, 1 error, 2 warning, 3 info, 4 operations, 5 debug
    ///
    /// Logs go to stderr. The variable `RUST_LOG` overrides this with a filter of its own, such as
    /// `warn,dht_node=trace`.
    #[arg(short, long, value_name = "LEVEL", global = true, help_heading = "Other", default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=5))]
    verbose: u8,

    /// Print help; `-h` in short
    #[arg(short, long, action = ArgAction::Help, global = true, help_heading = "Other")]
    help: Option<bool>,

    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version, help_heading = "Other")]
    version: Option<bool>,

    #[command(subcommand)]
    command: Option<SubCommand>,
}

impl Plan {
    /// Reads the command line of the process. Help, version and wrong usage end it here.
    pub(crate) fn from_command_line() -> Self {
        Args::parse().plan().unwrap_or_else(|error| error.exit())
    }
}

impl Args {
    fn plan(mut self) -> Result<Plan, clap::Error> {
        if let Some(command) = self.command.take() {
            return self.plan_command(command);
        }
        let (count, name) = network::split(&self.network, self.network_name.as_ref())?;
        let action = self.action();
        if let (Some(_), Some(flag)) = (count, self.one_shot_flag()) {
            return Err(conflict(&format!(
                "`-n N` cannot be used with `{flag}`: a one-shot command runs one client"
            )));
        }
        if self.json && !(self.store || self.store_at.is_some()) {
            return Err(conflict(
                "`--json` works with `-s` and `-S`: fetched bytes are written as they are",
            ));
        }
        if self.ttl.is_some() && !(self.store || self.store_at.is_some()) {
            return Err(conflict("`--ttl` works with `-s` and `-S`"));
        }
        if let (Some(flag), true) = (self.one_shot_flag(), self.connect.is_empty()) {
            return Err(needs_connect(flag));
        }
        let task = match action {
            Some(action) => Task::OneShot(OneShot { listen: self.listen, action }),
            None => Task::Run(self.run(count.unwrap_or(1))?),
        };
        Ok(Plan { task, network: name, connect: self.connect, verbose: self.verbose })
    }

    /// A sub-command takes from before its name what says where the network is, and nothing else.
    fn plan_command(self, command: SubCommand) -> Result<Plan, clap::Error> {
        let name = command.name();
        if let Some(flag) = self.flag_of_its_own() {
            return Err(conflict(&format!("`{flag}` cannot be used with `dht {name}`")));
        }
        let (count, network) = network::split(&self.network, self.network_name.as_ref())?;
        if count.is_some() {
            return Err(conflict(&format!("`-n N` cannot be used with `dht {name}`")));
        }
        let (action, joining) = match command.asked() {
            Asked::Keygen(_) if !self.connect.is_empty() => {
                return Err(conflict("`-c` cannot be used with `dht keygen`, which asks nobody"));
            }
            Asked::Keygen(file) => {
                let (task, connect) = (Task::Keygen(file), Vec::new());
                return Ok(Plan { task, network, connect, verbose: self.verbose });
            }
            Asked::OneShot(action, joining) => (action, joining),
        };
        let Joining { connect, listen, network_name } = joining;
        let connect = [self.connect, connect].concat();
        if connect.is_empty() {
            return Err(needs_connect(name));
        }
        let network = network_name.map_or(network, NetworkName::into_text);
        let task = Task::OneShot(OneShot { listen: listen.or(self.listen), action });
        Ok(Plan { task, network, connect, verbose: self.verbose })
    }

    /// A flag that was given and belongs to no sub-command.
    fn flag_of_its_own(&self) -> Option<&'static str> {
        let given = [
            (self.interactive, "-i"),
            (self.data_dir.is_some(), "--data-dir"),
            (self.no_hand_over, "--no-hand-over"),
            (self.no_caches, "--no-caches"),
            (self.mirror, "--mirror"),
            (self.capacity.is_some(), "--capacity"),
            (self.item_limit.is_some(), "--item-limit"),
            (self.ttl.is_some(), "--ttl"),
            (self.json, "--json"),
        ];
        let given = given.into_iter().find_map(|(is_given, flag)| is_given.then_some(flag));
        self.one_shot_flag().or(given)
    }

    fn run(&self, nodes: usize) -> Result<Run, clap::Error> {
        let listen = self.listen.unwrap_or(ListenAddr::DEFAULT);
        let last = usize::from(listen.0.port()) + nodes - 1;
        if listen.0.port() != 0 && last > usize::from(u16::MAX) {
            let message = format!(
                "{nodes} nodes from port {} on would need port {last}, the highest is 65535",
                listen.0.port()
            );
            return Err(usage(ErrorKind::ValueValidation, &message));
        }
        Ok(Run {
            listen,
            nodes,
            interactive: self.interactive,
            capacity: self.capacity,
            item_limit: self.item_limit,
            data_dir: self.data_dir.clone(),
            hand_over: !self.no_hand_over,
            caches: !self.no_caches,
            mirror: self.mirror,
        })
    }

    fn action(&self) -> Option<Action> {
        let store = |place| Action::Store {
            place,
            ttl: self.ttl.unwrap_or_default(),
            limit: self.item_limit.unwrap_or(VALUE_MAX),
            json: self.json,
        };
        match self {
            Self { store: true, .. } => Some(store(None)),
            Self { store_at: Some(place), .. } => Some(store(Some(place.clone()))),
            Self { fetch: Some(key), .. } => Some(Action::Fetch(*key)),
            Self { fetch_at: Some(place), .. } => Some(Action::FetchAt(place.clone())),
            _ => None,
        }
    }

    fn one_shot_flag(&self) -> Option<&'static str> {
        match self {
            Self { store: true, .. } => Some("-s"),
            Self { store_at: Some(_), .. } => Some("-S"),
            Self { fetch: Some(_), .. } => Some("-f"),
            Self { fetch_at: Some(_), .. } => Some("-F"),
            _ => None,
        }
    }
}

fn needs_connect(what: &str) -> clap::Error {
    let message = format!(
        "`{what}` needs a node of the network to join through: add `-c ADDR`, such as `-c :3000`"
    );
    usage(ErrorKind::MissingRequiredArgument, &message)
}

fn conflict(message: &str) -> clap::Error {
    usage(ErrorKind::ArgumentConflict, message)
}

fn usage(kind: ErrorKind, message: &str) -> clap::Error {
    Args::command().error(kind, message)
}

/// Reads a key as 64 hexadecimal digits.
pub(crate) fn parse_key(text: &str) -> Result<Key, String> {
    text.parse().map_err(|error| format!("{error}; a key looks like {}", Key::content(b"")))
}

/// Reads a name, or `key:` and a key.
pub(crate) fn parse_place(text: &str) -> Result<Place, String> {
    if text.is_empty() {
        return Err("a name has at least one character".to_owned());
    }
    text.parse()
        .map_err(|error| format!("{error}; after `key:` comes a key such as {}", Key::content(b"")))
}

fn parse_item_limit(text: &str) -> Result<usize, String> {
    let bytes = parse_size(text).map_err(|error| error.to_string())?;
    usize::try_from(bytes)
        .ok()
        .filter(|bytes| *bytes <= VALUE_MAX)
        .ok_or_else(|| format!("{bytes} bytes are over the protocol's limit of {VALUE_MAX}"))
}

fn parse_ttl(text: &str) -> Result<Ttl, String> {
    let span = parse_span(text).map_err(|error| error.to_string())?;
    let days = Ttl::MAX.as_secs() / 86_400;
    u32::try_from(span.as_secs())
        .ok()
        .and_then(Ttl::from_secs)
        .ok_or_else(|| format!("a value lives from 1 second to {days} days"))
}

#[cfg(test)]
mod tests;
