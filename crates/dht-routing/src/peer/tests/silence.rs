//! Nodes that do not answer while nobody else does.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;

/// Lets a peer that knows nodes 1 to 5 ask the first of them in a quiet hour, of which only those `alive` answer.
/// Returns whether the peer takes itself for cut off within half a minute, and whom it asked.
fn ask_in_a_quiet_hour(alive: &[u32]) -> (bool, Vec<u32>) {
    let mut peer = peer(config());
    let nodes: Vec<Contact> = (1..=5).map(|n| contact(n, &format!("127.0.0.1:{n}"))).collect();
    for node in &nodes {
        introduce(&mut peer, Moment::EPOCH, node);
    }
    let mut now = Moment::from_secs(300);
    let end = now + Duration::from_secs(30);
    peer.check(now, nodes[0]);
    let (mut asked, mut cut_off) = (Vec::new(), false);
    while now < end {
        for output in outputs(&mut peer) {
            match output {
                Output::Send { route: Route::Datagram(to), message } => {
                    let number = to.node.nonce().0;
                    asked.push(number);
                    if alive.contains(&number) {
                        let is_ping = matches!(message.body, Body::Request(Request::Ping));
                        let told = Reply::Nodes { closer: Vec::new() };
                        let reply = if is_ping { pong() } else { told };
                        answer(&mut peer, now, &to, message.id, reply);
                    }
                }
                Output::Event(Event::Isolated) => cut_off = true,
                _ => {}
            }
        }
        now = peer.poll_timeout().unwrap().max(now + Duration::from_millis(1));
        peer.handle_timeout(now);
    }
    (cut_off, asked)
}

#[test]
fn a_node_that_died_in_a_quiet_hour_does_not_have_us_join_again() {
    let (cut_off, asked) = ask_in_a_quiet_hour(&[2, 3, 4, 5]);
    assert!(!cut_off, "{asked:?}");
    assert!(asked.iter().any(|number| *number != 1), "somebody else is asked: {asked:?}");
}

#[test]
fn a_witness_may_be_dead_as_well() {
    for alive in 2..=5 {
        let (cut_off, asked) = ask_in_a_quiet_hour(&[alive]);
        let silent: BTreeSet<&u32> = asked.iter().take_while(|number| **number != alive).collect();
        assert!(!cut_off || silent.len() >= 3, "only {alive} is alive: {asked:?}");
    }
}

#[test]
fn if_nobody_answers_we_are_cut_off() {
    assert!(ask_in_a_quiet_hour(&[]).0);
}
