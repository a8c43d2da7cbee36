//! What the figures are held against: the best that any other implementation reached on the same work, and the goal.

use super::Measurement;

/// What a figure is held against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Yardstick {
    pub(super) key: &'static str,
    /// The best of the others, as text.
    pub(super) others: &'static str,
    pub(super) goal: Option<Goal>,
}

/// What is to be reached.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    /// Whether a figure is good enough.
    pub(super) fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "<= {most}"),
            Self::AtLeast(least) => write!(f, ">= {least}"),
        }
    }
}

const fn plain(key: &'static str, others: &'static str) -> Yardstick {
    Yardstick { key, others, goal: None }
}

const fn at_most(key: &'static str, others: &'static str, most: f64) -> Yardstick {
    Yardstick { key, others, goal: Some(Goal::AtMost(most)) }
}

const fn at_least(key: &'static str, others: &'static str, least: f64) -> Yardstick {
    Yardstick { key, others, goal: Some(Goal::AtLeast(least)) }
}

/// At 50 nodes.
const W: &[Yardstick] = &[
    plain("n", "50"),
    plain("floor_rtt_us", ""),
    at_most("join_s", "0.22", 0.2),
    at_least("put_ops", "424-900", 1_500.0),
    at_most("put_p50_ms", "1.0", 0.7),
    at_most("put_p99_ms", "3.4", 2.0),
    at_least("put_ok", "1", 1.0),
    at_least("copies", "8", 16.0),
    at_most("put_requests", "42", 22.0),
    at_least("get_ops", "1663", 5_000.0),
    at_most("get_p50_ms", "0.28", 0.2),
    at_most("get_p99_ms", "1.06", 0.6),
    at_least("get_ok", "1", 1.0),
    plain("get_requests", ""),
    at_least("put64_ops", "621", 2_500.0),
    plain("put64_p99_ms", ""),
    at_least("put64_ok", "1", 1.0),
    at_least("get64_ops", "3387", 12_000.0),
    plain("get64_p99_ms", ""),
    at_least("get64_ok", "1", 1.0),
    at_most("mb5_put_s", "0.28", 0.2),
    at_most("mb5_get_s", "0.016", 0.008),
    at_least("mb5_copies", "20, unconfirmed", 16.0),
    at_most("rss_per_node_kib", "26-478", 40.0),
    at_most("cpu_s", "3.0", 1.5),
    at_most("idle_cpu_pct", "0.1", 0.2),
    at_least("churn_ok", "1", 1.0),
    at_most("churn_p50_ms", "3.2", 5.0),
    at_most("churn_p99_ms", "72", 150.0),
];

const RPC: &[Yardstick] = &[
    plain("peers", ""),
    at_least("requests_per_s", "", 100_000.0),
    plain("echo_per_s", ""),
    at_least("ratio", "", 0.5),
    plain("cpu_us", ""),
    plain("echo_cpu_us", ""),
    plain("busy", ""),
    plain("p99_half_us", ""),
    plain("echo_p99_half_us", ""),
    at_most("lost", "", 0.0),
    at_most("wrong", "", 0.0),
    plain("request_bytes", ""),
    plain("answer_bytes", ""),
];

const BULK: &[Yardstick] = &[
    at_most("put_s", "0.28", 0.2),
    at_most("get_s", "0.016", 0.008),
    at_least("copies", "20, unconfirmed", 16.0),
    at_least("ok", "", 1.0),
    plain("tcp_s", ""),
    plain("blake3_s", ""),
    plain("put_over_copies", ""),
    at_most("get_over_tcp", "", 4.0),
];

/// What holds for any number of nodes, in the order of the table.
const SCALE: &[Yardstick] = &[
    plain("n", ""),
    plain("join_s", ""),
    plain("join_cpu_ms", ""),
    at_most("rss_per_node_kib", "96-108", 40.0),
    plain("idle_cpu_pct", ""),
    at_least("put_ok", "", 1.0),
    plain("copies", ""),
    at_least("get_ok", "0.973", 1.0),
    plain("get_p50_ms", ""),
    plain("get_p99_ms", ""),
    plain("get_requests", ""),
    plain("rss_end_kib", ""),
];

/// What goes with these numbers of nodes.
const AT_SCALE: &[(u32, &[Yardstick])] = &[
    (200, &[at_most("join_s", "0.33", 0.5), plain("idle_cpu_pct", "3.3")]),
    (1_000, &[at_most("join_s", "2.98", 3.0), at_most("idle_cpu_pct", "15", 2.0)]),
    (5_000, &[at_most("join_s", "7.0", 15.0), at_most("idle_cpu_pct", "61", 10.0)]),
];

/// Every figure of a measurement of so many nodes, in the order in which people want them.
pub(super) fn of(measurement: Measurement, nodes: u32) -> Vec<Yardstick> {
    let all = match measurement {
        Measurement::W => W,
        Measurement::Rpc => RPC,
        Measurement::Bulk => BULK,
        Measurement::Scale => SCALE,
    };
    let special = AT_SCALE.iter().find(|(at, _)| measurement == Measurement::Scale && *at == nodes);
    let special = special.map_or(&[][..], |(_, sticks)| sticks);
    let fitting = |stick: &Yardstick| special.iter().find(|other| other.key == stick.key);
    all.iter().map(|stick| *fitting(stick).unwrap_or(stick)).collect()
}
