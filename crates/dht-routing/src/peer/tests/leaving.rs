//! A peer that leaves.

use std::time::Duration;

use super::*;
use crate::Outcome;

/// Has a mirror that has just joined leave, while its store is slow and nobody answers. Returns how often it wanted to
/// be woken until it had left, at least once beyond the time of its first visit.
fn wakes_of_a_leaving_mirror(leave_at: Moment) -> usize {
    let mut peer = peer(config().mirror(true));
    let joined = Moment::from_secs(100);
    for number in 1..=3 {
        introduce(&mut peer, joined, &contact(number, "127.0.0.1:1000"));
    }
    let visit = peer.next_visit_due().unwrap();
    assert!(leave_at < visit, "{visit:?}");
    let operation = peer.handle_command(leave_at, Command::Leave).unwrap();
    let mut now = leave_at;
    for wakes in 0.. {
        let has_left = outputs(&mut peer).iter().any(|output| {
            matches!(output, Output::Event(Event::Finished { operation: ended, .. }) if *ended == operation)
        });
        if has_left {
            assert!(now > visit, "left at {now:?}, before the visit at {visit:?}");
            return wakes;
        }
        let due = peer.poll_timeout().unwrap();
        assert!(wakes == 0 || due > now, "due at {due:?}, woken at {now:?}");
        now = due.max(now);
        peer.handle_timeout(now);
        assert!(now < leave_at + Duration::from_mins(1), "it does not leave");
    }
    unreachable!("it wakes for ever")
}

#[test]
fn a_mirror_that_leaves_is_not_woken_for_visits_that_it_does_not_make() {
    assert!(wakes_of_a_leaving_mirror(Moment::from_secs(104)) < 200);
}

#[test]
fn who_leaves_twice_has_left_twice() {
    let mut peer = peer(config());
    for number in 1..=3 {
        introduce(&mut peer, Moment::EPOCH, &contact(number, "127.0.0.1:1000"));
    }
    let leave = |peer: &mut Peer| peer.handle_command(Moment::EPOCH, Command::Leave).unwrap();
    let ended = |peer: &mut Peer| {
        let ended = outputs(peer).into_iter().filter_map(|output| match output {
            Output::Event(Event::Finished { operation, outcome: Outcome::Left { .. } }) => {
                Some(operation)
            }
            _ => None,
        });
        ended.collect::<Vec<OperationId>>()
    };
    let first = leave(&mut peer);
    assert_eq!(ended(&mut peer), []);
    let second = leave(&mut peer);
    assert_eq!(ended(&mut peer), [first], "the second goes on for it");
    peer.handle_timeout(Moment::from_secs(60));
    assert_eq!(ended(&mut peer), [second]);
}
