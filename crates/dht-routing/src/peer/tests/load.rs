//! What a peer says of how busy it is, and what it makes of what others say.

use std::time::Duration;

use dht_proto::KindSet;

use super::*;

const ADDR: &str = "127.0.0.1:1000";
const RTT: Duration = Duration::from_millis(10);

fn reply_with_load(peer: &mut Peer) -> Load {
    let replies = outputs(peer).into_iter().filter_map(|output| match output {
        Output::Send { message: Message { load, body: Body::Reply(_), .. }, .. } => Some(load),
        _ => None,
    });
    replies.last().unwrap()
}

/// Has `contact` answer a ping of ours after [`RTT`] and say how busy it is.
fn say_how_busy(peer: &mut Peer, contact: &Contact, load: Load) {
    peer.check(Moment::EPOCH, *contact);
    for (to, id, _) in requests(peer) {
        let via = Via::Datagram { source: to.addr, length: 100, proven: true };
        let (role, families, body) = (Role::Full, Families::BOTH, Body::Reply(pong()));
        let message = Message { role, families, load, id, body };
        peer.handle_input(Moment::EPOCH + RTT, Input::Received { from: to.node, via, message });
    }
    outputs(peer);
}

/// A peer that knows some nodes, all as near, of which most say they did little and the first that it did much.
fn beside_a_busy_one() -> (Peer, Vec<Contact>) {
    let mut peer = peer(config().k(16));
    let nodes: Vec<Contact> = (1..9).map(|number| contact(number, ADDR)).collect();
    for node in &nodes {
        introduce(&mut peer, Moment::EPOCH, node);
    }
    for node in nodes[1..].iter().cycle().take(200) {
        say_how_busy(&mut peer, node, Load::of(7));
    }
    say_how_busy(&mut peer, &nodes[0], Load::of(255));
    (peer, nodes)
}

#[test]
fn a_reply_says_how_many_requests_for_records_were_answered_lately() {
    let mut peer = peer(config());
    let key = Key::named(b"x");
    for asked in 1..40 {
        ask(&mut peer, &contact(9, ADDR), Request::Fetch { key, kinds: KindSet::PROVEN });
        for output in outputs(&mut peer) {
            if let Output::Load { ticket, .. } = output {
                peer.handle_input(Moment::EPOCH, Input::Loaded { ticket, found: None });
            }
        }
        assert_eq!(reply_with_load(&mut peer), Load::of(asked));
    }
}

#[test]
fn what_keeps_tables_alive_is_no_load() {
    let mut peer = peer(config());
    for request in [Request::Ping, Request::FindNode { target: Key::named(b"x") }] {
        ask(&mut peer, &contact(9, ADDR), request);
        assert_eq!(reply_with_load(&mut peer), Load::NONE);
    }
}

#[test]
fn a_request_says_nothing_of_load() {
    let (mut peer, _) = beside_a_busy_one();
    ask(&mut peer, &contact(9, ADDR), Request::Ping);
    outputs(&mut peer);
    peer.handle_command(Moment::EPOCH, Command::FindNode { target: Key::named(b"x") }).unwrap();
    for output in outputs(&mut peer) {
        assert!(matches!(output, Output::Send { message: Message { load: Load::NONE, .. }, .. }));
    }
}

#[test]
fn a_busy_node_is_told_to_readers_as_further_away_and_told_nevertheless() {
    let (mut peer, nodes) = beside_a_busy_one();
    let key = nodes[0].id().to_key();
    let told = |peer: &mut Peer, request: Request| {
        ask(peer, &contact(9, ADDR), request);
        for output in outputs(peer) {
            if let Output::Load { ticket, .. } = output {
                peer.handle_input(Moment::EPOCH, Input::Loaded { ticket, found: None });
                return expect_reply(peer).closer().to_vec();
            } else if let Output::Send {
                message: Message { body: Body::Reply(reply), .. }, ..
            } = output
            {
                return reply.closer().to_vec();
            }
        }
        Vec::new()
    };
    let rtt_of = |told: &[Mention], node: &Contact| {
        told.iter()
            .find(|mention| mention.referral().contact == *node)
            .unwrap()
            .rtt
            .unwrap()
            .duration()
    };
    let to_reader = told(&mut peer, Request::Fetch { key, kinds: KindSet::PROVEN });
    assert_eq!(to_reader.len(), nodes.len());
    let to_finder = told(&mut peer, Request::FindNode { target: key });
    assert!(rtt_of(&to_reader, &nodes[0]) > 10 * rtt_of(&to_finder, &nodes[0]));
    assert_eq!(rtt_of(&to_reader, &nodes[1]), rtt_of(&to_finder, &nodes[1]));
}

#[test]
fn a_fetch_asks_a_busy_node_after_others_that_will_do_and_a_find_node_does_not_care() {
    let (mut peer, nodes) = beside_a_busy_one();
    let target = nodes[0].id().to_key();
    peer.handle_command(Moment::EPOCH, Command::FindNode { target }).unwrap();
    assert!(requests(&mut peer).iter().any(|(to, _, _)| *to == nodes[0]));
    peer.handle_command(Moment::EPOCH, Command::Fetch { key: target, kinds: KindSet::PROVEN })
        .unwrap();
    for output in outputs(&mut peer) {
        if let Output::Load { ticket, .. } = output {
            peer.handle_input(Moment::EPOCH, Input::Loaded { ticket, found: None });
        }
    }
    let first = requests(&mut peer);
    assert!(!first.is_empty() && first.iter().all(|(to, _, _)| *to != nodes[0]), "{first:?}");
}
