//! What the network does to packets: delay, jitter, loss, duplication, reordering, partitions, closed doors.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dht_proto::Moment;

use crate::random::Use;
use crate::{Latencies, Place, Random};

/// How long a node behind a closed door lets in answers from an address it sent something to: common
/// practice of address translators (RFC 4787 asks for two minutes, many give less).
const DOOR_OPEN: Duration = Duration::from_mins(1);

/// Qualities of the network that hold for every packet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conditions {
    /// One-way delays vary by this share of themselves, uniformly to both sides: 0.0..=1.0, default 0.05.
    pub jitter: f64,
    /// Share of packets lost: 0.0..=1.0, default 0.
    pub loss: f64,
    /// Share of packets that arrive twice: 0.0..=1.0, default 0.
    pub duplication: f64,
    /// Share of packets held back so that later ones overtake them: 0.0..=1.0, default 0.
    pub reordering: f64,
    /// How long a packet is held back at most; default 100 ms.
    pub held_back: Duration,
    /// Bytes a second that a node sends and receives by streams; at least 1, default 1,250,000 (10 Mbit/s).
    /// Datagrams are too few to count.
    pub bandwidth: u64,
    /// How long a connection is tried before its target counts as unreachable; default 5 s.
    pub connect_timeout: Duration,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            jitter: 0.05,
            loss: 0.0,
            duplication: 0.0,
            reordering: 0.0,
            held_back: Duration::from_millis(100),
            bandwidth: 1_250_000,
            connect_timeout: Duration::from_secs(5),
        }
    }
}

impl Conditions {
    /// The first quality that is out of its range, and its value.
    pub(crate) fn fault(&self) -> Option<(&'static str, f64)> {
        let shares = [
            ("jitter", self.jitter),
            ("loss", self.loss),
            ("duplication", self.duplication),
            ("reordering", self.reordering),
        ];
        shares.into_iter().find(|(_, share)| !(0.0..=1.0).contains(share))
    }
}

/// The network between the places.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    latencies: Arc<Latencies>,
    pub(crate) conditions: Conditions,
    random: Random,
    /// Group of each place; empty while the network is whole.
    groups: Vec<u8>,
    /// For each place behind a closed door: to whom it sent something, and when.
    doors: BTreeMap<Place, BTreeMap<Place, Moment>>,
}

impl Network {
    pub(crate) fn new(seed: u64, latencies: Arc<Latencies>, conditions: Conditions) -> Self {
        let random = Random::of(seed, Use::Network);
        Self { latencies, conditions, random, groups: Vec::new(), doors: BTreeMap::new() }
    }

    pub(crate) fn sites(&self) -> usize {
        self.latencies.sites()
    }

    /// Splits the network: packets cross only between places of the same group.
    pub(crate) fn partition(&mut self, places: usize, group_of: impl Fn(Place) -> u8) {
        self.groups = (0..).take(places).map(|place| group_of(Place(place))).collect();
    }

    pub(crate) fn heal(&mut self) {
        self.groups.clear();
    }

    pub(crate) fn are_parted(&self, from: Place, to: Place) -> bool {
        self.groups.get(from.index()) != self.groups.get(to.index())
    }

    pub(crate) fn close_door(&mut self, place: Place) {
        self.doors.entry(place).or_default();
    }

    /// Notes that `from` sends to `to`, which opens its door for the answer.
    pub(crate) fn note_sent(&mut self, now: Moment, from: Place, to: Place) {
        if self.doors.is_empty() {
            return;
        }
        if let Some(door) = self.doors.get_mut(&from) {
            door.insert(to, now);
            if door.len() > 4_096 {
                door.retain(|_, sent| now.since(*sent) <= DOOR_OPEN);
            }
        }
    }

    /// Whether a packet of `from` gets through the door of `to`.
    pub(crate) fn lets_in(&self, now: Moment, from: Place, to: Place) -> bool {
        self.doors
            .get(&to)
            .is_none_or(|door| door.get(&from).is_some_and(|sent| now.since(*sent) <= DOOR_OPEN))
    }

    pub(crate) fn round_trip(&self, from: u16, to: u16) -> Duration {
        self.latencies.round_trip(usize::from(from), usize::from(to))
    }

