//! A peer that is a mirror.

use std::time::Duration;

use dht_proto::{BatchedOffer, OfferDetails, Prefix};

use super::*;

/// A record with a key in the first sixteenth of the space: more cells come after that.
fn early() -> Record {
    let part = (0..4).fold(Prefix::ALL, |part, _| part.child(false).unwrap());
    let records = (0_u16..).map(|n| Record::content(Value::new(n.to_be_bytes().to_vec()).unwrap()));
    records.into_iter().find(|record| part.contains(&record.key())).unwrap()
}

/// What a holder of `record` and nothing else answers.
fn answer_of_holder(record: &Record, request: &Request) -> Reply {
    let (ttl, closer) = (Ttl::default(), Vec::new());
    match request {
        Request::Ping => pong(),
        Request::List { from } if record.slot() >= *from => {
            let details = OfferDetails::of(record);
            Reply::Listing { entries: vec![BatchedOffer { details, ttl }], next: None }
        }
        Request::List { .. } => Reply::Listing { entries: Vec::new(), next: None },
        Request::Fetch { .. } => Reply::Found { record: record.clone(), ttl, closer },
        _ => Reply::Nodes { closer },
    }
}

#[test]
fn a_mirror_whose_application_decides_nothing_goes_on_in_the_turn_in_which_it_gave_up() {
    let verdict_time = Duration::from_secs(5);
    let config = config().k(4).mirror(true).consults(true).verdict_time(verdict_time);
    let mut peer = peer(config);
    let mut now = Moment::from_secs(100);
    for number in 1..=4 {
        introduce(&mut peer, now, &contact(number, &format!("127.0.0.1:{}", 1000 + number)));
    }
    let record = early();
    let mut consulted = None;
    while consulted.is_none_or(|at: Moment| now <= at + verdict_time) {
        for output in outputs(&mut peer) {
            match output {
                Output::Consult { .. } => consulted = Some(now),
                Output::Load { ticket, .. } => {
                    peer.handle_input(now, Input::Loaded { ticket, found: None });
                }
                Output::List { ticket, .. } => {
                    peer.handle_input(now, Input::Listed { ticket, entries: Vec::new() });
                }
                Output::Send {
                    route: Route::Datagram(to),
                    message: Message { id, body: Body::Request(request), .. },
                } => answer(&mut peer, now, &to, id, answer_of_holder(&record, &request)),
                _ => {}
            }
        }
        now = peer.poll_timeout().unwrap().max(now);
        peer.handle_timeout(now);
        let due = peer.poll_timeout().unwrap();
        assert!(due > now, "due at {due:?}, woken at {now:?}");
        assert!(now < Moment::from_secs(200), "the application is not asked");
    }
}
