//! The schedule of turns, driven by hand.

use std::net::{Ipv4Addr, SocketAddr};

use dht_proto::{Key, NodeIdentity, Nonce, PublicKey};

use super::*;
use crate::Seed;

fn contact(nonce: u32) -> Contact {
    let node = NodeIdentity::new(PublicKey::from_bytes([1; 32]), Nonce(nonce));
    Contact::new(node, SocketAddr::from((Ipv4Addr::LOCALHOST, 1)))
}

fn cell(first: u8) -> Prefix {
    Prefix::of(&Key::from_bytes([first; 32]), 8)
}

fn partner(nonce: u32) -> Partner {
    Partner { contact: contact(nonce), cells: vec![cell(1), cell(2)] }
}

struct Schedule {
    keeping: Keeping,
    config: Config,
    random: Random,
    now: Moment,
}

impl Schedule {
    /// Settled, and before its first sweep.
    fn new() -> Self {
        let mut random = Random::new(Seed([1; 32]));
        let mut keeping = Keeping::new();
        keeping.awake(Moment::EPOCH, &mut random);
        Self { keeping, config: Config::default(), random, now: Moment::from_secs(40) }
    }

    fn sweep(&mut self, partners: Vec<Partner>) {
        self.keeping.swept(self.now, partners, (&self.config, &mut self.random));
    }

    fn visit(&mut self, nonce: u32, same: &[Prefix], differ: &[Prefix]) {
        let parts = (same, differ);
        let chance = (&self.config, &mut self.random);
        self.keeping.visited(self.now, contact(nonce), parts, chance);
    }

    /// The next task, when it is due.
    fn next(&mut self) -> Option<Task> {
        loop {
            self.now = self.now.max(self.keeping.next_due()?);
            let chance = (&self.config, &mut self.random);
            if let Some(task) = self.keeping.pop_due(self.now, false, chance) {
                return Some(task);
            }
        }
    }

    /// The next turn, which ends at once with nothing missing: towards whom, what for, and when.
    fn next_turn(&mut self) -> (Contact, Vec<Prefix>, Errand) {
        loop {
            match self.next().expect("a sweep comes again and again") {
                Task::Turn { contact, cells, errand } => {
                    self.end(&contact, 0);
                    return (contact, cells, errand);
                }
                Task::Sweep | Task::Farewell(_) => {}
            }
        }
    }

    fn end(&mut self, contact: &Contact, refused: usize) {
        let report = TurnReport {
            answered: true,
            complete: true,
            refused,
            ..TurnReport::towards(contact.id(), Errand::Sweep)
        };
        self.keeping.ended(self.now, &report);
    }
}

#[test]
fn nothing_is_done_before_joining_and_a_sweep_comes_a_while_after_it() {
    assert_eq!(Keeping::new().next_due(), None);
    let mut schedule = Schedule::new();
    assert_eq!(schedule.next(), Some(Task::Sweep));
    assert!(schedule.now >= Moment::from_secs(45) && schedule.now <= Moment::from_secs(75));
}

#[test]
fn in_a_sweep_every_partner_has_one_turn_within_the_interval() {
    let mut schedule = Schedule::new();
    let start = schedule.now;
    schedule.sweep((1..=20).map(partner).collect());
    let mut met: Vec<NodeId> = (0..20).map(|_| schedule.next_turn().0.id()).collect();
    assert!(schedule.now.since(start) <= schedule.config.sweep);
    met.sort_unstable();
    met.dedup();
    assert_eq!(met.len(), 20);
}

#[test]
fn who_found_us_in_step_is_spared_its_turn() {
    let mut schedule = Schedule::new();
    schedule.sweep(vec![partner(1), partner(2)]);
    schedule.visit(1, &[cell(1), cell(2)], &[]);
    assert_eq!(schedule.next_turn().0, contact(2));
    schedule.visit(2, &[cell(1), cell(2)], &[]);
    schedule.sweep(vec![partner(2), partner(3)]);
    assert_eq!(schedule.next_turn().0, contact(3), "it has just been here");
}

#[test]
fn what_a_visitor_did_not_name_is_still_compared() {
    let mut schedule = Schedule::new();
    schedule.sweep(vec![partner(1)]);
    schedule.visit(1, &[cell(1)], &[]);
    assert_eq!(schedule.next_turn().1, [cell(2)]);
}

