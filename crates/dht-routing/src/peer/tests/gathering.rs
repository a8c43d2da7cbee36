//! Long values that come part by part, from holders that do not answer as they should.

use std::time::Duration;

use dht_proto::{KindSet, OfferDetails};

use super::*;
use crate::{FetchError, Fetched, Outcome};

/// Of ten parts.
const LONG: usize = 600_000;

/// Fetches a long value from its only holder, which answers the request for its parts with `found` in one message.
fn fetch_of_one_holder(found: impl Fn(&Record) -> Record) -> Result<Fetched, FetchError> {
    let mut peer = peer(config());
    let holder = contact(1, "127.0.0.1:1000");
    introduce(&mut peer, Moment::EPOCH, &holder);
    let record = Record::content(Value::new(vec![7_u8; LONG]).unwrap());
    let command = Command::Fetch { key: record.key(), kinds: KindSet::ALL };
    let operation = peer.handle_command(Moment::EPOCH, command).unwrap();
    let mut now = Moment::EPOCH;
    while now < Moment::from_secs(60) {
        for output in outputs(&mut peer) {
            match output {
                Output::Load { ticket, .. } => {
                    peer.handle_input(now, Input::Loaded { ticket, found: None });
                }
                Output::Send {
                    route: Route::Datagram(to),
                    message: Message { id, body: Body::Request(request), .. },
                } => {
                    let (details, ttl) = (OfferDetails::of(&record), Ttl::default());
                    let reply = match request {
                        Request::Fetch { .. } => Reply::Held { details, ttl, closer: Vec::new() },
                        Request::FindNode { .. } => Reply::Nodes { closer: Vec::new() },
                        _ => pong(),
                    };
                    answer(&mut peer, now, &to, id, reply);
                }
                Output::Gather { to, message, .. } => {
                    let (record, ttl) = (found(&record), Ttl::default());
                    let body = Body::Reply(Reply::Found { record, ttl, closer: Vec::new() });
                    let message = Message { body, ..message };
                    let via = Via::Outbound;
                    peer.handle_input(now, Input::Received { from: to.node, via, message });
                }
                Output::Event(Event::Finished { operation: ended, outcome }) => {
                    assert_eq!(ended, operation);
                    let Outcome::Fetched(result) = outcome else { panic!("{outcome:?}") };
                    return result;
                }
                _ => {}
            }
        }
        now = peer.poll_timeout().unwrap().max(now + Duration::from_millis(1));
        peer.handle_timeout(now);
    }
    panic!("the fetch does not end");
}

#[test]
fn a_fetch_ends_if_its_only_holder_answers_with_another_record() {
    let short = |_: &Record| Record::content(Value::new("short").unwrap());
    let result = fetch_of_one_holder(short);
    assert!(matches!(result, Err(FetchError::Undelivered { holders: 1 })), "{result:?}");
}

#[test]
fn a_record_that_comes_whole_though_parts_were_asked_for_is_taken() {
    let fetched = fetch_of_one_holder(Record::clone).unwrap();
    assert_eq!(fetched.record.value().map(Value::len), Some(LONG));
}
