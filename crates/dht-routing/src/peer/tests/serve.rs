//! Custom requests, answered and sent.

use std::time::Duration;

use bytes::Bytes;
use dht_proto::ErrorCode;

use super::*;
use crate::{
    Answer, AnswerError, Command, CustomReport, Event, Outcome, Recipient, StreamId, Ticket,
};

const PATIENCE: Duration = Duration::from_secs(20);

fn serving() -> Peer {
    peer(config().serves(true).services(2).service_time(Duration::from_secs(10)))
}

fn asker() -> Contact {
    contact(7, "127.0.0.1:1001")
}

fn custom(payload: &'static str) -> Request {
    Request::Custom { payload: payload.into() }
}

fn by_stream(peer: &mut Peer, id: RequestId, request: Request) {
    let via = Via::Inbound { stream: StreamId(3), source: asker().addr };
    let body = Body::Request(request);
    let message =
        Message { role: Role::Client, families: Families::BOTH, load: Load::NONE, id, body };
    peer.handle_input(Moment::EPOCH, Input::Received { from: asker().node, via, message });
}

/// What the application is to answer.
#[track_caller]
fn expect_serve(peer: &mut Peer) -> (Ticket, Bytes) {
    let outputs = outputs(peer);
    let [Output::Serve { ticket, service }] = outputs.as_slice() else {
        panic!("expected one request for the application, got {outputs:?}")
    };
    assert_eq!((service.from, service.addr), (asker().node, asker().addr));
    (*ticket, service.payload.clone())
}

fn served(peer: &mut Peer, ticket: Ticket, answer: Result<Bytes, String>) -> Reply {
    peer.handle_input(Moment::EPOCH, Input::Served { ticket, answer });
    expect_reply(peer)
}

fn error(code: ErrorCode, text: &str) -> Reply {
    Reply::Error { code, text: text.to_owned() }
}

#[test]
fn a_node_without_an_application_says_so_at_once() {
    let mut peer = peer(config());
    ask(&mut peer, &asker(), custom("hello"));
    assert_eq!(
        expect_reply(&mut peer),
        error(ErrorCode::Unsupported, "no application answers here")
    );
    let mut client = super::peer(config().role(Role::Client).serves(true));
    ask(&mut client, &asker(), custom("hello"));
    assert_eq!(expect_reply(&mut client), error(ErrorCode::Unsupported, "this node is a client"));
}

#[test]
fn a_request_is_run_once_however_often_and_whichever_way_it_comes() {
    let mut peer = serving();
    ask(&mut peer, &asker(), custom("hello"));
    let (ticket, payload) = expect_serve(&mut peer);
    assert_eq!(payload, "hello");
    ask(&mut peer, &asker(), custom("hello"));
    assert_eq!(expect_reply(&mut peer), Reply::Pending);
    by_stream(&mut peer, RequestId(1), custom("hello"));
    assert_eq!(expect_reply(&mut peer), error(ErrorCode::Busy, ""));

    let answer = served(&mut peer, ticket, Ok("welcome".into()));
    assert_eq!(answer, Reply::Custom { payload: "welcome".into() });
    ask(&mut peer, &asker(), custom("hello"));
    assert_eq!(expect_reply(&mut peer), answer);
    by_stream(&mut peer, RequestId(1), custom("hello"));
    assert_eq!(expect_reply(&mut peer), answer);
    by_stream(&mut peer, RequestId(2), custom("hello"));
    expect_serve(&mut peer);
}

#[test]
fn an_answer_too_long_for_a_datagram_waits_for_the_stream() {
    let mut peer = serving();
    ask(&mut peer, &asker(), custom("hello"));
    let (ticket, _) = expect_serve(&mut peer);
    let long = Bytes::from(vec![1; 65_536]);
    let reply = served(&mut peer, ticket, Ok(long.clone()));
    assert_eq!(reply, error(ErrorCode::ByStream, ""));
    by_stream(&mut peer, RequestId(1), custom("hello"));
    assert_eq!(expect_reply(&mut peer), Reply::Custom { payload: long });
}

#[test]
fn a_stranger_gets_no_more_than_three_times_what_it_sent() {
    let mut peer = serving();
    let via = Via::Datagram { source: asker().addr, length: 160, proven: false };
    let (id, body) = (RequestId(1), Body::Request(custom("hello")));
    let message =
        Message { role: Role::Client, families: Families::BOTH, load: Load::NONE, id, body };
    peer.handle_input(Moment::EPOCH, Input::Received { from: asker().node, via, message });
    let (ticket, _) = expect_serve(&mut peer);
    let reply = served(&mut peer, ticket, Ok(vec![1; 480].into()));
    assert_eq!(reply, error(ErrorCode::ByStream, ""));
}

