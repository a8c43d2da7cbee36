//! Long values that come part by part, from holders that do not answer as they should.

use std::time::Duration;

use dht_proto::{
    AuthorSecret, KindSet, Mosaic, OfferDetails, Salt, Sequence, SignedBody, ValueRange,
    limits::PART_MAX,
};

use super::*;
use crate::{FetchError, Fetched, Gathered, Outcome};

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

/// A version of a long record, whose value is one byte over and over.
fn version(number: u8) -> Record {
    let body = SignedBody::Value(Value::new(vec![number; LONG]).unwrap());
    let secret = AuthorSecret::from_seed(&[1; 32]);
    Record::sign(&secret, Salt::default(), Sequence(number.into()), body)
}

/// What a peer ordered so far.
#[derive(Default)]
struct Orders {
    asked: Vec<(Contact, RequestId)>,
    transfers: Vec<(Contact, RequestId, Arc<Mosaic>)>,
    withdrawn: Vec<RequestId>,
    fetched: Option<Result<Fetched, FetchError>>,
}

impl Orders {
    fn take(&mut self, peer: &mut Peer) {
        for output in outputs(peer) {
            match output {
                Output::Load { ticket, .. } => {
                    peer.handle_input(Moment::EPOCH, Input::Loaded { ticket, found: None });
                    self.take(peer);
                }
                Output::Send {
                    route: Route::Datagram(to),
                    message: Message { id, body: Body::Request(_), .. },
                } => self.asked.push((to, id)),
                Output::Gather { to, message, mosaic } => {
                    self.transfers.push((to, message.id, mosaic));
                }
                Output::Withdraw { request } => self.withdrawn.push(request),
                Output::Event(Event::Finished { outcome: Outcome::Fetched(result), .. }) => {
                    self.fetched = Some(result);
                }
                _ => {}
            }
        }
    }

    /// The next node that was asked says that it holds `record`, in parts.
    fn next_holds(&mut self, peer: &mut Peer, record: &Record) {
        let (holder, id) = self.asked.remove(0);
        let (details, ttl) = (OfferDetails::of(record), Ttl::default());
        let reply = Reply::Held { details, ttl, closer: Vec::new() };
        answer(peer, Moment::EPOCH, &holder, id, reply);
        self.take(peer);
    }

    /// All parts that a request may bring have come.
    fn parts_come(&mut self, peer: &mut Peer, request: RequestId) {
        let parts = u32::try_from(LONG.div_ceil(PART_MAX)).unwrap();
        for part in 0..parts {
            let news = Gathered::Part { part, ttl: Ttl::default(), is_last: part + 1 == parts };
            peer.handle_input(Moment::EPOCH, Input::Gathered { request, news });
        }
        self.take(peer);
    }
}

#[test]
fn late_parts_of_one_version_do_not_count_towards_another() {
    let mut peer = peer(config().quorum(2));
    for number in 1..=3 {
        introduce(&mut peer, Moment::EPOCH, &contact(number, "127.0.0.1:1000"));
    }
    let command = Command::Fetch { key: version(1).key(), kinds: KindSet::ALL };
    peer.handle_command(Moment::EPOCH, command).unwrap();
    let mut orders = Orders::default();
    orders.take(&mut peer);
    orders.next_holds(&mut peer, &version(1));
    orders.next_holds(&mut peer, &version(1));
    let [(whole, answered, _), (_, late, _)] = orders.transfers[..] else {
        panic!("{:?}", orders.transfers);
    };

    // A newer version turns up, and the older one comes whole from one of its two holders.
    orders.next_holds(&mut peer, &version(2));
    let (record, ttl) = (version(1), Ttl::default());
    let body = Body::Reply(Reply::Found { record, ttl, closer: Vec::new() });
    let (role, families) = (Role::Full, Families::BOTH);
    let message = Message { role, families, load: Load::NONE, id: answered, body };
    let input = Input::Received { from: whole.node, via: Via::Outbound, message };
    peer.handle_input(Moment::EPOCH, input);
    orders.take(&mut peer);
    let (_, newer, mosaic) = orders.transfers.remove(2);
    assert_eq!(mosaic.digest(), version(2).digest());

    // The other holder goes on sending the older one.
    orders.parts_come(&mut peer, late);
    assert!(orders.fetched.is_none(), "nothing of the newer version has come");
    assert_eq!(orders.withdrawn, [late]);

    mosaic.fill(&version(2), ValueRange::WHOLE).unwrap();
    orders.parts_come(&mut peer, newer);
    assert_eq!(orders.fetched.unwrap().unwrap().record, version(2));
}