    /// Delay of one packet from site to site.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most twice an hour in microseconds"
    )]
    pub(crate) fn one_way(&mut self, from: u16, to: u16) -> Duration {
        let half = f64::from(self.latencies.micros(usize::from(from), usize::from(to))) / 2.0;
        let jitter = self.conditions.jitter;
        let factor =
            if jitter > 0.0 { 1.0 + jitter * (2.0 * self.random.unit() - 1.0) } else { 1.0 };
        Duration::from_micros((half * factor) as u64)
    }

    /// Delays after which a datagram arrives: none if it is lost, two if it is doubled.
    pub(crate) fn arrivals(&mut self, from: u16, to: u16) -> [Option<Duration>; 2] {
        let conditions = self.conditions;
        if self.random.chance(conditions.loss) {
            return [None, None];
        }
        let doubled = self.random.chance(conditions.duplication);
        let first = self.delay(from, to);
        [Some(first), doubled.then(|| self.delay(from, to))]
    }

    fn delay(&mut self, from: u16, to: u16) -> Duration {
        let delay = self.one_way(from, to);
        if self.random.chance(self.conditions.reordering) {
            delay + self.conditions.held_back.mul_f64(self.random.unit())
        } else {
            delay
        }
    }

    /// Time a stream loses by packets lost among `bytes`: a round trip of stall for each.
    #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
    pub(crate) fn stall(&mut self, from: u16, to: u16, bytes: usize) -> Duration {
        if self.conditions.loss <= 0.0 {
            return Duration::ZERO;
        }
        let expected = self.conditions.loss * (bytes as f64 / 1_200.0).ceil();
        let whole = expected.floor();
        let stalls = whole + f64::from(u8::from(self.random.chance(expected - whole)));
        (self.one_way(from, to) * 2).mul_f64(stalls.min(1_000.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(conditions: Conditions) -> Network {
        let latencies = Latencies::parse("0 100\n100 0").unwrap();
        Network::new(1, Arc::new(latencies), conditions)
    }

    #[test]
    fn a_quiet_network_delays_by_half_the_round_trip() {
        let mut network = network(Conditions { jitter: 0.0, ..Conditions::default() });
        assert_eq!(network.arrivals(0, 1), [Some(Duration::from_millis(50)), None]);
        assert_eq!(network.arrivals(1, 1), [Some(Duration::from_micros(500)), None]);
    }

    #[test]
    fn loss_duplication_reordering_and_jitter_have_their_shares() {
        let mut network = network(Conditions {
            jitter: 0.1,
            loss: 0.2,
            duplication: 0.1,
            reordering: 0.3,
            ..Conditions::default()
        });
        let fates: Vec<_> = (0..20_000).map(|_| network.arrivals(0, 1)).collect();
        let share = |wanted: &dyn Fn(&[Option<Duration>; 2]) -> bool| {
            fates.iter().map(|fate| f64::from(u8::from(wanted(fate)))).sum::<f64>() / 20_000.0
        };
        let lost = share(&|fate| fate[0].is_none());
        assert!((lost - 0.2).abs() < 0.02, "{lost}");
        let doubled = share(&|fate| fate[1].is_some());
        assert!((doubled - 0.08).abs() < 0.02, "{doubled}");
        let late = share(&|fate| fate[0] > Some(Duration::from_millis(55)));
        assert!((late - 0.8 * 0.3 * 0.95).abs() < 0.03, "{late}");
        assert!(share(&|fate| fate[0].is_some_and(|d| d < Duration::from_millis(45))) < 1e-9);
    }

    #[test]
    fn a_partition_parts_groups_until_it_heals() {
        let mut network = network(Conditions::default());
        network.partition(4, |place| u8::from(place.0 >= 2));
        assert!(network.are_parted(Place(0), Place(2)));
        assert!(!network.are_parted(Place(0), Place(1)));
        network.heal();
        assert!(!network.are_parted(Place(0), Place(2)));
    }

    #[test]
    fn a_closed_door_opens_for_answers_only() {
        let mut network = network(Conditions::default());
        network.close_door(Place(1));
        let now = Moment::from_secs(5);
        assert!(!network.lets_in(now, Place(0), Place(1)));
        network.note_sent(now, Place(1), Place(0));
        assert!(network.lets_in(now + Duration::from_mins(1), Place(0), Place(1)));
        assert!(!network.lets_in(now + Duration::from_secs(61), Place(0), Place(1)));
        assert!(network.lets_in(now, Place(1), Place(0)));
    }
}