#[test]
fn an_application_that_fails_takes_too_long_or_says_too_much_is_told_of() {
    let mut peer = serving();
    ask(&mut peer, &asker(), custom("1"));
    let (ticket, _) = expect_serve(&mut peer);
    let reply = served(&mut peer, ticket, Err("no idea".to_owned()));
    assert_eq!(reply, error(ErrorCode::Failed, "no idea"));

    by_stream(&mut peer, RequestId(2), custom("2"));
    let (ticket, _) = expect_serve(&mut peer);
    let reply = served(&mut peer, ticket, Ok(vec![0; 65_537].into()));
    assert_eq!(reply, error(ErrorCode::Failed, "answer is 65537 bytes, limit is 65536"));

    by_stream(&mut peer, RequestId(3), custom("3"));
    let (ticket, _) = expect_serve(&mut peer);
    peer.handle_timeout(Moment::from_secs(10));
    assert_eq!(expect_reply(&mut peer), error(ErrorCode::Failed, "took too long"));
    peer.handle_input(Moment::from_secs(11), Input::Served { ticket, answer: Ok("3".into()) });
    assert!(outputs(&mut peer).is_empty(), "too late");
}

#[test]
fn more_requests_than_may_run_at_once_are_told_that_the_node_is_busy() {
    let mut peer = peer(config().serves(true).services(4));
    let mut number = 0;
    let mut is_served = |peer: &mut Peer, asker: Contact| {
        number += 1;
        let body = Body::Request(custom("work"));
        say(peer, Moment::EPOCH, &asker, Role::Client, RequestId(number), body);
        let outputs = outputs(peer);
        if outputs.iter().any(|output| matches!(output, Output::Serve { .. })) {
            return true;
        }
        let [Output::Send { message, .. }] = outputs.as_slice() else { panic!("{outputs:?}") };
        assert_eq!(message.body, Body::Reply(error(ErrorCode::Busy, "")));
        false
    };
    // Nobody gets more than he leaves to others.
    let greedy = [true, true, false].map(|_| is_served(&mut peer, asker()));
    assert_eq!(greedy, [true, true, false]);
    let others = [101, 102, 103].map(|other| is_served(&mut peer, contact(other, "127.0.0.1:9")));
    assert_eq!(others, [true, true, false]);
}

/// Asks `to`, and gives what the peer orders.
fn command(peer: &mut Peer, to: impl Into<Recipient>, payload: Bytes) -> Vec<Output> {
    let command = Command::Custom { to: to.into(), payload, patience: PATIENCE };
    peer.handle_command(Moment::EPOCH, command).unwrap();
    outputs(peer)
}

/// The one request in `outputs`, and how it goes.
#[track_caller]
fn expect_request(outputs: &[Output]) -> (Route, RequestId) {
    match outputs {
        [Output::Send { route, message: Message { id, body: Body::Request(_), .. } }] => {
            (*route, *id)
        }
        other => panic!("expected one request, got {other:?}"),
    }
}

/// The answers told, and the report at the end.
fn news(outputs: Vec<Output>) -> (Vec<Answer>, Option<CustomReport>) {
    let (mut answers, mut end) = (Vec::new(), None);
    for output in outputs {
        match output {
            Output::Event(Event::Answered { answer, .. }) => answers.push(*answer),
            Output::Event(Event::Finished { outcome: Outcome::Custom(report), .. }) => {
                end = Some(report);
            }
            _ => {}
        }
    }
    (answers, end)
}

#[test]
fn an_answer_is_told_and_ends_the_request() {
    let node = contact(9, "127.0.0.1:1009");
    let mut peer = peer(config());
    let (route, id) = expect_request(&command(&mut peer, node, "hello".into()));
    assert_eq!(route, Route::Datagram(node));
    answer(&mut peer, Moment::EPOCH, &node, id, Reply::Custom { payload: "welcome".into() });
    let (answers, end) = news(outputs(&mut peer));
    assert_eq!(answers, [Answer { from: node, result: Ok("welcome".into()) }]);
    assert_eq!(end, Some(CustomReport { asked: 1, answered: 1 }));
    let idles = peer.poll_timeout();
    peer.handle_timeout(idles.unwrap_or(Moment::EPOCH));
    assert!(peer.application.is_none(), "nothing is waited for");
}

#[test]
fn what_does_not_fit_a_datagram_goes_by_stream() {
    let node = contact(9, "127.0.0.1:1009");
    for (length, streamed) in [(900, false), (1_100, true), (65_536, true)] {
        let mut peer = peer(config());
        let outputs = command(&mut peer, node, vec![1; length].into());
        let (route, _) = expect_request(&outputs);
        assert_eq!(matches!(route, Route::Dial(_)), streamed, "{length} bytes");
    }
}

