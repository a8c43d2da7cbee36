//! Tests of who brings which parts, with sources that behave by the clock.

use std::net::{Ipv4Addr, SocketAddr};

use dht_proto::{NodeIdentity, Nonce, PublicKey};
use proptest::prelude::*;

use super::*;

/// What a source does. Times in microseconds.
#[derive(Debug, Clone, Copy)]
struct Manner {
    /// Until its first part comes after it was asked, and for each part.
    opening: u64,
    per_part: u64,
    /// Parts after which its connection breaks, once.
    breaks_after: Option<u32>,
    /// Parts after which nothing comes any more.
    stalls_after: Option<u32>,
}

const GOOD: Manner =
    Manner { opening: 20_000, per_part: 1_000, breaks_after: None, stalls_after: None };

/// A transfer under way.
#[derive(Debug, Clone)]
struct Sending {
    parts: Range<u32>,
    next_at: u64,
}

struct World {
    gather: Gather,
    now: u64,
    manners: Vec<Manner>,
    sent: Vec<u32>,
    sending: Vec<Option<Sending>>,
    /// How often each part was sent.
    times: Vec<u32>,
    asked: u32,
}

fn contact(number: usize) -> Contact {
    let number = u8::try_from(number).unwrap();
    let node = NodeIdentity::new(PublicKey::from_bytes([number + 1; 32]), Nonce(0));
    Contact::new(node, SocketAddr::from((Ipv4Addr::LOCALHOST, 1)))
}

impl World {
    fn new(parts: usize, manners: &[Manner]) -> Self {
        let (sent, sending) = (vec![0; manners.len()], vec![None; manners.len()]);
        let gather = Gather::new(parts);
        let (times, manners) = (vec![0; parts], manners.to_vec());
        Self { gather, now: 0, manners, sent, sending, times, asked: 0 }
    }

    fn moment(&self) -> Moment {
        Moment::from_micros(self.now)
    }

    /// Does what is to be done, giving it as many sources as it wants.
    fn settle(&mut self, known: &mut usize) {
        let now = self.moment();
        loop {
            let expects_more = *known < self.manners.len();
            while let Some(step) = self.gather.poll(now, expects_more) {
                self.carry_out(step);
            }
            if self.gather.is_complete() || !expects_more || !self.gather.wants_more(now) {
                return;
            }
            self.gather.add(contact(*known));
            *known += 1;
        }
    }

    fn carry_out(&mut self, step: Step) {
        match step {
            Step::Ask { to, parts } => {
                self.asked += 1;
                let who = (0..self.manners.len()).find(|who| contact(*who) == to).unwrap();
                assert!(self.sending[who].is_none(), "one range at a time");
                assert!(!parts.is_empty());
                assert!(parts.clone().all(|part| !self.gather.here[part as usize]));
                let next_at = self.now + self.manners[who].opening;
                self.sending[who] = Some(Sending { parts, next_at });
            }
            Step::Drop { from } => {
                let who = (0..self.manners.len()).find(|who| contact(*who).id() == from).unwrap();
                self.sending[who] = None;
            }
        }
    }

    /// When a source sends its next part; never if it stalls.
    fn next_part_at(&self, who: usize) -> Option<u64> {
        let stalls = self.manners[who].stalls_after.is_some_and(|after| self.sent[who] >= after);
        self.sending[who].as_ref().filter(|_| !stalls).map(|sending| sending.next_at)
    }

    fn send(&mut self, who: usize) {
        let (now, id) = (self.moment(), contact(who).id());
        if self.manners[who].breaks_after == Some(self.sent[who]) {
            self.manners[who].breaks_after = None;
            self.sending[who] = None;
            self.gather.lost(now, &id);
            return;
        }
        let Some(sending) = &mut self.sending[who] else { return };
        let part = sending.parts.start;
        sending.parts.start += 1;
        sending.next_at = self.now + self.manners[who].per_part;
        let is_last = sending.parts.is_empty();
        self.sent[who] += 1;
        self.times[part as usize] += 1;
        self.gather.arrived(now, &id, part);
        if is_last {
            self.sending[who] = None;
            self.gather.delivered(now, &id);
        }
    }

    /// Runs until all is here. Returns the microseconds it took, or `None` if it never is.
    fn run(&mut self) -> Option<u64> {
        let mut known = 0;
        for _ in 0..100_000 {
            self.settle(&mut known);
            if self.gather.is_complete() {
                return Some(self.now);
            }
            let parts = (0..self.manners.len())
                .filter_map(|who| Some((self.next_part_at(who)?, Some(who))));
            let look = self.gather.next_due(self.moment());
            let look = look.map(|at| (at.as_micros(), None));
            let (at, who) = parts.chain(look).min_by_key(|(at, _)| *at)?;
            assert!(at > self.now || who.is_some(), "it looks again and again");
            self.now = at.max(self.now);
            if let Some(who) = who {
                self.send(who);
            }
        }
        panic!("it never ends");
    }

    fn superfluous(&self) -> u32 {
        self.times.iter().map(|times| times.saturating_sub(1)).sum()
    }
}

#[test]
fn equal_sources_bring_equal_shares_and_no_part_twice() {
    let mut world = World::new(77, &[GOOD; 16]);
    assert_eq!(world.run(), Some(20_000 + 19_000));
    assert_eq!(world.sent[..5], [20, 19, 19, 19, 0], "four are enough");
    assert_eq!((world.superfluous(), world.asked), (0, 4));
}

