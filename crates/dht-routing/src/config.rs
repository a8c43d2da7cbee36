//! Parameters of a peer: private, range-checked, each with its meaning, unit, range, default and why.

use std::time::Duration;

use dht_proto::limits::VALUE_MAX;
use dht_proto::{Difficulty, Families, NetworkId, Role};

use crate::pacer::Rate;

/// Paths of a search, at most.
const PATHS_MAX: usize = 8;

/// Parameters of a [`Peer`](crate::Peer). Made by [`Config::builder`]; the default suits the default network.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches that have nothing to do with each other"
)]
pub struct Config {
    pub(crate) role: Role,
    pub(crate) families: Families,
    pub(crate) network: NetworkId,
    pub(crate) difficulty: Difficulty,
    pub(crate) k: usize,
    pub(crate) alpha: usize,
    pub(crate) paths: usize,
    pub(crate) operations: usize,
    pub(crate) transfers: usize,
    pub(crate) item_limit: usize,
    pub(crate) quorum: usize,
    pub(crate) refresh: Duration,
    pub(crate) sweep: Duration,
    pub(crate) upkeep: Rate,
    pub(crate) tells_records: bool,
    pub(crate) delivers_broadcasts: bool,
    pub(crate) mirror: bool,
    pub(crate) mirror_interval: Duration,
    pub(crate) consults: bool,
    pub(crate) consultations: usize,
    pub(crate) verdict_time: Duration,
    pub(crate) serves: bool,
    pub(crate) services: usize,
    pub(crate) service_time: Duration,
    pub(crate) caches: bool,
}

/// A parameter is out of its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{parameter} is {found}, must be {range}")]
pub struct ConfigError {
    /// Name of the setter.
    pub parameter: &'static str,
    /// What was given.
    pub found: u64,
    /// What is accepted.
    pub range: &'static str,
}

impl Config {
    /// Starts from the defaults.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder { config: Self::default() }
    }

    /// Whether the peer keeps everything: a client keeps nothing.
    pub(crate) fn is_mirror(&self) -> bool {
        self.mirror && self.role == Role::Full
    }

    /// Records that the application is asked about at once, at most.
    pub fn consultations(&self) -> usize {
        self.consultations
    }

    /// How long the application may take to decide about one.
    pub fn verdict_time(&self) -> Duration {
        self.verdict_time
    }

    /// Custom requests that the application is at work on at once, at most.
    pub fn services(&self) -> usize {
        self.services
    }

    /// How long the application may take to answer one.
    pub fn service_time(&self) -> Duration {
        self.service_time
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            role: Role::Full,
            families: Families::V4,
            network: NetworkId::default(),
            difficulty: Difficulty::DEFAULT,
            k: 16,
            alpha: 3,
            paths: 1,
            operations: 4_096,
            transfers: 4,
            item_limit: VALUE_MAX,
            quorum: 3,
            refresh: Duration::from_hours(1),
            sweep: Duration::from_mins(5),
            upkeep: Rate { requests: 20, bytes: 256_000 },
            tells_records: true,
            delivers_broadcasts: false,
            mirror: false,
            mirror_interval: Duration::from_hours(1),
            consults: false,
            consultations: 256,
            verdict_time: Duration::from_secs(3),
            serves: false,
            services: 256,
            service_time: Duration::from_secs(10),
            caches: true,
        }
    }
}

/// Sets parameters one by one; [`build`](Self::build) checks them.
#[derive(Debug, Clone)]
pub struct ConfigBuilder {
    config: Config,
}