#[test]
fn a_request_whose_answer_is_too_long_is_repeated_by_stream_under_its_id() {
    let node = contact(9, "127.0.0.1:1009");
    let mut peer = peer(config());
    let (_, id) = expect_request(&command(&mut peer, node, "hello".into()));
    answer(&mut peer, Moment::EPOCH, &node, id, error(ErrorCode::ByStream, ""));
    assert_eq!(expect_request(&outputs(&mut peer)), (Route::Dial(node), id));
    let body = Body::Reply(Reply::Custom { payload: vec![1; 2_000].into() });
    let message =
        Message { role: Role::Full, families: Families::BOTH, load: Load::NONE, id, body };
    let input = Input::Received { from: node.node, via: Via::Outbound, message };
    peer.handle_input(Moment::EPOCH, input);
    let (answers, _) = news(outputs(&mut peer));
    assert_eq!(answers[0].result, Ok(vec![1; 2_000].into()));
}

#[test]
fn errors_are_told_as_what_they_mean() {
    let node = contact(9, "127.0.0.1:1009");
    for (code, expected) in [
        (ErrorCode::Unsupported, AnswerError::Unsupported),
        (ErrorCode::Unknown, AnswerError::Unsupported),
        (ErrorCode::Busy, AnswerError::Busy),
        (ErrorCode::Failed, AnswerError::Failed { text: "no".to_owned() }),
        (ErrorCode::Malformed, AnswerError::Other { code: ErrorCode::Malformed }),
    ] {
        let mut peer = peer(config());
        let (_, id) = expect_request(&command(&mut peer, node, "hello".into()));
        answer(&mut peer, Moment::EPOCH, &node, id, error(code, "n\u{7}o"));
        let (answers, end) = news(outputs(&mut peer));
        assert_eq!(answers, [Answer { from: node, result: Err(expected) }]);
        assert_eq!(end, Some(CustomReport { asked: 1, answered: 0 }));
    }
}

#[test]
fn a_node_that_works_on_is_waited_for_until_patience_ends() {
    let node = contact(9, "127.0.0.1:1009");
    let mut peer = peer(config());
    let (_, id) = expect_request(&command(&mut peer, node, "hello".into()));
    let mut asked = 0;
    while let Some(due) = peer.poll_timeout() {
        peer.handle_timeout(due);
        let outputs = outputs(&mut peer);
        asked += outputs.iter().filter(|output| matches!(output, Output::Send { .. })).count();
        let (answers, end) = news(outputs);
        if end.is_some() {
            assert_eq!(due, Moment::EPOCH + PATIENCE);
            assert_eq!(answers, [Answer { from: node, result: Err(AnswerError::NoAnswer) }]);
            break;
        }
        answer(&mut peer, due, &node, id, Reply::Pending);
    }
    assert!((10..60).contains(&asked), "{asked} times");
}

#[test]
fn a_node_that_is_not_there_ends_the_request_early() {
    let node = contact(9, "127.0.0.1:1009");
    let mut peer = peer(config());
    command(&mut peer, node, "hello".into());
    let end = loop {
        let due = peer.poll_timeout().unwrap();
        peer.handle_timeout(due);
        if news(outputs(&mut peer)).1.is_some() {
            break due;
        }
    };
    assert!(end < Moment::from_secs(15), "{end:?}");
}

#[test]
fn an_address_is_greeted_first_and_nobody_there_means_nobody_was_asked() {
    let node = contact(9, "127.0.0.1:1009");
    let mut peer = peer(config());
    let outputs_of_start = command(&mut peer, node.addr, "hello".into());
    assert!(matches!(outputs_of_start.as_slice(), [Output::Greet { .. }]));
    peer.handle_input(Moment::EPOCH, Input::Greeted { addr: node.addr, node: node.node });
    expect_request(&outputs(&mut peer));

    let mut peer = super::peer(config());
    command(&mut peer, node.addr, "hello".into());
    let report = loop {
        let due = peer.poll_timeout().unwrap();
        peer.handle_timeout(due);
        if let (_, Some(report)) = news(outputs(&mut peer)) {
            break report;
        }
    };
    assert_eq!(report, CustomReport { asked: 0, answered: 0 });
}

#[test]
fn a_request_that_is_cancelled_withdraws_its_stream() {
    let node = contact(9, "127.0.0.1:1009");
    let mut peer = peer(config());
    let payload = Bytes::from(vec![1; 2_000]);
    let command = Command::Custom { to: node.into(), payload, patience: PATIENCE };
    let operation = peer.handle_command(Moment::EPOCH, command).unwrap();
    let (_, id) = expect_request(&outputs(&mut peer));
    peer.cancel(Moment::EPOCH, operation);
    let withdrawn = outputs(&mut peer);
    assert!(matches!(withdrawn.as_slice(), [Output::Withdraw { request }] if *request == id));
    assert!(peer.application.as_ref().is_none_or(|waiting| waiting.is_idle()));
}