#[test]
fn a_value_that_is_not_worth_two_sources_comes_from_one() {
    let mut world = World::new(7, &[GOOD; 3]);
    assert_eq!(world.run(), Some(20_000 + 6_000));
    assert_eq!((world.sent[0], world.asked), (7, 1));
}

#[test]
fn one_source_alone_is_asked_for_all() {
    let mut world = World::new(77, &[GOOD]);
    assert_eq!(world.run(), Some(20_000 + 76_000));
    assert_eq!(world.asked, 1);
}

#[test]
fn a_slow_source_is_relieved_by_those_that_are_done() {
    // Alone it would need 20 ms a part for its share of 20, which is 400 ms.
    let slow = Manner { per_part: 20_000, ..GOOD };
    for place in 0..4 {
        let mut manners = [GOOD; 4];
        manners[place] = slow;
        let mut world = World::new(77, &manners);
        let took = world.run().unwrap();
        assert!(took < 120_000, "{took} us");
        assert!(world.superfluous() <= 1, "{:?}", world.times);
    }
}

#[test]
fn a_source_that_stalls_is_replaced_by_the_pace_of_the_others_and_without_starting_over() {
    let stalling = Manner { stalls_after: Some(5), ..GOOD };
    let mut world = World::new(77, &[GOOD, stalling, GOOD, GOOD]);
    let took = world.run().unwrap();
    assert!(took < 130_000, "{took} us, far less than a stall");
    assert_eq!(world.sent[1], 5);
    assert_eq!(world.superfluous(), 0);
}

#[test]
fn the_only_source_of_a_small_value_is_replaced_when_it_stalls() {
    let stalling = Manner { stalls_after: Some(2), ..GOOD };
    let mut world = World::new(5, &[stalling, GOOD]);
    let took = world.run().unwrap();
    assert!((1_000_000..1_100_000).contains(&took), "{took} us");
    assert_eq!((world.sent[0], world.sent[1], world.superfluous()), (2, 3, 0));
}

#[test]
fn what_came_before_a_connection_broke_is_not_asked_for_again() {
    let breaking = Manner { breaks_after: Some(10), ..GOOD };
    for sources in [1, 4] {
        let mut world = World::new(77, &vec![breaking; sources]);
        assert!(world.run().is_some());
        assert_eq!(world.superfluous(), 0, "{sources} sources");
    }
}

#[test]
fn a_source_whose_connection_breaks_before_anything_came_is_none_any_more() {
    let dead = Manner { breaks_after: Some(0), ..GOOD };
    let mut world = World::new(20, &[dead, GOOD]);
    assert!(world.run().is_some());
    assert!(!world.gather.has(&contact(0).id()));
    let mut world = World::new(20, &[dead]);
    assert_eq!(world.run(), None);
    assert!(world.gather.is_stranded());
}

#[test]
fn sources_that_turn_up_late_take_half_of_what_is_left() {
    let mut gather = Gather::new(64);
    let now = Moment::EPOCH;
    gather.add(contact(0));
    assert_eq!(gather.poll(now, false), Some(Step::Ask { to: contact(0), parts: 0..64 }));
    gather.add(contact(1));
    assert_eq!(gather.poll(now, false), Some(Step::Ask { to: contact(1), parts: 32..64 }));
    assert_eq!(gather.poll(now, false), None);
    for part in 0..32 {
        gather.arrived(now, &contact(0).id(), part);
    }
    let drop = Step::Drop { from: contact(0).id() };
    assert_eq!(gather.poll(now, false), Some(drop), "it goes on with what the other brings");
}

#[test]
fn a_source_that_has_not_got_the_value_leaves_its_share_to_others() {
    let mut gather = Gather::new(16);
    let now = Moment::EPOCH;
    gather.add(contact(0));
    gather.add(contact(0));
    gather.add(contact(1));
    let share = |to, parts| Some(Step::Ask { to: contact(to), parts });
    assert_eq!(gather.poll(now, false), share(0, 0..8));
    assert_eq!(gather.poll(now, false), share(1, 8..16));
    gather.remove(&contact(1).id());
    assert_eq!(gather.poll(now, false), None);
    gather.add(contact(2));
    assert_eq!(gather.poll(now, false), share(2, 8..16));
}

fn manner() -> impl Strategy<Value = Manner> {
    let after = || prop_oneof![3 => Just(None), 1 => (0_u32..30).prop_map(Some)];
    (0_u64..300_000, 1_u64..30_000, after(), after()).prop_map(
        |(opening, per_part, breaks_after, stalls_after)| Manner {
            opening,
            per_part,
            breaks_after,
            stalls_after,
        },
    )
}

proptest! {
    #[test]
    fn a_value_comes_if_anybody_brings_it_and_hardly_a_part_comes_twice(
        parts in 2_usize..80,
        others in proptest::collection::vec(manner(), 0..7),
        place in 0_usize..8,
    ) {
        let mut manners = others;
        manners.insert(place.min(manners.len()), GOOD);
        let mut world = World::new(parts, &manners);
        prop_assert!(world.run().is_some());
        prop_assert!(world.superfluous() as usize <= 2 * manners.len() + parts / 8);
        prop_assert!(world.asked <= 40 + u32::try_from(parts).unwrap());
    }
}