impl ConfigBuilder {
    /// Whether the peer answers and holds records ([`Role::Full`], default) or only asks.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.config.role = role;
        self
    }

    /// Address families the peer's socket can send to. Default IPv4.
    #[must_use]
    pub fn families(mut self, families: Families) -> Self {
        self.config.families = families;
        self
    }

    /// The network that our broadcasts are signed for. Default the network `main`. What comes in is read as of a
    /// network by whoever opens it ([`codec::decode`](dht_proto::codec::decode)); both must name the same one.
    #[must_use]
    pub fn network(mut self, network: NetworkId) -> Self {
        self.config.network = network;
        self
    }

    /// Work an id must show to be believed. Default 12 bits; every node of a network uses the same.
    #[must_use]
    pub fn id_difficulty(mut self, difficulty: Difficulty) -> Self {
        self.config.difficulty = difficulty;
        self
    }

    /// Nodes a bucket holds, a reply lists and a record is kept by: 1..=20, default 16 (twenty contacts
    /// are the most that fit a datagram). Kademlia's k.
    #[must_use]
    pub fn k(mut self, k: usize) -> Self {
        self.config.k = k;
        self
    }

    /// Requests a store keeps in flight until its end game, and a lookup of a node whose round trips take
    /// around 180 ms: 1..=20, default 3. A nearer node keeps one less, a further one up to seven more, which
    /// makes their lookups last about as long. Kademlia's alpha.
    #[must_use]
    pub fn alpha(mut self, alpha: usize) -> Self {
        self.config.alpha = alpha;
        self
    }

    /// Ways that share no node on which a search for nodes, or for the holders of a record, sets out: 1..=8, default 1.
    /// Whoever finds nodes that are too far apart to be the closest looks again on eight ways anyhow; more than one
    /// from the start helps against liars who are about as many as honest nodes.
    #[must_use]
    pub fn paths(mut self, paths: usize) -> Self {
        self.config.paths = paths;
        self
    }

    /// Operations under way at once: 1..=1,000,000, default 4,096. More are refused as `Busy`.
    #[must_use]
    pub fn operations(mut self, operations: usize) -> Self {
        self.config.operations = operations;
        self
    }

    /// Large values one store sends at once: 1..=20, default 4.
    #[must_use]
    pub fn transfers(mut self, transfers: usize) -> Self {
        self.config.transfers = transfers;
        self
    }

    /// Longest value this node keeps for others, in bytes: 0..=5,000,000, default 5,000,000.
    #[must_use]
    pub fn item_limit(mut self, bytes: usize) -> Self {
        self.config.item_limit = bytes;
        self
    }

    /// Holders that must agree on a named value, or have told the sequence of a signed one, before a fetch
    /// ends early: 1..=20, default 3.
    #[must_use]
    pub fn quorum(mut self, holders: usize) -> Self {
        self.config.quorum = holders;
        self
    }

    /// Time after which a bucket that saw no lookup is refreshed: 10 s to 1 day, default 1 hour
    /// (Kademlia, section 2.3).
    #[must_use]
    pub fn refresh(mut self, interval: Duration) -> Self {
        self.config.refresh = interval;
        self
    }

    /// Time in which every node that keeps records with us is compared with once: 10 s to 1 day, default
    /// 5 minutes. A record is safe unless all of its holders leave within about that time.
    #[must_use]
    pub fn sweep(mut self, interval: Duration) -> Self {
        self.config.sweep = interval;
        self
    }

    /// Requests a second that the upkeep of records may send (comparing, handing over, renewing):
    /// 1..=100,000, default 20.
    #[must_use]
    pub fn upkeep_requests(mut self, per_second: u32) -> Self {
        self.config.upkeep.requests = per_second;
        self
    }

    /// Bytes a second that the upkeep of records may send: 1,000..=1,000,000,000, default 256,000. A longer
    /// value goes all the same, and makes what comes after it wait.
    #[must_use]
    pub fn upkeep_bytes(mut self, per_second: u32) -> Self {
        self.config.upkeep.bytes = per_second;
        self
    }

    /// Whether nodes that ask what we hold are told. Default yes: without, a mirror cannot find
    /// records by asking us.
    #[must_use]
    pub fn tells_records(mut self, tells: bool) -> Self {
        self.config.tells_records = tells;
        self
    }

    /// Whether broadcasts are given to the application ([`Output::Deliver`](crate::Output::Deliver)), which says
    /// whether they are forwarded. Default no: they are forwarded at once.
    #[must_use]
    pub fn delivers_broadcasts(mut self, delivers: bool) -> Self {
        self.config.delivers_broadcasts = delivers;
        self
    }

    /// Whether the peer keeps a copy of every record of the network that it can learn of, as far as its store has
    /// room: it asks nodes all over the space what they hold, within the upkeep's budget and after everything
    /// else. Default no. Without effect on a client.
    #[must_use]
    pub fn mirror(mut self, mirrors: bool) -> Self {
        self.config.mirror = mirrors;
        self
    }

    /// Time from the end of a mirror's round through the space to the beginning of the next, in which it learns
    /// of records and lives that are new: 10 s to 7 days, default 1 hour. The first rounds follow each other sooner,
    /// after 1, 4 and 16 minutes. A round costs some 400 bytes for each record that there is and three or four
    /// requests for each node, beside the records that are new.
    #[must_use]
    pub fn mirror_interval(mut self, interval: Duration) -> Self {
        self.config.mirror_interval = interval;
        self
    }

    /// Whether the application is asked, by [`Output::Consult`](crate::Output::Consult), before a record is
    /// kept, whoever sends it. Default no.
    #[must_use]
    pub fn consults(mut self, consults: bool) -> Self {
        self.config.consults = consults;
        self
    }

    /// Records that the application is asked about at once: 1..=65,536, default 256. More are refused as
    /// busy, as is what one node sends beyond as many as are left free for others.
    #[must_use]
    pub fn consultations(mut self, consultations: usize) -> Self {
        self.config.consultations = consultations;
        self
    }

    /// How long the application may take to decide about a record: 10 ms to 60 s, default 3 s; then it is
    /// refused as busy. Senders wait for a node that is asking its application for ten seconds, and for one
    /// that they sent a long value to for five.
    #[must_use]
    pub fn verdict_time(mut self, time: Duration) -> Self {
        self.config.verdict_time = time;
        self
    }

    /// Whether the application answers custom requests, by [`Output::Serve`](crate::Output::Serve). Default no:
    /// whoever asks is told so at once.
    #[must_use]
    pub fn serves(mut self, serves: bool) -> Self {
        self.config.serves = serves;
        self
    }

    /// Custom requests that the application is at work on at once: 1..=65,536, default 256. More are answered
    /// as busy, as is what one node asks beyond as many as are left free for others.
    #[must_use]
    pub fn services(mut self, services: usize) -> Self {
        self.config.services = services;
        self
    }

    /// How long the application may take to answer a custom request: 10 ms to 60 s, default 10 s; then its
    /// sender is told that it failed.
    #[must_use]
    pub fn service_time(mut self, time: Duration) -> Self {
        self.config.service_time = time;
        self
    }

    /// Whether the peer takes part in spreading content that is in demand: takes short-lived copies of what it is
    /// asked for again and again, and leaves such copies with others after a fetch. Default yes: without, whoever
    /// holds what everybody wants is asked by everybody.
    #[must_use]
    pub fn caches(mut self, caches: bool) -> Self {
        self.config.caches = caches;
        self
    }

    /// Checks every range.
    pub fn build(self) -> Result<Config, ConfigError> {
        let config = self.config;
        check("k", config.k, 1, 20, "1..=20")?;
        check("alpha", config.alpha, 1, 20, "1..=20")?;
        check("paths", config.paths, 1, PATHS_MAX, "1..=8")?;
        check("operations", config.operations, 1, 1_000_000, "1..=1000000")?;
        check("transfers", config.transfers, 1, 20, "1..=20")?;
        check("item_limit", config.item_limit, 0, VALUE_MAX, "0..=5000000 bytes")?;
        check("quorum", config.quorum, 1, 20, "1..=20")?;
        let refresh = usize::try_from(config.refresh.as_secs()).unwrap_or(usize::MAX);
        check("refresh", refresh, 10, 86_400, "10..=86400 seconds")?;
        let sweep = usize::try_from(config.sweep.as_secs()).unwrap_or(usize::MAX);
        check("sweep", sweep, 10, 86_400, "10..=86400 seconds")?;
        let interval = usize::try_from(config.mirror_interval.as_secs()).unwrap_or(usize::MAX);
        check("mirror_interval", interval, 10, 604_800, "10..=604800 seconds")?;
        let Rate { requests, bytes } = config.upkeep;
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        check("consultations", config.consultations, 1, 65_536, "1..=65536")?;
        let millis = |time: Duration| usize::try_from(time.as_millis()).unwrap_or(usize::MAX);
        let verdict = millis(config.verdict_time);
        check("verdict_time", verdict, 10, 60_000, "10..=60000 milliseconds")?;
        check("services", config.services, 1, 65_536, "1..=65536")?;
        let service = millis(config.service_time);
        check("service_time", service, 10, 60_000, "10..=60000 milliseconds")?;
        check("upkeep_requests", count(requests), 1, 100_000, "1..=100000 a second")?;
        check("upkeep_bytes", count(bytes), 1_000, 1_000_000_000, "1000..=1000000000 a second")?;
        Ok(config)
    }
}

fn check(
    parameter: &'static str,
    found: usize,
    low: usize,
    high: usize,
    range: &'static str,
) -> Result<(), ConfigError> {
    if (low..=high).contains(&found) {
        Ok(())
    } else {
        Err(ConfigError { parameter, found: found as u64, range })
    }
}
