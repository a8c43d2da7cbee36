//! A peer that stores, among nodes that do not answer as they should.

use dht_proto::ErrorCode;

use super::*;
use crate::{Outcome, StoreReport};

/// Stores a short value among three nodes, the last of which is silent. `asked_on` is what a node answers that is
/// asked whom else it knows.
fn store_beside_a_silent_node(asked_on: &Reply) -> StoreReport {
    let mut peer = peer(config());
    for number in 1..=3 {
        introduce(&mut peer, Moment::EPOCH, &contact(number, "127.0.0.1:1000"));
    }
    let record = Record::content(Value::new("short").unwrap());
    let command = Command::Store { record, ttl: Ttl::default(), expected: None };
    let operation = peer.handle_command(Moment::EPOCH, command).unwrap();
    let (mut now, mut has_asked_on) = (Moment::EPOCH, false);
    while now < Moment::from_secs(60) {
        for output in outputs(&mut peer) {
            match output {
                Output::Save { ticket, .. } => {
                    peer.handle_input(now, Input::Saved { ticket, result: Ok(()) });
                }
                Output::Send {
                    route: Route::Datagram(to),
                    message: Message { id, body: Body::Request(request), .. },
                } if to.node != identity(3) => {
                    has_asked_on |= matches!(request, Request::FindNode { .. });
                    let reply = match request {
                        Request::Store { .. } => Reply::Stored { closer: Vec::new() },
                        Request::FindNode { .. } => asked_on.clone(),
                        _ => pong(),
                    };
                    answer(&mut peer, now, &to, id, reply);
                }
                Output::Event(Event::Finished { operation: ended, outcome }) => {
                    assert!(ended == operation && has_asked_on);
                    let Outcome::Stored(report) = outcome else { panic!("{outcome:?}") };
                    return report;
                }
                _ => {}
            }
        }
        now = peer.poll_timeout().unwrap().max(now);
        peer.handle_timeout(now);
    }
    panic!("the store does not end");
}

#[test]
fn a_store_ends_with_its_copies_if_the_node_that_is_asked_for_more_has_no_answer() {
    let named = Reply::Nodes { closer: Vec::new() };
    let busy = Reply::Error { code: ErrorCode::Busy, text: String::new() };
    let expected = store_beside_a_silent_node(&named);
    assert_eq!(store_beside_a_silent_node(&busy), expected);
}
