//! What is held against whom, and for how long.

use dht_proto::{NodeIdentity, Nonce, PublicKey};

use super::*;

const NOW: Moment = Moment::from_secs(1_000_000);

fn node(number: u32) -> NodeId {
    NodeIdentity::new(PublicKey::from_bytes([7; 32]), Nonce(number)).id()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Holds the offence against the node until that leads to a ban, and returns how often that took.
fn blame_until_banned(reputation: &mut Reputation, now: Moment, offence: Offence) -> usize {
    let mut times = 1;
    while reputation.blame(now, node(1), None, offence).is_empty() {
        times += 1;
    }
    times
}

fn is_banned(reputation: &Reputation, now: Moment, node: &NodeId, ip: IpAddr) -> bool {
    reputation.bans_node(now, node) || reputation.bans_address(now, ip)
}

fn length(reputation: &Reputation, now: Moment) -> Duration {
    reputation.in_force(now).next().unwrap().until.since(now)
}

#[test]
fn two_wrong_values_or_ten_malformed_messages_ban_a_node() {
    for (offence, times) in [
        (Offence::WrongValue, 2),
        (Offence::Flood, 4),
        (Offence::Malformed, 10),
        (Offence::WrongContacts, 10),
        (Offence::BrokenPromise, 10),
    ] {
        let mut reputation = Reputation::default();
        assert_eq!(blame_until_banned(&mut reputation, NOW, offence), times, "{offence}");
        assert!(is_banned(&reputation, NOW, &node(1), ip("127.0.0.1")));
        assert!(!is_banned(&reputation, NOW, &node(2), ip("127.0.0.1")));
    }
}

#[test]
fn what_happens_now_and_then_never_adds_up() {
    let mut reputation = Reputation::default();
    for minute in 0..1_000 {
        let now = NOW + Duration::from_mins(minute);
        assert_eq!(reputation.blame(now, node(1), None, Offence::Malformed), []);
    }
}

#[test]
fn each_ban_is_twice_as_long_as_the_one_before_up_to_a_day() {
    let mut reputation = Reputation::default();
    let mut now = NOW;
    for minutes in [10, 20, 40, 80, 160, 320, 640, 1_280, 1_440, 1_440] {
        blame_until_banned(&mut reputation, now, Offence::WrongValue);
        assert_eq!(length(&reputation, now), Duration::from_mins(minutes));
        now += Duration::from_mins(minutes);
        assert!(!is_banned(&reputation, now, &node(1), ip("127.0.0.1")));
    }
    now += MEMORY;
    blame_until_banned(&mut reputation, now, Offence::WrongValue);
    assert_eq!(length(&reputation, now), BAN_MIN);
}

#[test]
fn three_banned_nodes_of_a_public_subnet_ban_the_subnet() {
    let mut reputation = Reputation::default();
    let mut bans = Vec::new();
    for number in 0..3 {
        for _ in 0..2 {
            let at = Some(ip("8.8.8.8"));
            bans.extend(reputation.blame(NOW, node(number), at, Offence::WrongValue));
        }
    }
    assert_eq!(bans.len(), 4);
    assert_eq!(bans[3].suspect.to_string(), "8.8.8.0/24");
    assert!(is_banned(&reputation, NOW, &node(9), ip("8.8.8.200")));
    assert!(!is_banned(&reputation, NOW, &node(9), ip("8.8.9.8")));
}

#[test]
fn neighbours_on_loopback_or_without_a_proven_address_do_not_answer_for_each_other() {
    for at in [None, Some(ip("127.0.0.1")), Some(ip("10.1.2.3")), Some(ip("::1"))] {
        let mut reputation = Reputation::default();
        for number in 0..50 {
            for _ in 0..2 {
                reputation.blame(NOW, node(number), at, Offence::WrongValue);
            }
        }
        let bystander = at.unwrap_or(ip("8.8.8.8"));
        assert!(!is_banned(&reputation, NOW, &node(1_000), bystander));
        assert_eq!(reputation.in_force(NOW).count(), 50);
    }
}

#[test]
fn very_many_suspects_take_no_more_room_and_push_out_no_ban_by_small_things() {
    let mut reputation = Reputation::default();
    blame_until_banned(&mut reputation, NOW, Offence::WrongValue);
    for number in 10..20_000 {
        reputation.blame(NOW, node(number), None, Offence::Malformed);
    }
    assert_eq!(reputation.held.len(), HELD_MAX);
    assert!(is_banned(&reputation, NOW, &node(1), ip("127.0.0.1")));
}

#[test]
fn what_the_application_bans_stays_banned_until_it_says_otherwise_or_the_time_is_over() {
    let mut reputation = Reputation::default();
    let until = NOW + Duration::from_hours(100);
    let suspect = Suspect::Node(node(1));
    assert!(reputation.decree(NOW, Ban { suspect, until, offence: None }));
    for number in 10..5_000 {
        reputation.blame(NOW, node(number), None, Offence::WrongValue);
        reputation.blame(NOW, node(number), None, Offence::WrongValue);
    }
    assert!(reputation.bans(until - Duration::from_secs(1), suspect));
    assert!(!reputation.bans(until, suspect));
    assert!(reputation.lift(NOW, &suspect));
    assert!(!reputation.lift(NOW, &suspect));
    assert!(!reputation.bans(NOW, suspect));
}

#[test]
fn nothing_is_held_against_anybody_once_enough_time_has_passed() {
    let mut reputation = Reputation::default();
    assert!(reputation.is_clean(NOW));
    blame_until_banned(&mut reputation, NOW, Offence::WrongValue);
    assert!(!reputation.is_clean(NOW + BAN_MIN));
    assert!(reputation.is_clean(NOW + BAN_MIN + MEMORY));
}

#[test]
fn a_suspect_is_read_as_it_is_shown() {
    let subnet = ip("2606:4700::1");
    for suspect in [Suspect::Node(node(3)), Suspect::Subnet(Subnet::of(subnet).unwrap())] {
        assert_eq!(suspect.to_string().parse(), Ok(suspect));
    }
    for text in ["", "12ab", "127.0.0.1", "8.8.8.8/8"] {
        assert_eq!(text.parse::<Suspect>(), Err(NoSuspect));
    }
}