#[test]
fn a_difference_is_looked_into_soon_but_not_again_and_again() {
    let mut schedule = Schedule::new();
    let start = schedule.now;
    schedule.visit(1, &[cell(1)], &[cell(2)]);
    assert_eq!(schedule.next_turn(), (contact(1), vec![cell(2)], Errand::Difference));
    assert!(schedule.now.since(start) <= Duration::from_secs(3));
    schedule.visit(1, &[cell(1)], &[cell(2)]);
    assert!(schedule.keeping.plans.is_empty());
}

#[test]
fn the_closest_serves_a_newcomer_first_and_others_wait_their_turn() {
    for (closer, seconds) in [(0, 0..=2), (1, 5..=7), (3, 15..=17)] {
        let mut schedule = Schedule::new();
        let start = schedule.now;
        let whom = (contact(1), vec![(cell(1), closer)]);
        schedule.keeping.newcomer(start, whom, &mut schedule.random);
        assert_eq!(schedule.next_turn(), (contact(1), vec![cell(1)], Errand::Newcomer));
        let waited = schedule.now.since(start).as_secs();
        assert!(seconds.contains(&waited), "{closer}: {waited}");
    }
}

#[test]
fn cells_where_others_are_closer_come_in_a_later_turn() {
    let mut schedule = Schedule::new();
    let whom = (contact(1), vec![(cell(1), 0), (cell(2), 4)]);
    schedule.keeping.newcomer(schedule.now, whom, &mut schedule.random);
    assert_eq!(schedule.next_turn().1, [cell(1)]);
    assert_eq!(schedule.next_turn().1, [cell(2)]);
}

#[test]
fn while_tables_fill_newcomers_are_none() {
    let mut schedule = Schedule::new();
    let whom = (contact(1), vec![(cell(1), 0)]);
    schedule.keeping.newcomer(Moment::from_secs(3), whom, &mut schedule.random);
    assert!(schedule.keeping.plans.is_empty());
}

#[test]
fn who_refuses_is_left_alone_for_an_hour() {
    let mut schedule = Schedule::new();
    schedule.end(&contact(1), 1);
    schedule.sweep(vec![partner(1)]);
    assert!(schedule.keeping.plans.is_empty());
    schedule.now += Duration::from_mins(61);
    schedule.sweep(vec![partner(1)]);
    assert_eq!(schedule.next_turn().0, contact(1));
}

#[test]
fn no_more_turns_are_under_way_than_may_be() {
    let mut schedule = Schedule::new();
    schedule.sweep((1..=20).map(partner).collect());
    schedule.now += schedule.config.sweep;
    let mut turns = 0;
    let mut sweeps = 0;
    while sweeps < 3 {
        match schedule.next() {
            Some(Task::Turn { .. }) => turns += 1,
            _ => sweeps += 1,
        }
    }
    assert_eq!(turns, TURNS_MAX);
}

#[test]
fn while_our_network_is_down_turns_and_sweeps_are_dropped() {
    let mut schedule = Schedule::new();
    schedule.sweep((1..=20).map(partner).collect());
    schedule.now += schedule.config.sweep * 2;
    let chance = (&schedule.config, &mut schedule.random);
    assert_eq!(schedule.keeping.pop_due(schedule.now, true, chance), None);
    assert!(schedule.keeping.plans.is_empty());
}

#[test]
fn a_leave_is_over_when_everybody_had_a_turn_or_the_time_is_up() {
    let mut schedule = Schedule::new();
    let operation = OperationId(7);
    let report = |nonce| TurnReport {
        delivered: 3,
        ..TurnReport::towards(contact(nonce).id(), Errand::Leave)
    };
    for answering in [2_u32, 1] {
        let start = schedule.now;
        let earlier = schedule.keeping.leave(start, operation, vec![partner(1), partner(2)]);
        assert!(earlier.is_none());
        let turns: Vec<Option<Task>> = (0..2).map(|_| schedule.next()).collect();
        assert!(
            turns.iter().all(|task| matches!(task, Some(Task::Turn { errand: Errand::Leave, .. })))
        );
        (1..=answering).for_each(|nonce| schedule.keeping.ended(start, &report(nonce)));
        let handed_over = 3 * usize::try_from(answering).unwrap();
        let farewell = Farewell { operation, handed_over };
        assert_eq!(schedule.next(), Some(Task::Farewell(farewell)));
        let waited = schedule.now.since(start).as_secs();
        assert_eq!(waited, if answering == 2 { 0 } else { 10 });
    }
}

#[test]
fn a_bounded_number_of_turns_is_planned() {
    let mut schedule = Schedule::new();
    schedule.sweep((0..5_000).map(partner).collect());
    assert_eq!((schedule.keeping.plans.len(), schedule.keeping.dues.len()), (PLANS_MAX, PLANS_MAX));
}
